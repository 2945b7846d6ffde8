// The inner loop of StageExecutable: argument stacks, operators, numbers, branches.
#include <time.h>

#include "exchange.hpp"
#include "failure.hpp"
#include "lists.hpp"
#include "random.hpp"
#include "run.hpp"

namespace genie::kernels_aten {

namespace {

using c10::IValue;

/// A value that is not what an argument wants; carries what is wrong.
struct Unfit : std::runtime_error {
  using std::runtime_error::runtime_error;
};

std::uint64_t monotonic_ns() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000u + static_cast<std::uint64_t>(now.tv_nsec);
}

IValue convert_to(Wanted wanted, IValue value) {
  if (wanted == Wanted::as_is) return value;
  if (wanted == Wanted::conjugated) return value.isTensor() ? IValue(value.toTensor().resolve_conj()) : value;
  if (wanted == Wanted::dense && value.isTensor()) return value.toTensor().contiguous();
  if (wanted == Wanted::tensor || wanted == Wanted::dense)
    return value.isTensor() ? value : IValue(wrapped_number(value));
  if (value.isTensor()) value = number_of(value.toTensor());
  switch (wanted) {
    case Wanted::integer:
      if (value.isBool()) return static_cast<std::int64_t>(value.toBool());
      if (value.isInt()) return value;
      throw Unfit("an int is wanted, and the value is " + describe(value));
    case Wanted::floating:
      if (value.isDouble()) return value;
      if (value.isInt()) return static_cast<double>(value.toInt());
      if (value.isBool()) return value.toBool() ? 1.0 : 0.0;
      throw Unfit("a float is wanted, and the value is " + describe(value));
    case Wanted::boolean:
      if (value.isBool()) return value;
      if (value.isInt()) return value.toInt() != 0;
      if (value.isDouble()) return value.toDouble() != 0.0;
      throw Unfit("a bool is wanted, and the value is " + describe(value));
    case Wanted::number:
      if (value.isScalar()) return value;
      throw Unfit("a number is wanted, and the value is " + describe(value));
    case Wanted::as_is:
    case Wanted::tensor:
    case Wanted::conjugated:
    case Wanted::dense:
      break;
  }
  return value;
}

/// The one unknown of a size expression, from the size: expressions that torch writes are linear in it.
std::optional<std::int64_t> solve(const plan::Expr& expr, const std::string& symbol, std::int64_t size) {
  if (expr.is_symbol()) return size;
  const auto at = [&](std::int64_t value) { return expr.evaluate({{symbol, value}}); };
  const auto zero = at(0);
  const auto one = at(1);
  if (!zero || !one || *one == *zero || (size - *zero) % (*one - *zero) != 0) return std::nullopt;
  const std::int64_t solution = (size - *zero) / (*one - *zero);
  if (at(solution) != size) return std::nullopt;
  return solution;
}

}  // namespace

Outcome StageExecutable::execute(const Call& call, std::uint32_t number) {
  const Block& block = program_.blocks[number];
  std::vector<IValue>& slots = frames_[number];
  const bool timed = call.deadline_ns() != GENIE_NO_DEADLINE;
  const Instruction* current = nullptr;
  try {
    for (const Instruction& instruction : block.instructions) {
      current = &instruction;
      if (call.cancelled()) return cancelled();
      if (timed && monotonic_ns() >= call.deadline_ns())
        return Error{GENIE_DEADLINE_EXCEEDED,
                     "the deadline passed before node " + program_.places[instruction.place].id};
      switch (instruction.kind) {
        case Instruction::Kind::op:
          call_operator(instruction, slots);
          break;
        case Instruction::Kind::scalar:
          run_scalar(instruction, slots);
          break;
        case Instruction::Kind::branch:
          if (Outcome done = run_branch(call, instruction, slots); !done) return done;
          break;
      }
      if (!instruction.decides.empty()) decide(instruction, slots);
      for (const std::uint32_t dead : instruction.drops)
        slots[dead] = IValue();
    }
  } catch (const c10::Error& error) {
    return operator_failed(program_.places[current->place], error, describe_arguments(*current));
  } catch (const ArithmeticError& error) {
    const NodePlace& place = program_.places[current->place];
    return error_of(
        GENIE_INVALID_ARGUMENT,
        at_node(place, code::kNumber, place.op + "(" + describe_arguments(*current) + "): " + error.what(),
                "Python raises an error for these numbers too: check the sizes that the model was given"));
  } catch (const Unfit& error) {
    const NodePlace& place = program_.places[current->place];
    return error_of(GENIE_INVALID_ARGUMENT,
                    at_node(place, code::kResults, place.op + ": " + error.what(),
                            "The plan and the operators of torch " GENIE_TORCH_VERSION
                            " do not fit together: capture the model with this torch"));
  } catch (const std::bad_alloc&) {
    const NodePlace& place = program_.places[current->place];
    return error_of(GENIE_RESOURCE_EXHAUSTED,
                    at_node(place, code::kMemory, place.op + ": out of memory",
                            "Use smaller inputs or split the model over more devices"));
  } catch (const std::exception& error) {
    // Kernels of other libraries (oneDNN) throw their own types.
    const NodePlace& place = program_.places[current->place];
    return error_of(GENIE_INTERNAL,
                    at_node(place, code::kOperatorFailed,
                            place.op + "(" + describe_arguments(*current) + ") failed: " + error.what(),
                            "This comes from a library below torch; the same call in PyTorch fails too"));
  }
  return Done{};
}

