// The rungs of the validation ladder, one function each. validate.cpp climbs them.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string_view>
#include <vector>

#include "genie/plan/index.hpp"
#include "genie/plan/model.hpp"
#include "genie/plan/topology.hpp"
#include "genie/plan/validate.hpp"

namespace genie::plan::detail {

/// A plan's weights for many look-ups. Borrows the plan.
class WeightNames {
 public:
  explicit WeightNames(const Plan& plan) {
    numbers_.reserve(plan.weights.size());
    weights_.reserve(plan.weights.size());
    for (const auto& [name, weight] : plan.weights) {
      numbers_.add(name, static_cast<std::uint32_t>(weights_.size()));
      weights_.push_back(&weight);
    }
  }
  /// Null when there is none of that name.
  [[nodiscard]] const Weight* find(std::string_view name) const {
    const std::uint32_t number = numbers_.find(name);
    return number == kNone ? nullptr : weights_[number];
  }

 private:
  NameTable numbers_;
  std::vector<const Weight*> weights_;
};

/// The graphs of a plan by dense numbers, each indexed when it is first asked for.
class Indices {
 public:
  [[nodiscard]] const GraphIndex& of(const Graph& graph) {
    return graphs_.try_emplace(&graph, graph).first->second;
  }
  /// The plan's weights, likewise: they have long names that begin alike.
  [[nodiscard]] const WeightNames& weights(const Plan& plan) {
    return weights_ ? *weights_ : weights_.emplace(plan);
  }

 private:
  std::map<const Graph*, GraphIndex> graphs_;
  std::optional<WeightNames> weights_;
};

/// V2: ids, references, order, storage, schedule references. Adds to `into`.
void check_structure(const Plan& plan, Indices& indices, Diagnostics& into);

/// V3: ops, signatures, shapes and dtypes. The plan has passed V2.
void check_types(const Plan& plan, Indices& indices, Diagnostics& into, Unchecked& unchecked);
inline void check_types(const Plan& plan, Diagnostics& into, Unchecked& unchecked) {
  Indices indices;
  check_types(plan, indices, into, unchecked);
}

/// V4: the schedule fits the topology. The plan is scheduled and has passed V3.
void check_schedule(const Plan& plan, const Topology& topology, Diagnostics& into);

/// V5: hard constraints of the plan and `hints` (may be null) are honoured. The plan has passed V4.
void check_constraints(const Plan& plan, const Topology& topology, const std::vector<Constraint>* hints,
                       Diagnostics& into);

/// A diagnostic that says where in the user's model a node stands: fills node, scope and source.
[[nodiscard]] Diagnostic node_diagnostic(const Node& node, std::string_view code, std::string message,
                                         std::string pointer, std::string help = {});

/// "/methods/forward/nodes/4" and "/methods/forward/graphs/g0/nodes/4"; `graph` is empty for the method's own nodes.
[[nodiscard]] std::string node_pointer(std::string_view method, std::string_view graph, std::size_t number);

}  // namespace genie::plan::detail
