// The families of shape rules, each a table of names. Private to the library; the names are those of opset_rules.json.
#pragma once

#include <span>
#include <string_view>

#include "op_call.hpp"

namespace genie::plan::detail {

struct NamedRule {
  std::string_view name;
  ShapeRule rule;
};

[[nodiscard]] std::span<const NamedRule> elementwise_rules();
[[nodiscard]] std::span<const NamedRule> reduction_rules();
[[nodiscard]] std::span<const NamedRule> view_rules();
[[nodiscard]] std::span<const NamedRule> reshape_rules();
[[nodiscard]] std::span<const NamedRule> indexing_rules();
[[nodiscard]] std::span<const NamedRule> join_rules();
[[nodiscard]] std::span<const NamedRule> matmul_rules();
[[nodiscard]] std::span<const NamedRule> window_rules();
[[nodiscard]] std::span<const NamedRule> norm_rules();
[[nodiscard]] std::span<const NamedRule> create_rules();
[[nodiscard]] std::span<const NamedRule> linalg_rules();
[[nodiscard]] std::span<const NamedRule> loss_rules();
[[nodiscard]] std::span<const NamedRule> contraction_rules();
[[nodiscard]] std::span<const NamedRule> counting_rules();

/// A result of this type and shape.
[[nodiscard]] inline Inferred typed(DType dtype, Shape shape) {
  return {dtype, std::move(shape), {}, {}, true, true};
}
/// A result whose shape alone is known.
[[nodiscard]] inline Inferred shaped(Shape shape) {
  return {DType::f32, std::move(shape), {}, {}, false, true};
}
/// A number.
[[nodiscard]] Inferred number_result(ScalarKind kind);

}  // namespace genie::plan::detail
