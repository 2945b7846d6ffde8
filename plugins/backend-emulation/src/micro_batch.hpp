// One micro-batch of a step: its inputs, what it has on each device, its outputs. Parts of a step (step.cpp).
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "genie/plan/validate.hpp"
#include "observation.hpp"
#include "stage_times.hpp"
#include "step.hpp"
#include "step_faults.hpp"

namespace genie::emulation {

/// The part of a step that is one micro-batch's. Borrowed from the caller.
struct StepShare {
  std::uint64_t index = 0;  ///< its number in the session
  std::vector<const genie_step_input*> inputs;
  std::vector<genie_step_output*> outputs;
};

class MicroBatch {
 public:
  MicroBatch(const StepContext& context, Job& job, std::shared_ptr<Session> session,
             const CompiledMethod& method, StepShare share);

  /// Takes the inputs, finds the outputs, binds the sizes.
  [[nodiscard]] genie::Outcome prepare();
  [[nodiscard]] const plan::Bindings& bound() const { return bound_; }
  /// `faults`: null for none.
  void begin(std::shared_ptr<const Sized> sized, StepFaults* faults);
  /// The start or the end of one of its stages or transfers.
  [[nodiscard]] genie::Outcome happen(const plan::Moment& moment);
  /// The outputs that were not delivered when they were made.
  [[nodiscard]] genie::Outcome deliver_rest();
  /// What a failed step has handed out already is taken back: its receiver expects nothing.
  void give_up();
  /// What its stages took in truth.
  [[nodiscard]] const StageTimes& stage_ns() const { return stage_ns_; }
  /// Whether a stage that writes states has ended, or tried to.
  [[nodiscard]] bool wrote() const { return wrote_; }

 private:
  struct Input {
    bool given = false;
    Tensor tensor;
    Index kept_on = kNone;  // device; kNone: the client has it
  };

  [[nodiscard]] genie::Outcome wrong(std::string_view code, std::string message, std::string help) const;
  [[nodiscard]] genie::Outcome take_inputs();
  [[nodiscard]] genie::Outcome take_input(std::size_t port, const genie_step_input& given);
  [[nodiscard]] genie::Outcome check_type(std::size_t port) const;
  [[nodiscard]] genie::Outcome match_outputs();
  [[nodiscard]] genie::Outcome start_stage(const CompiledStage& stage);
  [[nodiscard]] genie::Outcome end_stage(const CompiledStage& stage);
  void used(Index slot);
  void let_go(Index slot);
  [[nodiscard]] std::string value_name(Index value) const;
  [[nodiscard]] genie::Outcome start_message(const Message& message);
  [[nodiscard]] genie::Outcome end_message(const Message& message);
  /// Tells the observer of a value that came from another device, or from the client.
  [[nodiscard]] genie::Outcome arrived(const Message& message);
  /// The outputs that a slot holds, but for those whose storage is written later in the step.
  [[nodiscard]] genie::Outcome deliver_from(Index slot);
  /// A tensor brought to a device: from the client (`from` kNone), another device, or the same one (shared).
  [[nodiscard]] genie::Expected<Tensor> receive(const Tensor& tensor, Index from, Index to,
                                                const std::string& name, KernelsDevice* kernels);
  /// Numbers cross as 0-d tensors in host memory.
  [[nodiscard]] bool is_number(const std::string& value) const;
  void count_wire(Index from, Index to, std::uint64_t bytes) const;
  [[nodiscard]] genie::Outcome run_stage(const CompiledStage& stage);
  [[nodiscard]] genie::Outcome deliver(std::uint64_t i);
  /// What transfers call the output's value.
  [[nodiscard]] std::string sent_name(const Output& output) const;
  [[nodiscard]] genie::Outcome add_place(genie::Outcome outcome, const Output& output) const;
  [[nodiscard]] std::vector<Found> inputs_of_step() const;
  [[nodiscard]] genie::Expected<genie_value*> keep(const Found& found, const Output& output);

  const StepContext& c_;
  Job& job_;
  std::shared_ptr<Session> session_;
  Program& program_;
  const CompiledMethod& method_;
  StepShare share_;
  StepFaults* faults_ = nullptr;
  std::vector<Input> inputs_;
  std::vector<plan::InputShape> shapes_;
  plan::Bindings bound_;
  std::shared_ptr<const Sized> sized_;
  std::vector<Index> wanted_;                     // per output of the share: which of the method's
  std::vector<std::uint32_t> slot_wanted_;        // per slot: deliveries still to come
  std::multimap<Index, std::size_t> outputs_of_;  // slot → outputs of the share
  std::vector<bool> delivered_;                   // per output of the share
  std::vector<Index> left_;                       // per slot: uses still to come
  std::vector<Claim> work_;                       // per stage of the schedule, while it runs
  std::vector<Held> slots_;
  std::optional<Observation> observation_;
  StageTimes stage_ns_;
  std::vector<genie_step_output*> made_tensors_;
  std::vector<genie_step_output*> made_values_;
  bool wrote_ = false;
};

}  // namespace genie::emulation
