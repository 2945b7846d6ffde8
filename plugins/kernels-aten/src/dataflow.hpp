// Who makes and who reads each slot of a block, kept right while instructions are replaced and taken out.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "program.hpp"

namespace genie::kernels_aten {

/// Before lifetimes are settled. Slots are made once.
class Dataflow {
 public:
  explicit Dataflow(Block& block);

  [[nodiscard]] Block& block() { return block_; }
  [[nodiscard]] std::size_t size() const { return block_.instructions.size(); }
  [[nodiscard]] Instruction& at(std::uint32_t n) { return block_.instructions[n]; }
  [[nodiscard]] bool removed(std::uint32_t n) const { return removed_[n]; }
  /// "aten::add.Tensor"; "" for what calls no operator, and for what was removed.
  [[nodiscard]] const std::string& op(std::uint32_t n) const { return ops_[n]; }
  /// The instruction that makes a slot; kNone for the block's inputs.
  [[nodiscard]] std::uint32_t maker(std::uint32_t slot) const { return makers_[slot]; }
  /// The instructions that read a slot, once for each reading argument, in no order.
  [[nodiscard]] const std::vector<std::uint32_t>& readers(std::uint32_t slot) const { return readers_[slot]; }
  /// Leaves the block, or is written to a state.
  [[nodiscard]] bool leaves(std::uint32_t slot) const { return leaves_[slot]; }
  /// The one instruction that reads it, and nothing else knows it; kNone otherwise.
  [[nodiscard]] std::uint32_t only_reader(std::uint32_t slot) const;
  /// Whether an instruction after `first` and before `last` may write to memory that exists.
  [[nodiscard]] bool writes_between(std::uint32_t first, std::uint32_t last) const;
  /// The slot that the only result goes to; kNone if there are more, or a size depends on it.
  [[nodiscard]] std::uint32_t only_result(std::uint32_t n) const;

  /// What reads `from` reads `to` instead, and leaves instead of it.
  void rename(std::uint32_t from, std::uint32_t to);
  /// Another instruction in its place, with the same results.
  void replace(std::uint32_t n, Instruction instruction);
  /// It makes this slot now, and what it made is made by nobody.
  void make(std::uint32_t n, std::uint32_t slot);
  [[nodiscard]] std::uint32_t new_slot();
  void remove(std::uint32_t n);
  /// Takes the removed ones out of the block; nothing may be asked afterwards.
  void finish();

 private:
  template <class Visit>
  static void for_each_slot(Instruction& instruction, Visit visit);
  void read(std::uint32_t n);
  void forget(std::uint32_t n);

  Block& block_;
  std::vector<bool> removed_;
  std::vector<std::string> ops_;
  std::vector<std::uint32_t> makers_;
  std::vector<std::vector<std::uint32_t>> readers_;
  std::vector<bool> leaves_;
  std::vector<std::uint32_t> writers_;  ///< sorted
};

/// The operand at a place of an instruction's stack; null if a constant is there.
[[nodiscard]] const Operand* operand_at(const Instruction& instruction, std::size_t position);

}  // namespace genie::kernels_aten
