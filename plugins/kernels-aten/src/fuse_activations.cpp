#include <algorithm>
#include <set>

#include "activations.hpp"
#include "fuse.hpp"
#include "operators.hpp"

namespace genie::kernels_aten {

namespace {

class Activations {
 public:
  Activations(Dataflow& flow, const std::vector<const plan::Value*>& types) : flow_(flow), types_(types) {}

  std::uint64_t run() {
    std::uint64_t saved = 0;
    for (std::uint32_t n = 0; n < flow_.size(); ++n)
      for (const std::uint32_t slot : flow_.at(n).results)
        if (slot != kNone) saved += from(slot);
    for (const std::uint32_t slot : flow_.block().inputs)
      if (slot != kNone) saved += from(slot);
    return saved;
  }

 private:
  bool single(std::uint32_t slot) const {
    return types_[slot] != nullptr && !types_[slot]->scalar && types_[slot]->dtype == plan::DType::f32;
  }

  /// What follows from one value alone, and whether the last of it is an activation of that value.
  std::uint64_t from(std::uint32_t source) {
    if (!single(source) || flow_.readers(source).size() < 2) return 0;
    std::map<std::uint32_t, Curve> curves;  // by slot
    curves.emplace(source, probe());
    std::set<std::uint32_t> next(flow_.readers(source).begin(), flow_.readers(source).end());
    std::optional<std::pair<std::uint32_t, Activation>> found;
    // In the order of the block: an instruction comes after what it reads.
    for (std::size_t steps = 0; !next.empty() && steps < kLongest; ++steps) {
      const std::uint32_t n = *next.begin();
      next.erase(next.begin());
      auto curve = curve_of(n, source, curves);
      if (!curve) continue;
      const std::uint32_t slot = flow_.only_result(n);
      if (auto known = recognise(*curve)) found.emplace(n, *std::move(known));
      curves.emplace(slot, *std::move(curve));
      next.insert(flow_.readers(slot).begin(), flow_.readers(slot).end());
    }
    return found ? replace(source, found->first, found->second, curves) : 0;
  }

  std::optional<Curve> curve_of(std::uint32_t n, std::uint32_t source,
                                const std::map<std::uint32_t, Curve>& curves) const {
    const Instruction& instruction = flow_.at(n);
    const std::uint32_t slot = flow_.only_result(n);
    if (flow_.removed(n) || flow_.op(n).empty() || slot == kNone || !single(slot) ||
        types_[slot]->shape != types_[source]->shape || instruction.stack.size() > 4)
      return std::nullopt;
    std::vector<Term> terms(instruction.stack.size());
    for (std::size_t i = 0; i < terms.size(); ++i) {
      const c10::IValue& constant = instruction.stack[i];
      if (const Operand* operand = operand_at(instruction, i)) {
        if (operand->source != Source::slot) return std::nullopt;
        const auto known = curves.find(operand->index);
        if (known == curves.end()) return std::nullopt;
        terms[i] = &known->second;
      } else if (constant.isScalar() && !constant.toScalar().isComplex()) {
        terms[i] = constant.toScalar().toDouble();
      } else if (constant.isTensor() && constant.toTensor().defined() && constant.toTensor().dim() == 0 &&
                 !constant.toTensor().is_complex()) {
        terms[i] = constant.toTensor().item<double>();
      }
    }
    return composed(flow_.op(n), terms);
  }

  std::uint64_t replace(std::uint32_t source, std::uint32_t root, const Activation& activation,
                        const std::map<std::uint32_t, Curve>& curves) {
    // The instructions that the root's value is made by, from the source on.
    std::set<std::uint32_t> inner;
    std::vector<std::uint32_t> open{root};
    while (!open.empty()) {
      const std::uint32_t n = open.back();
      open.pop_back();
      for (const Operand& operand : flow_.at(n).operands)
        if (operand.index != source && curves.contains(operand.index) &&
            inner.insert(flow_.maker(operand.index)).second)
          open.push_back(flow_.maker(operand.index));
    }
    if (inner.empty()) return 0;
    for (const std::uint32_t n : inner) {
      const std::uint32_t slot = flow_.only_result(n);
      const auto stays = [&](std::uint32_t reader) { return reader == root || inner.contains(reader); };
      if (flow_.leaves(slot) || !std::ranges::all_of(flow_.readers(slot), stays)) return 0;
    }
    if (flow_.writes_between(*inner.begin(), root)) return 0;
    Instruction instruction;
    instruction.op = find_operator(activation.op);
    if (!instruction.op) return 0;
    instruction.stack.emplace_back();
    if (activation.approximate) instruction.stack.emplace_back(*activation.approximate);
    instruction.operands.push_back({0, source, Source::slot, Wanted::tensor, false});
    flow_.replace(root, std::move(instruction));
    for (const std::uint32_t n : inner)
      flow_.remove(n);
    return inner.size();
  }

  static constexpr std::size_t kLongest = 32;  ///< instructions looked at for one value

  Dataflow& flow_;
  const std::vector<const plan::Value*>& types_;
};

}  // namespace

std::uint64_t fuse_activations(Dataflow& flow, const std::vector<const plan::Value*>& types) {
  return Activations(flow, types).run();
}

}  // namespace genie::kernels_aten
