// Tensors made from nothing, numbers taken out of tensors, and Fourier transforms.
#include <algorithm>
#include <cmath>

#include "shape_rules.hpp"

namespace genie::plan::detail {

namespace {

DType type_of_number(Category category) {
  switch (category) {
    case Category::boolean:
      return DType::boolean;
    case Category::integral:
      return DType::i64;
    case Category::complex:
      return DType::c64;
    case Category::floating:
      break;
  }
  return DType::f32;
}

std::vector<Inferred> create(Call& c) {
  return {typed(c.dtype("dtype").value_or(DType::f32), c.integers("size"))};
}

std::vector<Inferred> create_strided(Call& c) {
  Inferred out = typed(c.dtype("dtype").value_or(DType::f32), c.integers("size"));
  out.strides = c.integers("stride");
  return {out};
}

std::vector<Inferred> full(Call& c) {
  const auto dtype = c.dtype("dtype");
  return {typed(dtype ? *dtype : type_of_number(c.number("fill_value")), c.integers("size"))};
}

std::vector<Inferred> scalar_tensor(Call& c) {
  return {typed(c.dtype("dtype").value_or(DType::f32), {})};
}

/// zeros_like and kin.
std::vector<Inferred> create_like(Call& c) {
  const Operand self = c.tensor("self");
  return {typed(c.dtype("dtype").value_or(self.dtype), self.shape)};
}

/// new_zeros and kin.
std::vector<Inferred> create_new(Call& c) {
  const Operand self = c.tensor("self");
  return {typed(c.dtype("dtype").value_or(self.dtype), c.integers("size"))};
}

std::vector<Inferred> resize(Call& c) {
  return {typed(c.tensor("self").dtype, c.integers("size"))};
}

std::vector<Inferred> create_integers(Call& c) {
  return {typed(c.dtype("dtype").value_or(DType::i64),
                c.arg("n") != nullptr ? Shape{c.integer("n")} : Shape(c.integers("size")))};
}

std::vector<Inferred> eye(Call& c) {
  const Expr n = c.integer("n");
  return {typed(c.dtype("dtype").value_or(DType::f32), {n, c.arg("m") != nullptr ? c.integer("m") : n})};
}

std::optional<Expr> exact(const Arg* a) {
  if (a == nullptr) return std::nullopt;
  if (const auto* i = std::get_if<std::int64_t>(&a->is)) return Expr(*i);
  if (const auto* d = std::get_if<arg::Dim>(&a->is)) return d->expr;
  return std::nullopt;
}

/// ceil((end - start) / step) numbers; i64 when all three are integers.
std::vector<Inferred> arange(Call& c) {
  const bool has_start = c.arg("start") != nullptr, has_step = c.arg("step") != nullptr;
  Category highest = c.number("end");
  if (has_start) highest = std::max(highest, c.number("start"));
  if (has_step) highest = std::max(highest, c.number("step"));
  const DType dtype = c.dtype("dtype").value_or(highest == Category::floating ? DType::f32 : DType::i64);
  if (!c.ok()) return {};
  if (highest == Category::floating) {
    const auto start = has_start ? c.number_value("start") : 0.0, end = c.number_value("end");
    const auto step = has_step ? c.number_value("step") : 1.0;
    if (!start || !end || !step) return {typed(dtype, {unknown_dim()})};
    if (*step == 0) return c.fail("arange's step is 0"), std::vector<Inferred>{};
    const double count = std::ceil((*end - *start) / *step);
    if (!(count >= 0) || count > 1e15) return c.unsure(), std::vector<Inferred>{};
    return {typed(dtype, {Expr(static_cast<std::int64_t>(count))})};
  }
  const std::optional<Expr> start = has_start ? exact(c.arg("start")) : Expr(0), end = exact(c.arg("end"));
  const std::optional<Expr> step = has_step ? exact(c.arg("step")) : Expr(1);
  if (!start || !end || !step || !step->is_int()) return {typed(dtype, {unknown_dim()})};
  if (step->as_int() == 0) return c.fail("arange's step is 0"), std::vector<Inferred>{};
  const Expr span = step->as_int() > 0 ? *end - *start : *start - *end;
  const std::int64_t stride = std::abs(step->as_int());
  const Interval range = c.facts().interval(c.facts().simplify(span));
  if (!range.low || *range.low < 0) return {typed(dtype, {unknown_dim()})};
  return {typed(
      dtype, {stride == 1 ? span : Expr::make(Expr::Op::floordiv, span + Expr(stride - 1), Expr(stride))})};
}

std::vector<Inferred> linspace(Call& c) {
  Category highest = Category::floating;
  for (const char* name : {"start", "end"}) {
    const auto bound = c.arg(name) == nullptr ? std::nullopt : c.operand(*c.arg(name));
    if (!bound) c.unsure();
    if (bound) highest = std::max(highest, category(bound->dtype));
  }
  return {typed(c.dtype("dtype").value_or(type_of_number(highest)), {c.integer("steps")})};
}

std::vector<Inferred> signal_window(Call& c) {
  return {typed(c.dtype("dtype").value_or(DType::f32), {c.integer("window_length")})};
}

std::vector<Inferred> multinomial(Call& c) {
  const Operand self = c.tensor("self");
  if (c.ok() && self.shape.empty()) c.fail("probabilities need rank 1 or 2");
  if (!c.ok()) return {};
  Shape shape(self.shape.begin(), self.shape.end() - 1);
  shape.push_back(c.integer("num_samples"));
  return {typed(DType::i64, std::move(shape))};
}

std::vector<Inferred> number_int(Call&) {
  return {number_result(ScalarKind::integer)};
}
std::vector<Inferred> number_bool(Call&) {
  return {number_result(ScalarKind::boolean)};
}

std::vector<Inferred> item(Call& c) {
  switch (category(c.tensor("self").dtype)) {
    case Category::boolean:
      return {number_result(ScalarKind::boolean)};
    case Category::integral:
      return {number_result(ScalarKind::integer)};
    case Category::floating:
      return {number_result(ScalarKind::floating)};
    case Category::complex:
      break;
  }
  return c.unsure(), std::vector<Inferred>{};
}

std::vector<Inferred> nothing(Call&) {
  return {};
}

std::size_t last_transformed(Call& c, const Operand& self) {
  const std::vector<std::int64_t> dims = c.constants("dim");
  if (dims.empty() || self.shape.empty()) c.unsure();
  return c.ok() ? c.dim(dims.back(), self.rank()) : 0;
}

std::vector<Inferred> fft_complex(Call& c) {
  const Operand self = c.tensor("self");
  return {typed(to_complex(self.dtype), self.shape)};
}

/// Real input: only half of the last transformed dimension is kept when one-sided.
std::vector<Inferred> fft_from_real(Call& c) {
  const Operand self = c.tensor("self");
  const std::size_t d = last_transformed(c, self);
  if (!c.ok()) return {};
  Shape shape = self.shape;
  if (c.flag("onesided")) shape[d] = Expr::make(Expr::Op::floordiv, shape[d], Expr(2)) + Expr(1);
  return {typed(to_complex(self.dtype), std::move(shape))};
}

std::vector<Inferred> fft_to_real(Call& c) {
  const Operand self = c.tensor("self");
  const std::size_t d = last_transformed(c, self);
  if (!c.ok()) return {};
  Shape shape = self.shape;
  shape[d] = c.integer("last_dim_size");
  return {typed(to_real(self.dtype), std::move(shape))};
}

/// fft_fft and its kin, of one dimension or several: each cut or filled to its size; of the last one half may be dropped.
enum class Fourier : std::uint8_t { complex, from_real, to_real };
std::vector<Inferred> fourier(Call& c, Fourier kind) {
  const Operand self = c.tensor("self");
  const char* const given = c.arg("n") != nullptr ? "n" : "s";
  const Exprs sizes = c.integers(given);
  std::vector<std::int64_t> dims = c.constants("dim");
  if (!c.has("dim"))  // the last ones, as many as sizes are given; else all
    for (std::int64_t d = c.has(given) ? -static_cast<std::int64_t>(sizes.size()) : -self.rank(); d < 0; ++d)
      dims.push_back(d);
  if (!c.ok() || self.shape.empty() || dims.empty()) return c.unsure(), std::vector<Inferred>{};
  Shape shape = self.shape;
  for (std::size_t i = 0; i < dims.size(); ++i) {
    const std::size_t d = c.dim(dims[i], self.rank());
    if (!c.ok()) return {};
    const bool sized = i < sizes.size() && !(sizes[i] == Expr(-1));
    const bool last = i + 1 == dims.size();
    if (sized)
      shape[d] = sizes[i];
    else if (last && kind == Fourier::to_real)
      shape[d] = (shape[d] - Expr(1)) * Expr(2);
    if (last && kind == Fourier::from_real)
      shape[d] = Expr::make(Expr::Op::floordiv, shape[d], Expr(2)) + Expr(1);
  }
  const DType complex = to_complex(to_floating(self.dtype));
  return {typed(kind == Fourier::to_real ? to_real(complex) : complex, std::move(shape))};
}
std::vector<Inferred> fourier_complex(Call& c) {
  return fourier(c, Fourier::complex);
}
std::vector<Inferred> fourier_from_real(Call& c) {
  return fourier(c, Fourier::from_real);
}
std::vector<Inferred> fourier_to_real(Call& c) {
  return fourier(c, Fourier::to_real);
}

}  // namespace

std::span<const NamedRule> create_rules() {
  static constexpr NamedRule kRules[] = {
      {"create", create},
      {"create_strided", create_strided},
      {"full", full},
      {"scalar_tensor", scalar_tensor},
      {"create_like", create_like},
      {"create_new", create_new},
      {"create_integers", create_integers},
      {"eye", eye},
      {"resize", resize},
      {"arange", arange},
      {"linspace", linspace},
      {"signal_window", signal_window},
      {"multinomial", multinomial},
      {"number_int", number_int},
      {"number_bool", number_bool},
      {"item", item},
      {"nothing", nothing},
      {"fft_complex", fft_complex},
      {"fft_from_real", fft_from_real},
      {"fft_to_real", fft_to_real},
      {"fourier_complex", fourier_complex},
      {"fourier_from_real", fourier_from_real},
      {"fourier_to_real", fourier_to_real},
  };
  return kRules;
}

}  // namespace genie::plan::detail
