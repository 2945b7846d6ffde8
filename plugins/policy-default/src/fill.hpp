// Placement on more devices than the search takes (kMaxSearched): they are filled one after the other.
#pragma once

#include "place.hpp"

namespace genie::policy {

/// Nodes in document order go onto one device until the next does not fit, then onto the next one: the fastest first, those of a
/// host together. What a rule pins, or what shares a unit or its weights with something placed, goes there. Honours all rules.
/// Linear in the nodes and in the devices that are full. `cautious`: what a device receives is counted to the end. Nothing when
/// something fits nowhere.
[[nodiscard]] std::optional<Placed> fill(const Problem& problem, const std::vector<const Rule*>& rules,
                                         const std::vector<std::uint64_t>& memory, bool cautious);

/// Why filling failed: GE0552 (a node may run nowhere) or GE0553 (memory).
[[nodiscard]] plan::Diagnostics explain_unfilled(const Problem& problem,
                                                 const std::vector<const Rule*>& rules);

}  // namespace genie::policy
