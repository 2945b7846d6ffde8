// Owned tensors as they cross the ABI.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "genie/tensor.h"

namespace genie::runtime {

/// A tensor this object owns: calls the deleter exactly once. Movable. Keeps whatever made it alive.
class OwnedTensor {
 public:
  OwnedTensor() = default;
  explicit OwnedTensor(genie_tensor* tensor, std::shared_ptr<const void> keep_alive = {})
      : tensor_(tensor), keep_alive_(std::move(keep_alive)) {}
  OwnedTensor(OwnedTensor&& other) noexcept
      : tensor_(std::exchange(other.tensor_, nullptr)), keep_alive_(std::move(other.keep_alive_)) {}
  OwnedTensor& operator=(OwnedTensor&& other) noexcept {
    std::swap(tensor_, other.tensor_);
    std::swap(keep_alive_, other.keep_alive_);
    return *this;
  }
  ~OwnedTensor();

  [[nodiscard]] explicit operator bool() const { return tensor_ != nullptr; }
  [[nodiscard]] const genie_tensor_view& view() const { return tensor_->view; }
  [[nodiscard]] std::span<const std::int64_t> shape() const {
    return {tensor_->view.shape, static_cast<std::size_t>(tensor_->view.rank)};
  }
  /// Gives the tensor away: its deleter then also drops what kept it alive. Null when empty or when memory is short.
  [[nodiscard]] genie_tensor* release() &&;

 private:
  genie_tensor* tensor_ = nullptr;
  std::shared_ptr<const void> keep_alive_;
};

/// Bytes of the extent that a view's shape and strides span, from its first element; 0 for an empty tensor.
[[nodiscard]] std::uint64_t span_bytes(const genie_tensor_view& view);

}  // namespace genie::runtime
