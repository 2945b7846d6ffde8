// The fault script document.
#include "genie/plan/faults.hpp"

#include <algorithm>
#include <array>
#include <limits>
#include <set>

#include "codec_parts.hpp"
#include "messages.hpp"

namespace genie::plan {

using namespace detail;

namespace {

constexpr std::int64_t kMostRetries = 1000;
constexpr std::int64_t kMostRandom = 10'000;
constexpr double kMostFactor = 1e9;
constexpr double kLeastProbability = std::numeric_limits<double>::denorm_min();  // above 0

constexpr std::array<std::string_view, kFaultKinds> kKinds = {"crash",   "stall",     "slow", "memory",
                                                              "drop",    "partition", "loss", "latency",
                                                              "corrupt", "duplicate", "late"};

/// What each kind has beside what all have.
constexpr std::string_view kAll = "id kind at_ns step stage scope";
constexpr std::string_view kMessages = "link from to transfer value probability count for_ns";
struct Members {
  std::string_view needed;
  std::string_view allowed;
};
constexpr std::array<Members, kFaultKinds> kMembers = {
    {{"device", ""},
     {"device", "for_ns"},
     {"device factor", "for_ns"},
     {"device bytes", "for_ns"},
     {"link", "for_ns"},
     {"sets", "for_ns"},
     {"", kMessages},
     {"delay_ns", kMessages},
     {"", "link from to transfer value probability count for_ns then"},
     {"", kMessages},
     {"delay_ns", kMessages}}};

void split(std::string_view words, std::vector<std::string_view>& into) {
  while (!words.empty()) {
    const std::size_t end = std::min(words.find(' '), words.size());
    into.push_back(words.substr(0, end));
    words.remove_prefix(std::min(end + 1, words.size()));
  }
}

std::uint64_t read_positive(Problems& problems, const View& view) {
  return static_cast<std::uint64_t>(read_integer(problems, view, 1));
}

FaultKind read_kind(Problems& problems, const View& view) {
  const std::string word = read_choice(problems, view, kKinds);
  const auto at = std::ranges::find(kKinds, word);
  return static_cast<FaultKind>(at == kKinds.end() ? 0 : at - kKinds.begin());
}

std::vector<std::vector<std::string>> read_sets(Problems& problems, const View& view) {
  auto sets = read_list<std::vector<std::string>>(problems, view, [&](const View& item) {
    auto ids = read_ids(problems, item);
    if (item.is(Kind::array) && ids.empty()) problems.add(item, "GE0322", "a set of devices is empty");
    return ids;
  });
  if (view.is(Kind::array) && sets.size() < 2)
    problems.add(view, "GE0322", "a partition has at least two sets of devices",
                 "write [[\"w0\"], [\"w1\", \"w2\"]]");
  return sets;
}

/// `keys`: those that the fault's kind has.
void read_members(const Fields& fields, const std::vector<std::string_view>& keys, Fault& fault) {
  Problems& problems = fields.problems();
  const auto member = [&](std::string_view key) {
    return std::ranges::find(keys, key) == keys.end() ? nullptr : fields.find(key);
  };
  const auto text = [&](std::string_view key, std::string& into) {
    if (const View* view = member(key)) into = read_id(problems, *view);
  };
  text("id", fault.id);
  text("stage", fault.stage);
  text("scope", fault.scope);
  text("device", fault.device);
  text("link", fault.link);
  text("from", fault.from);
  text("to", fault.to);
  text("transfer", fault.transfer);
  text("value", fault.value);
  if (const View* at = member("at_ns")) fault.at_ns = read_count(problems, *at);
  if (const View* step = member("step")) fault.step = read_count(problems, *step);
  if (const View* length = member("for_ns")) fault.for_ns = read_positive(problems, *length);
  if (const View* count = member("count")) fault.count = read_positive(problems, *count);
  if (const View* sets = member("sets")) fault.sets = read_sets(problems, *sets);
  if (const View* factor = member("factor")) fault.factor = read_real(problems, *factor, 1, kMostFactor);
  if (const View* bytes = member("bytes")) fault.bytes = read_positive(problems, *bytes);
  if (const View* delay = member("delay_ns")) fault.delay_ns = read_positive(problems, *delay);
  if (const View* p = member("probability"))
    fault.probability = read_real(problems, *p, kLeastProbability, 1);
  constexpr std::array<std::string_view, 2> kThen = {"retry", "fail"};
  if (const View* then = member("then")) fault.retry = read_choice(problems, *then, kThen) != "fail";
}

Fault read_fault(Problems& problems, const View& view) {
  Fault fault;
  fault.pointer = view.pointer();
  if (!expect(problems, view, Kind::object)) return fault;
  const auto kind = view.find("kind");
  const bool known =
      kind && kind->is(Kind::string) && std::ranges::find(kKinds, kind->string()) != kKinds.end();
  std::vector<std::string_view> keys;
  split(kAll, keys);
  if (known) {
    const Members& members =
        kMembers[static_cast<std::size_t>(std::ranges::find(kKinds, kind->string()) - kKinds.begin())];
    split(members.needed, keys);
    split(members.allowed, keys);
  }
  const Fields fields(problems, view, keys);
  if (const View* word = fields.need("kind")) fault.kind = read_kind(problems, *word);
  if (!known) return fault;  // what it may have is not known either
  std::vector<std::string_view> needed;
  split(kMembers[static_cast<std::size_t>(fault.kind)].needed, needed);
  for (const std::string_view key : needed)
    (void)fields.need(key);
  read_members(fields, keys, fault);
  fields.refuse_unknown();
  return fault;
}

constexpr std::string_view kDeliveryKeys[] = {"timeout_ns", "retries", "patience_ns"};

FaultScript::Delivery read_delivery(Problems& problems, const View& view) {
  const Fields fields(problems, view, kDeliveryKeys);
  FaultScript::Delivery delivery;
  if (const View* timeout = fields.find("timeout_ns"))
    delivery.timeout_ns = read_positive(problems, *timeout);
  if (const View* retries = fields.find("retries"))
    delivery.retries = static_cast<std::uint64_t>(read_integer(problems, *retries, 0, kMostRetries));
  if (const View* patience = fields.find("patience_ns"))
    delivery.patience_ns = read_positive(problems, *patience);
  fields.refuse_unknown();
  return delivery;
}

constexpr std::string_view kRandomKeys[] = {"seed", "count", "kinds", "steps", "within_ns"};

RandomFaults read_random(Problems& problems, const View& view) {
  const Fields fields(problems, view, kRandomKeys);
  RandomFaults random;
  if (const View* seed = fields.need("seed")) random.seed = read_count(problems, *seed);
  if (const View* count = fields.need("count"))
    random.count = static_cast<std::uint64_t>(read_integer(problems, *count, 1, kMostRandom));
  if (const View* kinds = fields.find("kinds")) {
    random.kinds =
        read_list<FaultKind>(problems, *kinds, [&](const View& item) { return read_kind(problems, item); });
    if (kinds->is(Kind::array) && random.kinds.empty())
      problems.add(*kinds, "GE0322", "the list of kinds is empty", "leave it out to draw from all kinds");
  }
  if (const View* steps = fields.find("steps")) random.steps = read_positive(problems, *steps);
  if (const View* within = fields.find("within_ns")) random.within_ns = read_positive(problems, *within);
  fields.refuse_unknown();
  return random;
}

constexpr std::string_view kScriptKeys[] = {"schema", "version", "seed", "delivery", "faults", "random"};

}  // namespace

std::string_view name(FaultKind kind) {
  return kKinds[static_cast<std::size_t>(kind)];
}

Result<FaultScript> decode_faults(std::string_view bytes, const json::ReadOptions& options,
                                  std::string_view file) {
  const auto document = json::Document::parse(bytes, options, file);
  if (!document) return document.errors();
  Problems problems(file);
  FaultScript script;
  const Fields fields(problems, document->root(), kScriptKeys);
  if (const View* schema = fields.need("schema"))
    if (read_text(problems, *schema) != "genie.faults" && schema->is(Kind::string))
      problems.add(*schema, "GE0315",
                   "this is a " + quoted(schema->string()) + " document, not a \"genie.faults\"",
                   "name a file that describes faults, with \"schema\": \"genie.faults\"");
  if (const View* version = fields.need("version"))
    script.version = read_version(problems, *version, "fault script");
  if (!problems.empty()) return problems.take();

  if (const View* seed = fields.find("seed")) script.seed = read_count(problems, *seed);
  if (const View* delivery = fields.find("delivery")) script.delivery = read_delivery(problems, *delivery);
  const View* faults = fields.find("faults");
  if (faults != nullptr)
    script.faults =
        read_list<Fault>(problems, *faults, [&](const View& item) { return read_fault(problems, item); });
  if (const View* random = fields.find("random")) script.random = read_random(problems, *random);
  fields.refuse_unknown();
  if (!problems.empty()) return problems.take();

  std::set<std::string, std::less<>> ids;
  for (std::size_t i = 0; i < script.faults.size(); ++i) {
    Fault& fault = script.faults[i];
    if (fault.id.empty()) fault.id = std::string(name(fault.kind)) + "-" + std::to_string(i);
    if (!ids.insert(fault.id).second) {
      std::size_t at = i;
      for (const auto& [key, item] : faults->items())
        if (at-- == 0)
          problems.add(item, "GE0342", "two faults have the id " + quoted(fault.id),
                       "give each fault its own id");
    }
  }
  if (!problems.empty()) return problems.take();
  return script;
}

}  // namespace genie::plan
