// The CPU as a device: host memory, blobs used where they are mapped, stages compiled into executables.
#pragma once

#include "compile.hpp"
#include "counters.hpp"
#include "genie/cpp/kernels.hpp"

namespace genie::kernels_aten {

class CpuDevice final : public Device {
 public:
  /// close: stages may differ from torch in the last bits (fuse.hpp).
  CpuDevice(Host host, bool close) : host_(host), close_(close) {}

  Expected<Allocation> alloc(std::uint64_t size, std::uint64_t align) override;
  void free(genie_memory* memory) noexcept override;
  Outcome copy(const Call& call, const genie_tensor_view& to, const genie_tensor_view& from,
               genie_stream* stream) override;
  Expected<Weight> put_weight(const Call& call, std::string_view digest, genie_bytes bytes) override;
  void release_weight(genie_weight* weight) noexcept override;
  Expected<std::unique_ptr<Executable>> compile(const Call& call, std::string_view plan,
                                                std::span<const genie_named_weight> weights,
                                                std::string_view options) override;
  Expected<std::string> stats() override;

 private:
  Host host_;
  const bool close_;
  Counters counters_;
  PackedWeights packed_{counters_};
};

}  // namespace genie::kernels_aten
