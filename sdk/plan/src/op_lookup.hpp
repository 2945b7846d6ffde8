// From a plan's op names to schemas, types and work. Private to the library.
#pragma once

#include <string_view>

#include "genie/plan/index.hpp"
#include "genie/plan/model.hpp"
#include "genie/plan/opset.hpp"

namespace genie::plan::detail {

/// The op sets that a plan declares.
class OpLookup {
 public:
  explicit OpLookup(const Plan& plan) : plan_(&plan) {}
  /// Null outside the tables.
  [[nodiscard]] const OpSchema* find(std::string_view op) const;

 private:
  const Plan* plan_;
};

/// What a node of `graph` (the method's own or one of its sub-graphs) may refer to.
[[nodiscard]] TypeScope scope_of(const Plan& plan, const Graph& graph);
/// The same for many look-ups; the index outlives the scope.
[[nodiscard]] TypeScope scope_of(const Plan& plan, const GraphIndex& index);

/// infer_cost, or for a node that owns sub-graphs the sum of their nodes (of the branches of a condition, the larger).
[[nodiscard]] Cost node_cost(const Plan& plan, const Method& method, const Graph& graph, const Node& node,
                             const OpLookup& ops);

}  // namespace genie::plan::detail
