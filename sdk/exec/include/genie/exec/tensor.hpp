// Values on emulated devices: who owns the bytes, and how a tensor lies in them.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "genie/exec/device.hpp"
#include "genie/plan/model.hpp"

namespace genie::exec {

/// Bytes that tensors share: memory of a kernels device, host memory, or a tensor that an executable allocated. Given back,
/// with its claim on the budget, when the last tensor in it goes.
class Storage {
 public:
  /// 64-byte aligned memory of a kernels device; of the host where `kernels` is null.
  [[nodiscard]] static genie::Expected<std::shared_ptr<Storage>> allocate(KernelsDevice* kernels,
                                                                          std::uint64_t bytes, Claim claim);
  /// Takes a tensor over; its deleter is called in the end.
  [[nodiscard]] static std::shared_ptr<Storage> adopt(genie_tensor* tensor, Claim claim);
  /// Memory of the host that somebody else owns, there as long as `hold` is.
  [[nodiscard]] static std::shared_ptr<Storage> borrow(void* data, std::shared_ptr<const void> hold,
                                                       Claim claim);
  /// Bytes that are only accounted for.
  [[nodiscard]] static std::shared_ptr<Storage> imagined(Claim claim);
  Storage(const Storage&) = delete;
  ~Storage();

  [[nodiscard]] void* data() const { return data_; }
  [[nodiscard]] KernelsDevice* kernels() const { return kernels_; }
  void set_claim(Claim claim) { claim_ = std::move(claim); }

 private:
  Storage() = default;
  KernelsDevice* kernels_ = nullptr;
  genie_memory* memory_ = nullptr;  // with kernels_
  bool host_ = false;               // data_ came from aligned_alloc
  genie_tensor* tensor_ = nullptr;
  std::shared_ptr<const void> hold_;
  void* data_ = nullptr;
  Claim claim_;
};

struct Tensor {
  std::shared_ptr<Storage> storage;  ///< null: the bytes of a weight, which outlive every step
  KernelsDevice* kernels = nullptr;  ///< whose memory it is; null: host memory
  void* data = nullptr;
  std::uint64_t byte_offset = 0;
  std::int32_t device_kind = GENIE_DEVICE_CPU;
  std::int32_t device_index = 0;
  genie_dtype dtype{};
  std::vector<std::int64_t> shape;
  std::vector<std::int64_t> strides;  ///< in elements
  bool in_state = false;              ///< shares a state's storage

  /// Points into this tensor.
  [[nodiscard]] genie_tensor_view view() const;
};

/// Copies the description.
[[nodiscard]] Tensor describe(const genie_tensor_view& view);
[[nodiscard]] genie_dtype dtype_of(plan::DType dtype);
[[nodiscard]] std::vector<std::int64_t> contiguous(const std::vector<std::int64_t>& shape);
[[nodiscard]] std::int64_t element_count(const std::vector<std::int64_t>& shape);
/// Elements from the first to the last that the strides reach (an expanded dimension counts once); 0 when there are none.
[[nodiscard]] std::uint64_t span_elements(const Tensor& tensor);
[[nodiscard]] std::uint64_t span_bytes(const Tensor& tensor);

/// Copies the bytes that the tensor spans to another device, same sizes, strides, dtype and place within 64 bytes, into memory of
/// its own. With `carried`, the bytes are those: what arrived of the tensor.
[[nodiscard]] genie::Expected<Tensor> send(const genie::Call& call, const Tensor& from, KernelsDevice* to,
                                           Claim claim, Counters& counters, const Tensor* carried = nullptr);
/// A tensor in host memory of these bytes, laid out as `like`, whose span they are.
[[nodiscard]] genie::Expected<Tensor> arrived(const Tensor& like, std::span<const std::byte> bytes);
/// The bytes that the tensor spans, in host memory; none of an imagined one.
[[nodiscard]] genie::Expected<std::vector<std::byte>> bytes_of(genie::Host host, const genie::Call& call,
                                                               const Tensor& tensor);
/// Copies elements; shapes and dtypes are equal. Either may be in host memory.
[[nodiscard]] genie::Outcome copy(genie::Host host, const genie::Call& call, const Tensor& to,
                                  const Tensor& from);

/// A tensor in host memory that its receiver owns; contiguous unless strides are given. Zeroed when `zero`.
[[nodiscard]] genie::Expected<genie_tensor*> make_host_tensor(genie_dtype dtype,
                                                              std::vector<std::int64_t> shape,
                                                              std::vector<std::int64_t> strides, bool zero);

}  // namespace genie::exec
