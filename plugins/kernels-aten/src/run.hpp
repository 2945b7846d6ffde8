// Runs a Program: one call per stage, under inference mode, one operator after the other on the calling thread.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "counters.hpp"
#include "genie/cpp/kernels.hpp"
#include "outputs.hpp"
#include "program.hpp"

namespace genie::kernels_aten {

class StageExecutable final : public Executable {
 public:
  /// counters belongs to the device, which outlives its executables.
  StageExecutable(Host host, Program program, Counters& counters);
  /// [serial] Synchronous: with a completion, it is signalled before run returns.
  Outcome run(const Call& call, genie_run_args& args, genie_completion* completion) override;

 private:
  Outcome run_now(const Call& call, genie_run_args& args);
  Outcome bind_dims(const genie_run_args& args);
  Outcome bind_inputs(const genie_run_args& args);
  Outcome bind_states(const genie_run_args& args);
  Outcome check(const char* what, const Declared& declared, const at::Tensor& tensor) const;
  void settle_dims();
  void let_go();
  [[nodiscard]] Error unknown_size(std::uint32_t dim) const;
  void write_states(const Block& block, std::vector<c10::IValue>& slots, std::vector<at::Tensor>& outputs);
  [[nodiscard]] std::vector<c10::IValue> collect_outputs(const Block& block,
                                                         const std::vector<c10::IValue>& slots) const;

  Outcome execute(const Call& call, std::uint32_t block);
  void call_operator(const Instruction& instruction, std::vector<c10::IValue>& slots);
  void run_scalar(const Instruction& instruction, std::vector<c10::IValue>& slots);
  Outcome run_branch(const Call& call, const Instruction& instruction, std::vector<c10::IValue>& slots);
  void fill(const Instruction& instruction, std::vector<c10::IValue>& slots,
            std::vector<c10::IValue>& stack) const;
  [[nodiscard]] c10::IValue resolve(const Operand& operand, const Instruction& instruction,
                                    std::vector<c10::IValue>& slots) const;
  void decide(const Instruction& instruction, const std::vector<c10::IValue>& slots);
  [[nodiscard]] std::string describe_arguments(const Instruction& instruction) const;

  Host host_;
  Program program_;
  Counters& counters_;
  KnownStorages weights_known_;

  // Of the present run; kept between runs so that a steady state allocates nothing but tensors.
  std::vector<std::vector<c10::IValue>> frames_;
  std::vector<c10::IValue> stack_;
  std::vector<at::Tensor> inputs_;
  std::vector<at::Tensor> states_;
  std::vector<std::int64_t> symbols_;
  plan::Bindings bindings_;
  std::vector<std::optional<std::int64_t>> dims_;
  std::uint64_t kernel_calls_ = 0;
  std::uint64_t seed_ = 0;
};

}  // namespace genie::kernels_aten
