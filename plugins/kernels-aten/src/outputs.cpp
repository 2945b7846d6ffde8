#include "outputs.hpp"

#include <cstdint>
#include <cstring>
#include <unordered_map>
#include <unordered_set>

#include "exchange.hpp"
#include "failure.hpp"

namespace genie::kernels_aten {

namespace {

constexpr std::uintptr_t kPlaceAlign = 64;  ///< of what the caller's `place` gives
/// From here on, an output that is all of its storage is handed out as it is: to copy it would cost more than torch's memory
/// differs from the caller's.
constexpr std::uint64_t kHandedOut = std::uint64_t{64} << 10;

const void* key(const at::Tensor& tensor) {
  return tensor.storage().unsafeGetStorageImpl();
}

/// An output of this run whose storage later outputs may share.
struct Delivered {
  std::uint32_t output = 0;
  char* from = nullptr;  ///< first byte in torch's memory
  std::uint64_t bytes = 0;
  char* to = nullptr;  ///< where that byte is now
};

/// Where a tensor's first byte is, if its bytes lie within what was delivered.
char* within(const Delivered& delivered, const at::Tensor& tensor) {
  char* const first = start(tensor);
  if (first < delivered.from || first + extent_bytes(tensor) > delivered.from + delivered.bytes)
    return nullptr;
  return delivered.to + (first - delivered.from);
}

class Delivery {
 public:
  Delivery(genie_run_args& args, const KnownStorages& known, Counters& counters)
      : args_(args), known_(known), counters_(counters) {}

  /// Storages of which several outputs are parts, the first of them not the whole: to copy each part's span would multiply the
  /// bytes that lie between their elements, so torch's memory itself is handed out.
  void find_parts(const std::vector<at::Tensor>& tensors) {
    std::unordered_map<const void*, Delivered> first;
    for (const at::Tensor& tensor : tensors) {
      if (!tensor.defined() || known_.find(tensor) != nullptr) continue;
      const auto [at, added] =
          first.try_emplace(key(tensor), Delivered{0, start(tensor), extent_bytes(tensor), start(tensor)});
      if (!added && within(at->second, tensor) == nullptr) in_parts_.insert(key(tensor));
    }
  }

  void one(std::uint32_t number, at::Tensor tensor) {
    genie_stage_output& out = args_.outputs[number];
    if (!tensor.defined()) {
      out = {nullptr, GENIE_OUTPUT_ABSENT, 0};
      return;
    }
    // These bits say "not computed yet"; the ABI has no word for that.
    if (tensor.is_conj()) tensor = tensor.resolve_conj();
    if (tensor.is_neg()) tensor = tensor.resolve_neg();
    if (const KnownStorages::Origin* origin = known_.find(tensor)) {
      char* const data = start(tensor);
      out = {lend(std::move(tensor), data), origin->kind, origin->source};
      return;
    }
    if (const auto before = delivered_.find(key(tensor)); before != delivered_.end()) {
      if (char* const data = within(before->second, tensor)) {
        out = {lend(std::move(tensor), data), GENIE_OUTPUT_VIEW_OUTPUT, before->second.output};
        return;
      }
    }
    const std::uint64_t bytes = extent_bytes(tensor);
    char* const from = start(tensor);
    char* to = from;
    std::uint32_t origin = GENIE_OUTPUT_OWNED;
    // A view that begins within a vector must go on doing so: the last bits of products depend on it. Placed memory is aligned.
    const bool handed_out = bytes >= kHandedOut && tensor.storage().nbytes() == bytes;
    if (args_.place != nullptr && bytes > 0 && !handed_out && !in_parts_.contains(key(tensor)) &&
        reinterpret_cast<std::uintptr_t>(from) % kPlaceAlign == 0) {
      if (void* const place = args_.place(args_.place_ctx, number, abi_dtype(tensor.scalar_type()).value(),
                                          static_cast<std::int32_t>(tensor.dim()), tensor.sizes().data(),
                                          tensor.strides().data())) {
        to = static_cast<char*>(place);
        origin = GENIE_OUTPUT_PLACED;
        // All of the span: what lies between the elements may belong to another output of the same storage.
        std::memcpy(to, from, bytes);
        Counters::add(counters_.output_bytes_copied, bytes);
        Counters::add(counters_.staging_copies, 1);
      }
    }
    delivered_.try_emplace(key(tensor),
                           Delivered{number, origin == GENIE_OUTPUT_OWNED ? storage_start(tensor) : from,
                                     origin == GENIE_OUTPUT_OWNED ? tensor.storage().nbytes() : bytes,
                                     origin == GENIE_OUTPUT_OWNED ? storage_start(tensor) : to});
    out = {lend(std::move(tensor), to), origin, 0};
  }

 private:
  static char* storage_start(const at::Tensor& tensor) {
    return static_cast<char*>(tensor.storage().mutable_data());
  }

  genie_run_args& args_;
  const KnownStorages& known_;
  Counters& counters_;
  std::unordered_map<const void*, Delivered> delivered_;
  std::unordered_set<const void*> in_parts_;
};

}  // namespace

void KnownStorages::add(const at::Tensor& tensor, Origin origin) {
  if (tensor.defined()) origins_.try_emplace(key(tensor), origin);
}

const KnownStorages::Origin* KnownStorages::find(const at::Tensor& tensor) const {
  const auto found = origins_.find(key(tensor));
  return found == origins_.end() ? nullptr : &found->second;
}

Outcome deliver(genie_run_args& args, std::vector<at::Tensor> tensors, const KnownStorages& known,
                Counters& counters) {
  // Refused before anything is handed out.
  for (std::size_t i = 0; i < tensors.size(); ++i)
    if (tensors[i].defined() && (tensors[i].layout() != at::kStrided || !abi_dtype(tensors[i].scalar_type())))
      return unimplemented(
          "output " + std::to_string(i) + " is a " + std::string(c10::toString(tensors[i].scalar_type())) +
          " tensor that is not strided or has no element type in Genie: convert it inside the model");
  Delivery delivery(args, known, counters);
  delivery.find_parts(tensors);
  for (std::size_t i = 0; i < tensors.size(); ++i)
    delivery.one(static_cast<std::uint32_t>(i), std::move(tensors[i]));
  return Done{};
}

}  // namespace genie::kernels_aten
