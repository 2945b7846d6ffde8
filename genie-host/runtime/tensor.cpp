#include "runtime/tensor.hpp"

#include <new>

namespace genie::runtime {
namespace {

// What a given-away tensor's manager points to: the tensor of the plug-in, and what keeps that plug-in alive.
struct Given {
  genie_tensor outer;
  genie_tensor* inner;
  std::shared_ptr<const void> keep_alive;
};

void delete_tensor(genie_tensor* tensor) noexcept {
  if (tensor && tensor->deleter) tensor->deleter(tensor);
}

}  // namespace

OwnedTensor::~OwnedTensor() {
  delete_tensor(tensor_);
}

genie_tensor* OwnedTensor::release() && {
  if (!tensor_) return nullptr;
  if (!keep_alive_) return std::exchange(tensor_, nullptr);
  auto* given = new (std::nothrow) Given{*tensor_, tensor_, std::move(keep_alive_)};
  if (!given) return nullptr;
  given->outer.manager = given;
  given->outer.deleter = [](genie_tensor* self) noexcept {
    const std::unique_ptr<Given> owned(static_cast<Given*>(self->manager));
    delete_tensor(owned->inner);
  };
  tensor_ = nullptr;
  return &given->outer;
}

std::uint64_t span_bytes(const genie_tensor_view& view) {
  std::uint64_t last = 0;  // element offset of the last element
  std::uint64_t row_major = 1;
  for (int i = view.rank - 1; i >= 0; --i) {
    const auto extent = static_cast<std::uint64_t>(view.shape[i]);
    if (extent == 0) return 0;
    last += (extent - 1) * (view.strides ? static_cast<std::uint64_t>(view.strides[i]) : row_major);
    row_major *= extent;
  }
  const std::uint64_t element_bytes = (std::uint64_t{view.dtype.bits} * view.dtype.lanes + 7) / 8;
  return (last + 1) * element_bytes;
}

}  // namespace genie::runtime
