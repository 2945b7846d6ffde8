#include "dataflow.hpp"

#include <algorithm>

#include "operators.hpp"

namespace genie::kernels_aten {

namespace {

/// A sub-graph may write to states.
bool may_write(const Instruction& instruction) {
  if (instruction.kind == Instruction::Kind::branch) return true;
  return instruction.op && !is_functional(instruction.op->schema());
}

}  // namespace

const Operand* operand_at(const Instruction& instruction, std::size_t position) {
  const auto found = std::ranges::find(instruction.operands, position, &Operand::position);
  return found == instruction.operands.end() ? nullptr : &*found;
}

Dataflow::Dataflow(Block& block)
    : block_(block),
      removed_(block.instructions.size()),
      ops_(block.instructions.size()),
      makers_(block.slot_count, kNone),
      readers_(block.slot_count),
      leaves_(block.slot_count) {
  for (std::uint32_t n = 0; n < block_.instructions.size(); ++n) {
    read(n);
    for (const std::uint32_t slot : at(n).results)
      if (slot != kNone) makers_[slot] = n;
    if (may_write(at(n))) writers_.push_back(n);
  }
  for (const BlockOutput& output : block_.outputs)
    if (output.from == BlockOutput::From::slot) leaves_[output.index] = true;
  for (const BlockWrite& write : block_.writes)
    if (write.source == Source::slot) leaves_[write.index] = true;
}

template <class Visit>
void Dataflow::for_each_slot(Instruction& instruction, Visit visit) {
  for (Operand& operand : instruction.operands)
    if (operand.source == Source::slot) visit(operand.index);
  for (ListPlan& list : instruction.lists)
    for (Operand& operand : list.operands)
      if (operand.source == Source::slot) visit(operand.index);
}

void Dataflow::read(std::uint32_t n) {
  for_each_slot(at(n), [&](std::uint32_t slot) { readers_[slot].push_back(n); });
  ops_[n] = at(n).kind == Instruction::Kind::op && at(n).op ? c10::toString(at(n).op->operator_name()) : "";
}

void Dataflow::forget(std::uint32_t n) {
  for_each_slot(at(n), [&](std::uint32_t slot) {
    auto& readers = readers_[slot];
    readers.erase(std::ranges::find(readers, n));
  });
  ops_[n].clear();
}

std::uint32_t Dataflow::only_reader(std::uint32_t slot) const {
  return leaves_[slot] || readers_[slot].size() != 1 ? kNone : readers_[slot].front();
}

bool Dataflow::writes_between(std::uint32_t first, std::uint32_t last) const {
  const auto next = std::ranges::upper_bound(writers_, first);
  return next != writers_.end() && *next < last;
}

std::uint32_t Dataflow::only_result(std::uint32_t n) const {
  const Instruction& instruction = block_.instructions[n];
  return instruction.results.size() == 1 && instruction.decides.empty() ? instruction.results[0] : kNone;
}

void Dataflow::rename(std::uint32_t from, std::uint32_t to) {
  std::vector<std::uint32_t> readers = std::exchange(readers_[from], {});
  for (const std::uint32_t n : readers)
    for_each_slot(at(n), [&](std::uint32_t& slot) {
      if (slot == from) slot = to;
    });
  readers_[to].insert(readers_[to].end(), readers.begin(), readers.end());
  if (!leaves_[from]) return;
  leaves_[from] = false;
  leaves_[to] = true;
  for (BlockOutput& output : block_.outputs)
    if (output.from == BlockOutput::From::slot && output.index == from) output.index = to;
  for (BlockWrite& write : block_.writes)
    if (write.source == Source::slot && write.index == from) write.index = to;
}

void Dataflow::replace(std::uint32_t n, Instruction instruction) {
  forget(n);
  instruction.results = at(n).results;
  instruction.decides = std::move(at(n).decides);
  instruction.place = at(n).place;
  at(n) = std::move(instruction);
  read(n);
}

void Dataflow::make(std::uint32_t n, std::uint32_t slot) {
  at(n).results = {slot};
  makers_[slot] = n;
}

std::uint32_t Dataflow::new_slot() {
  makers_.push_back(kNone);
  readers_.emplace_back();
  leaves_.push_back(false);
  return block_.slot_count++;
}

void Dataflow::remove(std::uint32_t n) {
  forget(n);
  removed_[n] = true;
}

void Dataflow::finish() {
  std::vector<Instruction> kept;
  for (std::uint32_t n = 0; n < block_.instructions.size(); ++n)
    if (!removed_[n]) kept.push_back(std::move(block_.instructions[n]));
  block_.instructions = std::move(kept);
}

}  // namespace genie::kernels_aten
