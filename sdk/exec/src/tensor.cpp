#include "genie/exec/tensor.hpp"

#include <cstdlib>
#include <cstring>

namespace genie::exec {

namespace {

constexpr std::size_t kAlign = 64;

void* host_memory(std::uint64_t bytes) {
  const std::uint64_t rounded = (std::max<std::uint64_t>(bytes, 1) + kAlign - 1) / kAlign * kAlign;
  return std::aligned_alloc(kAlign, rounded);
}

std::uint64_t element_bytes(genie_dtype dtype) {
  return (static_cast<std::uint64_t>(dtype.bits) * dtype.lanes + 7) / 8;
}

/// The spanned bytes as one row.
Tensor flat(const Tensor& tensor) {
  Tensor row = tensor;
  row.shape = {static_cast<std::int64_t>(span_elements(tensor))};
  row.strides = {1};
  return row;
}

const std::byte* address(const Tensor& t) {
  return static_cast<const std::byte*>(t.data) + t.byte_offset;
}

/// Host to host, any strides.
void copy_elements(const Tensor& to, const Tensor& from) {
  const std::uint64_t size = element_bytes(to.dtype);
  std::vector<std::int64_t> at(to.shape.size(), 0);
  auto* target = static_cast<std::byte*>(to.data) + to.byte_offset;
  const std::byte* source = address(from);
  const std::int64_t count = element_count(to.shape);
  if (to.strides == from.strides && to.strides == contiguous(to.shape)) {
    std::memcpy(target, source, static_cast<std::size_t>(count) * size);
    return;
  }
  for (std::int64_t i = 0; i < count; ++i) {
    std::int64_t t = 0, f = 0;
    for (std::size_t d = 0; d < at.size(); ++d) {
      t += at[d] * to.strides[d];
      f += at[d] * from.strides[d];
    }
    std::memcpy(target + t * static_cast<std::int64_t>(size), source + f * static_cast<std::int64_t>(size),
                size);
    for (std::size_t d = at.size(); d-- > 0;) {
      if (++at[d] < to.shape[d]) break;
      at[d] = 0;
    }
  }
}

struct HostTensor {
  genie_tensor tensor{};
  void* data = nullptr;
  std::vector<std::int64_t> shape;
  std::vector<std::int64_t> strides;
};

}  // namespace

genie::Expected<std::shared_ptr<Storage>> Storage::allocate(KernelsDevice* kernels, std::uint64_t bytes,
                                                            Claim claim) {
  std::shared_ptr<Storage> storage(new Storage);
  storage->claim_ = std::move(claim);
  if (kernels != nullptr) {
    if (genie_status* status = kernels->table().alloc(kernels->device(), std::max<std::uint64_t>(bytes, 1),
                                                      kAlign, &storage->memory_, &storage->data_))
      return kernels->host().take(status);
    storage->kernels_ = kernels;
    return storage;
  }
  storage->data_ = host_memory(bytes);
  if (storage->data_ == nullptr)
    return genie::Error{GENIE_RESOURCE_EXHAUSTED,
                        "this machine has no " + bytes_text(bytes) + " of memory left"};
  storage->host_ = true;
  return storage;
}

std::shared_ptr<Storage> Storage::adopt(genie_tensor* tensor, Claim claim) {
  std::shared_ptr<Storage> storage(new Storage);
  storage->tensor_ = tensor;
  storage->data_ = tensor->view.data;
  storage->claim_ = std::move(claim);
  return storage;
}

std::shared_ptr<Storage> Storage::borrow(void* data, std::shared_ptr<const void> hold, Claim claim) {
  std::shared_ptr<Storage> storage(new Storage);
  storage->data_ = data;
  storage->hold_ = std::move(hold);
  storage->claim_ = std::move(claim);
  return storage;
}

std::shared_ptr<Storage> Storage::imagined(Claim claim) {
  std::shared_ptr<Storage> storage(new Storage);
  storage->claim_ = std::move(claim);
  return storage;
}

Storage::~Storage() {
  if (kernels_ != nullptr) kernels_->table().free(kernels_->device(), memory_);
  if (host_) std::free(data_);
  if (tensor_ != nullptr && tensor_->deleter != nullptr) tensor_->deleter(tensor_);
}

genie_tensor_view Tensor::view() const {
  genie_tensor_view v{};
  v.data = data;
  v.device_kind = device_kind;
  v.device_index = device_index;
  v.rank = static_cast<std::int32_t>(shape.size());
  v.dtype = dtype;
  // The ABI's views are not const; nobody writes through shape and strides.
  v.shape = const_cast<std::int64_t*>(shape.data());
  v.strides = const_cast<std::int64_t*>(strides.data());
  v.byte_offset = byte_offset;
  return v;
}

Tensor describe(const genie_tensor_view& view) {
  Tensor t;
  t.data = view.data;
  t.byte_offset = view.byte_offset;
  t.device_kind = view.device_kind;
  t.device_index = view.device_index;
  t.dtype = view.dtype;
  const auto rank = static_cast<std::size_t>(std::max(0, view.rank));
  if (rank != 0) t.shape.assign(view.shape, view.shape + rank);
  if (view.strides != nullptr && rank != 0)
    t.strides.assign(view.strides, view.strides + rank);
  else
    t.strides = contiguous(t.shape);
  return t;
}

genie_dtype dtype_of(plan::DType dtype) {
  const plan::DlpackType type = plan::dlpack_type(dtype);
  return {type.code, type.bits, 1};
}

std::vector<std::int64_t> contiguous(const std::vector<std::int64_t>& shape) {
  std::vector<std::int64_t> strides(shape.size(), 1);
  for (std::size_t d = shape.size(); d-- > 1;)
    strides[d - 1] = strides[d] * std::max<std::int64_t>(1, shape[d]);
  return strides;
}

std::int64_t element_count(const std::vector<std::int64_t>& shape) {
  std::int64_t count = 1;
  for (const std::int64_t s : shape)
    count *= s;
  return count;
}

std::uint64_t span_elements(const Tensor& tensor) {
  std::int64_t last = 0;
  for (std::size_t d = 0; d < tensor.shape.size(); ++d) {
    if (tensor.shape[d] == 0) return 0;
    last += (tensor.shape[d] - 1) * tensor.strides[d];
  }
  return static_cast<std::uint64_t>(last + 1);
}

std::uint64_t span_bytes(const Tensor& tensor) {
  return span_elements(tensor) * element_bytes(tensor.dtype);
}

genie::Outcome copy(genie::Host host, const genie::Call& call, const Tensor& to, const Tensor& from) {
  if (element_count(to.shape) == 0) return genie::Done{};
  KernelsDevice* kernels = to.kernels != nullptr ? to.kernels : from.kernels;
  if (kernels == nullptr) {
    copy_elements(to, from);
    return genie::Done{};
  }
  const genie_tensor_view target = to.view();
  const genie_tensor_view source = from.view();
  return host.outcome(kernels->table().copy(call.get(), kernels->device(), &target, &source, nullptr));
}

genie::Expected<Tensor> arrived(const Tensor& like, std::span<const std::byte> bytes) {
  auto storage = Storage::allocate(nullptr, bytes.size(), Claim());
  if (!storage) return std::move(storage).error();
  if (!bytes.empty()) std::memcpy((*storage)->data(), bytes.data(), bytes.size());
  Tensor here = like;
  here.storage = *storage;
  here.kernels = nullptr;
  here.device_kind = GENIE_DEVICE_CPU;
  here.device_index = 0;
  here.data = (*storage)->data();
  here.byte_offset = 0;
  here.in_state = false;
  return here;
}

genie::Expected<std::vector<std::byte>> bytes_of(genie::Host host, const genie::Call& call,
                                                 const Tensor& tensor) {
  std::vector<std::byte> bytes;
  if (tensor.data == nullptr) return bytes;
  bytes.resize(static_cast<std::size_t>(span_bytes(tensor)));
  Tensor here = flat(tensor);
  here.storage.reset();
  here.kernels = nullptr;
  here.device_kind = GENIE_DEVICE_CPU;
  here.device_index = 0;
  here.data = bytes.data();
  here.byte_offset = 0;
  if (!bytes.empty())
    if (auto done = copy(host, call, here, flat(tensor)); !done) return std::move(done).error();
  return bytes;
}

genie::Expected<Tensor> send(const genie::Call& call, const Tensor& from, KernelsDevice* to, Claim claim,
                             Counters& counters, const Tensor* carried) {
  // Where a row begins within its vector decides how libraries of linear algebra sum, and so the last bits: a slice stays as far
  // from the last multiple of the alignment as it was. Where a client's tensor lies says nothing about the model.
  const std::uint64_t phase =
      from.kernels == nullptr ? 0 : reinterpret_cast<std::uintptr_t>(address(from)) % kAlign;
  auto storage = Storage::allocate(to, span_bytes(from) + phase, std::move(claim));
  if (!storage) return std::move(storage).error();
  Tensor there = from;
  there.storage = *storage;
  there.kernels = to;
  there.device_kind = to != nullptr ? to->memory_kind() : GENIE_DEVICE_CPU;
  there.device_index = 0;
  there.data = (*storage)->data();
  there.byte_offset = phase;
  there.in_state = false;
  const Tensor& source = carried != nullptr ? *carried : from;
  if (to != nullptr || source.kernels != nullptr) {
    const genie::Host host = to != nullptr ? to->host() : source.kernels->host();
    // Kernels copy between their device and host memory; from one device to another they see host memory as well, because
    // all emulated devices are of this machine.
    if (auto done = copy(host, call, flat(there), flat(source)); !done) return std::move(done).error();
  } else if (span_elements(from) != 0) {
    copy_elements(flat(there), flat(source));
  }
  counters.add("payload_copies", 1);
  return there;
}

genie::Expected<genie_tensor*> make_host_tensor(genie_dtype dtype, std::vector<std::int64_t> shape,
                                                std::vector<std::int64_t> strides, bool zero) {
  auto made = std::make_unique<HostTensor>();
  made->shape = std::move(shape);
  made->strides = strides.empty() ? contiguous(made->shape) : std::move(strides);
  Tensor spanned;
  spanned.dtype = dtype;
  spanned.shape = made->shape;
  spanned.strides = made->strides;
  const std::uint64_t bytes = span_bytes(spanned);
  made->data = host_memory(bytes);
  if (made->data == nullptr)
    return genie::Error{GENIE_RESOURCE_EXHAUSTED,
                        "this machine has no " + bytes_text(bytes) + " of memory left"};
  if (zero) std::memset(made->data, 0, bytes);
  genie_tensor& t = made->tensor;
  t.dlpack_major = GENIE_DLPACK_MAJOR;
  t.dlpack_minor = GENIE_DLPACK_MINOR;
  t.manager = made.get();
  t.view.data = made->data;
  t.view.device_kind = GENIE_DEVICE_CPU;
  t.view.rank = static_cast<std::int32_t>(made->shape.size());
  t.view.dtype = dtype;
  t.view.shape = made->shape.data();
  t.view.strides = made->strides.data();
  t.deleter = [](genie_tensor* self) noexcept {
    const std::unique_ptr<HostTensor> owner(static_cast<HostTensor*>(self->manager));
    std::free(owner->data);
  };
  return &made.release()->tensor;
}

}  // namespace genie::exec
