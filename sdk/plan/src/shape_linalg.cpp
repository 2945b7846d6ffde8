// Decompositions, solvers and norms of batches of matrices: all dimensions but the last two are the batch.
#include <algorithm>

#include "shape_rules.hpp"

namespace genie::plan::detail {

namespace {

using Results = std::vector<Inferred>;

/// The matrix argument, whatever it is called.
Operand matrix_of(Call& c) {
  for (const char* name : {"A", "self", "input"})
    if (c.arg(name) != nullptr) return c.tensor(name);
  return c.unsure(), Operand{};
}

/// A batch of matrices in parts.
struct Matrix {
  explicit Matrix(Call& c) : Matrix(c, matrix_of(c)) {}
  Matrix(Call& c, const Operand& operand) : dtype(operand.dtype), shape(operand.shape) {
    if (c.ok() && shape.size() < 2)
      c.fail("a matrix has at least two dimensions; this has " + std::to_string(shape.size()));
    if (!c.ok()) return;
    batch.assign(shape.begin(), shape.end() - 2);
    rows = shape[shape.size() - 2];
    columns = shape.back();
    least = Expr::make(Expr::Op::min, rows, columns);
  }

  [[nodiscard]] Inferred result(DType type, std::initializer_list<Expr> tail) const {
    Shape out = batch;
    out.insert(out.end(), tail);
    return typed(type, std::move(out));
  }
  [[nodiscard]] Inferred result(std::initializer_list<Expr> tail) const { return result(dtype, tail); }
  [[nodiscard]] Inferred same() const { return typed(dtype, shape); }
  [[nodiscard]] Inferred info() const { return result(DType::i32, {}); }

