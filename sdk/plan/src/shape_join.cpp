// Lists of tensors: joined into one, or cut out of one.
#include <algorithm>

#include "shape_rules.hpp"
#include "view_geometry.hpp"

namespace genie::plan::detail {

namespace {

std::vector<Operand> list_of(Call& c) {
  std::vector<Operand> out;
  for (std::optional<Operand>& item : c.tensors("tensors"))
    if (item) out.push_back(std::move(*item));
  if (out.empty()) c.unsure();
  return out;
}

DType joined_type(Call& c, const std::vector<Operand>& items) {
  Promotion promotion;
  for (const Operand& item : items)
    promotion.add(item);
  if (!promotion.result()) c.unsure();
  return promotion.result().value_or(DType::f32);
}

bool is_legacy_empty(const Operand& item) {
  return item.shape.size() == 1 && item.shape.front().is_int() && item.shape.front().as_int() == 0;
}

std::vector<Inferred> joined_along(Call& c, const std::vector<Operand>& items, std::int64_t dim) {
  if (!c.ok()) return {};
  // torch ignores empty 1-d tensors among others of a higher rank.
  const auto first = std::ranges::find_if_not(items, is_legacy_empty);
  const Operand& model = first == items.end() ? items.front() : *first;
  if (model.shape.empty()) return c.fail("0-d tensors cannot be concatenated"), std::vector<Inferred>{};
  const std::size_t d = c.dim(dim, model.rank());
  if (!c.ok()) return {};
  Shape shape = model.shape;
  shape[d] = Expr(0);
  for (const Operand& item : items) {
    if (is_legacy_empty(item) && model.shape.size() != 1) continue;
    if (item.shape.size() != shape.size()) {
      c.fail("tensors of rank " + std::to_string(model.rank()) + " and " + std::to_string(item.rank()) +
             " are joined");
      return {};
    }
    for (std::size_t i = 0; i < shape.size(); ++i)
      shape[i] = i == d ? shape[i] + item.shape[i]
                        : c.same(shape[i], item.shape[i], "sizes in dimension " + std::to_string(i));
  }
  return {typed(joined_type(c, items), std::move(shape))};
}

std::vector<Inferred> cat(Call& c) {
  return joined_along(c, list_of(c), c.constant("dim"));
}

std::vector<Inferred> stack(Call& c) {
  const std::vector<Operand> items = list_of(c);
  if (!c.ok()) return {};
  Shape shape = items.front().shape;
  const std::size_t d = c.dim(c.constant("dim"), items.front().rank() + 1);
  for (const Operand& item : items) {
    if (item.shape.size() != shape.size())
      return c.fail("stacked tensors differ in rank"), std::vector<Inferred>{};
    for (std::size_t i = 0; i < shape.size(); ++i)
      shape[i] = c.same(shape[i], item.shape[i], "sizes in dimension " + std::to_string(i));
  }
  if (!c.ok()) return {};
  shape.insert(shape.begin() + static_cast<std::ptrdiff_t>(d), Expr(static_cast<std::int64_t>(items.size())));
  return {typed(joined_type(c, items), std::move(shape))};
}

/// hstack and vstack: what cat does after every tensor has at least one (two) dimensions.
std::vector<Inferred> stack_at_least(Call& c, std::size_t rank, std::int64_t dim_of_vectors,
                                     std::int64_t dim) {
  std::vector<Operand> items = list_of(c);
  bool vectors = false;
  for (Operand& item : items) {
    while (item.shape.size() < rank)
      item.shape.insert(item.shape.begin(), Expr(1));
    vectors = vectors || item.shape.size() == 1;
  }
  return joined_along(c, items, vectors ? dim_of_vectors : dim);
}
std::vector<Inferred> hstack(Call& c) {
  return stack_at_least(c, 1, 0, 1);
}
std::vector<Inferred> vstack(Call& c) {
  return stack_at_least(c, 2, 0, 0);
}

/// column_stack: vectors become columns. dstack: everything gets a third dimension.
std::vector<Inferred> column_stack(Call& c) {
  std::vector<Operand> items = list_of(c);
  for (Operand& item : items)
    if (item.shape.size() < 2) item.shape = {item.shape.empty() ? Expr(1) : item.shape.front(), Expr(1)};
  return joined_along(c, items, 1);
}
std::vector<Inferred> dstack(Call& c) {
  std::vector<Operand> items = list_of(c);
  for (Operand& item : items) {
    if (item.shape.size() < 2) item.shape = {Expr(1), item.shape.empty() ? Expr(1) : item.shape.front()};
    if (item.shape.size() < 3) item.shape.emplace_back(1);
  }
  return joined_along(c, items, 2);
}

/// Sequences of any length, the shorter ones filled up, as one batch.
std::vector<Inferred> pad_sequence(Call& c) {
  const auto items = c.tensors("sequences");
  if (!c.ok() || items.empty() || !items.front() || items.front()->shape.empty())
    return c.unsure(), std::vector<Inferred>{};
  Expr longest(0);
  for (const auto& item : items)
    if (item && !item->shape.empty()) longest = Expr::make(Expr::Op::max, longest, item->shape.front());
  Shape shape = items.front()->shape;
  shape.front() = longest;
  shape.insert(shape.begin() + (c.flag("batch_first") ? 0 : 1),
               Expr(static_cast<std::int64_t>(items.size())));
  return {typed(items.front()->dtype, std::move(shape))};
}

std::vector<Inferred> flatten_together(Call& c) {
  const std::vector<Operand> items = list_of(c);
  Expr count(0);
  for (const Operand& item : items)
    count = count + element_count(item.shape);
  return {typed(joined_type(c, items), {count})};
}

/// One result per part, each a view along dimension d.
std::vector<Inferred> parts_of(Call& c, const Operand& self, std::size_t d, const Exprs& sizes) {
  std::vector<Inferred> out;
  for (const Expr& size : sizes) {
    Inferred part = typed(self.dtype, self.shape);
    part.shape[d] = size;
    part.strides = self.strides;
    out.push_back(std::move(part));
  }
  (void)c;
  return out;
}

std::vector<Inferred> pieces(Call& c, const Operand& self, std::size_t d, std::int64_t piece) {
  if (!c.ok() || self.shape.empty() || !self.shape[d].is_int()) return c.unsure(), std::vector<Inferred>{};
  const std::int64_t size = self.shape[d].as_int();
  if (piece <= 0 && size != 0)
    return c.fail("pieces of size " + std::to_string(piece)), std::vector<Inferred>{};
  Exprs sizes;
  if (size == 0 || piece == 0)
    sizes.emplace_back(0);
  else
    for (std::int64_t at = 0; at < size; at += piece)
      sizes.emplace_back(std::min(piece, size - at));
  return parts_of(c, self, d, sizes);
}

std::vector<Inferred> split(Call& c) {
  const Operand self = c.tensor("self");
  return pieces(c, self, c.dim(c.constant("dim"), self.rank()), c.constant("split_size"));
}

std::vector<Inferred> chunk(Call& c) {
  const Operand self = c.tensor("self");
  const std::size_t d = c.dim(c.constant("dim"), self.rank());
  const std::int64_t chunks = c.constant("chunks");
  if (c.ok() && chunks <= 0) c.fail("a tensor is cut into " + std::to_string(chunks) + " chunks");
  if (!c.ok() || self.shape.empty() || !self.shape[d].is_int()) return c.unsure(), std::vector<Inferred>{};
  const std::int64_t size = self.shape[d].as_int();
  if (size == 0) return parts_of(c, self, d, Exprs(static_cast<std::size_t>(chunks), Expr(0)));
  return pieces(c, self, d, (size + chunks - 1) / chunks);
}

std::vector<Inferred> split_sizes(Call& c) {
  const Operand self = c.tensor("self");
  const std::size_t d = c.dim(c.constant("dim"), self.rank());
  const Exprs sizes = c.integers(c.arg("split_sizes") != nullptr ? "split_sizes" : "split_size");
  if (!c.ok() || self.shape.empty()) return {};
  Expr total(0);
  for (const Expr& size : sizes)
    total = total + size;
  (void)c.same(self.shape[d], total, "the dimension and the sum of its parts");
  return parts_of(c, self, d, sizes);
}

/// tensor_split and its kin: into so many parts, the first ones larger by one, or before each index.
std::vector<Inferred> split_along(Call& c, const Operand& self, std::int64_t dim) {
  const std::size_t d = c.dim(dim, self.rank());
  if (!c.ok() || self.shape.empty() || !self.shape[d].is_int()) return c.unsure(), std::vector<Inferred>{};
  const std::int64_t size = self.shape[d].as_int();
  Exprs sizes;
  if (c.arg("sections") != nullptr) {
    const std::int64_t sections = c.constant("sections");
    if (c.ok() && sections <= 0) c.fail("a tensor is cut into " + std::to_string(sections) + " sections");
    if (!c.ok()) return {};
    for (std::int64_t i = 0; i < sections; ++i)
      sizes.emplace_back(size / sections + (i < size % sections ? 1 : 0));
  } else {
    // As Python slices: from one index to the next, counted from the end when negative.
    const auto place = [&](std::int64_t i) {
      return std::clamp<std::int64_t>(i < 0 ? i + size : i, 0, size);
    };
    std::int64_t from = 0;
    for (const std::int64_t index : c.constants("indices")) {
      sizes.emplace_back(std::max<std::int64_t>(0, place(index) - from));
      from = place(index);
    }
    sizes.emplace_back(size - from);
  }
  return parts_of(c, self, d, sizes);
}
std::vector<Inferred> tensor_split(Call& c) {
  return split_along(c, c.tensor("self"), c.constant("dim"));
}
std::vector<Inferred> hsplit(Call& c) {
  const Operand self = c.tensor("self");
  return split_along(c, self, self.shape.size() == 1 ? 0 : 1);
}
std::vector<Inferred> vsplit(Call& c) {
  return split_along(c, c.tensor("self"), 0);
}
std::vector<Inferred> dsplit(Call& c) {
  return split_along(c, c.tensor("self"), 2);
}

std::vector<Inferred> unbind(Call& c) {
  Operand self = c.tensor("self");
  if (c.ok() && self.shape.empty()) c.fail("a 0-d tensor cannot be unbound");
  const std::size_t d = c.dim(c.constant("dim"), self.rank());
  if (!c.ok() || !self.shape[d].is_int()) return c.unsure(), std::vector<Inferred>{};
  const auto count = static_cast<std::size_t>(self.shape[d].as_int());
  Inferred part = typed(self.dtype, self.shape);
  part.strides = self.strides;
  part.shape.erase(part.shape.begin() + static_cast<std::ptrdiff_t>(d));
  part.strides.erase(part.strides.begin() + static_cast<std::ptrdiff_t>(d));
  return std::vector<Inferred>(count, part);
}

std::vector<Inferred> broadcast_tensors(Call& c) {
  const std::vector<Operand> items = list_of(c);
  Shape shape;
  for (const Operand& item : items)
    shape = c.broadcast(shape, item.shape);
  std::vector<Inferred> out;
  for (const Operand& item : items)
    out.push_back(typed(item.dtype, shape));
  return out;
}

std::vector<Inferred> meshgrid(Call& c) {
  const std::vector<Operand> items = list_of(c);
  Shape shape;
  for (const Operand& item : items)
    shape.push_back(item.shape.empty() ? Expr(1) : item.shape.front());
  if (c.arg("indexing") != nullptr && c.text("indexing") == "xy" && shape.size() >= 2)
    std::swap(shape[0], shape[1]);
  std::vector<Inferred> out;
  for (const Operand& item : items)
    out.push_back(typed(item.dtype, shape));
  return out;
}

}  // namespace

std::span<const NamedRule> join_rules() {
  static constexpr NamedRule kRules[] = {
      {"cat", cat},
      {"stack", stack},
      {"hstack", hstack},
      {"vstack", vstack},
      {"split", split},
      {"split_sizes", split_sizes},
      {"chunk", chunk},
      {"unbind", unbind},
      {"broadcast_tensors", broadcast_tensors},
      {"meshgrid", meshgrid},
      {"column_stack", column_stack},
      {"dstack", dstack},
      {"pad_sequence", pad_sequence},
      {"flatten_together", flatten_together},
      {"tensor_split", tensor_split},
      {"hsplit", hsplit},
      {"vsplit", vsplit},
      {"dsplit", dsplit},
  };
  return kRules;
}

}  // namespace genie::plan::detail
