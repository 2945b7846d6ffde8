// Reductions: some dimensions become 1 (kept) or vanish. Also scans and what else works along one dimension.
#include <algorithm>

#include "shape_rules.hpp"

namespace genie::plan::detail {

namespace {

/// Which dimensions a reduction takes; all for none given.
std::vector<bool> reduced_dims(Call& c, const std::optional<std::vector<std::int64_t>>& dims,
                               std::int64_t rank) {
  const auto count = static_cast<std::size_t>(rank);
  if (!dims || dims->empty()) return std::vector<bool>(count, true);
  std::vector<bool> out(count, false);
  for (const std::int64_t d : *dims) {
    const std::size_t at = c.dim(d, rank);
    if (!c.ok()) return out;
    if (at >= count) continue;  // a dimension of a 0-d tensor
    if (out[at]) c.fail("dimension " + std::to_string(d) + " is named twice");
    out[at] = true;
  }
  return out;
}

Shape reduce(const Shape& shape, const std::vector<bool>& reduced, bool keep) {
  Shape out;
  for (std::size_t i = 0; i < shape.size(); ++i)
    if (!reduced[i])
      out.push_back(shape[i]);
    else if (keep)
      out.emplace_back(1);
  return out;
}

Operand input_of(Call& c) {
  return c.arg("self") != nullptr ? c.tensor("self") : c.tensor("input");
}

/// The shape after reducing over the `dim` argument (an int, a list, or nothing).
Shape reduced_shape(Call& c, const Operand& self) {
  std::optional<std::vector<std::int64_t>> dims;
  if (c.has("dim")) dims = c.constants("dim");
  const bool keep = c.arg("keepdim") != nullptr && c.flag("keepdim");
  return reduce(self.shape, reduced_dims(c, dims, self.rank()), keep);
}

DType sum_type(Call& c, DType self) {
  if (c.arg("dtype") != nullptr)
    if (const auto given = c.dtype("dtype")) return *given;
  return category(self) <= Category::integral ? DType::i64 : self;
}

std::vector<Inferred> sum(Call& c) {
  const Operand self = input_of(c);
  return {typed(sum_type(c, self.dtype), reduced_shape(c, self))};
}

std::vector<Inferred> mean(Call& c) {
  const Operand self = input_of(c);
  const DType dtype = c.arg("dtype") == nullptr ? self.dtype : c.dtype("dtype").value_or(self.dtype);
  if (c.ok() && category(dtype) <= Category::integral)
    c.fail("the mean of " + std::string(name(self.dtype)) + " needs a floating dtype");
  return {typed(dtype, reduced_shape(c, self))};
}

std::vector<Inferred> extremum(Call& c) {
  const Operand self = input_of(c);
  return {typed(self.dtype, reduced_shape(c, self))};
}

/// Values and where they were found.
std::vector<Inferred> extremum_with_indices(Call& c) {
  const Operand self = input_of(c);
  const Shape shape = reduced_shape(c, self);
  return {typed(self.dtype, shape), typed(DType::i64, shape)};
}

std::vector<Inferred> aminmax(Call& c) {
  const Operand self = input_of(c);
  const Shape shape = reduced_shape(c, self);
  return {typed(self.dtype, shape), typed(self.dtype, shape)};
}

std::vector<Inferred> arg_extremum(Call& c) {
  return {typed(DType::i64, reduced_shape(c, input_of(c)))};
}

std::vector<Inferred> any_all(Call& c) {
  const Operand self = input_of(c);
  return {typed(self.dtype == DType::u8 ? DType::u8 : DType::boolean, reduced_shape(c, self))};
}

std::vector<Inferred> variance(Call& c) {
  const Operand self = input_of(c);
  return {typed(to_real(self.dtype), reduced_shape(c, self))};
}

std::vector<Inferred> variance_and_mean(Call& c) {
  const Operand self = input_of(c);
  const Shape shape = reduced_shape(c, self);
  return {typed(to_real(self.dtype), shape), typed(self.dtype, shape)};
}

std::vector<Inferred> norm(Call& c) {
  const Operand self = input_of(c);
  const DType dtype = c.arg("dtype") == nullptr ? self.dtype : c.dtype("dtype").value_or(self.dtype);
  return {typed(to_real(to_floating(dtype)), reduced_shape(c, self))};
}

std::vector<Inferred> reduce_float(Call& c) {
  const Operand self = input_of(c);
  return {typed(to_floating(self.dtype), reduced_shape(c, self))};
}

/// A scan keeps the shape.
std::vector<Inferred> scan(Call& c) {
  const Operand self = input_of(c);
  (void)c.dim(c.constant("dim"), self.rank());
  return {typed(sum_type(c, self.dtype), self.shape)};
}

std::vector<Inferred> scan_with_indices(Call& c) {
  const Operand self = input_of(c);
  (void)c.dim(c.constant("dim"), self.rank());
  return {typed(self.dtype, self.shape), typed(DType::i64, self.shape)};
}

/// softmax and its kin: an optional dtype, else floating of the input's.
std::vector<Inferred> softmax(Call& c) {
  const Operand self = input_of(c);
  (void)c.dim(c.constant("dim"), self.rank());
  if (c.arg("half_to_float") != nullptr)
    return {typed(c.flag("half_to_float") ? DType::f32 : self.dtype, self.shape)};
  return {typed(c.dtype("dtype").value_or(to_floating(self.dtype)), self.shape)};
}

std::vector<Inferred> scan_float(Call& c) {
  const Operand self = input_of(c);
  (void)c.dim(c.constant("dim"), self.rank());
  return {typed(to_floating(self.dtype), self.shape)};
}

/// topk(self, k, dim): k of a dimension, values and indices.
std::vector<Inferred> topk(Call& c) {
  const Operand self = input_of(c);
  const std::size_t dim = c.dim(c.constant("dim"), self.rank());
  const Expr k = c.integer("k");
  Shape shape = self.shape;
  if (c.ok() && !shape.empty()) {
    const Interval room = c.facts().interval(shape[dim] - k);
    if (room.high && *room.high < 0)
      c.fail("k is " + k.to_text() + " of a dimension of size " + shape[dim].to_text());
    shape[dim] = k;
  }
  return {typed(self.dtype, shape), typed(DType::i64, shape)};
}

std::vector<Inferred> sort(Call& c) {
  const Operand self = input_of(c);
  return {typed(self.dtype, self.shape), typed(DType::i64, self.shape)};
}

std::vector<Inferred> argsort(Call& c) {
  return {typed(DType::i64, input_of(c).shape)};
}

std::vector<Inferred> trace(Call& c) {
  return {typed(sum_type(c, input_of(c).dtype), {})};
}

}  // namespace

std::span<const NamedRule> reduction_rules() {
  static constexpr NamedRule kRules[] = {
      {"sum", sum},
      {"mean", mean},
      {"extremum", extremum},
      {"extremum_with_indices", extremum_with_indices},
      {"aminmax", aminmax},
      {"arg_extremum", arg_extremum},
      {"any_all", any_all},
      {"variance", variance},
      {"variance_and_mean", variance_and_mean},
      {"norm", norm},
      {"reduce_float", reduce_float},
      {"scan", scan},
      {"scan_with_indices", scan_with_indices},
      {"scan_float", scan_float},
      {"softmax", softmax},
      {"topk", topk},
      {"sort", sort},
      {"argsort", argsort},
      {"trace", trace},
  };
  return kRules;
}

}  // namespace genie::plan::detail
