// As few stages as cost nothing: neighbours on one device become one stage where the estimate allows it.
#include <algorithm>
#include <queue>

#include "search.hpp"

namespace genie::policy {

namespace {

constexpr double kTolerance = 1.01;         ///< of the time of the finest stages
constexpr std::size_t kMaxStages = 512;     ///< beyond, only the coarse form is tried
constexpr std::uint64_t kWork = 2'000'000;  ///< nodes looked at by all estimates

class Merger {
 public:
  Merger(const Task& task, std::vector<StageNodes> stages) : task_(task), stages_(std::move(stages)) {}

  /// Merges stage a into b if nothing runs between them that waits for a and that b waits for.
  [[nodiscard]] std::optional<std::vector<StageNodes>> merged(std::size_t a, std::size_t b) const {
    std::vector<StageNodes> out = stages_;
    StageNodes& into = out[b];
    into.nodes.insert(into.nodes.end(), out[a].nodes.begin(), out[a].nodes.end());
    std::ranges::sort(into.nodes);
    out[a].nodes.clear();
    return in_order(std::move(out));
  }

 private:
  /// The stages in an order that runs, by their old places where there is a choice; nothing when they form a cycle.
  [[nodiscard]] std::optional<std::vector<StageNodes>> in_order(std::vector<StageNodes> stages) const {
    const MethodGraph& m = *task_.method;
    std::vector<Index> of_node(m.count, 0);
    for (Index s = 0; s < stages.size(); ++s)
      for (const Index n : stages[s].nodes)
        of_node[n] = s;
    std::vector<std::vector<Index>> next(stages.size());
    std::vector<Index> waits(stages.size(), 0);
    for (Index s = 0; s < stages.size(); ++s)
      for (const Index n : stages[s].nodes)
        for (const Index b : m.before[n])
          if (of_node[b] != s && (next[of_node[b]].empty() || next[of_node[b]].back() != s)) {
            next[of_node[b]].push_back(s);
            ++waits[s];
          }
    std::priority_queue<Index, std::vector<Index>, std::greater<>> ready;
    for (Index s = 0; s < stages.size(); ++s)
      if (waits[s] == 0 && !stages[s].nodes.empty()) ready.push(s);
    std::vector<StageNodes> out;
    std::size_t placed = 0;
    while (!ready.empty()) {
      const Index s = ready.top();
      ready.pop();
      placed += stages[s].nodes.size();
      out.push_back(std::move(stages[s]));
      for (const Index n : next[s])
        if (--waits[n] == 0) ready.push(n);
    }
    if (placed != m.count) return std::nullopt;
    return out;
  }

  const Task& task_;
  std::vector<StageNodes> stages_;
};

}  // namespace

std::vector<StageNodes> merge_while(const Task& task, std::vector<StageNodes> stages,
                                    const std::function<bool(const std::vector<StageNodes>&)>& good) {
  bool changed = true;
  while (changed) {
    changed = false;
    for (std::size_t a = 0; a < stages.size() && !changed; ++a) {
      std::size_t b = a + 1;
      while (b < stages.size() && stages[b].device != stages[a].device)
        ++b;
      if (b == stages.size() || stages[b].kernels != stages[a].kernels) continue;
      auto merged = Merger(task, stages).merged(a, b);
      if (!merged || !good(*merged)) continue;
      stages = *std::move(merged);
      changed = true;
    }
  }
  return stages;
}

namespace {

/// Stages of neighbouring nodes become one where nothing leaves after the first or arrives before the second: what each device holds,
/// and when, stays as it is.
std::vector<StageNodes> neighbours_joined(const MethodGraph& method, const Assignment& assignment,
                                          std::vector<StageNodes> listed) {
  const auto leaves = [&](Index n) {
    return std::ranges::any_of(method.makes[n], [&](Index v) {
      const ValueUse& value = method.values[v];
      return value.is_output ||
             std::ranges::any_of(value.consumers, [&](Index c) { return assignment[c] != assignment[n]; });
    });
  };
  const auto arrives = [&](Index n) {
    return std::ranges::any_of(method.reads[n], [&](Index v) {
      if (v == kNone) return false;
      const Index maker = method.values[v].producer;
      return maker == kNone || assignment[maker] != assignment[n];
    });
  };
  std::vector<StageNodes> joined;
  for (StageNodes& stage : listed) {
    const Index node = stage.nodes.front();
    if (!joined.empty() && joined.back().device == stage.device && joined.back().kernels == stage.kernels &&
        !leaves(joined.back().nodes.back()) && !arrives(node))
      joined.back().nodes.push_back(node);
    else
      joined.push_back(std::move(stage));
  }
  return joined;
}

}  // namespace

std::vector<StageNodes> final_stages(const Task& task, const Assignment& assignment) {
  Estimator estimator(*task.problem, *task.method, *task.resident);
  std::vector<StageNodes> best = form_stages(*task.problem, *task.method, assignment, true);
  Score finest = score(task, estimator.of_stages(best));
  if (task.method->count <= kMaxRanked) {
    // An order of single nodes must be worth more than what merging may lose.
    std::vector<StageNodes> ranked = ranked_stages(*task.problem, *task.method, assignment);
    const Score by_rank = score(task, estimator.of_stages(ranked));
    if (by_rank.feasible() && (!finest.feasible() || by_rank.tie * kTolerance < finest.tie)) {
      best = std::move(ranked);
      finest = by_rank;
    }
  }
  double limit = finest.tie * kTolerance;
  std::uint64_t excess = finest.excess_bytes;
  const auto good = [&](const std::vector<StageNodes>& stages) {
    const Estimate& e = estimator.of_stages(stages);
    return score(task, e).tie <= limit && e.excess(task.memory) <= excess;
  };
  std::vector<StageNodes> coarse = form_stages(*task.problem, *task.method, assignment, false);
  if (excess != 0)
    if (const Estimate& e = estimator.of_stages(coarse);
        e.excess(task.memory) < excess) {  // what fits comes first
      limit = score(task, e).tie * kTolerance;
      excess = e.excess(task.memory);
    }
  if (good(coarse)) best = std::move(coarse);
  if (excess != 0) {  // what make_room() placed: further merging would undo it
    std::vector<StageNodes> listed = listed_stages(*task.problem, *task.method, assignment);
    if (score(task, estimator.of_stages(listed)).feasible())
      return neighbours_joined(*task.method, assignment, std::move(listed));
  }
  if (best.size() > kMaxStages) return best;

  const std::uint64_t calls = kWork / std::max<std::uint64_t>(64, task.method->count);
  return merge_while(task, std::move(best), [&](const std::vector<StageNodes>& stages) {
    return estimator.calls() < calls && good(stages);
  });
}

}  // namespace genie::policy
