#include <ATen/core/List.h>

#include <algorithm>
#include <array>
#include <optional>

#include "exchange.hpp"
#include "fuse.hpp"
#include "operators.hpp"

namespace genie::kernels_aten {

namespace {

using c10::IValue;

/// x times the transpose of a constant matrix, plus a constant row.
struct Product {
  Operand x;
  at::Tensor matrix;  ///< N × K
  at::Tensor bias;    ///< N, or undefined
};

/// What oneDNN computes on the results of a product before it stores them. Not relu: it loses what is not a number.
struct After {
  std::string attribute = "none";
  std::optional<std::string> algorithm;
};

bool is_one(const IValue& value) {
  return value.isScalar() && value.toScalar().equal(1);
}

class Products {
 public:
  Products(Dataflow& flow, const std::vector<const plan::Value*>& types, FuseContext& context,
           Program& program)
      : flow_(flow),
        types_(types),
        context_(context),
        program_(program),
        unary_(find_operator("mkldnn._linear_pointwise.default")),
        binary_(find_operator("mkldnn._linear_pointwise.binary")) {}

  std::uint64_t run() {
    if (!unary_ || !binary_ || !runs_on_cpu(*unary_) || !runs_on_cpu(*binary_)) return 0;
    std::uint64_t saved = 0;
    for (std::uint32_t n = 0; n < flow_.size(); ++n)
      if (const auto product = product_of(n)) saved += fuse(n, *product);
    return saved;
  }

 private:
  /// Single precision in plain memory: other types keep torch's operators, whose rounding between two steps is part of the result.
  static bool plain(const at::Tensor& tensor) {
    return tensor.defined() && tensor.scalar_type() == at::kFloat && tensor.layout() == at::kStrided &&
           tensor.numel() > 0 && !tensor.is_conj() && !tensor.is_neg();
  }

  bool single(std::uint32_t slot) const {
    return slot < types_.size() && types_[slot] != nullptr && !types_[slot]->scalar &&
           types_[slot]->dtype == plan::DType::f32;
  }

  static at::Tensor constant(const Instruction& instruction, std::size_t position) {
    if (position >= instruction.stack.size() || operand_at(instruction, position) != nullptr) return {};
    const IValue& value = instruction.stack[position];
    return value.isTensor() ? value.toTensor() : at::Tensor();
  }

  std::optional<Product> product_of(std::uint32_t n) const {
    const std::string& op = flow_.op(n);
    if (op == "aten::linear") return product_of(n, 0, 1, false, 2);
    if (op == "aten::mm" || op == "aten::matmul") return product_of(n, 0, 1, true, std::nullopt);
    if (op == "aten::addmm" && is_one(flow_.at(n).stack[3]) && is_one(flow_.at(n).stack[4]))
      return product_of(n, 1, 2, true, 0);
    return std::nullopt;
  }

  std::optional<Product> product_of(std::uint32_t n, std::size_t x, std::size_t matrix, bool transposed,
                                    std::optional<std::size_t> bias) const {
    const Instruction& instruction = flow_.at(n);
    const std::uint32_t slot = instruction.results.size() == 1 ? instruction.results[0] : kNone;
    const Operand* const left = operand_at(instruction, x);
    if (slot == kNone || left == nullptr || left->source == Source::list || !row_major(slot))
      return std::nullopt;
    Product product{*left, constant(instruction, matrix), {}};
    if (!plain(product.matrix) || product.matrix.dim() != 2) return std::nullopt;
    if (transposed) product.matrix = product.matrix.t();
    if (!bias || (operand_at(instruction, *bias) == nullptr && instruction.stack[*bias].isNone()))
      return product;
    product.bias = constant(instruction, *bias);
    if (!plain(product.bias)) return std::nullopt;
    const std::int64_t columns = product.matrix.size(0);
    if (product.bias.dim() == 2 && product.bias.size(0) == 1) product.bias = product.bias.squeeze(0);
    if (product.bias.dim() != 1 || product.bias.size(0) != columns || !product.bias.is_contiguous())
      return std::nullopt;
    product.bias = product.bias.detach();
    return product;
  }

