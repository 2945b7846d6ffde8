#include "packing.hpp"

#include <ATen/Context.h>
#include <ATen/core/dispatch/Dispatcher.h>

#include <optional>
#include <vector>

#include "operators.hpp"

namespace genie::kernels_aten {

namespace {

std::string geometry(const at::Tensor& tensor) {
  std::string text = "/" + std::to_string(tensor.storage_offset());
  for (std::int64_t axis = 0; axis < tensor.dim(); ++axis)
    text += "/" + std::to_string(tensor.size(axis)) + ":" + std::to_string(tensor.stride(axis));
  return text;
}

/// What packing takes at most: rows and columns are padded to whole blocks.
std::uint64_t most_bytes(const at::Tensor& matrix) {
  constexpr std::uint64_t kBlock = 64;
  constexpr std::uint64_t kPage = 4096;
  const auto padded = [](std::int64_t size) {
    return (static_cast<std::uint64_t>(size) + kBlock - 1) / kBlock * kBlock;
  };
  return padded(matrix.size(0)) * padded(matrix.size(1)) * static_cast<std::uint64_t>(matrix.element_size()) +
         kPage;
}

std::optional<c10::IValue> call(std::string_view name, std::vector<c10::IValue> stack) {
  const auto op = find_operator(name);
  if (!op) return std::nullopt;
  op->callBoxed(&stack);
  return std::move(stack.front());
}

}  // namespace

PackedWeight::PackedWeight(at::Tensor tensor, std::uint64_t bytes, Counters& counters)
    : tensor_(std::move(tensor)), bytes_(bytes), counters_(counters) {
  Counters::add(counters_.packed_weights, 1);
  Counters::add(counters_.packed_bytes, bytes_);
}

PackedWeight::~PackedWeight() {
  Counters::subtract(counters_.packed_weights, 1);
  Counters::subtract(counters_.packed_bytes, bytes_);
}

std::shared_ptr<const PackedWeight> PackedWeights::matrix(const std::string& identity,
                                                          const at::Tensor& matrix,
                                                          std::uint64_t& spare_bytes) {
  if (!at::globalContext().userEnabledMkldnn()) return nullptr;
  const std::lock_guard hold(lock_);
  std::erase_if(known_, [](const auto& one) { return one.second.expired(); });
  std::weak_ptr<const PackedWeight>& known = known_[identity + geometry(matrix)];
  if (auto packed = known.lock()) return packed;
  const std::uint64_t most = most_bytes(matrix);
  if (most > spare_bytes) return nullptr;
  try {
    const auto packed = call("mkldnn._reorder_linear_weight.default", {matrix.detach(), c10::IValue()});
    if (!packed) return nullptr;
    const auto size = call("mkldnn._nbytes.default", {*packed});
    const auto bytes = size ? static_cast<std::uint64_t>(size->toInt()) : most;
    if (bytes > spare_bytes) return nullptr;
    auto made = std::make_shared<const PackedWeight>(packed->toTensor(), bytes, counters_);
    spare_bytes -= bytes;
    known = made;
    return made;
  } catch (const std::exception&) {
    // This processor lacks what the layout needs: the ordinary kernels compute with the weight as it is.
    return nullptr;
  }
}

}  // namespace genie::kernels_aten
