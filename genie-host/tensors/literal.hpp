// Tensors written as JSON: a number, true, "NaN", or nested lists of these.
#pragma once

#include <string_view>

#include "tensor.hpp"

namespace genie::tensors {

/// The shape is that of the nesting. GE0706: lists of unequal length, a number the type cannot hold, a fraction for an
/// integer type; the diagnostic's pointer is into `json`.
[[nodiscard]] plan::Result<Tensor> literal_tensor(std::string_view json, plan::DType dtype);

/// The type that the literal suggests: bool, i64 or f32.
[[nodiscard]] plan::DType literal_dtype(std::string_view json);

}  // namespace genie::tensors
