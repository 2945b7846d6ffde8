// Concrete sizes for planning. Private to the library.
#pragma once

#include "genie/plan/schedule.hpp"

namespace genie::plan::detail {

/// `sizes` and, for every symbol of the plan that they leave unbound, its maximum, else 1.
[[nodiscard]] Bindings complete_sizes(const Plan& plan, const Bindings& sizes);

/// Bytes of a value at these sizes; 0 when a size is unbound or the value is undeclared (null).
[[nodiscard]] std::uint64_t bytes_of(const Value* value, const Bindings& sizes);

/// An expression at these sizes, not below 0; 0 when a symbol is unbound.
[[nodiscard]] std::uint64_t amount_of(const Expr& expr, const Bindings& sizes);

/// The sum of a stage's nodes' costs on its device. `costs` outlives the result.
[[nodiscard]] StageTime cost_of_stage(const Costs& costs, std::string_view method);

}  // namespace genie::plan::detail
