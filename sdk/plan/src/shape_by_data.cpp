// Operators whose result has as many rows as the data says, and others that count: combinations, triangles, blocks.
#include <algorithm>

#include "shape_rules.hpp"

namespace genie::plan::detail {

namespace {

using Results = std::vector<Inferred>;

Results nonzero(Call& c) {
  const Operand self = c.tensor("self");
  const bool bounded = c.arg("size") != nullptr;
  return {typed(DType::i64, {bounded ? c.integer("size") : unknown_dim(), Expr(self.rank())})};
}

/// One list of positions per dimension.
Results nonzero_lists(Call& c) {
  const Operand self = c.tensor(c.arg("condition") != nullptr ? "condition" : "self");
  return Results(std::max<std::size_t>(self.shape.size(), 1), typed(DType::i64, {unknown_dim()}));
}

Results masked_select(Call& c) {
  return {typed(c.tensor("self").dtype, {unknown_dim()})};
}

Results bincount(Call& c) {
  const auto weights = c.optional_tensor("weights");
  const DType dtype = !weights ? DType::i64 : weights->dtype == DType::f32 ? DType::f32 : DType::f64;
  return {typed(dtype, {unknown_dim()})};
}

/// The distinct elements, or slices along `dim`; where each went; how often each was there.
Results unique(Call& c) {
  const Operand self = c.tensor("self");
  Shape shape{unknown_dim()}, from = self.shape;
  if (c.arg("dim") != nullptr && c.has("dim")) {
    const std::size_t d = c.dim(c.constant("dim"), self.rank());
    if (!c.ok() || self.shape.empty()) return c.unsure(), Results{};
    shape = self.shape;
    shape[d] = unknown_dim();
    from = {self.shape[d]};
  }
  const bool inverse = c.flag("return_inverse");
  const bool counts = c.arg("return_counts") != nullptr && c.flag("return_counts");
  Results out{typed(self.dtype, std::move(shape)), typed(DType::i64, inverse ? from : Shape{Expr(0)}),
              typed(DType::i64, {counts ? unknown_dim() : Expr(0)})};
  if (!inverse) out[1].shape_known = false;  // torch leaves there what was convenient
  if (!counts) out[2].shape_known = false;
  out.resize(std::min(out.size(), c.schema().returns.size()));
  return out;
}

Results repeat_interleave(Call& c) {
  const std::optional<Expr> size = c.optional_integer("output_size");
  if (c.arg("self") == nullptr) return {typed(c.tensor("repeats").dtype, {size.value_or(unknown_dim())})};
  const Operand self = c.tensor("self");
  if (!c.has("dim")) return {typed(self.dtype, {size.value_or(unknown_dim())})};
  const std::size_t d = c.dim(c.constant("dim"), self.rank());
  Shape shape = self.shape;
  if (c.ok() && !shape.empty()) shape[d] = size.value_or(unknown_dim());
  return {typed(self.dtype, std::move(shape))};
}

std::optional<std::int64_t> choose(std::int64_t n, std::int64_t k) {
  std::int64_t out = 1;
  for (std::int64_t i = 1; i <= k; ++i)
    if (__builtin_mul_overflow(out, n - k + i, &out))
      return std::nullopt;
    else
      out /= i;
  return n < k ? 0 : out;
}

Results combinations(Call& c) {
  const Operand self = c.tensor("self");
  const std::int64_t r = c.constant("r");
  if (!c.ok() || self.shape.size() != 1 || !self.shape[0].is_int()) return c.unsure(), Results{};
  if (r == 0) return {typed(self.dtype, {Expr(0)})};
  const std::int64_t n = self.shape[0].as_int() + (c.flag("with_replacement") ? r - 1 : 0);
  const std::optional<std::int64_t> count = choose(n, r);
  if (!count) return c.unsure(), Results{};
  return {typed(self.dtype, {Expr(*count), Expr(r)})};
}

Results cartesian_prod(Call& c) {
  const auto factors = c.tensors("tensors");
  Promotion promotion;
  Expr count(1);
  for (const auto& factor : factors) {
    if (!factor || factor->shape.size() != 1) return c.unsure(), Results{};
    promotion.add(*factor);
    count = count * factor->shape[0];
  }
  if (!promotion.result()) return c.unsure(), Results{};
  Shape shape{count};
  if (factors.size() > 1) shape.emplace_back(static_cast<std::int64_t>(factors.size()));
  return {typed(*promotion.result(), std::move(shape))};
}

/// Blocks along a diagonal; what is no matrix is one row.
Results block_diag(Call& c) {
  Promotion promotion;
  Expr rows(0), columns(0);
  for (const auto& block : c.tensors("tensors")) {
    if (!block || block->shape.size() > 2) return c.unsure(), Results{};
    promotion.add(*block);
    rows = rows + (block->shape.size() == 2 ? block->shape[0] : Expr(1));
    columns = columns + (block->shape.empty() ? Expr(1) : block->shape.back());
  }
  if (!promotion.result()) return c.unsure(), Results{};
  return {typed(*promotion.result(), {rows, columns})};
}

/// How many places of a matrix lie on and below (above) a diagonal.
Results triangle(Call& c, bool lower) {
  const std::int64_t rows = c.constant("row"), columns = c.constant("col"), offset = c.constant("offset");
  std::int64_t count = 0;
  for (std::int64_t row = 0; c.ok() && row < std::min<std::int64_t>(rows, 1 << 20); ++row) {
    const std::int64_t below = std::clamp<std::int64_t>(row + offset + (lower ? 1 : 0), 0, columns);
    count += lower ? below : columns - below;
  }
  if (rows > (1 << 20)) c.unsure();
  return {typed(c.dtype("dtype").value_or(DType::i64), {Expr(2), Expr(count)})};
}
Results lower_triangle(Call& c) {
  return triangle(c, true);
}
Results upper_triangle(Call& c) {
  return triangle(c, false);
}

/// diag: a vector's matrix, or a matrix's diagonal.
Results diag(Call& c) {
  const Operand self = c.tensor("self");
  const std::int64_t offset = c.constant("diagonal");
  if (!c.ok() || self.shape.empty() || self.shape.size() > 2) return c.unsure(), Results{};
  if (self.shape.size() == 1) {
    const Expr edge = self.shape[0] + Expr(std::abs(offset));
    return {typed(self.dtype, {edge, edge})};
  }
  const Expr rows = self.shape[0] + Expr(std::min<std::int64_t>(offset, 0));
  const Expr columns = self.shape[1] - Expr(std::max<std::int64_t>(offset, 0));
  return {typed(self.dtype, {Expr::make(Expr::Op::max, Expr(0), Expr::make(Expr::Op::min, rows, columns))})};
}
Results diagflat(Call& c) {
  const Operand self = c.tensor("self");
  const Expr edge = element_count(self.shape) + Expr(std::abs(c.constant("offset")));
  return {typed(self.dtype, {edge, edge})};
}

/// At least so many dimensions, for one tensor or for each of a list.
Inferred at_least(const Operand& from, std::size_t rank) {
  Inferred out = typed(from.dtype, from.shape);
  Shape& shape = out.shape;
  if (shape.empty()) shape.emplace_back(1);
  if (shape.size() < rank && shape.size() == 1) shape.insert(shape.begin(), Expr(1));
  if (shape.size() < rank) shape.emplace_back(1);
  return out;
}
Results at_least_each(Call& c, std::size_t rank) {
  Results out;
  for (const Operand& operand : c.all_tensors())
    out.push_back(at_least(operand, rank));
  return out;
}
Results atleast_1d(Call& c) {
  return at_least_each(c, 1);
}
Results atleast_2d(Call& c) {
  return at_least_each(c, 2);
}
Results atleast_3d(Call& c) {
  return at_least_each(c, 3);
}

}  // namespace

std::span<const NamedRule> counting_rules() {
  static constexpr NamedRule kRules[] = {
      {"nonzero", nonzero},
      {"nonzero_lists", nonzero_lists},
      {"masked_select", masked_select},
      {"bincount", bincount},
      {"unique", unique},
      {"repeat_interleave_by", repeat_interleave},
      {"combinations", combinations},
      {"cartesian_prod", cartesian_prod},
      {"block_diag", block_diag},
      {"lower_triangle", lower_triangle},
      {"upper_triangle", upper_triangle},
      {"diag", diag},
      {"diagflat", diagflat},
      {"atleast_1d", atleast_1d},
      {"atleast_2d", atleast_2d},
      {"atleast_3d", atleast_3d},
  };
  return kRules;
}

}  // namespace genie::plan::detail
