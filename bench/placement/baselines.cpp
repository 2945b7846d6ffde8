#include "baselines.hpp"

#include <algorithm>
#include <numeric>
#include <set>
#include <string>

#include "genie/plan/validate.hpp"

namespace genie::bench {

namespace {

struct Busy {
  std::uint64_t start, end;
};

/// The earliest start at or after `ready` in a gap that is long enough.
std::uint64_t earliest_gap(const std::vector<Busy>& busy, std::uint64_t ready, std::uint64_t length) {
  std::uint64_t start = ready;
  for (const Busy& one : busy) {
    if (start + length <= one.start) return start;
    start = std::max(start, one.end);
  }
  return start;
}

}  // namespace

Heft heft(const Small& problem) {
  const std::size_t n = problem.nodes.size();
  // A message's mean over all pairs of different devices.
  const auto mean_message = [&](std::uint64_t bytes) {
    double sum = 0;
    std::size_t pairs = 0;
    for (std::size_t a = 0; a < problem.devices; ++a)
      for (std::size_t b = 0; b < problem.devices; ++b)
        if (a != b) {
          sum += static_cast<double>(problem.path(a, b).time_ns(bytes));
          ++pairs;
        }
    return pairs == 0 ? 0.0 : sum / static_cast<double>(pairs);
  };
  std::vector<double> rank(n, 0);
  for (std::size_t i = n; i-- > 0;) {
    const std::vector<std::uint64_t>& cost = problem.nodes[i].cost_ns;
    rank[i] += static_cast<double>(std::accumulate(cost.begin(), cost.end(), std::uint64_t{0})) /
               static_cast<double>(cost.size());
    for (const Small::Read& read : problem.nodes[i].reads)
      rank[read.node] = std::max(rank[read.node], rank[i] + mean_message(read.bytes));
  }
  std::vector<std::size_t> by_rank(n);
  std::iota(by_rank.begin(), by_rank.end(), std::size_t{0});
  std::ranges::stable_sort(by_rank, std::ranges::greater{}, [&](std::size_t i) { return rank[i]; });

  Heft made{std::vector<std::size_t>(n), {}, 0};
  std::vector<std::uint64_t> start(n), end(n);
  std::vector<std::vector<Busy>> busy(problem.devices);
  for (const std::size_t i : by_rank) {
    std::uint64_t best_end = ~std::uint64_t{0};
    for (std::size_t d = 0; d < problem.devices; ++d) {
      std::uint64_t ready = 0;
      for (const Small::Read& read : problem.nodes[i].reads)
        ready = std::max(ready, end[read.node] + problem.path(made.device[read.node], d).time_ns(read.bytes));
      const std::uint64_t length = problem.nodes[i].cost_ns[d];
      const std::uint64_t begin = earliest_gap(busy[d], ready, length);
      if (begin + length < best_end) {
        best_end = begin + length;
        made.device[i] = d;
        start[i] = begin;
      }
    }
    end[i] = best_end;
    std::vector<Busy>& mine = busy[made.device[i]];
    mine.push_back({start[i], end[i]});
    std::ranges::sort(mine, {}, &Busy::start);
    made.makespan_ns = std::max(made.makespan_ns, best_end);
  }
  made.order.resize(n);
  std::iota(made.order.begin(), made.order.end(), std::size_t{0});
  std::ranges::stable_sort(made.order, {}, [&](std::size_t i) { return start[i]; });
  return made;
}

std::optional<std::uint64_t> judged(const policy::testing::Drawing& drawing,
                                    const std::vector<std::size_t>& device,
                                    const std::vector<std::size_t>& order) {
  const plan::Method& method = drawing.plan.methods.at("forward");
  plan::Schedule schedule;
  schedule.policy = {"baseline", "1", "latency", {}};
  plan::MethodSchedule& scheduled = schedule.methods["forward"];
  std::map<std::string, std::set<std::string>> homes;
  for (const std::size_t i : order) {
    const plan::Node& node = method.nodes[i];
    plan::Stage stage;
    stage.id = "s" + std::to_string(i);
    stage.device = drawing.topology.devices[device[i]].id;
    stage.kernels = drawing.topology.devices[device[i]].kernels.front();
    stage.nodes = {node.id};
    for (const plan::Arg& argument : node.args)
      if (const auto* weight = std::get_if<plan::arg::Weight>(&argument.is))
        homes[weight->name].insert(stage.device);
    scheduled.stages.push_back(std::move(stage));
  }
  for (const auto& [weight, devices] : homes)
    schedule.residence.weights[weight] = {devices.begin(), devices.end()};
  const auto joined = plan::join_schedule(drawing.plan, std::move(schedule), drawing.topology, drawing.costs);
  if (!joined) return std::nullopt;
  const plan::Validation verdict =
      plan::validate(*joined, {plan::Level::v5, &drawing.topology, &drawing.hints});
  if (!verdict.ok()) return std::nullopt;
  return joined->schedule->methods.at("forward").predicted->makespan_ns;
}

}  // namespace genie::bench
