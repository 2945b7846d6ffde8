#include "run.hpp"

#include <ATen/Parallel.h>
#include <c10/core/InferenceMode.h>

#include <algorithm>
#include <limits>

#include "exchange.hpp"
#include "failure.hpp"
#include "random.hpp"

namespace genie::kernels_aten {

namespace {

constexpr std::int64_t kUndecided = std::numeric_limits<std::int64_t>::min();

/// torch's warnings as lines of the host's log.
class LogWarnings final : public c10::WarningHandler {
 public:
  explicit LogWarnings(const Host& host) : host_(host) {}
  void process(const c10::Warning& warning) override {
    host_.log(GENIE_LOG_WARNING, "kernels-aten", warning.msg());
  }

 private:
  const Host& host_;
};

Error count_mismatch(const char* what, std::uint64_t given, std::size_t wanted) {
  return invalid_argument("the stage takes " + std::to_string(wanted) + " " + what + " and was given " +
                          std::to_string(given));
}

/// Whether a tensor made from an earlier view still describes what this one does.
bool describes(const at::Tensor& tensor, const genie_tensor_view& view) {
  if (!tensor.defined() || view.rank != tensor.dim() || view.device_kind != GENIE_DEVICE_CPU) return false;
  if (start(tensor) != static_cast<char*>(view.data) + view.byte_offset) return false;
  const genie_dtype dtype = *abi_dtype(tensor.scalar_type());
  if (dtype.code != view.dtype.code || dtype.bits != view.dtype.bits || view.dtype.lanes != 1) return false;
  const auto rank = static_cast<std::size_t>(view.rank);
  if (!tensor.sizes().equals({view.shape, rank})) return false;
  return view.strides == nullptr ? tensor.is_contiguous() : tensor.strides().equals({view.strides, rank});
}

plan::Diagnostic stage_input(std::string message) {
  plan::Diagnostic diagnostic;
  diagnostic.code = code::kStageInput;
  diagnostic.message = std::move(message);
  diagnostic.help =
      "Hand the stage what its document declares; if this comes from a run, the backend has a bug";
  return diagnostic;
}

}  // namespace

StageExecutable::StageExecutable(Host host, Program program, Counters& counters)
    : host_(host), program_(std::move(program)), counters_(counters) {
  for (std::uint32_t i = 0; i < program_.weights.size(); ++i)
    weights_known_.add(program_.weights[i].tensor, {GENIE_OUTPUT_VIEW_WEIGHT, i});
  frames_.resize(program_.blocks.size());
  for (std::size_t i = 0; i < frames_.size(); ++i)
    frames_[i].resize(program_.blocks[i].slot_count);
  stack_.reserve(program_.longest_stack);
  dims_.resize(program_.dims.size());
}

Outcome StageExecutable::run(const Call& call, genie_run_args& args, genie_completion* completion) {
  // Whatever happens, intermediates and the caller's memory are let go.
  struct LetGo {
    StageExecutable& self;
    ~LetGo() { self.let_go(); }
  };
  Outcome outcome = with_torch("running a stage", [&] {
    const LetGo let_go_at_the_end{*this};
    return run_now(call, args);
  });
  if (completion == nullptr) return outcome;
  host_.signal(completion, outcome ? nullptr : host_.status(outcome.error()));
  return Done{};
}

void StageExecutable::let_go() {
  for (auto& slots : frames_)
    for (c10::IValue& slot : slots)
      slot = c10::IValue();
  stack_.clear();
  inputs_.clear();
}

Outcome StageExecutable::run_now(const Call& call, genie_run_args& args) {
  if (args.stream != nullptr) return unimplemented("these kernels have no streams: pass none");
  if (args.input_count != program_.inputs.size())
    return count_mismatch("inputs", args.input_count, program_.inputs.size());
  if (args.state_count != program_.states.size())
    return count_mismatch("states", args.state_count, program_.states.size());
  if (args.dim_count != program_.symbols.size())
    return count_mismatch("symbol sizes", args.dim_count, program_.symbols.size());
  const Block& stage = program_.blocks.front();
  if (args.output_count != stage.outputs.size())
    return count_mismatch("outputs", args.output_count, stage.outputs.size());

  const c10::InferenceMode inference;
  LogWarnings warnings(host_);
  const c10::WarningUtils::WarningHandlerGuard warning_guard(&warnings);
  // The thread count is a setting of the process that each thread takes over when it first asks.
  at::internal::lazy_init_num_threads();
  kernel_calls_ = 0;

  if (Outcome bound = bind_dims(args); !bound) return bound;
  if (Outcome bound = bind_inputs(args); !bound) return bound;
  if (Outcome bound = bind_states(args); !bound) return bound;
  std::optional<RandomRun> random;
  seed_ = args.seed;
  if (program_.random) random.emplace(args.seed);
  if (Outcome done = execute(call, 0); !done) return done;
  random.reset();

  for (const BlockOutput& output : stage.outputs)
    if (output.from == BlockOutput::From::dim && !dims_[output.index]) return unknown_size(output.index);
  std::vector<at::Tensor> outputs;
  outputs.reserve(stage.outputs.size());
  for (c10::IValue& value : collect_outputs(stage, frames_[0])) {
    if (value.isTensor())
      outputs.push_back(std::move(value).toTensor());
    else
      outputs.push_back(value.isNone() ? at::Tensor() : number_tensor(value));
  }
  write_states(stage, frames_[0], outputs);
  Counters::add(counters_.kernel_calls, kernel_calls_);
  Counters::add(counters_.runs, 1);

  KnownStorages known = weights_known_;
  for (std::uint32_t i = 0; i < inputs_.size(); ++i)
    known.add(inputs_[i], {GENIE_OUTPUT_VIEW_INPUT, i});
  for (std::uint32_t i = 0; i < states_.size(); ++i)
    known.add(states_[i], {GENIE_OUTPUT_VIEW_STATE, i});
  return deliver(args, std::move(outputs), known, counters_);
}

Outcome StageExecutable::bind_dims(const genie_run_args& args) {
  bool decides = false;
  for (const Dim& dim : program_.dims)
    decides = decides || dim.decided_here;
  if (!decides && symbols_.size() == args.dim_count &&
      std::equal(symbols_.begin(), symbols_.end(), args.dims) &&
      !(symbols_.empty() && bindings_.empty() && !dims_.empty() && !dims_.front()))
    return Done{};
  symbols_.assign(args.dims, args.dims + args.dim_count);
  bindings_.clear();
  for (std::size_t i = 0; i < symbols_.size(); ++i)
    if (symbols_[i] != kUndecided) bindings_[program_.symbols[i]] = symbols_[i];
  std::fill(dims_.begin(), dims_.end(), std::nullopt);
  settle_dims();
  for (std::size_t i = 0; i < dims_.size(); ++i)
    if (!dims_[i] && !program_.dims[i].decided_here) {
      symbols_.clear();
      return unknown_size(static_cast<std::uint32_t>(i));
    }
  return Done{};
}

Error StageExecutable::unknown_size(std::uint32_t dim) const {
  plan::Diagnostic diagnostic;
  diagnostic.code = code::kSize;
  diagnostic.message =
      "the size " + program_.dims[dim].expr.to_text() + " cannot be computed from the sizes of this run";
  diagnostic.help =
      "Give every symbol that the stage uses a value; a division by zero or a size beyond 64 bits is refused "
      "too";
  return error_of(GENIE_INVALID_ARGUMENT, std::move(diagnostic));
}

void StageExecutable::settle_dims() {
  for (std::size_t i = 0; i < dims_.size(); ++i)
    if (!dims_[i]) dims_[i] = program_.dims[i].expr.evaluate(bindings_);
}

Outcome StageExecutable::check(const char* what, const Declared& declared, const at::Tensor& tensor) const {
  bool fits = tensor.scalar_type() == declared.dtype &&
              static_cast<std::size_t>(tensor.dim()) == declared.shape.size();
  for (std::size_t axis = 0; fits && axis < declared.shape.size(); ++axis) {
    const auto& size = dims_[declared.shape[axis]];
    fits = !size || *size == tensor.size(static_cast<std::int64_t>(axis));
  }
  if (fits) return Done{};
  std::string shape;
  for (const std::uint32_t dim : declared.shape)
    shape += (shape.empty() ? "" : ", ") + program_.dims[dim].expr.to_text();
  const auto dtype = plan_dtype(declared.dtype);
  return error_of(GENIE_INVALID_ARGUMENT,
                  stage_input(std::string(what) + " \"" + declared.name + "\" is declared as " +
                              std::string(dtype ? plan::name(*dtype) : "?") + "[" + shape +
                              "] and was given as " + describe(tensor)));
}

Outcome StageExecutable::bind_inputs(const genie_run_args& args) {
  const Block& stage = program_.blocks.front();
  inputs_.clear();
  for (std::size_t i = 0; i < args.input_count; ++i) {
    // An inference tensor cannot say that its gradients are tracked.
    const c10::InferenceMode inference(!program_.inputs[i].requires_grad);
    auto tensor = borrow(args.inputs[i]);
    if (!tensor) {
      Error error = std::move(tensor).error();
      return error_of(error.code, stage_input("input \"" + program_.inputs[i].name + "\": " + error.message));
    }
    if (Outcome fits = check("input", program_.inputs[i], *tensor); !fits) return fits;
    if (program_.inputs[i].requires_grad) tensor->set_requires_grad(true);
    if (stage.inputs[i] != kNone)
      frames_[0][stage.inputs[i]] = program_.inputs[i].scalar ? number_of(*tensor) : c10::IValue(*tensor);
    inputs_.push_back(*std::move(tensor));
  }
  return Done{};
}

Outcome StageExecutable::bind_states(const genie_run_args& args) {
  // A state lies where it lay, run after run: its tensor is kept.
  states_.resize(args.state_count);
  for (std::size_t i = 0; i < args.state_count; ++i) {
    if (describes(states_[i], args.states[i])) continue;
    auto tensor = borrow(args.states[i]);
    if (!tensor) {
      Error error = std::move(tensor).error();
      return error_of(error.code, stage_input("state \"" + program_.states[i].name + "\": " + error.message));
    }
    if (Outcome fits = check("state", program_.states[i], *tensor); !fits) return fits;
    states_[i] = *std::move(tensor);
  }
  return Done{};
}

std::vector<c10::IValue> StageExecutable::collect_outputs(const Block& block,
                                                          const std::vector<c10::IValue>& slots) const {
  std::vector<c10::IValue> outputs;
  outputs.reserve(block.outputs.size());
  for (const BlockOutput& output : block.outputs)
    switch (output.from) {
      case BlockOutput::From::slot:
        outputs.push_back(slots[output.index]);
        break;
      case BlockOutput::From::state:
        outputs.emplace_back(states_[output.index]);
        break;
      case BlockOutput::From::weight:
        outputs.emplace_back(program_.weights[output.index].tensor);
        break;
      case BlockOutput::From::dim:
        outputs.emplace_back(dims_[output.index].value());
        break;
      case BlockOutput::From::constant:
        outputs.push_back(output.constant);
        break;
    }
  return outputs;
}

void StageExecutable::write_states(const Block& block, std::vector<c10::IValue>& slots,
                                   std::vector<at::Tensor>& outputs) {
  if (block.writes.empty()) return;
  std::vector<at::Tensor> contents;
  for (const BlockWrite& write : block.writes)
    contents.push_back(write.source == Source::state ? states_[write.index] : slots[write.index].toTensor());
  const auto written = [&](const at::Tensor& tensor) {
    return std::ranges::any_of(
        block.writes, [&](const BlockWrite& write) { return overlap(states_[write.state], tensor); });
  };
  // All values are of the moment before the writes: what shares memory with a state that is about to change is saved first.
  for (std::size_t i = 0; i < contents.size(); ++i)
    if (written(contents[i]) && !contents[i].is_same(states_[block.writes[i].state]))
      contents[i] = contents[i].clone();
  for (std::size_t i = 0; i < outputs.size(); ++i)
    if (block.outputs[i].from == BlockOutput::From::slot && outputs[i].defined() && written(outputs[i]))
      outputs[i] = outputs[i].clone();
  for (std::size_t i = 0; i < contents.size(); ++i) {
    at::Tensor& state = states_[block.writes[i].state];
    if (contents[i].is_same(state)) continue;
    state.copy_(contents[i]);
    Counters::add(counters_.state_bytes_copied, state.nbytes());
  }
}

}  // namespace genie::kernels_aten
