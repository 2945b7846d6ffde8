#include "fuse.hpp"

#include <algorithm>

#include "operators.hpp"

namespace genie::kernels_aten {

namespace {

/// The view that an instruction takes of a constant; undefined if it does something else.
at::Tensor constant_view(const Instruction& instruction) {
  if (!instruction.op || !instruction.operands.empty() || instruction.stack.empty() ||
      !instruction.stack[0].isTensor() || !instruction.stack[0].toTensor().defined())
    return {};
  const c10::FunctionSchema& schema = instruction.op->schema();
  if (!is_functional(schema) || is_random(*instruction.op) || schema.returns().size() != 1 ||
      schema.returns()[0].alias_info() == nullptr ||
      schema.returns()[0].type()->kind() != c10::TypeKind::TensorType)
    return {};
  std::vector<c10::IValue> stack(instruction.stack.begin(), instruction.stack.end());
  const at::Tensor base = stack[0].toTensor();
  try {
    instruction.op->callBoxed(&stack);
  } catch (const std::exception&) {
    return {};  // said where the node runs
  }
  at::Tensor view = stack.front().toTensor();
  return view.storage().is_alias_of(base.storage()) ? view : at::Tensor();
}

/// Views of weights are taken once, now: what reads them reads a constant.
void take_constant_views(Dataflow& flow) {
  for (std::uint32_t n = 0; n < flow.size(); ++n) {
    const std::uint32_t slot = flow.only_result(n);
    if (slot == kNone || flow.leaves(slot)) continue;
    const at::Tensor view = constant_view(flow.at(n));
    if (!view.defined()) continue;
    std::vector<std::uint32_t> readers = flow.readers(slot);
    const bool plain = std::ranges::all_of(readers, [&](std::uint32_t reader) {
      const Instruction& instruction = flow.at(reader);
      const auto own = std::ranges::count_if(instruction.operands, [&](const Operand& operand) {
        return operand.source == Source::slot && operand.index == slot &&
               (operand.wanted == Wanted::as_is || operand.wanted == Wanted::tensor);
      });
      return instruction.kind == Instruction::Kind::op && own == std::ranges::count(readers, reader) &&
             is_functional(instruction.op->schema());
    });
    if (!plain) continue;
    std::ranges::sort(readers);
    readers.erase(std::unique(readers.begin(), readers.end()), readers.end());
    for (const std::uint32_t reader : readers) {
      Instruction with = flow.at(reader);
      std::erase_if(with.operands, [&](const Operand& operand) {
        if (operand.source != Source::slot || operand.index != slot) return false;
        with.stack[operand.position] = view;
        return true;
      });
      flow.replace(reader, std::move(with));
    }
    flow.remove(n);
  }
}

}  // namespace

void fuse(Fusible fusible, FuseContext& context, Program& program) {
  Dataflow flow(fusible.block);
  fusible.types.resize(fusible.block.slot_count, nullptr);
  take_constant_views(flow);
  program.fused_nodes += fuse_activations(flow, fusible.types);
  program.fused_nodes += fuse_products(flow, fusible.types, context, program);
  flow.finish();
}

}  // namespace genie::kernels_aten