  /// What the new operator gives; a result declared otherwise is torch's.
  bool row_major(std::uint32_t slot) const {
    return single(slot) && types_[slot]->strides == plan::contiguous_strides(types_[slot]->shape);
  }

  std::uint64_t fuse(std::uint32_t n, const Product& product) {
    const auto blob = context_.blobs.find(product.matrix.storage().unsafeGetStorageImpl());
    if (blob == context_.blobs.end()) return 0;
    const auto packed = context_.packed.matrix(blob->second, product.matrix, context_.spare_bytes);
    if (!packed) return 0;
    if (std::ranges::find(program_.packed, packed) == program_.packed.end())
      program_.packed.push_back(packed);
    const IValue bias = product.bias.defined() ? IValue(product.bias) : IValue();

    std::uint64_t saved = 0;
    const std::uint32_t result = flow_.only_result(n);
    Instruction instruction;
    instruction.operands.push_back(product.x);
    instruction.operands[0].position = 0;
    // With gaps or another order, oneDNN has but its reference kernels.
    instruction.operands[0].wanted = Wanted::dense;
    const std::uint32_t end = past_views(result, saved);
    const std::uint32_t reader = end == kNone ? kNone : flow_.only_reader(end);
    if (const auto after = reader == kNone ? std::nullopt : activation(reader)) {
      instruction.op = unary_;
      instruction.stack = {IValue(),
                           packed->tensor(),
                           bias,
                           after->attribute,
                           c10::List<std::optional<at::Scalar>>(),
                           after->algorithm ? IValue(*after->algorithm) : IValue()};
      absorb(reader, end);
      ++saved;
    } else if (const Operand* other = reader == kNone ? nullptr : summand(n, reader, end)) {
      instruction.op = binary_;
      instruction.stack = {IValue(), IValue(), packed->tensor(), bias, "add"};
      instruction.operands.push_back(*other);
      instruction.operands[1].position = 1;
      instruction.operands[1].wanted = Wanted::dense;
      ++saved;
      if (types_[end]->shape.size() != types_[result]->shape.size()) {
        add_as_rows(n, flow_.maker(end), reader, std::move(instruction));
        return saved;
      }
      absorb(reader, end);
    } else {
      instruction.op = unary_;
      instruction.stack = {IValue(), packed->tensor(), bias, "none", c10::List<std::optional<at::Scalar>>(),
                           IValue()};
    }
    flow_.replace(n, std::move(instruction));
    return saved;
  }

  /// Product, view, sum become: the summand as rows, the product with it, the view. The operator wants both in one shape.
  void add_as_rows(std::uint32_t n, std::uint32_t view, std::uint32_t sum, Instruction product) {
    const std::uint32_t result = flow_.only_result(n);
    const std::uint32_t place = flow_.at(n).place;
    const std::uint32_t view_place = flow_.at(view).place;
    Instruction rows;
    rows.op = find_operator("aten.view.default");
    rows.stack = {IValue(), c10::List<std::int64_t>({-1, product.stack[2].toTensor().size(0)})};
    rows.operands.push_back(product.operands[1]);
    rows.operands[0].position = 0;
    rows.operands[0].wanted = Wanted::tensor;
    product.operands[1].index = flow_.new_slot();
    flow_.make(n, product.operands[1].index);
    Instruction seen = flow_.at(view);
    flow_.replace(sum, std::move(seen));
    flow_.make(view, result);
    flow_.replace(view, std::move(product));
    flow_.replace(n, std::move(rows));
    flow_.at(view).place = place;
    flow_.at(sum).place = view_place;
  }

  /// Gives what it is given.
  bool is_copy(std::uint32_t n) const {
    const Instruction& instruction = flow_.at(n);
    const std::string& op = flow_.op(n);
    if (op == "aten::dropout")
      return operand_at(instruction, 2) == nullptr && instruction.stack[2].isBool() &&
             !instruction.stack[2].toBool();
    return op == "aten::clone" || op == "aten::contiguous" || op == "aten::detach";
  }

