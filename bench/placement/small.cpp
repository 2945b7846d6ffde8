#include "small.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <string>

#include "genie/plan/topology.hpp"

namespace genie::bench {

namespace {

/// Depth first over what runs next and where, in the order of start times: every schedule without needless waiting is met once.
class Search {
 public:
  Search(const Small& problem, std::uint64_t at_most_ns, std::uint64_t steps)
      : p_(problem),
        best_(at_most_ns),
        steps_(steps),
        place_(p_.nodes.size(), kNowhere),
        end_(p_.nodes.size(), 0),
        free_(p_.devices, 0),
        used_(p_.devices, 0) {
    const std::size_t n = p_.nodes.size();
    least_.resize(n);
    tail_.assign(n, 0);
    for (std::size_t i = 0; i < n; ++i)
      least_[i] = *std::ranges::min_element(p_.nodes[i].cost_ns);
    for (std::size_t i = n; i-- > 0;) {
      // After it ends: the way home, or what reads it.
      std::uint64_t after = tail_[i];
      if (p_.nodes[i].output_bytes > 0) {
        std::uint64_t home = ~std::uint64_t{0};
        for (std::size_t d = 0; d < p_.devices; ++d)
          home = std::min(home, p_.path(d, p_.devices).time_ns(p_.nodes[i].output_bytes));
        after = std::max(after, home);
      }
      tail_[i] = least_[i] + after;
      for (const Small::Read& read : p_.nodes[i].reads)
        tail_[read.node] = std::max(tail_[read.node], tail_[i]);
    }
  }

  std::optional<Optimum> run() {
    descend(0, 0, 0);
    if (taken_ > steps_) return std::nullopt;
    return Optimum{best_, taken_};
  }

 private:
  static constexpr std::size_t kNowhere = ~std::size_t{0};

  struct Choice {
    std::uint64_t end, start;
    std::size_t node, device;
  };

  std::uint64_t start_of(std::size_t node, std::size_t device) const {
    std::uint64_t start = free_[device];
    const Small::Node& one = p_.nodes[node];
    for (const std::uint64_t bytes : one.input_bytes)
      start = std::max(start, p_.path(p_.devices, device).time_ns(bytes));
    for (const Small::Read& read : one.reads)
      start = std::max(start, end_[read.node] + p_.path(place_[read.node], device).time_ns(read.bytes));
    return start;
  }

  /// No completion of what is decided can be faster.
  std::uint64_t bound(std::uint64_t last_start, std::uint64_t home) const {
    std::uint64_t bound = home, work = 0;
    for (std::size_t i = 0; i < p_.nodes.size(); ++i) {
      if (place_[i] != kNowhere) continue;
      std::uint64_t ready = last_start;
      for (const Small::Read& read : p_.nodes[i].reads)
        ready = std::max(ready, place_[read.node] == kNowhere ? soonest_[read.node] : end_[read.node]);
      soonest_[i] = ready + least_[i];
      bound = std::max(bound, ready + tail_[i]);
      work += least_[i];
    }
    std::uint64_t free = work;
    for (const std::uint64_t at : free_)
      free += std::max(at, last_start);
    return std::max(bound, free / p_.devices);
  }

