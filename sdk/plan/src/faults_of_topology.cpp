// A fault script against the cluster that it is for: whether what it names is there, and what its seed draws.
#include <algorithm>

#include "genie/plan/faults.hpp"
#include "messages.hpp"

namespace genie::plan {

namespace {

constexpr std::string_view kClient = "client";
constexpr std::uint64_t kMostDelayNs = 3'000'000;  ///< of a drawn fault: some timeouts long
constexpr std::uint64_t kMostForNs = 10'000'000;

std::uint64_t mixed(std::uint64_t z) {
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

/// Numbers of one drawn fault, one after the other.
class Dice {
 public:
  Dice(std::uint64_t seed, std::uint64_t number) : seed_(seed), number_(number) {}
  std::uint64_t below(std::uint64_t most) {
    return most == 0 ? 0 : fault_draw({seed_, number_, next_++}) % most;
  }

 private:
  std::uint64_t seed_, number_, next_ = 0;
};

Fault draw(const RandomFaults& random, const Topology& topology, std::uint64_t number) {
  Dice dice(random.seed, number);
  Fault fault;
  fault.id = "random-" + std::to_string(number);
  fault.pointer = "/random";
  fault.kind = random.kinds.empty() ? static_cast<FaultKind>(dice.below(kFaultKinds))
                                    : random.kinds[dice.below(random.kinds.size())];
  // What a topology has none of cannot fail.
  if (fault.kind == FaultKind::drop && topology.links.empty()) fault.kind = FaultKind::loss;
  if (fault.kind == FaultKind::partition && topology.devices.size() < 2) fault.kind = FaultKind::loss;
  fault.step = dice.below(random.steps);
  fault.at_ns = dice.below(random.within_ns);
  const std::uint64_t length = 1 + dice.below(kMostForNs);
  const bool lasting = dice.below(4) == 0;
  if (!lasting && fault.kind != FaultKind::crash) fault.for_ns = length;
  const Device& device = topology.devices[dice.below(topology.devices.size())];
  if (fault.on_device()) fault.device = device.id;
  if (!topology.links.empty() &&
      (fault.kind == FaultKind::drop || (fault.on_messages() && dice.below(2) == 0)))
    fault.link = topology.links[dice.below(topology.links.size())].id;
  fault.factor = 2.0 + static_cast<double>(dice.below(30));
  if (fault.kind == FaultKind::memory)
    fault.bytes = 1 + dice.below(std::max<std::uint64_t>(1, device.memory_bytes));
  if (fault.kind == FaultKind::latency || fault.kind == FaultKind::late)
    fault.delay_ns = 1 + dice.below(kMostDelayNs);
  if (fault.on_messages()) {
    fault.probability = static_cast<double>(1 + dice.below(100)) / 100;
    if (dice.below(2) == 0) fault.count = 1 + dice.below(4);
    if (fault.kind == FaultKind::corrupt) fault.retry = dice.below(4) != 0;
  }
  if (fault.kind == FaultKind::partition) {
    fault.sets.resize(2);
    for (const Device& one : topology.devices)
      fault.sets[dice.below(2)].push_back(one.id);
    if (fault.sets[1].empty()) {
      fault.sets[1].push_back(fault.sets[0].back());
      fault.sets[0].pop_back();
    }
  }
  return fault;
}

}  // namespace

std::uint64_t fault_draw(std::initializer_list<std::uint64_t> words) {
  std::uint64_t state = 0;
  for (const std::uint64_t word : words)
    state = mixed(state + 0x9e3779b97f4a7c15u + mixed(word + 0x9e3779b97f4a7c15u));
  return state;
}

Diagnostics check_faults(const FaultScript& script, const Topology& topology) {
  std::vector<std::string_view> devices, links;
  for (const Device& device : topology.devices)
    devices.push_back(device.id);
  for (const Link& link : topology.links)
    links.push_back(link.id);
  Diagnostics problems;
  const auto check = [&](const Fault& fault, const std::string& member, std::string_view id,
                         const std::vector<std::string_view>& known, std::string_view what) {
    if (id.empty() || std::ranges::find(known, id) != known.end()) return;
    const std::string_view meant = json::nearest(id, known);
    Diagnostic& problem = problems.emplace_back();
    problem.code = "GE0618";
    problem.pointer = fault.pointer + member;
    problem.message = "the topology has no " + std::string(what) + " " + detail::quoted(id);
    problem.help = !meant.empty()  ? "did you mean \"" + std::string(meant) + "\"?"
                   : known.empty() ? "it has none"
                                   : "it has " + detail::joined(known);
  };
  std::vector<std::string_view> ends = devices;
  ends.push_back(kClient);
  for (const Fault& fault : script.faults) {
    check(fault, "/device", fault.device, devices, "device");
    check(fault, "/link", fault.link, links, "link");
    check(fault, "/from", fault.from, ends, "device");
    check(fault, "/to", fault.to, ends, "device");
    for (std::size_t s = 0; s < fault.sets.size(); ++s)
      for (std::size_t i = 0; i < fault.sets[s].size(); ++i)
        check(fault, "/sets/" + std::to_string(s) + "/" + std::to_string(i), fault.sets[s][i], devices,
              "device");
  }
  return problems;
}

std::vector<Fault> expand_faults(const FaultScript& script, const Topology& topology) {
  std::vector<Fault> faults = script.faults;
  if (script.random && !topology.devices.empty())
    for (std::uint64_t i = 0; i < script.random->count; ++i)
      faults.push_back(draw(*script.random, topology, i));
  return faults;
}

}  // namespace genie::plan
