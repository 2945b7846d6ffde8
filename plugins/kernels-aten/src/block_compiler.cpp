#include "block_compiler.hpp"

#include <ATen/ops/empty.h>

#include <algorithm>
#include <limits>

#include "exchange.hpp"
#include "failure.hpp"
#include "genie/plan/index.hpp"
#include "genie/plan/optional_members.hpp"
#include "operators.hpp"
#include "random.hpp"

namespace genie::kernels_aten {

namespace {

namespace arg = plan::arg;

constexpr std::size_t kDeepestNesting = 64;
constexpr const char* kStageBug = "The stage document contradicts itself: validate the plan it was made from";

bool is_branch(std::string_view op) {
  return op == "higher_order.cond" || op == "higher_order.cond.default";
}

NodePlace place_of(const plan::Node& node) {
  NodePlace place{node.id, node.op, node.scope, {}};
  if (node.source) place.source = node.source->file + ":" + std::to_string(node.source->line);
  return place;
}

bool writes(const c10::Argument& formal) {
  return formal.alias_info() != nullptr && formal.alias_info()->isWrite();
}

}  // namespace

at::Tensor storage_view(const c10::Storage& storage, std::int64_t offset, at::IntArrayRef sizes,
                        at::IntArrayRef strides, at::ScalarType type) {
  at::Tensor tensor = at::empty({0}, at::TensorOptions(at::kCPU).dtype(type));
  tensor.set_(storage, offset, sizes, strides);
  return tensor;
}

void BlockCompiler::compile_stage() {
  compile_graph(method_);
}

std::uint32_t BlockCompiler::compile_graph(const plan::Graph& graph) {
  const auto number = static_cast<std::uint32_t>(program_.blocks.size());
  program_.blocks.emplace_back();
  Frame frame{graph, {}, {}, {}, {}, {}};
  frame.scope.states = &states_;
  frame.scope.weights = &weights_;
  frame.scope.program = &program_;
  for (const plan::Port& input : graph.inputs) {
    const auto* value = std::get_if<arg::Value>(&input.value.is);
    if (value == nullptr) {
      frame.block.inputs.push_back(kNone);
      continue;
    }
    const auto declared = graph.values.find(value->id);
    frame.block.inputs.push_back(
        slot(frame, value->id, declared != graph.values.end() && declared->second.scalar.has_value()));
  }
  frame.handles.reserve(graph.nodes.size());
  for (const plan::Node& node : graph.nodes)
    frame.handles.push_back(find_operator(node.op));
  frame.rewrites = plan_in_place(plan_, graph, frame.handles);
  for (std::size_t n = 0; n < graph.nodes.size(); ++n)
    node(frame, n);
  outputs(frame);
  writes(frame);
  if (fuse_ != nullptr && diagnostics_.empty()) fuse({frame.block, declared_types(frame)}, *fuse_, program_);
  lifetimes(frame.block);
  program_.blocks[number] = std::move(frame.block);
  return number;
}

std::vector<const plan::Value*> BlockCompiler::declared_types(const Frame& frame) {
  std::vector<const plan::Value*> types(frame.block.slot_count, nullptr);
  for (const auto& [name, place] : frame.scope.values)
    if (const auto declared = frame.graph.values.find(name);
        place.source == Source::slot && declared != frame.graph.values.end())
      types[place.index] = &declared->second;
  return types;
}

std::uint32_t BlockCompiler::slot(Frame& frame, std::string_view value, bool number) {
  const std::uint32_t made = frame.block.slot_count++;
  frame.scope.values[value] = {Source::slot, made, number};
  return made;
}

void BlockCompiler::fail(std::uint32_t place, const char* code, std::string message, std::string help) {
  diagnostics_.push_back(at_node(program_.places[place], code, std::move(message), std::move(help)));
}

/// What to do about an operator that torch does not have.
static std::string remedy_for_unknown(const std::string& op) {
  if (std::string others = alternatives(op); !others.empty()) return others;
  if (!op.starts_with("aten."))
    return "It is no operator of PyTorch's own: write it with those in the module, or provide a kernels "
           "plug-in that has it";
  return "Export the model with this version of torch, or build kernels-aten for the one it was exported "
         "with";
}

void BlockCompiler::node(Frame& frame, std::size_t number) {
  const plan::Node& node = frame.graph.nodes[number];
  const auto place = static_cast<std::uint32_t>(program_.places.size());
  program_.places.push_back(place_of(node));
  if (is_branch(node.op)) return branch_node(frame, node, place);
  if (const auto op = scalar_op(node.op)) return number_node(frame, node, *op, place);
  const auto& op = frame.handles[number];
  if (!op) {
    fail(place, code::kUnknownOperator, "torch " GENIE_TORCH_VERSION " has no operator " + node.op,
         remedy_for_unknown(node.op));
  } else if (!runs_on_cpu(*op)) {
    fail(place, code::kNoCpuKernel,
         "torch " GENIE_TORCH_VERSION " has " + node.op + ", but no CPU kernel for it",
         "Export the model for the CPU, or decompose this operator (genie.export does so)");
  } else if (const auto rewrite = frame.rewrites.find(number); rewrite != frame.rewrites.end()) {
    return rewritten_node(frame, node, *op, rewrite->second, place);
  } else {
    return operator_node(frame, node, *op, place);
  }
  // Later nodes may use its results: declare them, so that one error stays one.
  Instruction unused;
  results(frame, node, unused);
}

void BlockCompiler::operator_node(Frame& frame, const plan::Node& node, const c10::OperatorHandle& op,
                                  std::uint32_t place) {
  Instruction instruction;
  instruction.kind = Instruction::Kind::op;
  instruction.op = op;
  instruction.place = place;
  const c10::FunctionSchema& schema = op.schema();
  std::string why;
  const auto actuals = in_schema_order(schema, node, why);
  if (why.empty()) why = fill_stack(schema, actuals, frame.scope, instruction);
  if (why.empty()) why = forbidden_write(frame, schema, actuals, op.hasTag(at::Tag::inplace_view));
  if (!why.empty())
    fail(place, code::kArgument, node.op + ": " + why, "The operator is " + c10::toString(schema));
  mark_read_only(frame, node, schema, actuals);
  // Where a stage ends, a lazy conjugation is computed; conjugated back in the next stage the tensor is lazily conjugated, which
  // it never was in PyTorch's own run. Of all operators only this one minds.
  if (node.op == "aten.view_as_real.default")
    for (Operand& operand : instruction.operands)
      operand.wanted = Wanted::conjugated;
  if (is_random(op)) {
    program_.random = true;
    if (node.effects == "rng") instruction.rng_stream = plan::rng_stream(node).value_or(stream_of(node.id));
  }
  program_.longest_stack =
      std::max(program_.longest_stack, static_cast<std::uint32_t>(instruction.stack.size()));
  results(frame, node, instruction);
  decisions(frame, node, instruction);
  frame.block.instructions.push_back(std::move(instruction));
}

void BlockCompiler::rewritten_node(Frame& frame, const plan::Node& node, const c10::OperatorHandle& op,
                                   const Rewrite& rewrite, std::uint32_t place) {
  std::string why;
  auto actuals = in_schema_order(op.schema(), node, why);
  const plan::Arg source = actuals.size() > 1 && actuals[1] != nullptr ? *actuals[1] : plan::Arg{arg::Null{}};
  Instruction instruction;
  instruction.op = rewrite.op;
  instruction.place = place;
  if (rewrite.form == Rewrite::Form::scatter) actuals.erase(actuals.begin() + 1);
  why = fill_stack(rewrite.op->schema(), actuals, frame.scope, instruction);
  if (why.empty() && rewrite.form == Rewrite::Form::scatter) {
    const std::uint32_t region = frame.block.slot_count++;
    instruction.results = {region};
    frame.block.instructions.push_back(std::move(instruction));
    instruction = {};
    instruction.op = find_operator("aten.copy_.default");
    instruction.place = place;
    append(instruction, Operand{0, region, Source::slot, Wanted::as_is, false});
    auto converted = convert(op.schema().arguments()[1], source, frame.scope);
    if (auto* wrong = std::get_if<Mismatch>(&converted))
      why = wrong->why;
    else if (auto* constant = std::get_if<c10::IValue>(&converted))
      append(instruction, std::move(*constant));
    else
      append(instruction, std::get<Operand>(converted));
    append(instruction, c10::IValue(false));
  }
  if (!why.empty())
    fail(place, code::kArgument, node.op + ": " + why, "The operator is " + c10::toString(op.schema()));
  instruction.results = {kNone};
  frame.block.instructions.push_back(std::move(instruction));
  // From here on the result's name means the state.
  frame.scope.values[node.results[0]] = {Source::state, states_.at(rewrite.state), false};
}

void BlockCompiler::number_node(Frame& frame, const plan::Node& node, ScalarOp op, std::uint32_t place) {
  Instruction instruction;
  instruction.kind = Instruction::Kind::scalar;
  instruction.scalar = op;
  instruction.place = place;
  std::string why;
  const auto add = [&](const plan::Arg& actual) {
    plan::for_each_arg(actual, [&](const plan::Arg& item) {
      if (std::holds_alternative<arg::List>(item.is)) return;
      auto converted = convert_plain(item, frame.scope, Wanted::number);
      if (auto* wrong = std::get_if<Mismatch>(&converted))
        why = wrong->why;
      else if (auto* constant = std::get_if<c10::IValue>(&converted))
        append(instruction, std::move(*constant));
      else
        append(instruction, std::get<Operand>(converted));
    });
  };
  for (const plan::Arg& actual : node.args)
    add(actual);
  for (const auto& [name, actual] : node.kwargs)
    add(actual);
  const Arity takes = arity(op);
  if (why.empty() && (instruction.stack.size() < takes.least || instruction.stack.size() > takes.most))
    why = "it takes " + std::to_string(takes.least) + " numbers, and the plan gives " +
          std::to_string(instruction.stack.size());
  if (!why.empty()) fail(place, code::kArgument, node.op + ": " + why, kStageBug);
  results(frame, node, instruction);
  decisions(frame, node, instruction);
  frame.block.instructions.push_back(std::move(instruction));
}

void BlockCompiler::branch_node(Frame& frame, const plan::Node& node, std::uint32_t place) {
  Instruction instruction;
  instruction.kind = Instruction::Kind::branch;
  instruction.place = place;
  std::string why;
  for (const plan::Arg& actual : node.args) {
    plan::for_each_arg(actual, [&](const plan::Arg& item) {
      if (std::holds_alternative<arg::List>(item.is)) return;
      if (const auto* named = std::get_if<arg::Graph>(&item.is)) {
        const auto graph = method_.graphs.find(named->name);
        if (graph == method_.graphs.end() || depth_ >= kDeepestNesting) {
          why = graph == method_.graphs.end() ? "there is no sub-graph \"" + named->name + "\""
                                              : "sub-graphs are nested too deep";
          return;
        }
        if (const auto done = compiled_.find(named->name); done != compiled_.end()) {
          instruction.blocks.push_back(done->second);
          return;
        }
        ++depth_;
        const std::uint32_t block = compile_graph(graph->second);
        --depth_;
        compiled_.emplace(graph->first, block);
        instruction.blocks.push_back(block);
        return;
      }
      auto converted =
          convert_plain(item, frame.scope, instruction.stack.empty() ? Wanted::boolean : Wanted::as_is);
      if (auto* wrong = std::get_if<Mismatch>(&converted))
        why = wrong->why;
      else if (auto* constant = std::get_if<c10::IValue>(&converted))
        append(instruction, std::move(*constant));
      else
        append(instruction, std::get<Operand>(converted));
    });
  }
  if (why.empty() && (instruction.blocks.size() != 2 || instruction.stack.empty()))
    why = "it takes a predicate, two sub-graphs and their operands";
  for (std::size_t i = 0; why.empty() && i < 2; ++i)
    if (program_.blocks[instruction.blocks[i]].inputs.size() != instruction.stack.size() - 1)
      why = "a sub-graph has " + std::to_string(program_.blocks[instruction.blocks[i]].inputs.size()) +
            " inputs and gets " + std::to_string(instruction.stack.size() - 1) + " operands";
  if (!why.empty()) fail(place, code::kArgument, node.op + ": " + why, kStageBug);
  results(frame, node, instruction);
  frame.block.instructions.push_back(std::move(instruction));
}

std::string BlockCompiler::forbidden_write(const Frame& frame, const c10::FunctionSchema& schema,
                                           const std::vector<const plan::Arg*>& actuals,
                                           bool geometry_only) const {
  std::string why;
  for (std::size_t i = 0; i < actuals.size(); ++i) {
    if (actuals[i] == nullptr || !kernels_aten::writes(schema.arguments()[i])) continue;
    plan::for_each_arg(*actuals[i], [&](const plan::Arg& item) {
      const auto* value = std::get_if<arg::Value>(&item.is);
      const auto* weight = std::get_if<arg::Weight>(&item.is);
      const auto* state = std::get_if<arg::State>(&item.is);
      // detach_ and its kin change the description of a tensor, not its content.
      if (geometry_only && schema.name() == "aten::detach_") return;
      if (geometry_only && (weight != nullptr || state != nullptr))
        why = "it changes the geometry of a weight or a state";
      if (weight != nullptr)
        why = "it writes into the weight \"" + weight->name +
              "\", which is read-only: what a model writes must be a state";
      if (value != nullptr && frame.read_only.contains(value->id))
        why = "it writes into \"" + value->id +
              "\", which may share memory with a weight; weights are read-only: what a model writes must be "
              "a state";
    });
  }
  return why;
}

void BlockCompiler::mark_read_only(Frame& frame, const plan::Node& node, const c10::FunctionSchema& schema,
                                   const std::vector<const plan::Arg*>& actuals) const {
  bool shares = false;
  for (std::size_t i = 0; i < actuals.size(); ++i) {
    if (actuals[i] == nullptr || schema.arguments()[i].alias_info() == nullptr) continue;
    plan::for_each_arg(*actuals[i], [&](const plan::Arg& item) {
      const auto* value = std::get_if<arg::Value>(&item.is);
      shares = shares || std::holds_alternative<arg::Weight>(item.is) ||
               (value && frame.read_only.contains(value->id));
    });
  }
  if (!shares) return;
  for (const std::string& result : node.results)
    if (!result.empty()) frame.read_only.insert(result);
}

void BlockCompiler::results(Frame& frame, const plan::Node& node, Instruction& instruction) {
  for (const std::string& result : node.results) {
    const auto declared = frame.graph.values.find(result);
    const bool number = declared != frame.graph.values.end() && declared->second.scalar.has_value();
    instruction.results.push_back(result.empty() ? kNone : slot(frame, result, number));
  }
}

void BlockCompiler::decisions(Frame& frame, const plan::Node& node, Instruction& instruction) const {
  std::uint32_t symbol = 0;
  for (const auto& [id, declaration] : plan_.symbols) {
    const std::uint32_t number = symbol++;
    if (!declaration.from || declaration.from->node != node.id) continue;
    std::optional<Decides> best;
    for (std::uint32_t r = 0; r < node.results.size(); ++r) {
      const auto declared = frame.graph.values.find(node.results[r]);
      if (declared == frame.graph.values.end()) continue;
      if (declared->second.scalar && !best) best = Decides{number, r, kNone, plan::Expr::symbol(id)};
      for (std::uint32_t axis = 0; axis < declared->second.shape.size(); ++axis) {
        std::set<std::string, std::less<>> used;
        declared->second.shape[axis].collect_symbols(used);
        if (used.size() == 1 && used.contains(id) &&
            (!best || best->axis == kNone || !best->expr.is_symbol()))
          best = Decides{number, r, axis, declared->second.shape[axis]};
      }
    }
    if (best) instruction.decides.push_back(*std::move(best));
  }
}

void BlockCompiler::outputs(Frame& frame) {
  for (const plan::Port& port : frame.graph.outputs) {
    BlockOutput output;
    output.name = port.name;
    std::string why;
    auto converted = convert_plain(port.value, frame.scope, Wanted::as_is);
    if (const auto* weight = std::get_if<arg::Weight>(&port.value.is);
        weight && weights_.contains(weight->name)) {
      output.from = BlockOutput::From::weight;
      output.index = weights_.at(weight->name);
    } else if (auto* operand = std::get_if<Operand>(&converted)) {
      output.index = operand->index;
      output.from = operand->source == Source::slot    ? BlockOutput::From::slot
                    : operand->source == Source::state ? BlockOutput::From::state
                                                       : BlockOutput::From::dim;
    } else if (auto* constant = std::get_if<c10::IValue>(&converted)) {
      output.constant = *std::move(constant);
    } else if (!std::holds_alternative<arg::Str>(port.value.is)) {  // text has no tensor: absent
      plan::Diagnostic diagnostic;
      diagnostic.code = code::kStageDocument;
      diagnostic.message = "output \"" + port.name + "\": " + std::get<Mismatch>(converted).why;
      diagnostic.help = kStageBug;
      diagnostics_.push_back(std::move(diagnostic));
    }
    frame.block.outputs.push_back(std::move(output));
  }
}

void BlockCompiler::writes(Frame& frame) {
  for (const plan::StateWrite& write : frame.graph.writes) {
    const auto state = states_.find(write.state);
    const auto value = frame.scope.values.find(write.value);
    if (state == states_.end() || value == frame.scope.values.end()) {
      plan::Diagnostic diagnostic;
      diagnostic.code = code::kStageDocument;
      diagnostic.message = "the write of value \"" + write.value + "\" to state \"" + write.state +
                           "\" names something the stage does not have";
      diagnostic.help = kStageBug;
      diagnostics_.push_back(std::move(diagnostic));
      continue;
    }
    // Rewritten in place: the value is the state already.
    if (value->second.source == Source::state && value->second.index == state->second) continue;
    frame.block.writes.push_back({state->second, value->second.index, value->second.source});
  }
}

void BlockCompiler::lifetimes(Block& block) {
  constexpr auto kNever = std::numeric_limits<std::size_t>::max();
  constexpr auto kMoved = kNever - 1;
  const std::size_t forever = block.instructions.size();
  std::vector<std::size_t> last(block.slot_count, kNever);
  for (std::size_t n = 0; n < block.instructions.size(); ++n) {
    const auto use = [&](const Operand& operand) {
      if (operand.source == Source::slot) last[operand.index] = n;
    };
    for (const Operand& operand : block.instructions[n].operands)
      use(operand);
    for (const ListPlan& list : block.instructions[n].lists)
      for (const Operand& operand : list.operands)
        use(operand);
  }
  for (const BlockOutput& output : block.outputs)
    if (output.from == BlockOutput::From::slot) last[output.index] = forever;
  for (const BlockWrite& write : block.writes)
    if (write.source == Source::slot) last[write.index] = forever;

  for (std::size_t n = 0; n < block.instructions.size(); ++n) {
    Instruction& instruction = block.instructions[n];
    // A result that nobody reads is not kept at all, unless its size decides a symbol.
    for (std::uint32_t r = 0; r < instruction.results.size(); ++r) {
      std::uint32_t& result = instruction.results[r];
      if (result == kNone || last[result] != kNever) continue;
      const bool decides =
          std::ranges::any_of(instruction.decides, [&](const Decides& d) { return d.result == r; });
      if (decides)
        instruction.drops.push_back(result);
      else
        result = kNone;
    }
    // In the order in which the stack is filled; of several uses of one slot the last one moves.
    std::vector<Operand*> uses;
    for (Operand& operand : instruction.operands) {
      if (operand.source == Source::slot) uses.push_back(&operand);
      if (operand.source != Source::list) continue;
      for (Operand& item : instruction.lists[operand.index].operands)
        if (item.source == Source::slot) uses.push_back(&item);
    }
    for (auto use = uses.rbegin(); use != uses.rend(); ++use) {
      if (last[(*use)->index] != n) continue;
      (*use)->last = true;
      last[(*use)->index] = kMoved;
    }
  }
}

}  // namespace genie::kernels_aten