  void descend(std::size_t done, std::uint64_t last_start, std::uint64_t home) {
    if (++taken_ > steps_) return;
    if (done == p_.nodes.size()) {
      best_ = std::min(best_, home);
      return;
    }
    soonest_.assign(p_.nodes.size(), 0);
    if (bound(last_start, home) >= best_) return;
    std::vector<Choice> choices;
    for (std::size_t i = 0; i < p_.nodes.size(); ++i) {
      if (place_[i] != kNowhere || std::ranges::any_of(p_.nodes[i].reads, [&](const Small::Read& r) {
            return place_[r.node] == kNowhere;
          }))
        continue;
      for (std::size_t d = 0; d < p_.devices; ++d) {
        if (used_[d] + p_.nodes[i].weight_bytes > p_.memory_bytes[d]) continue;
        const std::uint64_t start = start_of(i, d);
        if (start >= last_start) choices.push_back({start + p_.nodes[i].cost_ns[d], start, i, d});
      }
    }
    std::ranges::sort(choices, {}, [](const Choice& c) { return std::pair(c.end, c.node); });
    for (const Choice& choice : choices) {
      const Small::Node& node = p_.nodes[choice.node];
      const std::uint64_t was_free = free_[choice.device];
      place_[choice.node] = choice.device;
      end_[choice.node] = free_[choice.device] = choice.end;
      used_[choice.device] += node.weight_bytes;
      std::uint64_t then = std::max(home, choice.end);
      if (node.output_bytes > 0)
        then = std::max(then, choice.end + p_.path(choice.device, p_.devices).time_ns(node.output_bytes));
      descend(done + 1, choice.start, then);
      used_[choice.device] -= node.weight_bytes;
      free_[choice.device] = was_free;
      place_[choice.node] = kNowhere;
      if (taken_ > steps_) return;
    }
  }

  const Small& p_;
  std::uint64_t best_;
  std::uint64_t steps_, taken_ = 0;
  std::vector<std::size_t> place_;
  std::vector<std::uint64_t> end_, free_, used_;
  std::vector<std::uint64_t> least_, tail_;
  mutable std::vector<std::uint64_t> soonest_;
};

}  // namespace

std::uint64_t Small::Path::time_ns(std::uint64_t bytes) const {
  return latency_ns + static_cast<std::uint64_t>(ns_per_byte * static_cast<double>(bytes));
}

Small::Small(const policy::testing::Drawing& drawing) : devices(drawing.topology.devices.size()) {
  const plan::Method& method = drawing.plan.methods.at("forward");
  const plan::Table<plan::Costs::Entry>& costs = drawing.costs.methods.at("forward");
  const auto bytes = [&](const std::string& value) {
    return static_cast<std::uint64_t>(method.values.at(value).shape[0].as_int());
  };
  std::map<std::string, std::size_t> producer;
  for (const plan::Node& node : method.nodes) {
    Node one;
    one.cost_ns = costs.at(node.id).ns;
    for (const plan::Arg& argument : node.args) {
      if (const auto* weight = std::get_if<plan::arg::Weight>(&argument.is))
        one.weight_bytes += plan::weight_bytes(drawing.plan.weights.at(weight->name));
      const auto* value = std::get_if<plan::arg::Value>(&argument.is);
      if (value == nullptr) continue;
      if (const auto made = producer.find(value->id); made != producer.end())
        one.reads.push_back({made->second, bytes(value->id)});
      else
        one.input_bytes.push_back(bytes(value->id));
    }
    for (const plan::Port& port : method.outputs)
      if (std::get<plan::arg::Value>(port.value.is).id == node.results.front())
        one.output_bytes = bytes(node.results.front());
    producer[node.results.front()] = nodes.size();
    nodes.push_back(std::move(one));
  }
  for (const plan::Device& device : drawing.topology.devices)
    memory_bytes.push_back(device.memory_bytes);
  std::vector<std::string> ends;
  for (const plan::Device& device : drawing.topology.devices)
    ends.push_back(device.id);
  ends.emplace_back();  // the client
  for (const std::string& from : ends)
    for (const std::string& to : ends) {
      const plan::Route route = plan::route(drawing.topology, from, to);
      paths.push_back(
          {route.latency_ns, route.bandwidth_bytes_per_s > 0 ? 1e9 / route.bandwidth_bytes_per_s : 0.0});
    }
}

std::optional<Optimum> optimum(const Small& problem, std::uint64_t at_most_ns, std::uint64_t steps) {
  return Search(problem, at_most_ns, steps).run();
}

}  // namespace genie::bench
