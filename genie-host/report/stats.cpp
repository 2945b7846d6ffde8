// A backend's `stats` document.
#include <algorithm>
#include <map>

#include "genie/plan/json.hpp"
#include "report.hpp"

namespace genie::report {

using plan::json::Kind;
using plan::json::View;

namespace {

class Reader {
 public:
  /// A count, or a problem; absent keys leave `into` as it is.
  void count(View object, std::string_view key, std::uint64_t& into) {
    const auto member = object.find(key);
    if (!member) return;
    if (member->is(Kind::integer) && member->integer() >= 0)
      into = static_cast<std::uint64_t>(member->integer());
    else
      report(*member, "a count");
  }

  /// Calls f(key, object) for each member of an object of objects.
  template <class F>
  void each_object(View root, std::string_view key, F f) {
    const auto section = root.find(key);
    if (!section) return;
    if (!section->is(Kind::object)) return report(*section, "an object");
    for (const auto [id, member] : section->items()) {
      if (member.is(Kind::object))
        f(id, member);
      else
        report(member, "an object");
    }
  }

  void report(View where, std::string_view wanted) {
    plan::Diagnostic& diagnostic = problems_.emplace_back();
    diagnostic.code = "GE0133";
    diagnostic.pointer = where.pointer();
    diagnostic.message = "the backend's statistics are malformed: expected " + std::string(wanted) +
                         ", found " + where.canonical();
    diagnostic.help = "report this to the authors of the backend plug-in";
  }

  plan::Diagnostics problems_;
};

std::uint64_t minus(std::uint64_t a, std::uint64_t b) {
  return a > b ? a - b : 0;
}

}  // namespace

std::optional<std::uint64_t> Stats::virtual_of(std::uint64_t job) const {
  const auto found = std::lower_bound(virtual_ns.begin(), virtual_ns.end(), std::pair{job, std::uint64_t{0}});
  return found != virtual_ns.end() && found->first == job ? std::optional(found->second) : std::nullopt;
}

plan::Result<Stats> decode_stats(std::string_view json) {
  const auto document = plan::json::Document::parse(json, {}, "statistics of the backend");
  if (!document) return document.errors();
  Reader reader;
  Stats stats;
  const View root = document->root();
  if (!root.is(Kind::object)) {
    reader.report(root, "an object");
    return reader.problems_;
  }
  reader.each_object(root, "devices", [&](std::string_view id, View device) {
    DeviceUse& use = stats.devices[std::string(id)];
    reader.count(device, "busy_ns", use.busy_ns);
    reader.count(device, "peak_bytes", use.peak_bytes);
    reader.count(device, "memory_bytes", use.memory_bytes);
  });
  reader.each_object(root, "links", [&](std::string_view id, View link) {
    LinkUse& use = stats.links[std::string(id)];
    reader.count(link, "bytes", use.bytes);
    reader.count(link, "messages", use.messages);
    reader.count(link, "busy_ns", use.busy_ns);
  });
  if (const auto counters = root.find("counters"); counters && counters->is(Kind::object))
    for (const auto [key, value] : counters->items())
      reader.count(*counters, key, stats.counters[std::string(key)]);
  if (const auto levels = root.find("levels"); levels && levels->is(Kind::object))
    for (const auto [key, value] : levels->items()) {
      reader.count(*levels, key, stats.counters[std::string(key)]);
      stats.levels.insert(std::string(key));
    }
  if (const auto faults = root.find("faults"); faults && faults->is(Kind::array))
    for (const auto [key, fault] : faults->items()) {
      if (!fault.is(Kind::object)) {
        reader.report(fault, "an object");
        continue;
      }
      FaultUse& use = stats.faults.emplace_back();
      const auto text = [&fault = fault](std::string_view name) {
        const auto member = fault.find(name);
        return member && member->is(Kind::string) ? std::string(member->string()) : std::string();
      };
      use.id = text("id");
      use.kind = text("kind");
      reader.count(fault, "hits", use.hits);
      reader.count(fault, "first_step", use.first_step);
      reader.count(fault, "first_ns", use.first_ns);
      if (const auto places = fault.find("places"); places && places->is(Kind::array))
        for (const auto [number, place] : places->items())
          if (place.is(Kind::string)) use.places.emplace_back(place.string());
    }
  if (const auto steps = root.find("steps"); steps && steps->is(Kind::array)) {
    for (const auto [key, step] : steps->items()) {
      if (!step.is(Kind::object)) {
        reader.report(step, "an object");
        continue;
      }
      std::uint64_t job = 0;
      std::uint64_t virtual_ns = 0;
      reader.count(step, "job", job);
      reader.count(step, "virtual_ns", virtual_ns);
      if (step.find("job") && step.find("virtual_ns")) stats.virtual_ns.emplace_back(job, virtual_ns);
    }
  }
  if (!reader.problems_.empty()) return reader.problems_;
  // A call whose micro-batches ran one after the other has an entry for each.
  std::map<std::uint64_t, std::uint64_t> sums;
  for (const auto& [job, ns] : stats.virtual_ns)
    sums[job] += ns;
  stats.virtual_ns.assign(sums.begin(), sums.end());
  return stats;
}

Stats since(const Stats& before, Stats after) {
  for (auto& [id, use] : after.devices)
    if (const auto then = before.devices.find(id); then != before.devices.end())
      use.busy_ns = minus(use.busy_ns, then->second.busy_ns);
  for (auto& [id, use] : after.links) {
    const auto then = before.links.find(id);
    if (then == before.links.end()) continue;
    use.bytes = minus(use.bytes, then->second.bytes);
    use.messages = minus(use.messages, then->second.messages);
    use.busy_ns = minus(use.busy_ns, then->second.busy_ns);
  }
  for (auto& [name, count] : after.counters)
    if (const auto then = before.counters.find(name);
        then != before.counters.end() && !after.levels.contains(name))
      count = minus(count, then->second);
  return after;
}

}  // namespace genie::report
