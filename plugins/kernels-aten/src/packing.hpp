// Weights in the layout that a product's kernel reads fastest: copies, made once per device and counted.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "counters.hpp"

namespace genie::kernels_aten {

/// A copy that is counted for as long as it lives.
class PackedWeight {
 public:
  PackedWeight(at::Tensor tensor, std::uint64_t bytes, Counters& counters);
  PackedWeight(const PackedWeight&) = delete;
  PackedWeight& operator=(const PackedWeight&) = delete;
  ~PackedWeight();
  /// Opaque: only the kernels that it was packed for can read it.
  [[nodiscard]] const at::Tensor& tensor() const { return tensor_; }
  [[nodiscard]] std::uint64_t bytes() const { return bytes_; }

 private:
  at::Tensor tensor_;
  std::uint64_t bytes_;
  Counters& counters_;
};

/// The packed weights of a device, shared by all stages that use them and gone with the last. [any-thread]
class PackedWeights {
 public:
  /// counters outlive all that is packed.
  explicit PackedWeights(Counters& counters) : counters_(counters) {}

  /// A matrix of N rows and K columns, packed for products with its transpose. `identity` names the bytes it was made from:
  /// equal identities and geometries are one copy. A new one is taken from `spare_bytes`. Null where torch has no such kernel
  /// for it, or there is no room.
  [[nodiscard]] std::shared_ptr<const PackedWeight> matrix(const std::string& identity,
                                                           const at::Tensor& matrix,
                                                           std::uint64_t& spare_bytes);

 private:
  Counters& counters_;
  std::mutex lock_;
  std::map<std::string, std::weak_ptr<const PackedWeight>> known_;
};

}  // namespace genie::kernels_aten
