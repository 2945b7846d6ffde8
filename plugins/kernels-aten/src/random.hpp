// Random operators: every node that draws has a sequence of its own, so that where and when a node runs decides nothing.
#pragma once

#include <ATen/core/Generator.h>
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <mutex>
#include <string_view>

namespace genie::kernels_aten {

/// The seed of one sequence of a run. Sequence 0 has the run's own: a program that draws in one place draws what torch does
/// after torch.manual_seed. The others are mixed well (SplitMix64's finalizer, Steele et al., "Fast splittable pseudorandom
/// number generators", 2014).
[[nodiscard]] std::uint64_t stream_seed(std::uint64_t run_seed, std::uint64_t stream);

/// The sequence of a node for which the plan names none (FNV-1a of its id).
[[nodiscard]] std::uint64_t stream_of(std::string_view node_id);

/// Lends torch's default generator to one run and puts it back as it was. Operators without a generator argument draw from
/// that one generator of the process, so runs that draw take turns.
class RandomRun {
 public:
  explicit RandomRun(std::uint64_t seed);
  RandomRun(const RandomRun&) = delete;
  RandomRun& operator=(const RandomRun&) = delete;
  ~RandomRun();

  /// Starts another sequence. Only while a RandomRun exists on this thread.
  static void begin(std::uint64_t seed);

 private:
  std::lock_guard<std::mutex> turn_;
  at::Generator generator_;
  at::Tensor saved_;
};

}  // namespace genie::kernels_aten
