// The plan document as a whole.
#include "genie/plan/codec.hpp"

#include "codec_parts.hpp"
#include "messages.hpp"

namespace genie::plan {

using namespace detail;

namespace {

constexpr std::string_view kPlanKeys[] = {
    "schema", "version", "stage",  "producer", "requires",    "opsets",   "symbols",   "guards",
    "blobs",  "weights", "states", "methods",  "constraints", "schedule", "locations", "extensions"};
constexpr std::string_view kStages[] = {"captured", "scheduled"};

/// A feature that a reader must know, and the first version of the plan schema that has it.
struct Feature {
  std::string_view name;
  Version since;
};
constexpr Feature kFeatures[] = {{"state", {0, 1}}, {"graphs", {0, 1}}};

std::vector<std::string> read_features(Problems& problems, const View& view) {
  return read_list<std::string>(problems, view, [&](const View& item) {
    std::string feature = read_text(problems, item);
    const bool known = std::any_of(std::begin(kFeatures), std::end(kFeatures),
                                   [&](const Feature& f) { return f.name == feature; });
    if (item.is(Kind::string) && !known) {
      std::string names;
      for (const Feature& f : kFeatures)
        names += (names.empty() ? "" : ", ") + std::string(f.name) + " (since " +
                 std::to_string(f.since.major) + "." + std::to_string(f.since.minor) + ")";
      problems.add(item, "GE0317",
                   "the plan requires the feature " + quoted(feature) + ", which plan schema " +
                       std::to_string(kSchemaMajor) + "." + std::to_string(kSchemaMinor) + " does not have",
                   "use a newer Genie, or a producer that does without; known: " + names);
    }
    return feature;
  });
}

std::string read_extensions(Problems& problems, const View& view) {
  each_member(problems, view, [&](const json::Member& member) {
    if (member.key.find('.') == std::string_view::npos)
      problems.add(
          member.value, "GE0319", "the extension " + quoted(member.key) + " has no owner in its name",
          "name extensions by reversed domain, for example \"com.example." + std::string(member.key) + "\"");
  });
  return view.is(Kind::object) && view.size() != 0 ? view.canonical() : std::string();
}

template <class T, class Read>
void read_digest_table(Problems& problems, const View& view, Table<T>& into, Read&& read) {
  each_member(problems, view, [&](const json::Member& member) {
    check_digest_key(problems, member);
    into.emplace_hint(into.end(), std::string(member.key), read(problems, member.value));
  });
}

template <class T>
auto with(Problems& problems, T (*read)(Problems&, const View&)) {
  return [&problems, read](const View& view) { return read(problems, view); };
}

void read_symbols(Problems& problems, const View& view, Table<Symbol>& into) {
  each_member(problems, view, [&](const json::Member& member) {
    if (!is_symbol_id(member.key))
      problems.add(member.value, "GE0321", "the key " + quoted(member.key) + " is no symbol",
                   "a symbol starts with a letter or _ and has letters, digits, _ and . only");
    into.emplace_hint(into.end(), std::string(member.key), read_symbol(problems, member.value));
  });
}

/// True when the document is a plan of a version that this library reads; else nothing below is worth reporting.
bool read_header(const Fields& fields, Plan& plan) {
  Problems& problems = fields.problems();
  if (const View* schema = fields.need("schema"))
    if (read_text(problems, *schema) != "genie.plan" && schema->is(Kind::string))
      problems.add(*schema, "GE0315",
                   "this is a " + quoted(schema->string()) + " document, not a \"genie.plan\"",
                   "name a plan here: `genie-host plan convert` writes one of a model");
  if (const View* version = fields.need("version")) plan.version = read_version(problems, *version, "plan");
  return problems.empty();
}

void read_program(const Fields& fields, Plan& plan) {
  Problems& problems = fields.problems();
  if (const View* stage = fields.need("stage")) {
    plan.stage = read_choice(problems, *stage, kStages);
    const View* const schedule = fields.find("schedule");
    if (plan.stage == "scheduled" && schedule == nullptr)
      problems.add(fields.view(), "GE0311", "a scheduled plan needs the key \"schedule\"",
                   "set \"stage\" to \"captured\" to have it scheduled");
    if (plan.stage == "captured" && schedule != nullptr)
      problems.add(*schedule, "GE0312", "a captured plan has no schedule",
                   "set \"stage\" to \"scheduled\", or remove the key");
  }
  if (const View* producer = fields.need("producer")) plan.producer = read_producer(problems, *producer);
  if (const View* features = fields.find("requires")) plan.required = read_features(problems, *features);
  if (const View* opsets = fields.need("opsets"))
    each_member(problems, *opsets, [&](const json::Member& member) {
      check_id_key(problems, member);
      constexpr std::int64_t kMostVersions = 1'000'000;
      plan.opsets.emplace(member.key,
                          static_cast<int>(read_integer(problems, member.value, 1, kMostVersions)));
    });
  if (const View* symbols = fields.find("symbols")) read_symbols(problems, *symbols, plan.symbols);
  if (const View* guards = fields.find("guards"))
    plan.guards = read_list<Guard>(problems, *guards, with(problems, read_guard));
  if (const View* blobs = fields.find("blobs")) read_digest_table(problems, *blobs, plan.blobs, read_blob);
  if (const View* weights = fields.find("weights"))
    read_table<Weight>(problems, *weights, plan.weights, with(problems, read_weight));
  if (const View* states = fields.find("states"))
    read_table<State>(problems, *states, plan.states, with(problems, read_state));
  if (const View* methods = fields.need("methods"))
    read_table<Method>(problems, *methods, plan.methods, with(problems, read_method));
  if (const View* constraints = fields.find("constraints"))
    plan.constraints = read_list<Constraint>(problems, *constraints, with(problems, read_constraint));
  if (const View* schedule = fields.find("schedule")) plan.schedule = read_schedule(problems, *schedule);
  if (const View* locations = fields.find("locations"))
    read_digest_table(problems, *locations, plan.locations, read_location);
  if (const View* extensions = fields.find("extensions"))
    plan.extensions = read_extensions(problems, *extensions);
  fields.keep_unknown(plan.extra);
}

template <class T, class Write>
void write_member(ObjectWriter& object, json::Writer& writer, std::string_view key, const Table<T>& table,
                  Write&& write) {
  if (!table.empty()) write_table(object.key(key), table, [&](const T& item) { write(writer, item); });
}

template <class T, class Write>
void write_member(ObjectWriter& object, json::Writer& writer, std::string_view key,
                  const std::vector<T>& list, Write&& write) {
  if (list.empty()) return;
  object.key(key).begin_array();
  for (const T& item : list)
    write(writer, item);
  writer.end_array();
}

void write_plan(json::Writer& writer, const Plan& plan, bool locations) {
  ObjectWriter object(writer, &plan.extra);
  write_member(object, writer, "blobs", plan.blobs, write_blob);
  write_member(object, writer, "constraints", plan.constraints, write_constraint);
  if (!plan.extensions.empty()) object.key("extensions").raw(plan.extensions);
  write_member(object, writer, "guards", plan.guards, write_guard);
  if (locations) write_member(object, writer, "locations", plan.locations, write_location);
  write_table(object.key("methods"), plan.methods,
              [&](const Method& method) { write_method(writer, method); });
  write_table(object.key("opsets"), plan.opsets, [&](int version) { writer.value(version); });
  write_producer(object.key("producer"), plan.producer);
  if (!plan.required.empty()) write_ids(object.key("requires"), plan.required);
  if (plan.schedule) write_schedule(object.key("schedule"), *plan.schedule);
  object.key("schema").value("genie.plan");
  object.key("stage").value(plan.stage);
  write_member(object, writer, "states", plan.states, write_state);
  write_member(object, writer, "symbols", plan.symbols, write_symbol);
  write_version(object.key("version"), plan.version);
  write_member(object, writer, "weights", plan.weights, write_weight);
}

}  // namespace

namespace detail {

Version read_version(Problems& problems, const View& view, std::string_view what) {
  static constexpr std::string_view kKeys[] = {"major", "minor"};
  const Fields fields(problems, view, kKeys);
  const std::size_t before = problems.size();
  constexpr std::int64_t kMost = 1'000'000;
  Version version;
  if (const View* major = fields.need("major"))
    version.major = static_cast<int>(read_integer(problems, *major, 0, kMost));
  if (const View* minor = fields.need("minor"))
    version.minor = static_cast<int>(read_integer(problems, *minor, 0, kMost));
  fields.refuse_unknown();
  // From 1.0 on any minor of a known major can be read. Before, nothing is promised between minors.
  const bool readable = version.major == kSchemaMajor && (kSchemaMajor > 0 || version.minor == kSchemaMinor);
  if (problems.size() == before && !readable) {
    const auto text = [](int major, int minor) {
      return std::to_string(major) + "." + std::to_string(minor);
    };
    problems.add(view, "GE0316",
                 "this " + std::string(what) + " has version " + text(version.major, version.minor) +
                     "; this Genie reads " + text(kSchemaMajor, kSchemaMinor),
                 "write it again with a producer of that version: before 1.0 no two versions are compatible");
  }
  return version;
}

void write_version(json::Writer& writer, const Version& version) {
  ObjectWriter object(writer);
  object.key("major").value(version.major);
  object.key("minor").value(version.minor);
}

}  // namespace detail

Result<Plan> decode(std::string_view bytes, const json::Limits& limits, std::string_view file) {
  const auto document = json::Document::parse(bytes, {.borrow = true, .limits = limits}, file);
  if (!document) return document.errors();
  Problems problems(file);
  Plan plan;
  const Fields fields(problems, document->root(), kPlanKeys);
  if (fields.is_object() && read_header(fields, plan)) read_program(fields, plan);
  if (!problems.empty()) return problems.take();
  return plan;
}

std::string encode(const Plan& plan, const EncodeOptions& options) {
  json::Writer writer(options.indent);
  write_plan(writer, plan, options.locations);
  return writer.take();
}

std::string plan_id(const Plan& plan) {
  return digest(encode(plan));
}

Result<Schedule> decode_schedule(std::string_view bytes) {
  const auto document = json::Document::parse(bytes);
  if (!document) return document.errors();
  Problems problems({});
  Schedule schedule = read_schedule(problems, document->root());
  if (!problems.empty()) return problems.take();
  return schedule;
}

std::string encode_schedule(const Schedule& schedule) {
  json::Writer writer;
  write_schedule(writer, schedule);
  return writer.take();
}

Result<std::vector<Constraint>> decode_constraints(std::string_view bytes) {
  const auto document = json::Document::parse(bytes);
  if (!document) return document.errors();
  Problems problems({});
  auto constraints = read_list<Constraint>(problems, document->root(), with(problems, read_constraint));
  if (!problems.empty()) return problems.take();
  return constraints;
}

std::string encode_constraints(const std::vector<Constraint>& constraints) {
  json::Writer writer;
  writer.begin_array();
  for (const Constraint& constraint : constraints)
    write_constraint(writer, constraint);
  return writer.end_array().take();
}

}  // namespace genie::plan