  DType dtype;
  Shape shape, batch;
  Expr rows, columns, least;
};

Inferred empty_result(DType dtype) {
  return typed(dtype, {Expr(0)});
}

Results determinant(Call& c) {
  const Matrix a(c);
  return {a.result({})};
}
/// _linalg_det: also the factors.
Results determinant_factors(Call& c) {
  const Matrix a(c);
  return {a.result({}), a.same(), a.result(DType::i32, {a.rows})};
}
Results log_determinant(Call& c) {
  const Matrix a(c);
  return {a.result({}), a.result(to_real(a.dtype), {})};
}
Results log_determinant_factors(Call& c) {
  const Matrix a(c);
  return {a.result({}), a.result(to_real(a.dtype), {}), a.same(), a.result(DType::i32, {a.rows})};
}
Results with_info(Call& c) {
  const Matrix a(c);
  return {a.same(), a.info()};
}

Results eig(Call& c) {
  const Matrix a(c);
  const DType complex = to_complex(a.dtype);
  return {a.result(complex, {a.rows}), a.result(complex, {a.rows, a.rows})};
}
Results eigvals(Call& c) {
  const Matrix a(c);
  return {a.result(to_complex(a.dtype), {a.rows})};
}
Results eigh(Call& c) {
  const Matrix a(c);
  const bool vectors = c.arg("compute_v") == nullptr || c.flag("compute_v");
  return {a.result(to_real(a.dtype), {a.rows}), vectors ? a.same() : empty_result(a.dtype)};
}
Results eigvalsh(Call& c) {
  const Matrix a(c);
  return {a.result(to_real(a.dtype), {a.rows})};
}

Results qr(Call& c) {
  const Matrix a(c);
  const std::string mode =
      c.arg("mode") != nullptr ? c.text("mode") : std::string(c.flag("some") ? "reduced" : "complete");
  if (mode == "complete") return {a.result({a.rows, a.rows}), a.same()};
  return {mode == "r" ? empty_result(a.dtype) : a.result({a.rows, a.least}), a.result({a.least, a.columns})};
}

/// linalg_svd and _linalg_svd give the right vectors as rows, svd as columns.
Results svd(Call& c) {
  const Matrix a(c);
  const bool legacy = c.arg("some") != nullptr;
  const bool full = legacy ? !c.flag("some") : c.flag("full_matrices");
  const bool vectors = c.arg("compute_uv") == nullptr || c.flag("compute_uv");
  const Inferred values = a.result(to_real(a.dtype), {a.least});
  if (!vectors && !legacy) return {empty_result(a.dtype), values, empty_result(a.dtype)};
  const Expr left = full || !vectors ? a.rows : a.least, right = full || !vectors ? a.columns : a.least;
  return {a.result({a.rows, left}), values,
          legacy ? a.result({a.columns, right}) : a.result({right, a.columns})};
}
Results svdvals(Call& c) {
  const Matrix a(c);
  return {a.result(to_real(a.dtype), {a.least})};
}

Results lu(Call& c) {
  const Matrix a(c);
  return {c.flag("pivot") ? a.result({a.rows, a.rows}) : empty_result(a.dtype), a.result({a.rows, a.least}),
          a.result({a.least, a.columns})};
}
Results lu_factor(Call& c) {
  const Matrix a(c);
  return {a.same(), a.result(DType::i32, {a.least})};
}
Results lu_factor_with_info(Call& c) {
  const Matrix a(c);
  return {a.same(), a.result(DType::i32, {a.least}), a.info()};
}
Results lu_unpack(Call& c) {
  const Matrix a(c, c.tensor("LU_data"));
  const bool data = c.flag("unpack_data"), pivots = c.flag("unpack_pivots");
  return {pivots ? a.result({a.rows, a.rows}) : empty_result(a.dtype),
          data ? a.result({a.rows, a.least}) : empty_result(a.dtype),
          data ? a.result({a.least, a.columns}) : empty_result(a.dtype)};
}
Results ldl_factor(Call& c) {
  const Matrix a(c, c.tensor("self"));
  return {a.same(), a.result(DType::i32, {a.rows})};
}
Results ldl_factor_with_info(Call& c) {
  const Matrix a(c, c.tensor("self"));
  return {a.same(), a.result(DType::i32, {a.rows}), a.info()};
}

/// The right-hand side, its batch broadcast with the other matrix's.
Inferred solved(Call& c, const Matrix& factors, const Matrix& right) {
  Shape shape = c.broadcast(factors.batch, right.batch);
  shape.insert(shape.end(), {right.rows, right.columns});
  return typed(right.dtype, std::move(shape));
}
Results solve_factored(Call& c) {
  const bool legacy = c.arg("input2") != nullptr || c.arg("LU_data") != nullptr;  // arguments reversed
  const char* factors = c.arg("input2") != nullptr    ? "input2"
                        : c.arg("LU_data") != nullptr ? "LU_data"
                        : c.arg("LU") != nullptr      ? "LU"
                        : c.arg("LD") != nullptr      ? "LD"
                                                      : "self";
  return {solved(c, Matrix(c, c.tensor(factors)), Matrix(c, c.tensor(legacy ? "self" : "B")))};
}
Results solve_triangular_legacy(Call& c) {
  const Matrix a(c, c.tensor("A")), b(c, c.tensor("self"));
  Shape shape = c.broadcast(a.batch, b.batch);
  shape.insert(shape.end(), {a.rows, a.columns});
  return {solved(c, a, b), typed(a.dtype, std::move(shape))};
}

/// A vector on the right: of rank 1, or of the matrix's batch.
Inferred solution(Call& c, const Matrix& a, const Operand& b) {
  bool vector = b.shape.size() == 1;
  if (b.shape.size() + 1 == a.shape.size() && !vector) {
    vector = true;
    for (std::size_t i = 0; i < b.shape.size(); ++i)
      vector = vector && c.facts().equal(a.shape[i], b.shape[i]) == Truth::yes;
  }
  if (!vector) return solved(c, a, Matrix(c, b));
  Shape shape = c.broadcast(a.batch, Shape(b.shape.begin(), b.shape.end() - (b.shape.empty() ? 0 : 1)));
  shape.push_back(a.columns);
  return typed(a.dtype, std::move(shape));
}
Results solve(Call& c) {
  const Matrix a(c, c.tensor("A"));
  return {solution(c, a, c.tensor("B"))};
}
Results solve_with_info(Call& c) {
  const Matrix a(c, c.tensor("A"));
  return {solution(c, a, c.tensor("B")), a.info()};
}
Results solve_with_factors(Call& c) {
  const Matrix a(c, c.tensor("A"));
  return {solution(c, a, c.tensor("B")), a.same(), a.result(DType::i32, {a.rows}), a.info()};
}

Results householder(Call& c) {
  const Operand vectors = matrix_of(c);
  return {typed(vectors.dtype, vectors.shape)};
}
Results geqrf(Call& c) {
  const Matrix a(c);
  return {a.same(), a.result({a.least})};
}
Results ormqr(Call& c) {
  const Operand other = c.tensor("input3");
  return {typed(other.dtype, other.shape)};
}
Results pseudo_inverse(Call& c) {
  const Matrix a(c);
  return {a.result({a.columns, a.rows})};
}

/// Norms: of all dimensions unless `dim` says which; kept ones become 1.
Inferred norm_over(Call& c, const Operand& self, std::optional<std::vector<std::int64_t>> dims) {
  const bool keep = c.arg("keepdim") != nullptr && c.flag("keepdim");
  std::vector<bool> taken(self.shape.size(), !dims);
  if (dims)
    for (const std::int64_t d : *dims)
      if (const std::size_t at = c.dim(d, self.rank()); c.ok() && at < taken.size()) taken[at] = true;
  Shape shape;
  for (std::size_t i = 0; i < self.shape.size(); ++i)
    if (!taken[i])
      shape.push_back(self.shape[i]);
    else if (keep)
      shape.emplace_back(1);
  const DType dtype = c.arg("dtype") == nullptr ? self.dtype : c.dtype("dtype").value_or(self.dtype);
  return typed(to_real(to_floating(dtype)), std::move(shape));
}
Results norm_of_matrices(Call& c) {
  const Operand self = matrix_of(c);
  const bool said = c.arg("dim") != nullptr && c.has("dim");
  return {norm_over(c, self, said ? c.constants("dim") : std::vector<std::int64_t>{-2, -1})};
}
Results norm_of_any(Call& c) {
  const Operand self = matrix_of(c);
  return {norm_over(c, self, c.has("dim") ? std::optional(c.constants("dim")) : std::nullopt)};
}
Results rank(Call& c) {
  const Matrix a(c);
  Shape shape = a.batch;
  for (const char* tolerance : {"tol", "atol", "rtol"})
    if (c.arg(tolerance) != nullptr && c.has(tolerance))
      if (const auto operand = c.operand(*c.arg(tolerance))) shape = c.broadcast(shape, operand->shape);
  return {typed(DType::i64, std::move(shape))};
}

Results vecdot(Call& c) {
  const Operand x = c.tensor("x"), y = c.tensor("y");
  Shape shape = c.broadcast(x.shape, y.shape);
  const std::size_t d = c.dim(c.constant("dim"), static_cast<std::int64_t>(shape.size()));
  if (!c.ok() || shape.empty()) return c.unsure(), Results{};
  shape.erase(shape.begin() + static_cast<std::ptrdiff_t>(d));
  return {typed(promote(x.dtype, y.dtype).value_or(x.dtype), std::move(shape))};
}

Results vander(Call& c) {
  const Operand x = c.tensor("x");
  if (!c.ok()) return {};
  Shape shape = x.shape;
  if (shape.empty()) shape.emplace_back(1);
  const Expr last = shape.back();
  shape.push_back(c.optional_integer("N").value_or(last));
  return {typed(category(x.dtype) <= Category::integral ? DType::i64 : x.dtype, std::move(shape))};
}

Results multi_dot(Call& c) {
  const auto factors = c.tensors(c.arg("matrices") != nullptr ? "matrices" : "tensors");
  if (!c.ok() || factors.empty() || !factors.front() || !factors.back()) return c.unsure(), Results{};
  Shape shape;
  if (factors.front()->shape.size() > 1) shape.push_back(factors.front()->shape.front());
  if (factors.back()->shape.size() > 1) shape.push_back(factors.back()->shape.back());
  if (factors.size() == 1) shape = factors.front()->shape;
  return {typed(factors.front()->dtype, std::move(shape))};
}

Results tensorinv(Call& c) {
  const Operand self = c.tensor("self");
  const std::int64_t ind = c.constant("ind");
  if (!c.ok() || ind < 0 || ind > self.rank()) return c.unsure(), Results{};
  Shape shape = self.shape;
  std::rotate(shape.begin(), shape.begin() + ind, shape.end());
  return {typed(self.dtype, std::move(shape))};
}
Results tensorsolve(Call& c) {
  const Operand self = c.tensor("self"), other = c.tensor("other");
  Shape front, back;
  std::vector<bool> moved(self.shape.size(), false);
  for (const std::int64_t d : c.constants("dims"))
    if (const std::size_t at = c.dim(d, self.rank()); c.ok() && at < moved.size()) {
      moved[at] = true;
      back.push_back(self.shape[at]);
    }
  for (std::size_t i = 0; i < self.shape.size(); ++i)
    if (!moved[i]) front.push_back(self.shape[i]);
  front.insert(front.end(), back.begin(), back.end());
  if (!c.ok() || front.size() < other.shape.size()) return c.unsure(), Results{};
  front.erase(front.begin(), front.begin() + static_cast<std::ptrdiff_t>(other.shape.size()));
  return {typed(self.dtype, std::move(front))};
}

}  // namespace

std::span<const NamedRule> linalg_rules() {
  static constexpr NamedRule kRules[] = {
      {"determinant", determinant},
      {"determinant_factors", determinant_factors},
      {"log_determinant", log_determinant},
      {"log_determinant_factors", log_determinant_factors},
      {"with_info", with_info},
      {"eig", eig},
      {"eigvals", eigvals},
      {"eigh", eigh},
      {"eigvalsh", eigvalsh},
      {"qr", qr},
      {"svd", svd},
      {"svdvals", svdvals},
      {"lu", lu},
      {"lu_factor", lu_factor},
      {"lu_factor_with_info", lu_factor_with_info},
      {"lu_unpack", lu_unpack},
      {"ldl_factor", ldl_factor},
      {"ldl_factor_with_info", ldl_factor_with_info},
      {"solve_factored", solve_factored},
      {"solve_triangular_legacy", solve_triangular_legacy},
      {"solve", solve},
      {"solve_with_info", solve_with_info},
      {"solve_with_factors", solve_with_factors},
      {"householder", householder},
      {"geqrf", geqrf},
      {"ormqr", ormqr},
      {"pseudo_inverse", pseudo_inverse},
      {"norm_of_matrices", norm_of_matrices},
      {"norm_of_any", norm_of_any},
      {"matrix_rank", rank},
      {"vecdot", vecdot},
      {"vander", vander},
      {"multi_dot", multi_dot},
      {"tensorinv", tensorinv},
      {"tensorsolve", tensorsolve},
  };
  return kRules;
}

}  // namespace genie::plan::detail
