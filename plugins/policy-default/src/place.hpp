// Places all methods of a plan, and tells why when that cannot be done.
#pragma once

#include <functional>
#include <vector>

#include "rules.hpp"
#include "search.hpp"

namespace genie::policy {

/// Where everything runs.
struct Placed {
  std::vector<Assignment> assignments;          ///< per method of the problem
  std::vector<std::vector<StageNodes>> stages;  ///< per method
  Resident resident;                            ///< weights and states
  Units units;
};

/// One attempt under some rules and budgets. `memory`: what the search may use per device, at most the real budget.
/// `thorough`: the whole search; otherwise only whether something fits. Nothing when nothing was found.
[[nodiscard]] std::optional<Placed> place(const Problem& problem, const std::vector<const Rule*>& rules,
                                          const std::vector<std::uint64_t>& memory, const Goal& goal,
                                          bool thorough);

/// For a plan of one method: the search's best few placements for latency alone, however many values cross, each in
/// several forms of stages.
[[nodiscard]] std::vector<Placed> contenders(const Problem& problem, const std::vector<const Rule*>& rules,
                                             const std::vector<std::uint64_t>& memory);

/// The same placement of a plan of one method in fewer stages, as few as are `good`.
[[nodiscard]] Placed merged_while(const Problem& problem, Placed placed,
                                  const std::function<bool(const Placed&)>& good);

/// What replicate rules put on every device.
[[nodiscard]] Resident replicas_under(const Problem& problem, const std::vector<const Rule*>& rules);

/// Why nothing was found, and the smallest changes that would help: code GE0552 (a node may run nowhere), GE0553 (memory), GE0554 (modules
/// to be kept apart) or GE0555 (no links).
[[nodiscard]] plan::Diagnostics explain_infeasible(const Problem& problem,
                                                   const std::vector<const Rule*>& rules);

/// "12.4 MiB", rounded up to the digit shown.
[[nodiscard]] std::string bytes_text(std::uint64_t bytes);

}  // namespace genie::policy
