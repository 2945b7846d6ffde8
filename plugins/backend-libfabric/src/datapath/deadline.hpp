// The clock of deadlines: CLOCK_MONOTONIC, as everywhere in the ABI.
#pragma once

#include <chrono>
#include <cstdint>
#include <ctime>
#include <limits>

namespace genie::datapath {

using Clock = std::chrono::steady_clock;
/// When an operation gives up. There is no operation without one.
using Deadline = Clock::time_point;

[[nodiscard]] inline Deadline deadline_in(std::chrono::nanoseconds time) {
  return Clock::now() + time;
}

/// From a deadline of the ABI. One further away than the clock can say becomes the furthest.
[[nodiscard]] inline Deadline deadline_at(std::uint64_t monotonic_ns) {
  constexpr auto kFurthest = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
  return Deadline(std::chrono::nanoseconds(
      static_cast<std::int64_t>(monotonic_ns < kFurthest ? monotonic_ns : kFurthest)));
}

/// What is left until then, for system calls; zero once it is over.
[[nodiscard]] inline timespec time_left(Deadline deadline) {
  const auto now = Clock::now();
  if (deadline <= now) return {0, 0};
  const auto left = std::chrono::duration_cast<std::chrono::nanoseconds>(deadline - now).count();
  return {static_cast<time_t>(left / 1'000'000'000), static_cast<long>(left % 1'000'000'000)};
}

}  // namespace genie::datapath
