// Products of matrices and attention.
#include <algorithm>

#include "shape_rules.hpp"

namespace genie::plan::detail {

namespace {

DType common_type(Call& c, std::initializer_list<const Operand*> operands) {
  // Matrix products want equal types; torch says which pair is wrong.
  const DType dtype = (*operands.begin())->dtype;
  for (const Operand* operand : operands)
    if (operand->dtype != dtype && c.ok())
      c.fail("dtypes " + std::string(name(dtype)) + " and " + std::string(name(operand->dtype)) +
             " differ; a matrix product wants one");
  return dtype;
}

bool want_rank(Call& c, const Operand& operand, std::size_t rank, const char* what) {
  if (c.ok() && operand.shape.size() != rank)
    c.fail(std::string(what) + " has rank " + std::to_string(operand.rank()) + ", not " +
           std::to_string(rank));
  return c.ok();
}

DType out_type(Call& c, DType dtype) {
  return c.arg("out_dtype") == nullptr ? dtype : c.dtype("out_dtype").value_or(dtype);
}

std::vector<Inferred> product_of_matrices(Call& c, const Operand& a, const Operand& b) {
  if (!want_rank(c, a, 2, "the left matrix") || !want_rank(c, b, 2, "the right matrix")) return {};
  (void)c.same(a.shape[1], b.shape[0], "the left's columns and the right's rows");
  return {typed(out_type(c, common_type(c, {&a, &b})), {a.shape[0], b.shape[1]})};
}

std::vector<Inferred> mm(Call& c) {
  return product_of_matrices(c, c.tensor("self"), c.tensor("mat2"));
}
std::vector<Inferred> addmm(Call& c) {
  return product_of_matrices(c, c.tensor("mat1"), c.tensor("mat2"));
}

std::vector<Inferred> product_of_batches(Call& c, const Operand& a, const Operand& b) {
  if (!want_rank(c, a, 3, "the left batch") || !want_rank(c, b, 3, "the right batch")) return {};
  (void)c.same(a.shape[2], b.shape[1], "the left's columns and the right's rows");
  const Expr batch = c.same(a.shape[0], b.shape[0], "the batches");
  return {typed(out_type(c, common_type(c, {&a, &b})), {batch, a.shape[1], b.shape[2]})};
}
std::vector<Inferred> bmm(Call& c) {
  return product_of_batches(c, c.tensor("self"), c.tensor("mat2"));
}
std::vector<Inferred> baddbmm(Call& c) {
  return product_of_batches(c, c.tensor("batch1"), c.tensor("batch2"));
}

std::vector<Inferred> addbmm(Call& c) {
  const std::vector<Inferred> product = product_of_batches(c, c.tensor("batch1"), c.tensor("batch2"));
  if (!c.ok()) return {};
  return {typed(product.front().dtype, {product.front().shape[1], product.front().shape[2]})};
}

std::vector<Inferred> mv(Call& c) {
  const bool add = c.arg("mat") != nullptr;
  const Operand matrix = c.tensor(add ? "mat" : "self"), vector = c.tensor("vec");
  if (!want_rank(c, matrix, 2, "the matrix") || !want_rank(c, vector, 1, "the vector")) return {};
  (void)c.same(matrix.shape[1], vector.shape[0], "the matrix's columns and the vector");
  return {typed(common_type(c, {&matrix, &vector}), {matrix.shape[0]})};
}

std::vector<Inferred> dot(Call& c) {
  const Operand a = c.tensor("self"), b = c.tensor(c.arg("tensor") != nullptr ? "tensor" : "other");
  if (!want_rank(c, a, 1, "the left vector") || !want_rank(c, b, 1, "the right vector")) return {};
  (void)c.same(a.shape[0], b.shape[0], "the vectors' sizes");
  return {typed(common_type(c, {&a, &b}), {})};
}

std::vector<Inferred> outer(Call& c) {
  const bool add = c.arg("vec1") != nullptr;
  const Operand a = c.tensor(add ? "vec1" : "self"), b = c.tensor("vec2");
  if (!want_rank(c, a, 1, "the left vector") || !want_rank(c, b, 1, "the right vector")) return {};
  Promotion promotion;
  if (add) promotion.add(c.tensor("self"));
  promotion.add(a);
  promotion.add(b);
  if (!promotion.result()) c.unsure();
  return {typed(promotion.result().value_or(a.dtype), {a.shape[0], b.shape[0]})};
}

std::vector<Inferred> matmul(Call& c) {
  const Operand a = c.tensor("self"), b = c.tensor("other");
  if (c.ok() && (a.shape.empty() || b.shape.empty())) c.fail("a 0-d tensor has no matrix product");
  if (!c.ok()) return {};
  const DType dtype = common_type(c, {&a, &b});
  const bool row = a.shape.size() == 1, column = b.shape.size() == 1;
  const Shape left = row ? Shape{Expr(1), a.shape[0]} : a.shape;
  const Shape right = column ? Shape{b.shape[0], Expr(1)} : b.shape;
  (void)c.same(left.back(), right[right.size() - 2], "the left's columns and the right's rows");
  Shape shape = c.broadcast(Shape(left.begin(), left.end() - 2), Shape(right.begin(), right.end() - 2));
  if (!row) shape.push_back(left[left.size() - 2]);
  if (!column) shape.push_back(right.back());
  return {typed(dtype, std::move(shape))};
}

std::vector<Inferred> linear(Call& c) {
  const Operand input = c.tensor("input"), weight = c.tensor("weight");
  if (c.ok() && (input.shape.empty() || weight.shape.empty() || weight.shape.size() > 2))
    c.fail("input of rank " + std::to_string(input.rank()) + " and weight of rank " +
           std::to_string(weight.rank()));
  if (!c.ok()) return {};
  (void)c.same(input.shape.back(), weight.shape.back(),
               "the input's last dimension and the weight's columns");
  Shape shape(input.shape.begin(), input.shape.end() - 1);
  if (weight.shape.size() == 2) shape.push_back(weight.shape.front());
  if (const auto bias = c.optional_tensor("bias");
      bias && c.ok() && !bias->shape.empty() && weight.shape.size() == 2)
    (void)c.broadcast(weight.shape.front(), bias->shape.back());
  return {typed(common_type(c, {&input, &weight}), std::move(shape))};
}

std::vector<Inferred> bilinear(Call& c) {
  const Operand a = c.tensor("input1"), weight = c.tensor("weight");
  if (!want_rank(c, weight, 3, "the weight") || a.shape.empty()) return {};
  Shape shape = a.shape;
  shape.back() = weight.shape.front();
  return {typed(a.dtype, std::move(shape))};
}

/// query (…, L, E), key (…, S, E), value (…, S, Ev) give (…, L, Ev).
std::vector<Inferred> attention(Call& c) {
  const Operand q = c.tensor("query"), k = c.tensor("key"), v = c.tensor("value");
  if (c.ok() && (q.shape.size() < 2 || k.shape.size() < 2 || v.shape.size() < 2))
    c.fail("query, key and value need rank 2 or more");
  if (!c.ok()) return {};
  (void)c.same(q.shape.back(), k.shape.back(), "the last dimensions of query and key");
  (void)c.same(k.shape[k.shape.size() - 2], v.shape[v.shape.size() - 2], "the lengths of key and value");
  const bool grouped = c.arg("enable_gqa") != nullptr && c.flag("enable_gqa");
  Shape shape(q.shape.begin(), q.shape.end() - 2);
  if (!grouped)
    for (const Operand* other : {&k, &v})
      shape = c.broadcast(shape, Shape(other->shape.begin(), other->shape.end() - 2));
  shape.push_back(q.shape[q.shape.size() - 2]);
  shape.push_back(v.shape.back());
  return {typed(common_type(c, {&q, &k, &v}), std::move(shape))};
}

/// The CPU's fused form also returns the log-sum-exp of each query, in f32 or wider.
std::vector<Inferred> attention_with_logsumexp(Call& c) {
  std::vector<Inferred> out = attention(c);
  if (!c.ok() || out.front().shape.size() != 4) return c.unsure(), std::vector<Inferred>{};
  const Operand q = c.tensor("query");
  const DType dtype = q.dtype == DType::f64 ? DType::f64 : DType::f32;
  out.push_back(typed(dtype, {q.shape[0], q.shape[1], q.shape[2]}));
  return out;
}

/// The unfused form also returns the weights of each key.
std::vector<Inferred> attention_with_weights(Call& c) {
  std::vector<Inferred> out = attention(c);
  const Operand k = c.tensor("key");
  if (!c.ok()) return {};
  Inferred weights = out.front();
  weights.shape.back() = k.shape[k.shape.size() - 2];
  out.push_back(std::move(weights));
  return out;
}

std::vector<Inferred> cdist(Call& c) {
  const Operand a = c.tensor("x1"), b = c.tensor("x2");
  if (c.ok() && (a.shape.size() < 2 || b.shape.size() < 2)) c.fail("both sets of points need rank 2 or more");
  if (!c.ok()) return {};
  (void)c.same(a.shape.back(), b.shape.back(), "the points' dimensions");
  Shape shape =
      c.broadcast(Shape(a.shape.begin(), a.shape.end() - 2), Shape(b.shape.begin(), b.shape.end() - 2));
  shape.push_back(a.shape[a.shape.size() - 2]);
  shape.push_back(b.shape[b.shape.size() - 2]);
  return {typed(promote(a.dtype, b.dtype).value_or(a.dtype), std::move(shape))};
}

/// The distance of every pair of n points: n (n - 1) / 2.
std::vector<Inferred> pdist(Call& c) {
  const Operand self = c.tensor("self");
  if (!want_rank(c, self, 2, "the set of points")) return {};
  const Expr& n = self.shape[0];
  return {typed(self.dtype, {Expr::make(Expr::Op::floordiv, n * (n - Expr(1)), Expr(2))})};
}

}  // namespace

std::span<const NamedRule> matmul_rules() {
  static constexpr NamedRule kRules[] = {
      {"mm", mm},
      {"addmm", addmm},
      {"bmm", bmm},
      {"baddbmm", baddbmm},
      {"addbmm", addbmm},
      {"mv", mv},
      {"dot", dot},
      {"outer", outer},
      {"matmul", matmul},
      {"linear", linear},
      {"bilinear", bilinear},
      {"attention", attention},
      {"attention_with_logsumexp", attention_with_logsumexp},
      {"attention_with_weights", attention_with_weights},
      {"cdist", cdist},
      {"pdist", pdist},
  };
  return kRules;
}

}  // namespace genie::plan::detail
