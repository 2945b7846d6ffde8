// Tensors across the boundary: plan types, ABI views and at::Tensor, in every direction, without copying.
#pragma once

#include <ATen/core/Tensor.h>

#include <optional>
#include <string>

#include "genie/cpp/core.hpp"
#include "genie/plan/dtype.hpp"

namespace genie::kernels_aten {

/// torch's element type; nothing for one that this torch lacks.
[[nodiscard]] std::optional<at::ScalarType> scalar_type(plan::DType dtype);
[[nodiscard]] std::optional<plan::DType> plan_dtype(at::ScalarType type);
/// The ABI's element type; nothing for types that have no number there (quantized ones).
[[nodiscard]] std::optional<genie_dtype> abi_dtype(at::ScalarType type);

/// A tensor over memory it does not own. Strides in elements, empty for row-major.
[[nodiscard]] at::Tensor borrow(void* data, at::IntArrayRef sizes, at::IntArrayRef strides,
                                at::ScalarType type);
/// Of an ABI view. UNIMPLEMENTED for other devices and unknown types, INVALID_ARGUMENT for sizes, strides or addresses that
/// cannot be.
[[nodiscard]] Expected<at::Tensor> borrow(const genie_tensor_view& view);

/// An ABI tensor that keeps `tensor` alive until its deleter runs, with its exact sizes and strides. `data` overrides the
/// address, for tensors that describe the caller's memory.
[[nodiscard]] genie_tensor* lend(at::Tensor tensor, void* data);

/// Elements from the first to the last that sizes and strides reach: 1 + Σ (size - 1)·stride, 0 if empty. `sizes` and
/// `strides` have equal length; strides are not negative.
[[nodiscard]] std::int64_t extent(at::IntArrayRef sizes, at::IntArrayRef strides);
/// In bytes, of a tensor.
[[nodiscard]] std::uint64_t extent_bytes(const at::Tensor& tensor);
/// The first byte.
[[nodiscard]] char* start(const at::Tensor& tensor);
/// Whether any byte of one may be a byte of the other.
[[nodiscard]] bool overlap(const at::Tensor& a, const at::Tensor& b);

/// A 0-d tensor of a number (int, double, bool, complex double).
[[nodiscard]] at::Tensor number_tensor(const c10::IValue& number);
/// The same, taking part in type promotion as a number does.
[[nodiscard]] at::Tensor wrapped_number(const c10::IValue& number);
/// The number in a tensor of one element: int, double, bool or complex double.
[[nodiscard]] c10::IValue number_of(const at::Tensor& tensor);

/// "f32[2, 3] strides [3, 1]": for error texts.
[[nodiscard]] std::string describe(const at::Tensor& tensor);
[[nodiscard]] std::string describe(const c10::IValue& value);

}  // namespace genie::kernels_aten
