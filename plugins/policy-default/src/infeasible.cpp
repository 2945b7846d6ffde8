// Why nothing fits, and what would.
#include <algorithm>
#include <numeric>

#include "place.hpp"

namespace genie::policy {

namespace {

using plan::Diagnostic;
using plan::Diagnostics;

constexpr std::size_t kMaxNodesNamed = 5;
/// Node placements tried for the sake of an explanation: beyond, only sums are told.
constexpr std::uint64_t kExplainWork = 4'000'000;
/// More than any model needs, and little enough that kMaxSearched times it is a number.
constexpr std::uint64_t kEndlessBytes = std::uint64_t{1} << 56;

std::vector<const Rule*> without(const std::vector<const Rule*>& rules, const Rule* one) {
  std::vector<const Rule*> rest = rules;
  std::erase(rest, one);
  return rest;
}

Diagnostic nowhere(const Problem& p, const std::vector<const Rule*>& rules,
                   const std::vector<Index>& members) {
  Diagnostic d;
  d.code = "GE0552";
  const plan::Node& first = p.node(members.front());
  d.node = first.id;
  d.scope = first.scope;
  if (first.source) d.source = first.source->file + ":" + std::to_string(first.source->line);
  d.message = members.size() == 1
                  ? "node " + first.id + " (" + first.op + ") may run on no device:"
                  : std::to_string(members.size()) + " nodes that must share a device (" + first.id + ", " +
                        p.node(members[1]).id + (members.size() > 2 ? ", …" : "") + ") may share none:";
  bool hints = false;
  for (std::size_t device = 0; device < p.device_count; ++device) {
    std::string why;
    for (const Index g : members)
      if (why = refusal(p, rules, g, device); !why.empty()) {
        const std::string about =
            why == "kernels" ? "no kernels for " + p.node(g).op : "hint " + why.substr(5);
        hints = hints || why != "kernels";
        why = about + (members.size() == 1 ? "" : " (" + p.node(g).id + ")");
        break;
      }
    d.message += (device == 0 ? " " : "; ") + p.device_id(device) + ": " + why;
  }
  d.help = hints ? "relax one of these hints (\"strength\": \"soft\", or another device)"
                 : "give one of the devices kernels that compute " + first.op + " in the topology";
  return d;
}

/// What one device would have to hold were everything there: enough memory for any one device.
std::uint64_t needs_alone(const Problem& p) {
  const Resident none = nothing_resident(p);
  std::uint64_t live = 0;
  for (const MethodGraph& m : p.methods) {
    Estimator estimator(p, m, none);
    live = std::max(live, estimator.of(Assignment(m.count, 0)).live_bytes[0]);
  }
  std::uint64_t bytes = live;
  for (const Holding& h : p.blobs)
    bytes += h.bytes;
  for (const Holding& h : p.states)
    bytes += h.bytes;
  return bytes;
}

/// The least memory of one device, all else equal, with which something fits; nothing when none helps.
std::optional<std::uint64_t> enough_on(const Problem& p, const std::vector<const Rule*>& rules,
                                       std::vector<std::uint64_t> memory, std::size_t device,
                                       std::uint64_t alone) {
  const auto fits = [&](std::uint64_t bytes) {
    memory[device] = bytes;
    return place(p, rules, memory, Goal{}, false).has_value();
  };
  std::uint64_t low = memory[device];
  std::uint64_t high = std::max(alone, low);
  if (!fits(high)) return std::nullopt;
  for (int step = 0; step < 16 && high - low > 4096; ++step) {
    const std::uint64_t middle = low + (high - low) / 2;
    (fits(middle) ? high : low) = middle;
  }
  return high;
}

Diagnostic too_little_memory(const Problem& p, const std::vector<const Rule*>& rules) {
  const std::vector<std::uint64_t> memory = memory_under(p, rules);
  std::uint64_t fixed = 0;
  for (const Holding& h : p.blobs)
    fixed += h.bytes;
  for (const Holding& h : p.states)
    fixed += h.bytes;
  const std::uint64_t total = std::accumulate(memory.begin(), memory.end(), std::uint64_t{0});
  Diagnostic d;
  d.code = "GE0553";
  d.message = "no placement fits the devices' memory: weights and states take " + bytes_text(fixed) +
              ", the devices have " + bytes_text(total) + (p.device_count == 1 ? "" : " together");
  std::string devices;
  for (std::size_t i = 0; i < p.device_count && i < 8; ++i)
    devices += (i == 0 ? " (" : ", ") + p.device_id(i) + " " + bytes_text(memory[i]);
  d.message += devices + (p.device_count > 8 ? ", …)" : ")");
  if (fixed <= total)
    d.message += ", but what a step computes needs room too, and weights of one operator cannot be divided";

  const std::uint64_t alone = needs_alone(p);
  std::vector<std::string> ways;
  const bool small = std::uint64_t{p.node_count} * p.device_count * p.device_count * 20 <= kExplainWork;
  if (small) {
    struct Way {
      std::uint64_t more;
      std::string text;
    };
    std::vector<Way> more;
    for (std::size_t i = 0; i < p.device_count; ++i)
      if (const auto enough = enough_on(p, rules, memory, i, alone))
        more.push_back({*enough - memory[i], p.device_id(i) + " needs " + bytes_text(*enough - memory[i]) +
                                                 " more (memory_bytes " + std::to_string(*enough) +
                                                 " instead of " + std::to_string(memory[i]) + ")"});
    std::ranges::stable_sort(more, {}, &Way::more);
    for (std::size_t i = 0; i < more.size() && i < 3; ++i)
      ways.push_back(more[i].text);
    for (const Rule* rule : rules)
      if (rule->kind != Rule::Kind::other) {
        const auto rest = without(rules, rule);
        if (place(p, rest, memory_under(p, rest), Goal{}, false))
          ways.push_back("drop the hint " + rule->name());
      }
  }
  if (ways.empty())
    ways.push_back("one device with " + bytes_text(alone) + " could hold everything; add a device or memory");
  for (const std::string& way : ways)
    d.help += (d.help.empty() ? "" : ", or ") + way;
  return d;
}

/// Whether two devices, or a device and the client, have no way to each other.
bool has_gaps(const Problem& p) {
  for (std::size_t a = 0; a <= p.device_count; ++a)
    for (std::size_t b = 0; b <= p.device_count; ++b)
      if (!p.path(a, b).ok) return true;
  return false;
}

/// Memory without end would not help: something must cross where no link leads.
Diagnostic not_connected(const Problem& p, const std::vector<const Rule*>& rules) {
  constexpr std::size_t kMostListed = 8;
  Diagnostic d;
  d.code = "GE0555";
  const auto name = [&](std::size_t place) {
    return place == p.device_count ? std::string("the client") : p.device_id(place);
  };
  std::string gaps;
  std::size_t found = 0;
  for (std::size_t a = 0; a <= p.device_count; ++a)
    for (std::size_t b = a + 1; b <= p.device_count; ++b)
      if ((!p.path(a, b).ok || !p.path(b, a).ok) && ++found <= kMostListed)
        gaps += (gaps.empty() ? "" : "; ") + name(a) + " and " + name(b);
  d.message = "values would have to move where no link of the topology leads: between " + gaps +
              (found > kMostListed ? "; …" : "");
  d.help = "add links to the topology";
  for (const Rule* rule : rules)
    if (rule->kind != Rule::Kind::other)
      if (const auto rest = without(rules, rule); place(p, rest, memory_under(p, rest), Goal{}, false))
        d.help += ", or drop the hint " + rule->name();
  return d;
}

/// The placement without separate rules fits: so it is they that cannot be met.
Diagnostic cannot_separate(const Problem& p, const std::vector<const Rule*>& rules) {
  Diagnostic d;
  d.code = "GE0554";
  const auto rule =
      *std::ranges::find_if(rules, [](const Rule* r) { return r->kind == Rule::Kind::separate; });
  d.message = rule->name() + ": " + std::to_string(rule->groups.size()) + " groups are to be kept apart on " +
              std::to_string(p.device_count) + (p.device_count == 1 ? " device" : " devices") +
              ", and no placement that does so fits";
  d.pointer = rule->constraint.origin;
  d.help = rule->groups.size() > p.device_count
               ? "add " + std::to_string(rule->groups.size() - p.device_count) +
                     " devices, select fewer modules, or drop the hint"
               : "drop the hint, make it soft, or give the devices more memory";
  return d;
}

}  // namespace

Diagnostics explain_infeasible(const Problem& problem, const std::vector<const Rule*>& rules) {
  Diagnostics out;
  const Units units = make_units(problem, rules);
  for (Index u = 0; u < units.members.size() && out.size() < kMaxNodesNamed; ++u)
    if (units.allowed[u] == 0) out.push_back(nowhere(problem, rules, units.members[u]));
  if (out.empty() &&
      std::ranges::any_of(rules, [](const Rule* r) { return r->kind == Rule::Kind::separate; }) &&
      place(problem, rules, memory_under(problem, rules), Goal{}, false))
    out.push_back(cannot_separate(problem, rules));
  if (!out.empty()) return out;
  const std::vector<std::uint64_t> endless(problem.device_count, kEndlessBytes);
  const bool cut_off = has_gaps(problem) && !place(problem, rules, endless, Goal{}, false);
  out.push_back(cut_off ? not_connected(problem, rules) : too_little_memory(problem, rules));
  return out;
}

}  // namespace genie::policy
