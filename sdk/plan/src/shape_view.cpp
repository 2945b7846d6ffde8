// Views: shape and strides both follow from the input's, exactly.
#include <algorithm>
#include <limits>

#include "shape_rules.hpp"
#include "view_geometry.hpp"

namespace genie::plan::detail {

namespace {

Inferred view_of(const Operand& self, Shape shape, Exprs strides) {
  Inferred out = typed(self.dtype, std::move(shape));
  out.strides = std::move(strides);
  return out;
}

std::vector<Inferred> permuted(Call& c, const Operand& self, const std::vector<std::size_t>& order) {
  Shape shape;
  Exprs strides;
  if (!c.ok()) return {};
  for (const std::size_t d : order) {
    shape.push_back(self.shape[d]);
    strides.push_back(self.strides[d]);
  }
  return {view_of(self, std::move(shape), std::move(strides))};
}

std::vector<Inferred> permute(Call& c) {
  const Operand self = c.tensor("self");
  std::vector<std::size_t> order;
  for (const std::int64_t d : c.constants("dims"))
    order.push_back(c.dim(d, self.rank()));
  std::vector<std::size_t> sorted = order;
  std::ranges::sort(sorted);
  for (std::size_t i = 0; i < sorted.size(); ++i)
    if (c.ok() && (sorted[i] != i || sorted.size() != self.shape.size()))
      c.fail("the dimensions are no permutation of a tensor of rank " + std::to_string(self.rank()));
  return permuted(c, self, order);
}

std::vector<std::size_t> identity(std::size_t rank) {
  std::vector<std::size_t> order(rank);
  for (std::size_t i = 0; i < rank; ++i)
    order[i] = i;
  return order;
}

std::vector<Inferred> transpose(Call& c) {
  const Operand self = c.tensor("self");
  const bool axes = c.arg("axis0") != nullptr;
  const std::size_t a = c.dim(c.constant(axes ? "axis0" : "dim0"), self.rank());
  const std::size_t b = c.dim(c.constant(axes ? "axis1" : "dim1"), self.rank());
  std::vector<std::size_t> order = identity(self.shape.size());
  if (c.ok() && !order.empty()) std::swap(order[a], order[b]);
  return permuted(c, self, order);
}

/// numpy_T: all dimensions reversed.
std::vector<Inferred> reversed(Call& c) {
  const Operand self = c.tensor("self");
  std::vector<std::size_t> order = identity(self.shape.size());
  std::ranges::reverse(order);
  return permuted(c, self, order);
}

/// t: at most two dimensions, reversed. mT, mH, adjoint: the last two.
std::vector<Inferred> transpose_last(Call& c) {
  const Operand self = c.tensor("self");
  std::vector<std::size_t> order = identity(self.shape.size());
  if (order.size() >= 2) std::swap(order[order.size() - 1], order[order.size() - 2]);
  return permuted(c, self, order);
}

std::vector<Inferred> movedim(Call& c) {
  const Operand self = c.tensor("self");
  const std::vector<std::int64_t> from = c.constants("source"), to = c.constants("destination");
  if (from.size() != to.size()) c.fail("source and destination differ in length");
  std::vector<std::size_t> order(self.shape.size(), self.shape.size());
  std::vector<bool> taken(self.shape.size(), false);
  for (std::size_t i = 0; c.ok() && i < from.size(); ++i) {
    const std::size_t f = c.dim(from[i], self.rank()), t = c.dim(to[i], self.rank());
    if (c.ok() && !order.empty()) order[t] = f, taken[f] = true;
  }
  std::size_t next = 0;
  for (std::size_t& slot : order) {
    if (slot != order.size()) continue;
    while (next < taken.size() && taken[next])
      ++next;
    if (next == taken.size()) return c.fail("a dimension is named twice"), std::vector<Inferred>{};
    slot = next++;
  }
  return permuted(c, self, order);
}

std::vector<Inferred> unsqueeze(Call& c) {
  Operand self = c.tensor("self");
  const std::size_t d = c.dim(c.constant("dim"), self.rank() + 1);
  if (!c.ok()) return {};
  const auto at = static_cast<std::ptrdiff_t>(d);
  const Expr stride = d < self.shape.size() ? self.shape[d] * self.strides[d] : Expr(1);
  self.shape.insert(self.shape.begin() + at, Expr(1));
  self.strides.insert(self.strides.begin() + at, stride);
  return {view_of(self, self.shape, self.strides)};
}

std::vector<Inferred> squeeze(Call& c) {
  const Operand self = c.tensor("self");
  std::vector<bool> asked(self.shape.size(), !c.has("dim"));
  if (c.has("dim"))
    for (const std::int64_t d : c.constants("dim"))
      if (const std::size_t at = c.dim(d, self.rank()); c.ok() && at < asked.size()) asked[at] = true;
  Shape shape;
  Exprs strides;
  for (std::size_t i = 0; i < self.shape.size(); ++i) {
    const Truth one = asked[i] ? c.facts().equal(self.shape[i], Expr(1)) : Truth::no;
    if (one == Truth::unknown) c.unsure();  // the rank itself depends on it
    if (one == Truth::yes) continue;
    shape.push_back(self.shape[i]);
    strides.push_back(self.strides[i]);
  }
  return {view_of(self, std::move(shape), std::move(strides))};
}

std::vector<Inferred> expanded(Call& c, const Operand& self, const Exprs& size) {
  if (size.size() < self.shape.size())
    c.fail("a tensor of rank " + std::to_string(self.rank()) + " cannot expand to rank " +
           std::to_string(size.size()));
  if (!c.ok()) return {};
  const std::size_t lead = size.size() - self.shape.size();
  Shape shape;
  Exprs strides(size.size(), Expr(0));
  bool strides_known = true;
  for (std::size_t i = 0; i < size.size(); ++i) {
    const bool kept = size[i].is_int() && size[i].as_int() == -1;
    if (i < lead) {
      if (kept) c.fail("-1 for a new dimension");
      shape.push_back(size[i]);
      continue;
    }
    const Expr& own = self.shape[i - lead];
    const Expr& stride = self.strides[i - lead];
    const Truth one = c.facts().equal(own, Expr(1));
    if (kept) {
      shape.push_back(own);
      strides[i] = stride;
    } else if (one == Truth::yes) {
      shape.push_back(size[i]);
      strides[i] = c.facts().equal(size[i], Expr(1)) == Truth::yes ? stride : Expr(0);
    } else {
      if (one == Truth::no)
        (void)c.same(own, size[i], "the size and the expanded size of dimension " + std::to_string(i));
      shape.push_back(size[i]);
      strides[i] = stride;
      strides_known = strides_known && one == Truth::no;
    }
  }
  if (!strides_known) strides.clear();
  return {view_of(self, std::move(shape), std::move(strides))};
}

std::vector<Inferred> expand(Call& c) {
  return expanded(c, c.tensor("self"), c.integers("size"));
}
std::vector<Inferred> expand_as(Call& c) {
  return expanded(c, c.tensor("self"), c.tensor("other").shape);
}

std::vector<Inferred> select(Call& c) {
  Operand self = c.tensor("self");
  if (c.ok() && self.shape.empty()) c.fail("a 0-d tensor has nothing to select");
  const std::size_t d = c.dim(c.constant("dim"), self.rank());
  const Expr index = c.integer("index");
  if (!c.ok()) return {};
  const Expr& size = self.shape[d];
  if (index.is_int() && size.is_int() && (index.as_int() >= size.as_int() || index.as_int() < -size.as_int()))
    c.fail("index " + index.to_text() + " of a dimension of size " + size.to_text());
  self.shape.erase(self.shape.begin() + static_cast<std::ptrdiff_t>(d));
  self.strides.erase(self.strides.begin() + static_cast<std::ptrdiff_t>(d));
  return {view_of(self, self.shape, self.strides)};
}

std::vector<Inferred> slice(Call& c) {
  Operand self = c.tensor("self");
  if (c.ok() && self.shape.empty()) c.fail("a 0-d tensor cannot be sliced");
  const std::size_t d = c.dim(c.constant("dim"), self.rank());
  const std::optional<Expr> start = c.optional_integer("start"), end = c.optional_integer("end");
  const std::int64_t step = c.constant("step");
  if (c.ok() && step <= 0) c.fail("a slice's step is " + std::to_string(step));
  if (!c.ok()) return {};
  self.shape[d] = slice_size(c.facts(), self.shape[d], start.value_or(Expr(0)), end, step);
  self.strides[d] = self.strides[d] * Expr(step);
  return {view_of(self, self.shape, self.strides)};
}

std::vector<Inferred> narrow(Call& c) {
  Operand self = c.tensor("self");
  const std::size_t d = c.dim(c.constant("dim"), self.rank());
  const Expr length = c.integer("length");
  if (!c.ok() || self.shape.empty()) return {};
  self.shape[d] = length;
  return {view_of(self, self.shape, self.strides)};
}

std::vector<Inferred> diagonal_of(Call& c, const Operand& self) {
  const std::size_t a = c.dim(c.constant("dim1"), self.rank());
  const std::size_t b = c.dim(c.constant("dim2"), self.rank());
  const std::int64_t offset = c.constant("offset");
  if (c.ok() && (a == b || self.shape.size() < 2)) c.fail("a diagonal needs two different dimensions");
  if (!c.ok()) return {};
  if (!self.shape[a].is_int() || !self.shape[b].is_int()) return c.unsure(), std::vector<Inferred>{};
  const std::int64_t rows = self.shape[a].as_int() + std::min<std::int64_t>(offset, 0);
  const std::int64_t columns = self.shape[b].as_int() - std::max<std::int64_t>(offset, 0);
  const Expr stride = self.strides[a] + self.strides[b];
  Shape shape;
  Exprs strides;
  for (std::size_t i = 0; i < self.shape.size(); ++i)
    if (i != a && i != b) shape.push_back(self.shape[i]), strides.push_back(self.strides[i]);
  shape.emplace_back(std::max<std::int64_t>(0, std::min(rows, columns)));
  strides.push_back(stride);
  return {view_of(self, std::move(shape), std::move(strides))};
}

std::vector<Inferred> diagonal(Call& c) {
  return diagonal_of(c, c.tensor("self"));
}
std::vector<Inferred> matrix_diagonal(Call& c) {
  return diagonal_of(c, c.tensor("A"));
}

/// The same tensor: alias, detach, lift_fresh.
std::vector<Inferred> alias(Call& c) {
  const Operand self = c.tensor("self");
  return {view_of(self, self.shape, self.strides)};
}

std::vector<Inferred> as_strided(Call& c) {
  const Operand self = c.tensor("self");
  return {view_of(self, c.integers("size"), c.integers("stride"))};
}

/// view, _unsafe_view and reshape; strides where the input is contiguous (or, for a view, where they follow).
std::vector<Inferred> reshaped(Call& c, const Operand& self, Exprs size, bool is_view) {
  if (!c.ok()) return {};
  Shape shape = resolve_size(c, self.shape, std::move(size));
  Exprs strides;
  if (is_contiguous(self.shape, self.strides) && !std::ranges::any_of(shape, mentions_unknown))
    strides = contiguous_strides(shape);
  else if (is_view)
    strides = view_strides(self.shape, self.strides, shape);
  return {view_of(self, std::move(shape), std::move(strides))};
}

std::vector<Inferred> view(Call& c) {
  return reshaped(c, c.tensor("self"), c.integers("size"), true);
}
std::vector<Inferred> reshape(Call& c) {
  return reshaped(c, c.tensor("self"), c.integers(c.arg("shape") != nullptr ? "shape" : "size"), false);
}
std::vector<Inferred> view_as(Call& c) {
  return reshaped(c, c.tensor("self"), c.tensor("other").shape, false);
}

std::vector<Inferred> flatten(Call& c) {
  const Operand self = c.tensor("self");
  const std::size_t from = c.dim(c.constant("start_dim"), self.rank());
  const std::size_t to = c.dim(c.constant("end_dim"), self.rank());
  if (c.ok() && from > to) c.fail("start_dim lies behind end_dim");
  if (!c.ok()) return {};
  if (self.shape.empty()) return {typed(self.dtype, {Expr(1)})};
  Shape shape(self.shape.begin(), self.shape.begin() + static_cast<std::ptrdiff_t>(from));
  Expr joined(1);
  for (std::size_t i = from; i <= to; ++i)
    joined = joined * self.shape[i];
  shape.push_back(joined);
  shape.insert(shape.end(), self.shape.begin() + static_cast<std::ptrdiff_t>(to) + 1, self.shape.end());
  return reshaped(c, self, shape, false);
}

std::vector<Inferred> unflatten(Call& c) {
  const Operand self = c.tensor("self");
  const std::size_t d = c.dim(c.constant("dim"), self.rank());
  const Exprs sizes = c.integers("sizes");
  if (!c.ok() || self.shape.empty()) return {};
  const Shape inner = resolve_size(c, {self.shape[d]}, sizes);
  Shape shape(self.shape.begin(), self.shape.begin() + static_cast<std::ptrdiff_t>(d));
  shape.insert(shape.end(), inner.begin(), inner.end());
  shape.insert(shape.end(), self.shape.begin() + static_cast<std::ptrdiff_t>(d) + 1, self.shape.end());
  return {typed(self.dtype, std::move(shape))};
}

std::vector<Inferred> unfold(Call& c) {
  Operand self = c.tensor("self");
  const std::size_t d = c.dim(c.constant("dimension"), self.rank());
  const std::int64_t size = c.constant("size"), step = c.constant("step");
  if (!c.ok()) return {};
  if (self.shape.empty()) return {typed(self.dtype, {Expr(size)})};
  if (step <= 0) return c.fail("unfold's step is " + std::to_string(step)), std::vector<Inferred>{};
  const Expr stride = self.strides[d];
  self.shape[d] = Expr::make(Expr::Op::floordiv, self.shape[d] - Expr(size), Expr(step)) + Expr(1);
  self.strides[d] = stride * Expr(step);
  self.shape.emplace_back(size);
  self.strides.push_back(stride);
  return {view_of(self, self.shape, self.strides)};
}

std::vector<Inferred> view_as_real(Call& c) {
  Operand self = c.tensor("self");
  for (Expr& s : self.strides)
    s = s * Expr(2);
  self.shape.emplace_back(2);
  self.strides.emplace_back(1);
  self.dtype = to_real(self.dtype);
  return {view_of(self, self.shape, self.strides)};
}

std::vector<Inferred> view_as_complex(Call& c) {
  Operand self = c.tensor("self");
  if (c.ok() && self.shape.empty()) c.fail("a 0-d tensor holds no pairs");
  if (!c.ok()) return {};
  self.shape.pop_back();
  return {typed(to_complex(self.dtype), self.shape)};
}

/// real, imag of a complex tensor; of a real one the tensor itself.
std::vector<Inferred> complex_part(Call& c) {
  const Operand self = c.tensor("self");
  return {typed(to_real(self.dtype), self.shape)};
}

}  // namespace

std::span<const NamedRule> view_rules() {
  static constexpr NamedRule kRules[] = {
      {"permute", permute},
      {"transpose", transpose},
      {"transpose_last", transpose_last},
      {"movedim", movedim},
      {"unsqueeze", unsqueeze},
      {"squeeze", squeeze},
      {"expand", expand},
      {"expand_as", expand_as},
      {"select", select},
      {"slice", slice},
      {"reversed", reversed},
      {"matrix_diagonal", matrix_diagonal},
      {"narrow", narrow},
      {"diagonal", diagonal},
      {"alias", alias},
      {"as_strided", as_strided},
      {"view", view},
      {"reshape", reshape},
      {"view_as", view_as},
      {"flatten", flatten},
      {"unflatten", unflatten},
      {"unfold", unfold},
      {"view_as_real", view_as_real},
      {"view_as_complex", view_as_complex},
      {"complex_part", complex_part},
  };
  return kRules;
}

}  // namespace genie::plan::detail
