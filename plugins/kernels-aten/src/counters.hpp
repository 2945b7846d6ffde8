// What a device counts from open to close. Written by the thread that runs, read by any.
#pragma once

#include <atomic>
#include <cstdint>

namespace genie::kernels_aten {

struct Counters {
  using Count = std::atomic<std::uint64_t>;
  Count kernel_calls{0};         ///< operators called
  Count runs{0};                 ///< stages run
  Count weight_bytes_copied{0};  ///< 0 while every weight is used where it is mapped
  Count state_bytes_copied{0};   ///< new contents that were computed aside
  Count output_bytes_copied{0};  ///< outputs copied into the caller's memory
  Count staging_copies{0};       ///< how many such copies
  Count copy_bytes{0};           ///< moved by `copy`
  Count memory_bytes{0};         ///< given out by `alloc`, now
  Count memory_peak_bytes{0};    ///< the most at one time
  Count weight_bytes{0};         ///< resident now
  Count packed_weights{0};       ///< weights of which a copy is kept in another layout, now
  Count packed_bytes{0};         ///< what those copies take, now
  Count fused_nodes{0};          ///< nodes of compiled stages that another's operator computes as well

  static void add(Count& count, std::uint64_t amount) { count.fetch_add(amount, std::memory_order_relaxed); }
  static void subtract(Count& count, std::uint64_t amount) {
    count.fetch_sub(amount, std::memory_order_relaxed);
  }
  static void raise(Count& peak, std::uint64_t to) {
    std::uint64_t seen = peak.load(std::memory_order_relaxed);
    while (seen < to && !peak.compare_exchange_weak(seen, to, std::memory_order_relaxed)) {
    }
  }
};

}  // namespace genie::kernels_aten
