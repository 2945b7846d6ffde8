// Tensors in host memory, as files, literals and comparisons see them. Row-major and dense; what arrives strided is made so.
//
// This folder reads and writes tensor files, makes tensors from numbers and seeds, and compares them. It knows plans only
// where inputs are matched with a method's (inputs.hpp).
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "genie/plan/dtype.hpp"
#include "genie/plan/result.hpp"
#include "genie/tensor.h"

namespace genie::tensors {

/// Immutable and cheap to copy: copies share the bytes.
class Tensor {
 public:
  /// Borrows `data`, which `owner` keeps alive. data holds exactly the bytes that dtype and shape say.
  Tensor(plan::DType dtype, std::vector<std::int64_t> shape, std::span<const std::byte> data,
         std::shared_ptr<const void> owner)
      : dtype_(dtype), shape_(std::move(shape)), data_(data), owner_(std::move(owner)) {}

  /// Zeroed memory, 64-byte aligned, that `fill` writes; nothing if memory is short.
  template <class Fill>
  [[nodiscard]] static plan::Result<Tensor> make(plan::DType dtype, std::vector<std::int64_t> shape,
                                                 Fill&& fill) {
    auto memory = allocate(dtype, shape);
    if (!memory) return std::move(memory).errors();
    fill(memory->bytes);
    return Tensor(dtype, std::move(shape), memory->bytes, memory->owner);
  }
  /// A dense copy of what a view in host memory describes. Refuses element types that plans do not name, and other devices.
  [[nodiscard]] static plan::Result<Tensor> copy_of(const genie_tensor_view& view);

  [[nodiscard]] plan::DType dtype() const { return dtype_; }
  [[nodiscard]] const std::vector<std::int64_t>& shape() const { return shape_; }
  [[nodiscard]] std::span<const std::byte> bytes() const { return data_; }
  [[nodiscard]] std::uint64_t elements() const { return data_.size() / plan::size_bytes(dtype_); }
  /// For a call that reads it; valid while this tensor lives and stays where it is.
  [[nodiscard]] genie_tensor_view view() const;
  /// "f32[2, 3]"
  [[nodiscard]] std::string type_text() const;

 private:
  struct Memory {
    std::span<std::byte> bytes;
    std::shared_ptr<const void> owner;
  };
  static plan::Result<Memory> allocate(plan::DType dtype, std::span<const std::int64_t> shape);

  plan::DType dtype_;
  std::vector<std::int64_t> shape_;
  std::span<const std::byte> data_;
  std::shared_ptr<const void> owner_;
};

/// "f32[2, 3]", "i64[]".
[[nodiscard]] std::string type_text(plan::DType dtype, std::span<const std::int64_t> shape);

/// Bytes of a dense tensor; nothing if a size is negative or the product does not fit.
[[nodiscard]] std::optional<std::uint64_t> dense_bytes(plan::DType dtype,
                                                       std::span<const std::int64_t> shape);

/// The index of an element counted in row-major order.
[[nodiscard]] std::vector<std::int64_t> unravel(std::uint64_t element, std::span<const std::int64_t> shape);

}  // namespace genie::tensors
