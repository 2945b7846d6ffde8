// The search over placements of one method: candidates, then local improvement.
#pragma once

#include <functional>
#include <optional>
#include <vector>

#include "chain.hpp"
#include "estimate.hpp"

namespace genie::policy {

/// How good a placement is; smaller is better, members compared in order.
struct Score {
  std::uint64_t excess_bytes = 0;  ///< beyond the budgets
  bool unreachable = false;
  double objective = 0;
  double tie = 0;  ///< time, where the objective is another
  Index crossings = 0;
  std::uint64_t wire_bytes = 0;
  [[nodiscard]] bool feasible() const { return excess_bytes == 0 && !unreachable; }
  friend auto operator<=>(const Score&, const Score&) = default;
};
[[nodiscard]] Score score(const Task& task, const Estimate& estimate);

/// Methods of at most so many nodes are also judged node by node, in the order of list scheduling.
inline constexpr Index kMaxRanked = 4096;

struct Candidate {
  Assignment assignment;
  Score score;
};

/// The best placement found; its score says whether it is feasible. Nothing when a node may run nowhere. `thorough`: with all
/// kinds of candidates and local improvement; otherwise only to see whether something fits.
[[nodiscard]] std::optional<Candidate> search(const Task& task, bool thorough);

/// The thorough search's best few different placements that fit, best first.
[[nodiscard]] std::vector<Candidate> search_few(const Task& task);

/// Stages of an assignment, merged where that costs less than a hundredth of the time and no memory that is not there.
[[nodiscard]] std::vector<StageNodes> final_stages(const Task& task, const Assignment& assignment);

/// Neighbouring stages of one device become one, again and again, where the result is `good`.
[[nodiscard]] std::vector<StageNodes> merge_while(
    const Task& task, std::vector<StageNodes> stages,
    const std::function<bool(const std::vector<StageNodes>&)>& good);

}  // namespace genie::policy
