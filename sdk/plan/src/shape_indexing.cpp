// Operators that read or write at positions other tensors name.
#include <algorithm>

#include "shape_rules.hpp"

namespace genie::plan::detail {

namespace {

/// self[i, :, j]: index tensors broadcast and stand where they stood, or in front when they are apart. A mask stands for as
/// many dimensions as it has, and its positions are as many as the data says.
std::vector<Inferred> index(Call& c) {
  const Operand self = c.tensor("self");
  Shape joined, shape;
  std::size_t at = 0, first = 0, last = 0,
              taken = 0;  // dimensions; of those indexed: the first, the end, how many
  for (const std::optional<Operand>& given : c.tensors("indices")) {
    const bool mask = given && (given->dtype == DType::boolean || given->dtype == DType::u8);
    const std::size_t spans = mask ? given->shape.size() : 1;
    if (mask && spans == 0) c.unsure();
    if (c.ok() && at + spans > self.shape.size())
      c.fail("more indices than the tensor's rank, " + std::to_string(self.rank()));
    if (!c.ok()) return {};
    if (given) {
      joined = c.broadcast(joined, mask ? Shape{unknown_dim()} : given->shape);
      if (taken == 0) first = at;
      last = at + spans;
      taken += spans;
    } else {
      shape.push_back(self.shape[at]);
    }
    at += spans;
  }
  if (!c.ok()) return {};
  const bool together = last - first == taken;
  shape.insert(shape.end(), self.shape.begin() + static_cast<std::ptrdiff_t>(at), self.shape.end());
  shape.insert(shape.begin() + static_cast<std::ptrdiff_t>(together ? first : 0), joined.begin(),
               joined.end());
  return {typed(self.dtype, std::move(shape))};
}

std::vector<Inferred> gather(Call& c) {
  const Operand self = c.tensor("self"), at = c.tensor("index");
  (void)c.dim(c.constant("dim"), self.rank());
  const bool empty = std::ranges::find(at.shape, Expr(0)) != at.shape.end();  // any rank will do
  if (c.ok() && self.shape.size() != at.shape.size() && !self.shape.empty() && !at.shape.empty() && !empty)
    c.fail("a tensor of rank " + std::to_string(self.rank()) + " is indexed by one of rank " +
           std::to_string(at.rank()));
  return {typed(self.dtype, at.shape)};
}

std::vector<Inferred> index_select(Call& c) {
  const Operand self = c.tensor("self"), at = c.tensor("index");
  const std::size_t d = c.dim(c.constant("dim"), self.rank());
  if (!c.ok()) return {};
  Shape shape = self.shape;
  if (!shape.empty()) shape[d] = at.shape.empty() ? Expr(1) : at.shape.front();
  return {typed(self.dtype, std::move(shape))};
}

std::vector<Inferred> take(Call& c) {
  return {typed(c.tensor("self").dtype, c.tensor("index").shape)};
}

std::vector<Inferred> take_along_dim(Call& c) {
  const Operand self = c.tensor("self"), at = c.tensor("indices");
  if (!c.has("dim")) return {typed(self.dtype, {element_count(at.shape)})};
  const std::size_t d = c.dim(c.constant("dim"), self.rank());
  if (!c.ok() || self.shape.size() != at.shape.size()) return c.unsure(), std::vector<Inferred>{};
  Shape shape;
  for (std::size_t i = 0; i < self.shape.size(); ++i)
    shape.push_back(i == d ? at.shape[i] : c.broadcast(self.shape[i], at.shape[i]));
  return {typed(self.dtype, std::move(shape))};
}

std::vector<Inferred> embedding(Call& c) {
  const Operand weight = c.tensor("weight"), indices = c.tensor("indices");
  if (c.ok() && weight.shape.size() != 2)
    c.fail("the embedding table has rank " + std::to_string(weight.rank()) + ", not 2");
  if (c.ok() && indices.dtype != DType::i64 && indices.dtype != DType::i32)
    c.fail("indices are " + std::string(name(indices.dtype)) + "; an embedding wants i64 or i32");
  if (!c.ok()) return {};
  Shape shape = indices.shape;
  shape.push_back(weight.shape[1]);
  return {typed(weight.dtype, std::move(shape))};
}

/// One row per bag; the bookkeeping beside it differs by mode and device.
std::vector<Inferred> embedding_bag(Call& c) {
  const Operand weight = c.tensor("weight"), offsets = c.tensor("offsets");
  if (c.ok() && (weight.shape.size() != 2 || offsets.shape.size() != 1)) c.unsure();
  if (!c.ok()) return {};
  const Expr bags = offsets.shape[0] - Expr(c.flag("include_last_offset") ? 1 : 0);
  Inferred open;
  open.dtype_known = open.shape_known = false;
  return {typed(weight.dtype, {bags, weight.shape[1]}), open, open, open};
}

/// searchsorted, bucketize: a position for each value.
std::vector<Inferred> search(Call& c) {
  const bool out_int32 = c.flag("out_int32");
  const DType dtype = out_int32 ? DType::i32 : DType::i64;
  const Arg* self = c.arg("self");
  const std::optional<Operand> values = self == nullptr ? std::nullopt : c.operand(*self);
  if (!values) return c.unsure(), std::vector<Inferred>{};
  return {typed(dtype, values->shape)};
}

std::vector<Inferred> isin(Call& c) {
  const Arg* elements = c.arg(c.arg("elements") != nullptr ? "elements" : "element");
  const std::optional<Operand> operand = elements == nullptr ? std::nullopt : c.operand(*elements);
  if (!operand) return c.unsure(), std::vector<Inferred>{};
  return {typed(DType::boolean, operand->shape)};
}

std::vector<Inferred> cross(Call& c) {
  const Operand a = c.tensor("self"), b = c.tensor("other");
  Promotion promotion;
  promotion.add(a);
  promotion.add(b);
  if (!promotion.result()) c.unsure();
  return {typed(promotion.result().value_or(a.dtype), c.broadcast(a.shape, b.shape))};
}

}  // namespace

std::span<const NamedRule> indexing_rules() {
  static constexpr NamedRule kRules[] = {
      {"index", index},
      {"gather", gather},
      {"index_select", index_select},
      {"take", take},
      {"take_along_dim", take_along_dim},
      {"embedding", embedding},
      {"embedding_bag", embedding_bag},
      {"search", search},
      {"isin", isin},
      {"cross", cross},
  };
  return kRules;
}

}  // namespace genie::plan::detail
