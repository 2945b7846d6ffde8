// One step, as far as it is this worker's: what arrives is checked against the program, stages run when what they need is there,
// and what others need goes out as soon as it is made. Lives on the executor.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "net/data_link.hpp"
#include "protocol/messages.hpp"
#include "protocol/own_call.hpp"
#include "protocol/values.hpp"
#include "worker/remote_program.hpp"

namespace genie::remote {

/// What a step needs of the client that it belongs to.
struct StepLinks {
  genie::Host host{nullptr};
  exec::Counters* counters = nullptr;
  std::function<bool()> yield;  ///< whether others wait for the executor
  std::function<void(std::function<void()>)> later;
  std::function<void(std::string_view device, Outgoing)> to_device;
  /// Room at another worker's device for a value that will go there; null: none.
  std::function<std::shared_ptr<DataLink::Reserved>(std::string_view device, std::uint64_t bytes)> reserve;
  std::function<void(Outgoing)> answer;                     ///< once: StepResult or Failed
  std::function<const Kept*(std::uint64_t)> kept;           ///< null for numbers that nobody has
  std::function<genie::Outcome(std::uint64_t, Kept)> keep;  ///< under the client's number
  std::function<void(const StepEvent&)> event;              ///< null: nobody looks at the step
};

class RemoteStep : public std::enable_shared_from_this<RemoteStep> {
 public:
  RemoteStep(StepLinks links, std::shared_ptr<const RemoteProgram> program,
             std::shared_ptr<exec::Session> session, Step message, std::uint64_t arrived_ns);

  /// Checks everything and runs what can run.
  void start(const std::shared_ptr<Buffer>& payload);
  /// A value from another device.
  void arrive(const Value& value, const std::shared_ptr<Buffer>& payload);
  /// [any-thread] It ends at its next check; `wake` makes sure that one comes.
  void cancel() { call_.cancel(); }
  void wake() { advance(); }
  /// The client has seen the last event.
  void go_on();
  /// A value's present content on a device here. NOT_FOUND where the device does not have it now.
  [[nodiscard]] genie::Expected<exec::Tensor> look(std::string_view device, std::string_view value) const;
  /// The devices here as genie/observe.h has them, as JSON.
  [[nodiscard]] std::string describe() const;
  [[nodiscard]] std::uint64_t index() const { return message_.index; }
  /// The way to another worker's devices is over. What was sent there may be lost: a step that sends there cannot end well.
  void lost_way_to(const std::vector<std::string>& devices, const genie::Error& why);
  /// A way from another worker is over: neither can one that still waits for a value.
  void lost_way_from_peer(const genie::Error& why);
  [[nodiscard]] bool over() const { return over_; }
  /// The client is gone: nobody hears of it any more.
  void abandon();

 private:
  genie::Outcome check_and_take(const std::shared_ptr<Buffer>& payload);
  genie::Outcome take_inputs(const std::shared_ptr<Buffer>& payload);
  genie::Outcome take_outputs();
  genie::Outcome check_sizes(const plan::Bindings& sizes) const;
  genie::Outcome check_tensor(Index value, const WireTensor& tensor) const;
  genie::Outcome place(Index slot, const WireTensor& tensor, const std::shared_ptr<Buffer>& payload,
                       Index stage);
  genie::Outcome send_message(Index number, const exec::Tensor* tensor, Index from_device, bool rewritten);
  genie::Outcome stage_passed(const Value& value);
  void tell_of(const exec::CompiledStage& stage);
  [[nodiscard]] plan::Bindings late_sizes() const;
  [[nodiscard]] std::uint64_t slack_of(Index message) const;
  void advance();
  [[nodiscard]] bool ready(const exec::CompiledStage& stage) const;
  /// Whether there is something that the client is told of before anything else happens; it is told then.
  [[nodiscard]] bool waits_for_client();
  void note(StepEvent::Kind kind, Index number, std::uint64_t bytes = 0);
  genie::Outcome compute(const exec::CompiledStage& stage);
  /// Memory at the worker that an output goes to; null where it may as well be made here.
  [[nodiscard]] std::shared_ptr<exec::Storage> room_there(const exec::CompiledStage& stage, Index slot,
                                                          std::uint64_t bytes) const;
  /// What the stage made goes where it is wanted, and what nobody wants any more is given back.
  genie::Outcome pass_on(const exec::CompiledStage& stage);
  genie::Outcome may_go_on() const;
  void used(Index slot);
  void let_go(Index slot);
  void finish();
  genie::Outcome answer_output(const StepOutput& wanted, StepResult& result, Outgoing& frame);
  /// The device of another worker that a stage waits for; empty: none.
  [[nodiscard]] std::string awaited_device(const exec::CompiledStage& stage) const;
  [[nodiscard]] bool sends_to(const exec::CompiledStage& stage,
                              const std::vector<std::string>& devices) const;
  [[nodiscard]] genie::Error way_over(const exec::CompiledStage& stage, std::string_view what,
                                      const genie::Error& why) const;
  void fail(genie::Error error);
  [[nodiscard]] genie::Error wrong(std::string what) const;
  /// Since the step's message came.
  [[nodiscard]] std::uint64_t now_ns() const;
  [[nodiscard]] bool here(Index device) const { return program_->program->device(device).here(); }
  [[nodiscard]] std::string_view name_of(Index value) const;
  [[nodiscard]] const plan::Value* declared(Index value) const;

  StepLinks links_;
  std::shared_ptr<const RemoteProgram> program_;
  std::shared_ptr<exec::Session> session_;
  const Step message_;
  const std::uint64_t arrived_ns_;
  OwnCall call_;
  const exec::CompiledMethod* method_ = nullptr;
  const Routes* routes_ = nullptr;
  plan::Bindings sizes_;  // those of the inputs, then what data decides
  std::shared_ptr<const exec::Sized> sized_;
  std::vector<exec::Held> slots_;
  std::vector<bool> arrived_;          // per slot: its value, or the news that there is none
  std::vector<bool> passed_;           // per stage's place: done, as far as this worker knows
  std::vector<Index> left_;            // per slot: uses still to come
  std::vector<std::uint32_t> wanted_;  // per slot: outputs that leave it at the end
  std::map<Index, std::size_t> next_;  // device here → how many of its stages are done
  std::vector<StageTime> times_;
  std::vector<TransferTime> transfers_;
  std::deque<StepEvent> news_;                     // that the client is to be told of
  bool told_ = false;                              // it has not said yet that it has seen the last
  const exec::CompiledStage* begun_ = nullptr;     // the client was told; it has not computed
  const exec::CompiledStage* computed_ = nullptr;  // its outputs have gone nowhere yet
  bool wrote_ = false;
  bool over_ = false;
};

}  // namespace genie::remote
