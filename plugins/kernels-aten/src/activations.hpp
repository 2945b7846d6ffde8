// Which function of one variable a few elementwise operators compute together, told by its values.
//
// Models spell an activation in many ways; what they have in common is the curve. Operators are evaluated in double precision at
// points that tell all known activations apart, and a curve that agrees with one everywhere is that activation. Only analytic
// operators take part: two of their compositions that agree on a dense interval agree everywhere.
#pragma once

#include <ATen/core/ivalue.h>

#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace genie::kernels_aten {

/// The values of a function at the points of probe().
using Curve = std::vector<double>;

/// The points themselves: the identity.
[[nodiscard]] const Curve& probe();

/// What an elementwise operator makes of numbers and curves, one of them a curve at least. Nothing for an operator that takes no
/// part. op: "aten::mul.Tensor"; arguments in the order of its schema, null for those that are neither.
using Term = std::variant<std::monostate, double, const Curve*>;
[[nodiscard]] std::optional<Curve> composed(std::string_view op, const std::vector<Term>& arguments);

/// An operator of torch that computes an activation at once: `op` of the value alone, or of it and `approximate`.
struct Activation {
  std::string_view op;  ///< as find_operator takes it
  std::optional<std::string> approximate;
};
[[nodiscard]] std::optional<Activation> recognise(const Curve& curve);

}  // namespace genie::kernels_aten
