// Elementwise operators: shapes broadcast, types promote. What differs is what becomes of the promoted type.
#include <algorithm>

#include "shape_rules.hpp"

namespace genie::plan::detail {

namespace {

/// Scalar arguments of these names take part in type promotion; others (alpha, value, beta…) only scale.
bool promotes(std::string_view name) {
  constexpr std::string_view kNames[] = {"self", "other", "exponent", "min", "max", "x", "n"};
  return std::ranges::find(kNames, name) != std::end(kNames);
}

struct Joined {
  Shape shape;
  std::optional<DType> dtype;
  DType first = DType::f32;  ///< of the first tensor
};

/// All operands broadcast and promoted; tensors named `mask_only` join the shape alone.
Joined join(Call& c, std::string_view mask_only = {}) {
  Joined out;
  Promotion promotion;
  bool first = true;
  for (const OpArgument& argument : c.schema().arguments) {
    if (argument.type.starts_with("Tensor") && argument.type.find('[') == std::string::npos &&
        c.has(argument.name)) {
      const Operand operand = c.tensor(argument.name);
      out.shape = c.broadcast(out.shape, operand.shape);
      if (argument.name == mask_only) continue;
      promotion.add(operand);
      if (std::exchange(first, false)) out.first = operand.dtype;
    } else if (argument.type.starts_with("Scalar") && argument.type.find("Type") == std::string::npos &&
               promotes(argument.name) && c.has(argument.name)) {
      promotion.add_number(c.number(argument.name));
    }
  }
  out.dtype = promotion.result();
  if (!out.dtype) c.unsure();
  return out;
}

std::vector<Inferred> promoted(Call& c, DType (*convert)(DType)) {
  Joined joined = join(c);
  return {typed(convert(joined.dtype.value_or(DType::f32)), std::move(joined.shape))};
}

std::vector<Inferred> pointwise(Call& c) {
  return promoted(c, [](DType d) { return d; });
}
std::vector<Inferred> pointwise_float(Call& c) {
  return promoted(c, to_floating);
}
std::vector<Inferred> pointwise_bool(Call& c) {
  return promoted(c, [](DType) { return DType::boolean; });
}
std::vector<Inferred> pointwise_real(Call& c) {
  return promoted(c, to_real);
}
std::vector<Inferred> pointwise_real_float(Call& c) {
  return promoted(c, [](DType d) { return to_real(to_floating(d)); });
}
/// In double precision whatever the operands are, mixtures without a common type included.
std::vector<Inferred> float_power(Call& c) {
  Shape shape;
  bool complex = false;
  for (const char* name : {"self", "exponent"}) {
    const std::optional<Operand> operand = c.arg(name) != nullptr ? c.operand(*c.arg(name)) : std::nullopt;
    if (!operand) return c.unsure(), std::vector<Inferred>{};
    shape = c.broadcast(shape, operand->shape);
    complex = complex || is_complex(operand->dtype);
  }
  return {typed(complex ? DType::c128 : DType::f64, std::move(shape))};
}
std::vector<Inferred> pointwise_self(Call& c) {
  Joined joined = join(c);
  return {typed(joined.first, std::move(joined.shape))};
}

/// div, divide: a rounded quotient keeps the promoted type.
std::vector<Inferred> divide(Call& c) {
  return c.has("rounding_mode") ? pointwise(c) : pointwise_float(c);
}

std::vector<Inferred> where(Call& c) {
  Joined joined = join(c, "condition");
  return {typed(joined.dtype.value_or(DType::f32), std::move(joined.shape))};
}

std::vector<Inferred> frexp(Call& c) {
  const Operand self = c.tensor("self");
  return {typed(self.dtype, self.shape), typed(DType::i32, self.shape)};
}

/// Same type and shape as the first tensor argument: activations, dropout, copies, scatters.
std::vector<Inferred> like_first(Call& c) {
  const std::vector<Operand> operands = c.all_tensors();
  if (operands.empty()) c.unsure();
  return operands.empty() ? std::vector<Inferred>{}
                          : std::vector{typed(operands.front().dtype, operands.front().shape)};
}

/// An in-place operator returns what it wrote.
std::vector<Inferred> in_place(Call& c) {
  std::vector<Inferred> out = like_first(c);
  const std::vector<Operand> operands = c.all_tensors();
  if (!out.empty()) out.front().strides = operands.front().strides;
  return out;
}

std::vector<Inferred> masked_scatter(Call& c) {
  const Operand self = c.tensor("self");
  return {typed(self.dtype, c.broadcast(self.shape, c.tensor("mask").shape))};
}

std::vector<Inferred> native_dropout(Call& c) {
  const Operand input = c.tensor("input");
  return {typed(input.dtype, input.shape), typed(DType::boolean, input.shape)};
}

/// Noise of these means and deviations, either of which may be a number.
std::vector<Inferred> normal(Call& c) {
  Shape shape;
  for (const Operand& operand : c.all_tensors())
    shape = c.broadcast(shape, operand.shape);
  const std::vector<Operand> operands = c.all_tensors();
  if (operands.empty()) return c.unsure(), std::vector<Inferred>{};
  return {typed(operands.front().dtype, std::move(shape))};
}

/// A result and what it was made with, or what its derivative wants: both as the first tensor.
std::vector<Inferred> like_first_twice(Call& c) {
  std::vector<Inferred> out = like_first(c);
  if (!out.empty()) out.push_back(out.front());
  return out;
}

std::vector<Inferred> half_complex(Call& c) {
  return {typed(DType::c32, c.tensor("self").shape)};
}

/// Losses of two tensors: reduction 0 none, 1 mean, 2 sum.
std::vector<Inferred> loss(Call& c) {
  Joined joined = join(c, "weight");
  const std::int64_t reduction = c.constant("reduction");
  return {typed(to_real(joined.dtype.value_or(DType::f32)), reduction == 0 ? joined.shape : Shape{})};
}

std::vector<Inferred> glu(Call& c) {
  const Operand self = c.tensor("self");
  Shape shape = self.shape;
  const std::size_t dim = c.dim(c.constant("dim"), self.rank());
  if (!c.ok() || shape.empty()) return {};
  if (!shape[dim].is_int()) c.unsure();
  if (c.ok()) shape[dim] = shape[dim].as_int() / 2;
  return {typed(self.dtype, std::move(shape))};
}

std::vector<Inferred> complex_of(Call& c) {
  const std::vector<Operand> parts = c.all_tensors();
  if (parts.size() != 2) return c.unsure(), std::vector<Inferred>{};
  return {typed(to_complex(parts[0].dtype), c.broadcast(parts[0].shape, parts[1].shape))};
}

}  // namespace

std::span<const NamedRule> elementwise_rules() {
  static constexpr NamedRule kRules[] = {
      {"pointwise", pointwise},
      {"pointwise_float", pointwise_float},
      {"pointwise_bool", pointwise_bool},
      {"pointwise_real", pointwise_real},
      {"pointwise_real_float", pointwise_real_float},
      {"pointwise_self", pointwise_self},
      {"float_power", float_power},
      {"divide", divide},
      {"where", where},
      {"frexp", frexp},
      {"like_first", like_first},
      {"in_place", in_place},
      {"masked_scatter", masked_scatter},
      {"native_dropout", native_dropout},
      {"loss", loss},
      {"glu", glu},
      {"complex_of", complex_of},
      {"normal", normal},
      {"like_first_twice", like_first_twice},
      {"half_complex", half_complex},
  };
  return kRules;
}

}  // namespace genie::plan::detail
