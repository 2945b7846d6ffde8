#include "tensor.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cstdlib>
#include <cstring>

namespace genie::tensors {

namespace {

constexpr std::size_t kAlignment = 64;  // what kernels ask of every tensor they are handed

plan::Diagnostic error(std::string code, std::string message, std::string help) {
  plan::Diagnostic diagnostic;
  diagnostic.code = std::move(code);
  diagnostic.message = std::move(message);
  diagnostic.help = std::move(help);
  return diagnostic;
}

/// Copies dimension by dimension; the innermost one at once where it is dense.
void copy_dense(const std::byte* from, std::byte*& to, const genie_tensor_view& view, std::int32_t dim,
                std::size_t size) {
  if (dim == view.rank) {
    std::memcpy(to, from, size);
    to += size;
    return;
  }
  const std::int64_t count = view.shape[dim];
  const std::int64_t stride = view.strides[dim];
  if (dim + 1 == view.rank && stride == 1) {
    const std::size_t bytes = static_cast<std::size_t>(count) * size;
    if (bytes > 0) std::memcpy(to, from, bytes);
    to += bytes;
    return;
  }
  for (std::int64_t i = 0; i < count; ++i)
    copy_dense(from + i * stride * static_cast<std::int64_t>(size), to, view, dim + 1, size);
}

}  // namespace

std::optional<std::uint64_t> dense_bytes(plan::DType dtype, std::span<const std::int64_t> shape) {
  std::uint64_t count = plan::size_bytes(dtype);
  bool empty = false;
  for (const std::int64_t size : shape) {
    if (size < 0) return std::nullopt;
    if (size == 0) {
      empty = true;
    } else if (__builtin_mul_overflow(count, static_cast<std::uint64_t>(size), &count)) {
      return std::nullopt;
    }
  }
  if (count > (std::uint64_t{1} << 62)) return std::nullopt;
  return empty ? 0 : count;
}

std::string type_text(plan::DType dtype, std::span<const std::int64_t> shape) {
  return fmt::format("{}[{}]", plan::name(dtype), fmt::join(shape, ", "));
}

std::vector<std::int64_t> unravel(std::uint64_t element, std::span<const std::int64_t> shape) {
  std::vector<std::int64_t> index(shape.size());
  for (std::size_t i = shape.size(); i-- > 0;) {
    const auto size = static_cast<std::uint64_t>(shape[i] > 0 ? shape[i] : 1);
    index[i] = static_cast<std::int64_t>(element % size);
    element /= size;
  }
  return index;
}

plan::Result<Tensor::Memory> Tensor::allocate(plan::DType dtype, std::span<const std::int64_t> shape) {
  const auto bytes = dense_bytes(dtype, shape);
  const std::size_t rounded =
      bytes ? (*bytes + kAlignment) / kAlignment * kAlignment : 0;  // at least one line, so never null
  void* data = bytes ? std::aligned_alloc(kAlignment, rounded) : nullptr;
  if (data == nullptr)
    return error("GE0708",
                 fmt::format("there is no memory for a tensor {}", tensors::type_text(dtype, shape)),
                 "use a smaller shape, or a machine with more memory");
  std::memset(data, 0, rounded);
  return Memory{{static_cast<std::byte*>(data), static_cast<std::size_t>(*bytes)},
                std::shared_ptr<const void>(data, std::free)};
}

plan::Result<Tensor> Tensor::copy_of(const genie_tensor_view& view) {
  const auto dtype = plan::dtype_from_dlpack(view.dtype.code, view.dtype.bits, view.dtype.lanes);
  if (!dtype)
    return error("GE0705",
                 fmt::format("no name is known for the element type (code {}, {} bits, {} lanes)",
                             view.dtype.code, view.dtype.bits, view.dtype.lanes),
                 "cast the tensor to a type that plans have: f32, f16, bf16, i64, …");
  if (view.device_kind != GENIE_DEVICE_CPU && view.device_kind != GENIE_DEVICE_CUDA_HOST)
    return error("GE0709",
                 fmt::format("the tensor lies on a device of kind {}, not in host memory", view.device_kind),
                 "fetch the tensor to the host first");
  std::vector<std::int64_t> shape(view.shape, view.shape + view.rank);
  const auto* from = static_cast<const std::byte*>(view.data) + view.byte_offset;
  return make(*dtype, std::move(shape), [&](std::span<std::byte> into) {
    if (into.empty()) return;
    if (view.strides == nullptr) {
      std::memcpy(into.data(), from, into.size());
    } else {
      std::byte* to = into.data();
      copy_dense(from, to, view, 0, plan::size_bytes(*dtype));
    }
  });
}

genie_tensor_view Tensor::view() const {
  genie_tensor_view view{};
  // The ABI's views have no const; whoever is handed an input only reads it.
  view.data = const_cast<std::byte*>(data_.data());
  view.device_kind = GENIE_DEVICE_CPU;
  view.rank = static_cast<std::int32_t>(shape_.size());
  const plan::DlpackType type = plan::dlpack_type(dtype_);
  view.dtype = {type.code, type.bits, 1};
  view.shape = const_cast<std::int64_t*>(shape_.data());
  return view;
}

std::string Tensor::type_text() const {
  return tensors::type_text(dtype_, shape_);
}

}  // namespace genie::tensors