IValue StageExecutable::resolve(const Operand& operand, const Instruction& instruction,
                                std::vector<IValue>& slots) const {
  switch (operand.source) {
    case Source::slot:
      if (operand.last) return convert_to(operand.wanted, std::exchange(slots[operand.index], IValue()));
      return convert_to(operand.wanted, slots[operand.index]);
    case Source::state:
      return convert_to(operand.wanted, states_[operand.index]);
    case Source::dim:
      if (!dims_[operand.index])
        throw Unfit("the size " + program_.dims[operand.index].expr.to_text() +
                    " is not decided yet when this node runs");
      return convert_to(operand.wanted, *dims_[operand.index]);
    case Source::list: {
      const ListPlan& list = instruction.lists[operand.index];
      c10::SmallVector<IValue, 8> items(list.items.begin(), list.items.end());
      for (const Operand& item : list.operands)
        items[item.position] = resolve(item, instruction, slots);
      return make_list(list.of, items);
    }
  }
  return {};
}

void StageExecutable::fill(const Instruction& instruction, std::vector<IValue>& slots,
                           std::vector<IValue>& stack) const {
  stack.assign(instruction.stack.begin(), instruction.stack.end());
  for (const Operand& operand : instruction.operands)
    stack[operand.position] = resolve(operand, instruction, slots);
}

void StageExecutable::call_operator(const Instruction& instruction, std::vector<IValue>& slots) {
  fill(instruction, slots, stack_);
  if (instruction.rng_stream) RandomRun::begin(stream_seed(seed_, *instruction.rng_stream));
  instruction.op->callBoxed(&stack_);
  ++kernel_calls_;
  std::size_t made = 0;
  const auto store = [&](IValue value) {
    if (made < instruction.results.size() && instruction.results[made] != kNone)
      slots[instruction.results[made]] = std::move(value);
    ++made;
  };
  for (IValue& value : stack_) {
    if (value.isList()) {
      for (const IValue& item : value.toListRef())
        store(item);
    } else {
      store(std::move(value));
    }
  }
  stack_.clear();
  if (made < instruction.results.size())
    throw Unfit("it returned " + std::to_string(made) + " results, and the plan names " +
                std::to_string(instruction.results.size()));
}

void StageExecutable::run_scalar(const Instruction& instruction, std::vector<IValue>& slots) {
  fill(instruction, slots, stack_);
  IValue result = evaluate(instruction.scalar, stack_);
  if (!instruction.results.empty() && instruction.results[0] != kNone)
    slots[instruction.results[0]] = std::move(result);
  stack_.clear();
}

Outcome StageExecutable::run_branch(const Call& call, const Instruction& instruction,
                                    std::vector<IValue>& slots) {
  std::vector<IValue> operands;
  fill(instruction, slots, operands);
  const std::uint32_t number = instruction.blocks[operands[0].toBool() ? 0 : 1];
  const Block& block = program_.blocks[number];
  std::vector<IValue>& inner = frames_[number];
  for (std::size_t i = 0; i < block.inputs.size(); ++i)
    if (block.inputs[i] != kNone) inner[block.inputs[i]] = std::move(operands[i + 1]);
  if (Outcome done = execute(call, number); !done) return done;
  std::vector<IValue> outputs = collect_outputs(block, inner);
  if (!block.writes.empty()) {
    std::vector<at::Tensor> tensors;
    for (const IValue& output : outputs)
      tensors.push_back(output.isTensor() ? output.toTensor() : at::Tensor());
    write_states(block, inner, tensors);
    for (std::size_t i = 0; i < outputs.size(); ++i)
      if (tensors[i].defined()) outputs[i] = tensors[i];
  }
  for (IValue& slot : inner)
    slot = IValue();
  if (outputs.size() < instruction.results.size())
    throw Unfit("the branch gives " + std::to_string(outputs.size()) + " results, and the plan names " +
                std::to_string(instruction.results.size()));
  for (std::size_t i = 0; i < instruction.results.size(); ++i)
    if (instruction.results[i] != kNone) slots[instruction.results[i]] = std::move(outputs[i]);
  return Done{};
}

void StageExecutable::decide(const Instruction& instruction, const std::vector<IValue>& slots) {
  for (const Decides& decides : instruction.decides) {
    const std::uint32_t slot = instruction.results[decides.result];
    if (slot == kNone) continue;
    const IValue& value = slots[slot];
    const std::string& symbol = program_.symbols[decides.symbol];
    std::int64_t size = 0;
    if (decides.axis == kNone) {
      size = convert_to(Wanted::integer, value).toInt();
    } else {
      if (!value.isTensor() || value.toTensor().dim() <= static_cast<std::int64_t>(decides.axis))
        throw Unfit("result " + std::to_string(decides.result) + " should decide the symbol " + symbol +
                    " by its dimension " + std::to_string(decides.axis) + ", and it is " + describe(value));
      size = value.toTensor().size(decides.axis);
    }
    const auto solution = solve(decides.expr, symbol, size);
    if (!solution)
      throw Unfit("the size " + std::to_string(size) + " is not of the form " + decides.expr.to_text());
    bindings_[symbol] = *solution;
  }
  settle_dims();
}

std::string StageExecutable::describe_arguments(const Instruction& instruction) const {
  if (instruction.kind == Instruction::Kind::branch) return "…";
  std::string text;
  for (std::size_t i = 0; i < instruction.stack.size(); ++i) {
    // The call may have consumed what it was given; constants are still in the instruction.
    const IValue* value = i < stack_.size() ? &stack_[i] : nullptr;
    if (value == nullptr || value->isNone()) value = &instruction.stack[i];
    std::string shown = describe(*value);
    if (value->isNone()) {
      for (const Operand& operand : instruction.operands)
        if (operand.position == i) shown = operand.source == Source::list ? "[…]" : "…";
    }
    if (i > 0) text += ", ";
    if (instruction.op) text += instruction.op->schema().arguments()[i].name() + ": ";
    text += shown;
  }
  return text;
}

}  // namespace genie::kernels_aten
