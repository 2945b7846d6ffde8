// What a torch node reads, writes and shares storage with: by the op table's alias marks, and by a short list of operators
// whose schemas leave such marks out.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "genie/plan/opset.hpp"
#include "torch/program.hpp"

namespace genie::pytorch {

struct OpEffects {
  std::vector<std::size_t> writes;  ///< numbers of Node::inputs whose tensors are changed
  /// Per return of the operator: numbers of the inputs whose storage it shares (empty: its own).
  std::vector<std::vector<std::size_t>> return_aliases;
  /// An ATen operator outside the table: any result might be a view of any input.
  bool unknown = false;
};

/// "aten.add.Tensor" for "torch.ops.aten.add.Tensor"; "python.add" for "_operator.add", "torch.sym_max" and their kin.
[[nodiscard]] std::string plan_op(std::string_view target);
/// A higher-order operator ("torch.ops.higher_order.cond"): its bare name, else empty.
[[nodiscard]] std::string_view higher_order(std::string_view target);
/// Arithmetic of Python on numbers.
[[nodiscard]] inline bool is_python(std::string_view op) {
  return op.starts_with("python.");
}

/// `schema` is null for operators outside the table. Higher-order operators are not handled here.
[[nodiscard]] OpEffects effects_of(const Node& node, const plan::OpSchema* schema, const Graph& graph);

/// Draws random numbers when run with these arguments: attention without dropout and dropout in evaluation do not.
[[nodiscard]] bool draws_random(const Node& node, const plan::OpSchema& schema);

/// The argument of that name, or null. Positional arguments without a name are not found.
[[nodiscard]] const Argument* find_input(const Node& node, std::string_view name);

}  // namespace genie::pytorch
