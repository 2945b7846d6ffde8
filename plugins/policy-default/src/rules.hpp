// Constraints and hints, turned into what the search respects: allowed devices, nodes that stay together, budgets.
//
// Hard rules always hold. A soft rule is treated as a hard one as long as a feasible placement honours it; the search drops
// soft rules, lightest first, before it gives up (place.cpp).
#pragma once

#include <string>
#include <vector>

#include "problem.hpp"

namespace genie::policy {

/// One constraint with what it selects.
struct Rule {
  enum class Kind : std::uint8_t { pin, forbid, colocate, separate, replicate, budget, other };
  plan::Constraint constraint;
  Kind kind = Kind::other;
  std::size_t device = 0;            ///< pin, forbid, budget
  std::vector<Index> nodes;          ///< global numbers, ascending
  std::vector<Index> states;         ///< root states
  std::vector<std::string> weights;  ///< replicate: by name
  std::vector<std::vector<Index>>
      groups;  ///< separate: nodes that may share a device with each other, not across groups
  bool soft = false;
  double weight = 1.0;
  /// For a person: "h1 (run.json#/hints/0)".
  [[nodiscard]] std::string name() const;
};

/// The plan's constraints and the request's hints, each once, in that order. Errors name unknown devices and selectors that
/// match nothing; a soft rule that selects nothing is left out.
[[nodiscard]] plan::Result<std::vector<Rule>> make_rules(const Problem& problem,
                                                         const std::vector<plan::Constraint>& hints);

/// Nodes that share a device whatever the placement: alias sets in which something is mutated, users of one state, what
/// writes it, and colocate rules. Numbered by their first node.
struct Units {
  std::vector<Index> of_node;
  std::vector<std::vector<Index>> members;  ///< global nodes, ascending
  std::vector<DeviceSet> allowed;  ///< by kernels, pins and forbids; of more devices than a set has: all
};

/// `rules`: those in force.
[[nodiscard]] Units make_units(const Problem& problem, const std::vector<const Rule*>& rules);

/// Why a node may not run on a device: "kernels", "hint:ID", or empty when it may.
[[nodiscard]] std::string refusal(const Problem& problem, const std::vector<const Rule*>& rules, Index node,
                                  std::size_t device);

/// Ways to honour the separate rules: each is a list of pins, one per group, that put the groups of a rule on different
/// devices. One empty way when there is nothing to separate; none when there are fewer devices than groups.
[[nodiscard]] std::vector<std::vector<Rule>> separations(const Problem& problem,
                                                         const std::vector<const Rule*>& rules);

/// Per device: the topology's memory, cut by budgets in force.
[[nodiscard]] std::vector<std::uint64_t> memory_under(const Problem& problem,
                                                      const std::vector<const Rule*>& rules);

}  // namespace genie::policy
