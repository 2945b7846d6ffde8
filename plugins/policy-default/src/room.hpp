// The last search: for plans that fit their devices only when weights and values are given to them piece by piece.
#pragma once

#include <optional>
#include <vector>

#include "search.hpp"

namespace genie::policy {

/// A placement that fits when each node is a stage of its own, in document order (listed_stages). Looks at memory alone: begins
/// at each of `starts` and moves what shares a weight, single units and pairs of them while less is too much; leaves dead ends
/// by a few moves drawn at random. Bounded work, deterministic. Nothing when none was found.
[[nodiscard]] std::optional<Candidate> make_room(const Task& task, Estimator& estimator,
                                                 const std::vector<Assignment>& starts);

}  // namespace genie::policy
