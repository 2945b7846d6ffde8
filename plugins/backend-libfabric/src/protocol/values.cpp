#include "protocol/values.hpp"

namespace genie::remote {

namespace {

/// What the view of an owned tensor points into.
struct Owned {
  genie_tensor tensor{};
  std::shared_ptr<Buffer> payload;
  std::vector<std::int64_t> shape;
  std::vector<std::int64_t> strides;
};

}  // namespace

exec::Tensor received(const WireTensor& tensor, const std::shared_ptr<Buffer>& payload, exec::Claim claim) {
  exec::Tensor out;
  const bool bare = tensor.bytes == 0;  // a tensor of no bytes still has an address
  const std::shared_ptr<Buffer> memory = bare ? std::make_shared<Buffer>(1) : payload;
  out.byte_offset = bare ? 0 : tensor.offset % kPayloadAlign;
  out.data = memory->data + (bare ? 0 : tensor.offset - out.byte_offset);
  out.storage = exec::Storage::borrow(out.data, memory, std::move(claim));
  out.dtype = tensor.dtype;
  out.shape = tensor.shape;
  out.strides = tensor.strides;
  return out;
}

genie::Expected<WireTensor> append(Outgoing& frame, const exec::Tensor& tensor, bool snapshot,
                                   genie::Host host, const genie::Call& call) {
  WireTensor out;
  out.present = true;
  out.dtype = tensor.dtype;
  out.shape = tensor.shape;
  out.strides = tensor.strides;
  out.bytes = exec::span_bytes(tensor);
  if (out.bytes == 0) return out;
  // Where a row begins within its vector decides how libraries of linear algebra sum, and so the last bits: a slice arrives as
  // far from a multiple of the alignment as it was. Where a client's tensor lies says nothing about the model.
  const auto* address = static_cast<const std::byte*>(tensor.data) + tensor.byte_offset;
  const std::uint64_t phase =
      tensor.kernels == nullptr ? 0 : reinterpret_cast<std::uintptr_t>(address) % kPayloadAlign;
  const std::uint64_t end = frame.payload_bytes();
  const std::uint64_t aligned = (end + kPayloadAlign - 1) / kPayloadAlign * kPayloadAlign;
  out.offset = aligned + phase;
  Piece piece{address, static_cast<std::size_t>(out.bytes), static_cast<std::size_t>(aligned - end),
              tensor.storage};
  if (snapshot || tensor.device_kind != GENIE_DEVICE_CPU) {
    auto bytes = exec::bytes_of(host, call, tensor);
    if (!bytes) return std::move(bytes).error();
    auto copy = std::make_shared<std::vector<std::byte>>(*std::move(bytes));
    piece.data = copy->data();
    piece.hold = std::move(copy);
  }
  // A gap is at most one alignment: two pieces where it is more.
  if (phase != 0) {
    frame.payload.push_back({nullptr, 0, piece.gap, nullptr});
    piece.gap = static_cast<std::size_t>(phase);
  }
  frame.payload.push_back(std::move(piece));
  return out;
}

genie_tensor* to_owned(const WireTensor& tensor, std::shared_ptr<Buffer> payload) {
  auto owned = std::make_unique<Owned>();
  owned->shape = tensor.shape;
  owned->strides = tensor.strides;
  if (!payload) payload = std::make_shared<Buffer>(1);
  owned->payload = std::move(payload);
  genie_tensor& t = owned->tensor;
  t.dlpack_major = GENIE_DLPACK_MAJOR;
  t.dlpack_minor = GENIE_DLPACK_MINOR;
  t.manager = owned.get();
  t.view.data = owned->payload->data + (tensor.bytes == 0 ? 0 : tensor.offset);
  t.view.device_kind = GENIE_DEVICE_CPU;
  t.view.rank = static_cast<std::int32_t>(owned->shape.size());
  t.view.dtype = tensor.dtype;
  t.view.shape = owned->shape.data();
  t.view.strides = owned->strides.data();
  t.deleter = [](genie_tensor* self) noexcept { delete static_cast<Owned*>(self->manager); };
  return &owned.release()->tensor;
}

}  // namespace genie::remote
