// Looking at a session's steps while they run: the host's side of genie/observe.h.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "genie/observe.h"
#include "runtime/failure.hpp"
#include "tensors/tensor.hpp"

namespace genie::runtime {

/// One thing that happened. Texts are borrowed for the call.
struct StepEvent {
  enum class Kind : std::uint8_t {
    transfer,     ///< a value has arrived at a device
    stage_begin,  ///< all that the stage takes is there
    stage_end,    ///< all that it makes is there, nothing is freed yet
  };
  Kind kind = Kind::transfer;
  std::uint64_t step = 0;
  std::string_view method;
  std::string_view stage;             ///< empty for a transfer
  std::string_view device;            ///< where the stage runs, or where the value arrived
  std::string_view value;             ///< of a transfer
  std::string_view from;              ///< of a transfer: a device; empty: the client
  std::uint64_t bytes = 0;            ///< of a transfer
  std::optional<std::uint64_t> t_ns;  ///< since the step began, where the backend's clock knows
};

/// What can be looked at during an event, on its thread.
class StepView {
 public:
  StepView(const genie_step_view& view, std::string backend) : view_(view), backend_(std::move(backend)) {}
  /// A value's present content on a device; nothing when the device does not have it now.
  [[nodiscard]] Result<std::optional<tensors::Tensor>> value(std::string_view device,
                                                             std::string_view value) const;
  [[nodiscard]] Result<tensors::Tensor> state(std::string_view name) const;
  /// The backend's devices as JSON (genie/observe.h).
  [[nodiscard]] Result<std::string> describe() const;

 private:
  [[nodiscard]] Result<tensors::Tensor> owned(genie_tensor* tensor, std::string_view what) const;
  const genie_step_view& view_;
  std::string backend_;
};

class StepObserver {
 public:
  virtual ~StepObserver() = default;
  /// On the thread that runs the step, one event at a time. A failure ends the step with it.
  [[nodiscard]] virtual Status event(const StepEvent& event, const StepView& view) = 0;
};

/// An observer as the ABI takes it, and why it ended a step, if it did.
class ObserverShim {
 public:
  ObserverShim(std::shared_ptr<StepObserver> observer, std::string backend);
  ObserverShim(const ObserverShim&) = delete;
  [[nodiscard]] const genie_step_observer* get() const { return &table_; }
  /// The failure that ended the last step, taken out.
  [[nodiscard]] std::optional<Failure> take_failure() { return std::exchange(failure_, std::nullopt); }

 private:
  genie_status* event(const genie_step_event& event, const genie_step_view& view);
  std::shared_ptr<StepObserver> observer_;
  std::string backend_;
  genie_step_observer table_{};
  std::optional<Failure> failure_;
};

}  // namespace genie::runtime