  /// The last name of a value that one after the other only looks at another way; copies of it are not made.
  std::uint32_t past_views(std::uint32_t slot, std::uint64_t& saved) {
    static constexpr std::array<std::string_view, 6> kViews{"aten::view",      "aten::_unsafe_view",
                                                            "aten::reshape",   "aten::alias",
                                                            "aten::unsqueeze", "aten::flatten.using_ints"};
    while (slot != kNone) {
      const std::uint32_t reader = flow_.only_reader(slot);
      if (reader == kNone || flow_.only_result(reader) == kNone) return slot;
      const Instruction& instruction = flow_.at(reader);
      const Operand* const base = operand_at(instruction, 0);
      const std::uint32_t next = flow_.only_result(reader);
      if (base == nullptr || base->source != Source::slot || base->index != slot || !row_major(next))
        return slot;
      if (is_copy(reader) && types_[next]->shape == types_[slot]->shape) {
        absorb(reader, slot);
        ++saved;
        continue;
      }
      if (std::ranges::find(kViews, flow_.op(reader)) == kViews.end()) return slot;
      slot = next;
    }
    return slot;
  }

  /// `reader`'s result is what the product itself now gives.
  void absorb(std::uint32_t reader, std::uint32_t slot) {
    const std::uint32_t result = flow_.only_result(reader);
    flow_.remove(reader);
    flow_.rename(result, slot);
  }

  std::optional<After> activation(std::uint32_t reader) const {
    const std::uint32_t result = flow_.only_result(reader);
    if (result == kNone || !single(result)) return std::nullopt;
    const std::string& op = flow_.op(reader);
    const Instruction& instruction = flow_.at(reader);
    if (op == "aten::tanh") return After{"tanh", std::nullopt};
    if (op == "aten::sigmoid") return After{"sigmoid", std::nullopt};
    if (op == "aten::silu") return After{"swish", std::nullopt};
    if (op == "aten::gelu" && instruction.stack[1].isString()) {
      const std::string& approximate = instruction.stack[1].toStringRef();
      if (approximate == "none" || approximate == "tanh") return After{"gelu", approximate};
    }
    return std::nullopt;
  }

  /// What `reader` adds to the product: there before the product is, and unchanged until the sum.
  const Operand* summand(std::uint32_t product, std::uint32_t reader, std::uint32_t slot) const {
    const std::uint32_t result = flow_.only_result(reader);
    if (flow_.op(reader) != "aten::add.Tensor" || result == kNone || !row_major(result) ||
        types_[result]->shape != types_[slot]->shape || !is_one(flow_.at(reader).stack[2]) ||
        flow_.writes_between(product, reader))
      return nullptr;
    // Seen as rows, both must be that in memory, with one view between that can be moved.
    const std::uint32_t first = flow_.only_result(product);
    const bool as_rows = types_[slot]->shape.size() != types_[first]->shape.size();
    if (as_rows && (types_[first]->shape.size() != 2 || flow_.only_reader(first) != flow_.maker(slot)))
      return nullptr;
    for (const Operand& operand : flow_.at(reader).operands) {
      if (operand.source != Source::slot || operand.index == slot || operand.position > 1) continue;
      const std::uint32_t maker = flow_.maker(operand.index);
      if (single(operand.index) && types_[operand.index]->shape == types_[slot]->shape &&
          (maker == kNone || maker < product) && (!as_rows || row_major(operand.index)))
        return &operand;
    }
    return nullptr;
  }

  Dataflow& flow_;
  const std::vector<const plan::Value*>& types_;
  FuseContext& context_;
  Program& program_;
  std::optional<c10::OperatorHandle> unary_;
  std::optional<c10::OperatorHandle> binary_;
};

}  // namespace

std::uint64_t fuse_products(Dataflow& flow, const std::vector<const plan::Value*>& types,
                            FuseContext& context, Program& program) {
  return Products(flow, types, context, program).run();
}

}  // namespace genie::kernels_aten
