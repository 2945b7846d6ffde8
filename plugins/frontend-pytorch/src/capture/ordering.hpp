// Orderings that data flow does not show: a read of changed storage stays before or after the change, as in the program.
#pragma once

#include <cstdint>
#include <vector>

#include "capture/aliases.hpp"
#include "genie/plan/model.hpp"

namespace genie::pytorch {

/// Adds `after` to nodes so that every two accesses of one storage, of which at least one writes, keep their order. `access`
/// is parallel to graph.nodes. An ordering that follows from data flow and other `after` is left out.
void add_orderings(plan::Graph& graph, const std::vector<NodeAccess>& access,
                   const std::vector<bool>& mutated);

}  // namespace genie::pytorch
