#include "device.hpp"

#include <c10/core/InferenceMode.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <new>
#include <unordered_map>

#include "exchange.hpp"
#include "failure.hpp"
#include "genie/plan/json.hpp"
#include "options.hpp"
#include "run.hpp"

namespace genie::kernels_aten {

namespace {

/// What a genie_memory* points to.
struct Memory {
  void* data;
  std::uint64_t size;
  std::align_val_t align;
};

/// What a genie_weight* points to: the caller's bytes, described for torch.
using ResidentBlob = BlobStorage;

/// torch's own allocator aligns to this; smaller requests are raised so that kernels meet what they are tuned for.
constexpr std::uint64_t kLeastAlign = 64;

/// Dimensions that repeat one element (stride 0) cut to one, so that a tensor may be written.
at::Tensor distinct(at::Tensor tensor) {
  for (std::int64_t axis = 0; axis < tensor.dim(); ++axis)
    if (tensor.stride(axis) == 0 && tensor.size(axis) > 1) tensor = tensor.narrow(axis, 0, 1);
  return tensor;
}

}  // namespace

Expected<Allocation> CpuDevice::alloc(std::uint64_t size, std::uint64_t align) {
  if (!std::has_single_bit(align))
    return invalid_argument("alignment " + std::to_string(align) + " is no power of two");
  const auto alignment = static_cast<std::align_val_t>(std::max(align, kLeastAlign));
  void* const data =
      ::operator new(static_cast<std::size_t>(std::max<std::uint64_t>(size, 1)), alignment, std::nothrow);
  if (data == nullptr)
    return Error{GENIE_RESOURCE_EXHAUSTED,
                 "this machine has no " + std::to_string(size) + " bytes of memory left"};
  const std::uint64_t now = counters_.memory_bytes.fetch_add(size, std::memory_order_relaxed) + size;
  Counters::raise(counters_.memory_peak_bytes, now);
  return Allocation{reinterpret_cast<genie_memory*>(new Memory{data, size, alignment}), data};
}

void CpuDevice::free(genie_memory* handle) noexcept {
  if (handle == nullptr) return;
  auto* const memory = reinterpret_cast<Memory*>(handle);
  ::operator delete(memory->data, memory->align);
  Counters::subtract(counters_.memory_bytes, memory->size);
  delete memory;
}

Outcome CpuDevice::copy(const Call&, const genie_tensor_view& to_view, const genie_tensor_view& from_view,
                        genie_stream* stream) {
  if (stream != nullptr) return unimplemented("these kernels have no streams: pass none");
  return with_torch("copying a tensor", [&]() -> Outcome {
    const c10::InferenceMode inference;
    auto to = borrow(to_view);
    if (!to) return std::move(to).error();
    auto from = borrow(from_view);
    if (!from) return std::move(from).error();
    if (to->scalar_type() != from->scalar_type() || !to->sizes().equals(from->sizes()))
      return invalid_argument("copy needs equal element types and shapes, and was given " + describe(*from) +
                              " for " + describe(*to));
    if (to->numel() == 0) return Done{};
    Counters::add(counters_.copy_bytes, to->nbytes());
    if (to->strides().equals(from->strides())) {
      // One span, whatever it skips or repeats; memmove, because a caller may shift a tensor within its memory.
      if (to->is_non_overlapping_and_dense()) {
        std::memmove(start(*to), start(*from), extent_bytes(*to));
        return Done{};
      }
    }
    at::Tensor target = *to;
    at::Tensor source = *from;
    for (std::int64_t axis = 0; axis < target.dim(); ++axis)
      if (target.stride(axis) == 0 && target.size(axis) > 1) source = source.narrow(axis, 0, 1);
    distinct(target).copy_(source);
    return Done{};
  });
}

Expected<Weight> CpuDevice::put_weight(const Call&, std::string_view, genie_bytes bytes) {
  auto blob = std::make_unique<ResidentBlob>();
  blob->data = bytes.data;
  blob->size = bytes.size;
  // torch has no read-only storage: nothing compiled here writes to one, and a mapping without write access enforces it.
  blob->storage =
      c10::Storage(c10::Storage::use_byte_size_t(), static_cast<std::size_t>(bytes.size),
                   c10::DataPtr(const_cast<void*>(bytes.data), c10::Device(c10::kCPU)), nullptr, false);
  Counters::add(counters_.weight_bytes, bytes.size);
  return Weight{reinterpret_cast<genie_weight*>(blob.release()), 0};
}

void CpuDevice::release_weight(genie_weight* weight) noexcept {
  if (weight == nullptr) return;
  auto* const blob = reinterpret_cast<ResidentBlob*>(weight);
  Counters::subtract(counters_.weight_bytes, blob->size);
  delete blob;
}

Expected<std::unique_ptr<Executable>> CpuDevice::compile(const Call& call, std::string_view plan,
                                                         std::span<const genie_named_weight> weights,
                                                         std::string_view options) {
  const auto spare = read_spare_bytes(options);
  if (!spare) return spare.error();
  if (call.cancelled()) return cancelled();
  std::unordered_map<std::string_view, const BlobStorage*> blobs;
  for (const genie_named_weight& weight : weights)
    blobs.emplace(view(weight.digest), reinterpret_cast<const ResidentBlob*>(weight.weight));
  FuseContext fuse{packed_, *spare, {}};
  const CompileContext context{
      [&blobs](std::string_view digest) {
        const auto found = blobs.find(digest);
        return found == blobs.end() ? nullptr : found->second;
      },
      [this](std::uint64_t bytes) { Counters::add(counters_.weight_bytes_copied, bytes); },
      close_ ? &fuse : nullptr};
  return with_torch("compiling a stage", [&]() -> Expected<std::unique_ptr<Executable>> {
    const c10::InferenceMode inference;
    auto program = compile_stage(plan, context);
    if (!program) return std::move(program).error();
    Counters::add(counters_.fused_nodes, program->fused_nodes);
    return std::unique_ptr<Executable>(
        std::make_unique<StageExecutable>(host_, *std::move(program), counters_));
  });
}

Expected<std::string> CpuDevice::stats() {
  plan::json::Writer writer;
  writer.begin_object();
  const auto write = [&](const char* name, const Counters::Count& count) {
    writer.key(name).value(count.load(std::memory_order_relaxed));
  };
  write("copy_bytes", counters_.copy_bytes);
  write("fused_nodes", counters_.fused_nodes);
  write("kernel_calls", counters_.kernel_calls);
  write("memory_bytes", counters_.memory_bytes);
  write("memory_peak_bytes", counters_.memory_peak_bytes);
  write("output_bytes_copied", counters_.output_bytes_copied);
  write("packed_bytes", counters_.packed_bytes);
  write("packed_weights", counters_.packed_weights);
  write("runs", counters_.runs);
  write("staging_copies", counters_.staging_copies);
  write("state_bytes_copied", counters_.state_bytes_copied);
  write("weight_bytes", counters_.weight_bytes);
  write("weight_bytes_copied", counters_.weight_bytes_copied);
  writer.end_object();
  return writer.take();
}

}  // namespace genie::kernels_aten
