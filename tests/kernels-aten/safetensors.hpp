// Just enough of the safetensors format for a test tool: dense tensors in, dense tensors out.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "genie/plan/dtype.hpp"

namespace kernels_test {

struct DenseTensor {
  genie::plan::DType dtype = genie::plan::DType::f32;
  std::vector<std::int64_t> shape;
  std::vector<char> bytes;  ///< row-major
};

using Tensors = std::map<std::string, DenseTensor>;

/// Throws std::runtime_error for files that are not of this format.
[[nodiscard]] Tensors read_safetensors(const std::string& path);
void write_safetensors(const std::string& path, const Tensors& tensors);

}  // namespace kernels_test
