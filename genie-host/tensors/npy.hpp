// NumPy's .npy files (format versions 1 to 3): one array each.
#pragma once

#include <filesystem>

#include "tensor.hpp"

namespace genie::tensors {

/// C order is used in place, Fortran order and big-endian numbers are rearranged. GE0702 says what is wrong with the file,
/// GE0705 names an element type that has no counterpart (strings, objects, dates, structures, long double).
[[nodiscard]] plan::Result<Tensor> read_npy(const std::filesystem::path& path);

}  // namespace genie::tensors
