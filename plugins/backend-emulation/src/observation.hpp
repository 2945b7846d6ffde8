// What the observer of a session hears of a step and may look at (genie/observe.h). Parts of a step (step.cpp).
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "executor.hpp"

namespace genie::emulation {

/// Tells one step's observer. Without an observer every call is Done and costs nothing. On the worker.
class Observation {
 public:
  /// Everything is borrowed for the step.
  Observation(genie::Host host, const genie::Call& call, Session& session, const CompiledMethod& method,
              const std::vector<Held>& slots, std::uint64_t step);
  Observation(const Observation&) = delete;

  /// The time of the events that follow; without it they have none.
  void now(std::uint64_t at_ns) { now_ns_ = at_ns; }

  [[nodiscard]] genie::Outcome arrived(Index value, std::string_view from, std::string_view device,
                                       std::uint64_t bytes);
  [[nodiscard]] genie::Outcome begins(const CompiledStage& stage);
  [[nodiscard]] genie::Outcome ended(const CompiledStage& stage);

 private:
  [[nodiscard]] genie::Outcome tell(genie_step_event event);
  [[nodiscard]] genie::Expected<genie_tensor*> copy_of(const Tensor& tensor) const;
  [[nodiscard]] genie::Expected<genie_tensor*> value(std::string_view device, std::string_view id) const;
  [[nodiscard]] genie::Expected<genie_tensor*> state(std::string_view name) const;
  [[nodiscard]] std::string describe() const;

  genie::Host host_;
  const genie::Call& call_;
  Session& session_;
  const CompiledMethod& method_;
  const std::vector<Held>& slots_;
  std::uint64_t step_;
  const genie_step_observer* observer_;
  std::uint64_t now_ns_ = GENIE_STEP_UNKNOWN_TIME;
  std::map<std::pair<Index, Index>, Index> slot_of_;  // value, device
  struct Lane {
    const CompiledStage* running = nullptr;
    std::optional<std::uint64_t> idle_since_ns;
  };
  std::vector<Lane> lanes_;  // per device
  std::vector<bool> begun_;  // per stage
};

}  // namespace genie::emulation
