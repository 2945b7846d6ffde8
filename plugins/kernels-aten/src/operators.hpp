// Operators by name in the linked torch's dispatcher, and what their schemas say.
#pragma once

#include <ATen/core/dispatch/Dispatcher.h>

#include <optional>
#include <string>
#include <string_view>

namespace genie::kernels_aten {

/// "aten.add.Tensor" → the handle of aten::add.Tensor ("default" is the overload without a name).
[[nodiscard]] std::optional<c10::OperatorHandle> find_operator(std::string_view name);
/// Whether a call with CPU tensors finds a kernel, its own or one that composes others.
[[nodiscard]] bool runs_on_cpu(const c10::OperatorHandle& op);
/// Whether it draws from the random generator.
[[nodiscard]] bool is_random(const c10::OperatorHandle& op);
/// Writes to none of its arguments.
[[nodiscard]] bool is_functional(const c10::FunctionSchema& schema);
/// For an unknown operator: what the linked torch has instead, as a sentence, or "".
[[nodiscard]] std::string alternatives(std::string_view name);
/// The operator that does in place what this one does with its first argument ("aten::add.Tensor" → "aten::add_.Tensor"):
/// same arguments, writes to the first one alone and keeps its geometry. Nothing if there is none.
[[nodiscard]] std::optional<c10::OperatorHandle> in_place_twin(const c10::OperatorHandle& op);

}  // namespace genie::kernels_aten
