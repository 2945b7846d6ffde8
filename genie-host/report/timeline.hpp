// What happened when in one call of a method: seen by the backend, or foreseen by the simulator. Both are the same events.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "genie/plan/model.hpp"
#include "genie/plan/result.hpp"
#include "genie/plan/schedule.hpp"
#include "genie/plan/topology.hpp"
#include "services/trace.hpp"

namespace genie::report {

/// One call of a method. Times count from its beginning.
struct CallTimeline {
  std::string method;
  std::uint64_t step = 0;                              ///< its number in the session
  std::uint64_t duration_ns = 0;                       ///< until the last event ended
  std::vector<plan::Event> events;                     ///< of stages and transfers, by start, then id
  plan::Table<std::vector<plan::MemoryPoint>> memory;  ///< by device; empty when nobody said
};

/// A call that was measured: what to look for among the events.
struct MeasuredCall {
  std::uint64_t job = 0;  ///< of its events
  std::uint64_t step = 0;
  std::string method;
};

/// The calls that the events tell of, in the order of `calls`. Events that are neither a stage nor a transfer of the call's
/// method (kernels, say) are left out; a counter named "memory" of a device makes its curve.
[[nodiscard]] std::vector<CallTimeline> observed_calls(std::span<const services::TraceEvent> events,
                                                       std::span<const MeasuredCall> calls,
                                                       const plan::Plan& plan);

/// What the cost model foresees for one call of a method of a scheduled plan, at the sizes it was scheduled for.
[[nodiscard]] plan::Result<CallTimeline> predicted_call(const plan::Plan& plan, std::string_view method,
                                                        const plan::Topology& topology);

/// The call that took longest, the first of several; null when there is none.
[[nodiscard]] const CallTimeline* slowest(std::span<const CallTimeline> calls);

}  // namespace genie::report
