// .safetensors files: several tensors by name, mapped in place.
//
// Layout: 8 bytes with the header's length (little-endian), the header (JSON: name → {dtype, shape, data_offsets}, and
// `__metadata__` with text), then the data. A file is read by whoever is handed it, so everything in the header is checked.
#pragma once

#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "tensor.hpp"

namespace genie::tensors {

class Safetensors {
 public:
  /// Maps the file and checks all of its header: bounds, sizes, overlaps, gaps, duplicates. GE0703 says what is wrong.
  [[nodiscard]] static plan::Result<Safetensors> open(const std::filesystem::path& path);

  /// By name, sorted. Tensors keep the mapping alive.
  [[nodiscard]] const std::map<std::string, Tensor, std::less<>>& tensors() const { return tensors_; }
  /// Names of tensors whose element type has no counterpart in plans (4- and 6-bit floats), with that type's name.
  [[nodiscard]] const std::map<std::string, std::string, std::less<>>& unsupported() const {
    return unsupported_;
  }
  /// GE0704 with near misses when there is none of that name, GE0705 when its type is unsupported.
  [[nodiscard]] plan::Result<Tensor> get(std::string_view name) const;
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
  std::map<std::string, Tensor, std::less<>> tensors_;
  std::map<std::string, std::string, std::less<>> unsupported_;
};

/// Writes tensors by name (each once), replacing the file only when all of it is on disk. GE0705 for a type the format has
/// not (c32, c128), GE0707 when the file cannot be written.
[[nodiscard]] plan::Status write_safetensors(const std::filesystem::path& path,
                                             std::span<const std::pair<std::string, Tensor>> tensors);

}  // namespace genie::tensors
