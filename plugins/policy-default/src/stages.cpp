// Assignment → stages.
#include <algorithm>
#include <queue>
#include <tuple>

#include "estimate.hpp"
#include "timetable.hpp"

namespace genie::policy {

std::vector<StageNodes> form_stages(const Problem& problem, const MethodGraph& method,
                                    const Assignment& assignment, bool fine) {
  // A lane is a device and one of its kernels plug-ins: two nodes run in one stage only if one plug-in computes both.
  std::size_t width = 1;
  for (const auto& offers : problem.offers)
    width = std::max(width, offers.size());
  const Index count = method.count;
  std::vector<std::size_t> lane(count);
  std::vector<Index> level(count, 0);
  std::vector<bool> leaves(count, false);    // something it makes, or the order, is awaited on another lane
  std::vector<bool> receives(count, false);  // it awaits another lane
  Index levels = 1;
  for (Index n = 0; n < count; ++n) {
    const DeviceNumber device = assignment[n];
    lane[n] =
        device * width + std::min<std::size_t>(width - 1, problem.node_kernels(method.global(n), device));
    for (const Index b : method.before[n]) {
      const bool crosses = lane[b] != lane[n];
      if (crosses) leaves[b] = receives[n] = true;
      level[n] = std::max(level[n], level[b] + (crosses ? 1u : 0u));
    }
    levels = std::max(levels, level[n] + 1);
  }

  // Nodes by level; inside a level in document order, so that a stage's nodes are in an order that runs.
  std::vector<Index> start(levels + 1, 0);
  for (Index n = 0; n < count; ++n)
    ++start[level[n] + 1];
  for (Index l = 0; l < levels; ++l)
    start[l + 1] += start[l];
  std::vector<Index> order(count);
  for (Index n = 0; n < count; ++n)
    order[start[level[n]]++] = n;

  std::vector<StageNodes> stages;
  std::vector<Index> open(problem.device_count * width, kNone);  // lane → stage still growing
  Index at_level = kNone;
  for (const Index n : order) {
    if (level[n] != at_level) {
      std::ranges::fill(open, kNone);
      at_level = level[n];
    }
    Index& stage = open[lane[n]];
    if (stage == kNone || (fine && receives[n])) {
      stage = static_cast<Index>(stages.size());
      stages.push_back({assignment[n], static_cast<std::uint8_t>(lane[n] % width), level[n], {}});
    }
    stages[stage].nodes.push_back(n);
    if (fine && leaves[n]) stage = kNone;
  }
  return stages;
}

namespace {

/// Each node's longest way from its start to the end, over what this assignment computes and sends.
std::vector<std::uint64_t> ways_to_the_end(const Problem& problem, const MethodGraph& method,
                                           const Assignment& assignment) {
  std::vector<std::uint64_t> rank(method.count, 0);
  for (const ValueUse& value : method.values)
    if (value.is_output && value.producer != kNone)
      rank[value.producer] =
          std::max(rank[value.producer],
                   problem.path(assignment[value.producer], problem.client()).time_ns(value.bytes));
  for (Index n = method.count; n-- > 0;) {
    rank[n] += problem.node_cost(method.global(n), assignment[n]);
    for (const Index b : method.before[n])
      rank[b] = std::max(rank[b], rank[n]);
    for (const Index v : method.reads[n]) {
      if (v == kNone || method.values[v].producer == kNone) continue;
      const Index from = method.values[v].producer;
      const std::uint64_t sent =
          assignment[from] == assignment[n]
              ? 0
              : problem.path(assignment[from], assignment[n]).time_ns(method.values[v].bytes);
      rank[from] = std::max(rank[from], sent + rank[n]);
    }
  }
  return rank;
}

/// Nodes whose predecessors are all done, as list scheduling goes on.
class Ready {
 public:
  explicit Ready(const MethodGraph& method) : next_(method.count), waits_(method.count, 0) {
    for (Index n = 0; n < method.count; ++n) {
      waits_[n] = static_cast<Index>(method.before[n].size());
      for (const Index b : method.before[n])
        next_[b].push_back(n);
    }
  }
  /// Calls f(node) for those that wait for nothing.
  template <class F>
  void first(F f) const {
    for (Index n = 0; n < waits_.size(); ++n)
      if (waits_[n] == 0) f(n);
  }
  /// Calls f(node) for those that waited for this one alone.
  template <class F>
  void after(Index node, F f) {
    for (const Index n : next_[node])
      if (--waits_[n] == 0) f(n);
  }

 private:
  std::vector<std::vector<Index>> next_;
  std::vector<Index> waits_;
};

StageNodes single(const Problem& problem, const MethodGraph& method, const Assignment& assignment, Index n) {
  return {assignment[n], problem.node_kernels(method.global(n), assignment[n]), 0, {n}};
}

}  // namespace

std::vector<StageNodes> listed_stages(const Problem& problem, const MethodGraph& method,
                                      const Assignment& assignment) {
  std::vector<StageNodes> stages;
  for (Index n = 0; n < method.count; ++n)
    stages.push_back(single(problem, method, assignment, n));
  return stages;
}

std::vector<StageNodes> ranked_stages(const Problem& problem, const MethodGraph& method,
                                      const Assignment& assignment) {
  const std::vector<std::uint64_t> rank = ways_to_the_end(problem, method, assignment);
  const auto later = [&](Index a, Index b) { return rank[a] != rank[b] ? rank[a] < rank[b] : a > b; };
  std::priority_queue<Index, std::vector<Index>, decltype(later)> queue(later);
  Ready ready(method);
  ready.first([&](Index n) { queue.push(n); });
  std::vector<StageNodes> stages;
  while (!queue.empty()) {
    const Index n = queue.top();
    queue.pop();
    stages.push_back(single(problem, method, assignment, n));
    ready.after(n, [&](Index other) { queue.push(other); });
  }
  return stages;
}

std::vector<StageNodes> filled_stages(const Problem& problem, const MethodGraph& method,
                                      const Assignment& assignment) {
  std::vector<StageNodes> stages = ranked_stages(problem, method, assignment);
  std::vector<Timetable> busy(problem.device_count, Timetable(true));
  std::vector<std::uint64_t> start(method.count, 0), end(method.count, 0);
  std::vector<Index> place(method.count, 0);  // in the order of ranks, which runs
  for (Index i = 0; i < stages.size(); ++i) {
    const Index n = stages[i].nodes.front();
    const std::size_t device = assignment[n];
    place[n] = i;
    std::uint64_t ready = 0;
    for (const Index b : method.before[n])
      ready = std::max(ready, end[b]);
    for (const Index v : method.reads[n]) {
      if (v == kNone) continue;
      const ValueUse& value = method.values[v];
      const std::size_t from = value.producer == kNone ? problem.client() : assignment[value.producer];
      const std::uint64_t made = value.producer == kNone ? 0 : end[value.producer];
      if (from != device) ready = std::max(ready, made + problem.path(from, device).time_ns(value.bytes));
    }
    const std::uint64_t work = problem.node_cost(method.global(n), device);
    start[n] = busy[device].earliest(ready, work);
    end[n] = start[n] + work;
    busy[device].take(start[n], end[n]);
  }
  std::ranges::sort(stages, {}, [&](const StageNodes& stage) {
    const Index n = stage.nodes.front();
    return std::tuple(start[n], end[n], place[n]);
  });
  return stages;
}

}  // namespace genie::policy
