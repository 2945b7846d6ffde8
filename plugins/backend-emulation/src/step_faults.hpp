// One step under faults: it does what the forecast says, with real messages, and ends where the forecast halts it.
#pragma once

#include "step.hpp"

namespace genie::emulation {

class StepFaults {
 public:
  StepFaults(const StepContext& context, const Job& job, Program& program, const CompiledMethod& method,
             std::uint64_t step, Forecast forecast)
      : c_(context),
        job_(job),
        program_(program),
        method_(method),
        step_(step),
        forecast_(std::move(forecast)) {}
  StepFaults(const StepFaults&) = delete;

  [[nodiscard]] const plan::Timeline& timeline() const { return forecast_.run.timeline; }
  [[nodiscard]] bool halts() const { return forecast_.run.halt.has_value(); }
  [[nodiscard]] std::uint64_t halt_ns() const { return forecast_.run.halt->at_ns; }
  /// Whether a stage that writes states is under way at the halt.
  [[nodiscard]] bool interrupts_a_write() const;
  /// Whether the transfer of a value to a device ends before the step is halted.
  [[nodiscard]] bool arrives(const std::string& value, Index to) const;
  void come_to(std::uint64_t now_ns) { now_ns_ = now_ns; }
  /// Virtual time that the step has come to.
  [[nodiscard]] std::uint64_t now_ns() const { return now_ns_; }
  /// What happened until then.
  [[nodiscard]] plan::Timeline seen(std::uint64_t until_ns) const;

  /// Before a stage: strays arrive, and memory is stolen while it runs.
  [[nodiscard]] genie::Outcome meet(const CompiledStage& stage);
  /// What the receiver has of a tensor once its message went over the wire.
  [[nodiscard]] genie::Expected<Tensor> carry(const Tensor& tensor, Index from, Index to,
                                              const std::string& value);
  /// The outcome of a stage; a theft is named if that is why memory did not suffice.
  [[nodiscard]] genie::Outcome short_of_memory(const CompiledStage& stage, genie::Outcome outcome) const;

  /// The step is over at that time: what struck is told, what was lost stays lost.
  void end(std::uint64_t end_ns);
  [[nodiscard]] bool ended() const { return ended_; }
  /// Ends it at the halt.
  [[nodiscard]] genie::Error halted();

 private:
  [[nodiscard]] genie::Outcome refuse_strays(std::uint64_t until_ns);

  const StepContext& c_;
  const Job& job_;
  Program& program_;
  const CompiledMethod& method_;
  std::uint64_t step_;
  Forecast forecast_;
  std::map<Index, std::size_t> thieves_;  // device → a fault that holds memory of it
  std::uint64_t now_ns_ = 0;
  bool ended_ = false;
};

}  // namespace genie::emulation
