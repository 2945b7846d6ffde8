// The timeline of a run: what backends and kernels reported through genie_host.trace, as owned values.
#pragma once

#include <cstdint>
#include <mutex>
#include <string>
#include <vector>

#include "genie/host.h"

namespace genie::services {

/// genie_trace_event with its text owned.
struct TraceEvent {
  std::uint32_t kind = GENIE_TRACE_SPAN;  ///< GENIE_TRACE_*
  std::uint32_t step = 0;
  std::uint64_t job = 0;  ///< of the call it was reported in; 0 if none
  std::string process;    ///< device or link id
  std::string queue;
  std::string name;
  std::string scope;
  std::uint64_t t_ns = 0;
  std::uint64_t duration_ns = 0;
  std::uint64_t bytes = 0;
  std::uint64_t flow = 0;
};

/// Collects events from any thread. Beyond `capacity` events it only counts, so that a long run cannot eat the memory.
class TraceBuffer {
 public:
  static constexpr std::size_t kCapacity = 2'000'000;

  explicit TraceBuffer(std::size_t capacity = kCapacity) : capacity_(capacity) {}

  void add(std::uint64_t job, const genie_trace_event& event);
  /// What was collected since the last take, in the order it was reported.
  [[nodiscard]] std::vector<TraceEvent> take();
  [[nodiscard]] std::uint64_t dropped() const;

 private:
  const std::size_t capacity_;
  mutable std::mutex mutex_;  // guards what follows
  std::vector<TraceEvent> events_;
  std::uint64_t dropped_ = 0;
};

}  // namespace genie::services
