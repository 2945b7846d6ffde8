// A placement as the `schedule` object: stages, residence, and a decision record for every stage and hint.
#pragma once

#include "place.hpp"

namespace genie::policy {

struct Question {
  const Problem* problem = nullptr;
  const plan::Costs* costs = nullptr;
  std::vector<const Rule*> rules;    ///< in force
  std::vector<const Rule*> dropped;  ///< soft rules that no feasible placement honoured
  Goal goal;
  std::uint32_t wanted_micro_batches =
      1;  ///< of the options; the goal has fewer where memory does not suffice
};

/// Stages and residence, ready to be joined to the plan.
[[nodiscard]] plan::Schedule make_schedule(const Question& question, const Placed& placed);

/// Fills `decisions` and the residence of weights from the joined plan, and takes out what is the host's to fill.
[[nodiscard]] plan::Schedule finish_schedule(const Question& question, const Placed& placed,
                                             const plan::Plan& joined);

}  // namespace genie::policy
