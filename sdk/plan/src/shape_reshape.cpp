// Copies into another shape: repeats, padding, conversions.
#include <algorithm>

#include "shape_rules.hpp"

namespace genie::plan::detail {

namespace {

/// _to_copy, to.*, type_as, clone: the shape stays, the type may change.
std::vector<Inferred> convert(Call& c) {
  const std::vector<Operand> operands = c.all_tensors();
  if (operands.empty()) return c.unsure(), std::vector<Inferred>{};
  DType dtype = operands.front().dtype;
  if (c.arg("dtype") != nullptr)
    dtype = c.dtype("dtype").value_or(dtype);
  else if (operands.size() > 1)
    dtype = operands[1].dtype;
  return {typed(dtype, operands.front().shape)};
}

std::vector<Inferred> repeat(Call& c) {
  const Operand self = c.tensor("self");
  Exprs times = c.integers(c.arg("repeats") != nullptr ? "repeats" : "dims");
  const bool tile = c.arg("dims") != nullptr;
  if (tile && times.size() < self.shape.size()) {
    const Exprs once(self.shape.size() - times.size(), Expr(1));
    times.insert(times.begin(), once.begin(), once.end());
  }
  if (times.size() < self.shape.size()) c.fail("fewer repeats than dimensions");
  if (!c.ok()) return {};
  Shape shape = times;
  const std::size_t lead = times.size() - self.shape.size();
  for (std::size_t i = 0; i < self.shape.size(); ++i)
    shape[lead + i] = shape[lead + i] * self.shape[i];
  return {typed(self.dtype, std::move(shape))};
}

std::vector<Inferred> repeat_interleave(Call& c) {
  const Operand self = c.tensor("self");
  const Expr repeats = c.integer("repeats");
  if (!c.has("dim")) return {typed(self.dtype, {element_count(self.shape) * repeats})};
  const std::size_t d = c.dim(c.constant("dim"), self.rank());
  Shape shape = self.shape;
  if (c.ok() && !shape.empty()) shape[d] = shape[d] * repeats;
  return {typed(self.dtype, std::move(shape))};
}

/// Pairs from the last dimension backwards.
std::vector<Inferred> pad(Call& c) {
  const bool named_self = c.arg("self") != nullptr;
  const Operand self = c.tensor(named_self ? "self" : "input");
  const Exprs amounts = c.integers(c.arg("pad") != nullptr ? "pad" : "padding");
  if (c.ok() && (amounts.size() % 2 != 0 || amounts.size() / 2 > self.shape.size()))
    c.fail(std::to_string(amounts.size()) + " amounts of padding for a tensor of rank " +
           std::to_string(self.rank()));
  if (!c.ok()) return {};
  Shape shape = self.shape;
  for (std::size_t i = 0; i < amounts.size() / 2; ++i) {
    Expr& size = shape[shape.size() - 1 - i];
    size = size + amounts[2 * i] + amounts[2 * i + 1];
    if (size.is_int() && size.as_int() < 0) c.fail("padding makes a dimension " + size.to_text());
  }
  return {typed(self.dtype, std::move(shape))};
}

std::vector<Inferred> rot90(Call& c) {
  const Operand self = c.tensor("self");
  const std::vector<std::int64_t> dims = c.constants("dims");
  const std::int64_t k = c.constant("k");
  if (!c.ok() || dims.size() != 2) return {};
  const std::size_t a = c.dim(dims[0], self.rank()), b = c.dim(dims[1], self.rank());
  Shape shape = self.shape;
  if (c.ok() && k % 2 != 0) std::swap(shape[a], shape[b]);
  return {typed(self.dtype, std::move(shape))};
}

/// pixel_shuffle: channels become resolution; pixel_unshuffle the other way.
std::vector<Inferred> pixel_shuffle(Call& c) {
  const Operand self = c.tensor("self");
  const bool up = c.arg("upscale_factor") != nullptr;
  const std::int64_t factor = c.constant(up ? "upscale_factor" : "downscale_factor");
  if (c.ok() && (self.shape.size() < 3 || factor <= 0))
    c.fail("needs channels, height, width and a positive factor");
  if (!c.ok()) return {};
  Shape shape = self.shape;
  const std::size_t channel = shape.size() - 3;
  for (std::size_t i = channel; i < shape.size(); ++i) {
    const bool shrinks = (i == channel) == up;
    const std::int64_t by = i == channel ? factor * factor : factor;
    shape[i] = shrinks ? Expr::make(Expr::Op::floordiv, shape[i], Expr(by)) : shape[i] * Expr(by);
  }
  return {typed(self.dtype, std::move(shape))};
}

std::vector<Inferred> diag_embed(Call& c) {
  const Operand self = c.tensor("self");
  const std::int64_t offset = c.constant("offset");
  if (!c.ok() || self.shape.empty()) return c.unsure(), std::vector<Inferred>{};
  const std::size_t a = c.dim(c.constant("dim1"), self.rank() + 1),
                    b = c.dim(c.constant("dim2"), self.rank() + 1);
  if (!c.ok()) return {};
  const Expr edge = self.shape.back() + Expr(offset < 0 ? -offset : offset);
  Shape shape(self.shape.begin(), self.shape.end() - 1);
  shape.insert(shape.begin() + static_cast<std::ptrdiff_t>(std::min(a, b)), edge);
  shape.insert(shape.begin() + static_cast<std::ptrdiff_t>(std::max(a, b)), edge);
  return {typed(self.dtype, std::move(shape))};
}

std::vector<Inferred> one_hot(Call& c) {
  const Operand self = c.tensor("self");
  const Expr classes = c.integer("num_classes");
  Shape shape = self.shape;
  const bool by_data = classes.is_int() && classes.as_int() < 0;
  shape.push_back(by_data ? unknown_dim() : classes);
  return {typed(DType::i64, std::move(shape))};
}

std::vector<Inferred> ravel(Call& c) {
  const Operand self = c.tensor("self");
  return {typed(self.dtype, {element_count(self.shape)})};
}

/// The type of the first tensor, the shape of an argument: a list of sizes or another tensor.
std::vector<Inferred> sized_by(Call& c) {
  const Operand self = c.tensor("self");
  if (c.arg("size") != nullptr) return {typed(self.dtype, c.integers("size"))};
  return {typed(self.dtype, c.tensor("the_template").shape)};
}

/// diff along one dimension, nothing prepended.
std::vector<Inferred> diff(Call& c) {
  const Operand self = c.tensor("self");
  if (c.has("prepend") || c.has("append")) c.unsure();
  const std::size_t d = c.dim(c.constant("dim"), self.rank());
  const std::int64_t n = c.constant("n");
  if (!c.ok() || self.shape.empty()) return c.unsure(), std::vector<Inferred>{};
  Shape shape = self.shape;
  const Interval left = c.facts().interval(shape[d] - Expr(n));
  if (left.low && *left.low >= 0)
    shape[d] = shape[d] - Expr(n);
  else
    shape[d] = left.high && *left.high <= 0 ? Expr(0) : unknown_dim();
  return {typed(self.dtype, std::move(shape))};
}

}  // namespace

std::span<const NamedRule> reshape_rules() {
  static constexpr NamedRule kRules[] = {
      {"convert", convert},
      {"repeat", repeat},
      {"repeat_interleave", repeat_interleave},
      {"pad", pad},
      {"rot90", rot90},
      {"pixel_shuffle", pixel_shuffle},
      {"diag_embed", diag_embed},
      {"one_hot", one_hot},
      {"diff", diff},
      {"ravel", ravel},
      {"sized_by", sized_by},
  };
  return kRules;
}

}  // namespace genie::plan::detail
