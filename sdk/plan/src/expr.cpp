// Normal form, in words: integers fold. A sum is a chain [add, term, rest] whose terms are sorted, a constant first; a
// product is a chain [mul, factor, rest], an integer coefficient first; products of sums are multiplied out. min and max are
// chains of sorted, distinct operands, none of which differs from another by a constant. floordiv and mod have a positive
// divisor when it is a constant, no part that the divisor divides, and no common factor.
#include "genie/plan/expr.hpp"

#include <algorithm>
#include <cassert>
#include <limits>
#include <numeric>
#include <tuple>
#include <utility>

#include "integers.hpp"
#include "polynomial.hpp"

namespace genie::plan {

using detail::Monomial;
using detail::Polynomial;

// Builds operations that are in normal form already; the only code that makes an Operation.
struct ExprBuilder {
  static Expr node(Expr::Op op, Expr a, Expr b) {
    Expr result(Expr::kOperation);
    result.term_ = new Expr::Operation(op, std::move(a), std::move(b));
    return result;
  }

  /// What does not fit: division by zero, which no binding can evaluate.
  static Expr refused() { return node(Expr::Op::floordiv, Expr(1), Expr(0)); }
  static bool is_refused(const Expr& e) {
    return e.is_operation() && e.as_operation().op == Expr::Op::floordiv && e.as_operation().b == Expr(0);
  }

  /// Items in order as op(first, op(second, …)).
  static Expr chain(Expr::Op op, std::vector<Expr> items) {
    assert(!items.empty());
    Expr result = std::move(items.back());
    for (std::size_t i = items.size() - 1; i-- > 0;)
      result = node(op, std::move(items[i]), std::move(result));
    return result;
  }

  static Expr sum(const Polynomial& polynomial) {
    if (polynomial.empty()) return Expr(0);
    std::vector<Expr> terms;
    terms.reserve(polynomial.size());
    for (const auto& [atoms, coefficient] : polynomial) {
      std::vector<Expr> factors;
      if (coefficient != 1 || atoms.empty()) factors.push_back(Expr(coefficient));
      factors.insert(factors.end(), atoms.begin(), atoms.end());
      terms.push_back(chain(Expr::Op::mul, std::move(factors)));
    }
    return chain(Expr::Op::add, std::move(terms));
  }
};

namespace {

using Op = Expr::Op;

std::optional<Polynomial> polynomial(const Expr& e) {
  Polynomial result;
  if (!detail::accumulate(result, e, 1)) return std::nullopt;
  return result;
}

Expr make_sum(const Expr& a, const Expr& b) {
  if (a == Expr(0)) return b;
  if (b == Expr(0)) return a;
  Polynomial result;
  if (!detail::accumulate(result, a, 1) || !detail::accumulate(result, b, 1)) return ExprBuilder::refused();
  return ExprBuilder::sum(result);
}

Expr make_product(const Expr& a, const Expr& b) {
  if (a == Expr(1)) return b;
  if (b == Expr(1)) return a;
  const auto x = polynomial(a);
  const auto y = polynomial(b);
  if (!x || !y) return ExprBuilder::refused();
  const auto result = detail::multiply(*x, *y);
  return result ? ExprBuilder::sum(*result) : ExprBuilder::refused();
}

/// The greatest common divisor of `start` and every coefficient that belongs to atoms.
std::int64_t common_factor(const Polynomial& p, std::int64_t start) {
  for (const auto& [atoms, coefficient] : p) {
    if (coefficient == std::numeric_limits<std::int64_t>::min()) return 1;  // its magnitude does not fit
    if (!atoms.empty()) start = std::gcd(start, coefficient);
  }
  return start;
}

/// Atoms' coefficients divided by g exactly, the constant rounded down.
Polynomial divided(const Polynomial& p, std::int64_t g) {
  Polynomial result;
  for (const auto& [atoms, coefficient] : p) {
    const std::int64_t q = atoms.empty() ? detail::floor_div(coefficient, g) : coefficient / g;
    if (q != 0) result.emplace(atoms, q);
  }
  return result;
}

/// A floordiv or mod by a constant divisor, alone: nothing if e is not one.
const Expr::Operation* by_constant(const Expr& e, Op op) {
  if (!e.is_operation() || e.as_operation().op != op || !e.as_operation().b.is_int()) return nullptr;
  return &e.as_operation();
}

Expr make_floordiv_by(Polynomial p, std::int64_t divisor) {
  // What the divisor divides leaves the division: (divisor*x + r)//divisor == x + r//divisor.
  Polynomial whole;
  for (auto at = p.begin(); at != p.end();) {
    const std::int64_t q = detail::floor_div(at->second, divisor);
    const std::int64_t r = at->second - q * divisor;
    if (at->first.empty() ? q != 0 : r == 0) {
      whole.emplace(at->first, q);
      at->second = r;
    }
    at = at->second == 0 ? p.erase(at) : std::next(at);
  }
  const std::int64_t g = common_factor(p, divisor);
  p = divided(p, g);  // (g*x + c)//(g*d) == (x + c//g)//d
  divisor /= g;
  Expr inner = ExprBuilder::sum(p);
  if (divisor != 1 && inner.is_int()) inner = Expr(detail::floor_div(inner.as_int(), divisor));
  if (divisor != 1 && !inner.is_int()) {
    std::int64_t both = 0;
    const Expr::Operation* nested = by_constant(inner, Op::floordiv);  // (x//m)//n == x//(m*n)
    if (nested != nullptr && !__builtin_mul_overflow(nested->b.as_int(), divisor, &both))
      inner = Expr::make(Op::floordiv, nested->a, Expr(both));
    else
      inner = ExprBuilder::node(Op::floordiv, std::move(inner), Expr(divisor));
  }
  return make_sum(ExprBuilder::sum(whole), inner);
}

Expr make_floordiv(const Expr& a, const Expr& b) {
  if (b == Expr(0)) return ExprBuilder::refused();
  if (b == Expr(1)) return a;
  const auto p = polynomial(a);
  if (!p) return ExprBuilder::refused();
  if (b.is_int()) {
    if (b.as_int() > 0) return make_floordiv_by(*p, b.as_int());
    if (b.as_int() == std::numeric_limits<std::int64_t>::min()) return ExprBuilder::refused();
    return Expr::make(Op::floordiv, Expr(-1) * a, Expr(-b.as_int()));
  }
  const auto q = polynomial(b);
  if (!q) return ExprBuilder::refused();
  if (!p->empty())
    if (const auto exact = detail::divide_exactly(*p, *q)) return ExprBuilder::sum(*exact);
  return ExprBuilder::node(Op::floordiv, a, b);
}

Expr make_mod_by(const Polynomial& a, std::int64_t divisor) {
  Polynomial p;
  for (const auto& [atoms, coefficient] : a) {
    const std::int64_t r = detail::floor_mod(coefficient, divisor);
    if (r != 0) p.emplace(atoms, r);
  }
  const std::int64_t g = common_factor(p, divisor);
  const auto constant = p.find(Monomial{});
  const std::int64_t rest = constant == p.end() ? 0 : constant->second % g;
  p = divided(p, g);  // (g*x + c) mod (g*d) == g*((x + c//g) mod d) + c mod g
  divisor /= g;
  Expr inner = ExprBuilder::sum(p);
  if (inner.is_int()) {
    inner = Expr(detail::floor_mod(inner.as_int(), divisor));
  } else {
    const Expr::Operation* nested = by_constant(inner, Op::mod);
    if (nested != nullptr && nested->b.as_int() % divisor == 0)
      inner = Expr::make(Op::mod, nested->a, Expr(divisor));  // (x mod m*n) mod n == x mod n
    else if (nested == nullptr || nested->b.as_int() > divisor)
      inner = ExprBuilder::node(Op::mod, std::move(inner), Expr(divisor));
  }
  return make_sum(make_product(Expr(g), inner), Expr(rest));
}

Expr make_mod(const Expr& a, const Expr& b) {
  if (b == Expr(0)) return ExprBuilder::refused();
  const auto p = polynomial(a);
  if (!p) return ExprBuilder::refused();
  if (b.is_int()) {
    if (b.as_int() > 0) return make_mod_by(*p, b.as_int());
    if (b.as_int() == std::numeric_limits<std::int64_t>::min()) return ExprBuilder::refused();
    return Expr(-1) * Expr::make(Op::mod, Expr(-1) * a, Expr(-b.as_int()));
  }
  const auto q = polynomial(b);
  if (!q) return ExprBuilder::refused();
  if (!p->empty() && detail::divide_exactly(*p, *q)) return Expr(0);
  return ExprBuilder::node(Op::mod, a, b);
}

void flatten(const Expr& e, Op op, std::vector<Expr>& into) {
  if (e.is_operation() && e.as_operation().op == op) {
    flatten(e.as_operation().a, op, into);
    flatten(e.as_operation().b, op, into);
  } else {
    into.push_back(e);
  }
}

Expr make_extreme(Op op, const Expr& a, const Expr& b) {
  std::vector<Expr> operands;
  flatten(a, op, operands);
  flatten(b, op, operands);
  const Expr neutral(op == Op::min ? std::numeric_limits<std::int64_t>::max()
                                   : std::numeric_limits<std::int64_t>::min());
  std::vector<Expr> kept;
  for (const Expr& candidate : operands) {
    bool dominated = candidate == neutral;
    for (std::size_t i = 0; i < kept.size() && !dominated;) {
      const Expr difference = candidate - kept[i];
      if (!difference.is_int()) {
        ++i;
      } else if ((op == Op::min) == (difference.as_int() < 0) && difference.as_int() != 0) {
        kept.erase(kept.begin() + static_cast<std::ptrdiff_t>(i));
      } else {
        dominated = true;
      }
    }
    if (!dominated) kept.push_back(candidate);
  }
  if (kept.empty()) return neutral;
  if (kept.size() > detail::kMaxTerms) return ExprBuilder::refused();
  std::sort(kept.begin(), kept.end(), [](const Expr& x, const Expr& y) { return detail::compare(x, y) < 0; });
  return ExprBuilder::chain(op, std::move(kept));
}

}  // namespace

Expr Expr::symbol(std::string id) {
  Expr result(kSymbol);
  result.term_ = new Symbol(std::move(id));
  return result;
}

Expr Expr::make(Op op, const Expr& a, const Expr& b) {
  if (a.is_int() && b.is_int()) {
    const auto folded = detail::apply(op, a.as_int(), b.as_int());
    return folded ? Expr(*folded) : ExprBuilder::refused();
  }
  // 2*s and s+2, by far the most frequent operations, need no polynomials.
  if ((op == Op::add || op == Op::mul) && (a.is_symbol() || b.is_symbol()) && (a.is_int() || b.is_int())) {
    const auto& [number, other] = a.is_int() ? std::tie(a, b) : std::tie(b, a);
    if (number.as_int() == 0) return op == Op::add ? other : Expr(0);
    if (number.as_int() == 1 && op == Op::mul) return other;
    return ExprBuilder::node(op, number, other);
  }
  if (ExprBuilder::is_refused(a) || ExprBuilder::is_refused(b)) return ExprBuilder::refused();
  switch (op) {
    case Op::add:
      return make_sum(a, b);
    case Op::mul:
      return make_product(a, b);
    case Op::floordiv:
      return make_floordiv(a, b);
    case Op::mod:
      return make_mod(a, b);
    case Op::min:
    case Op::max:
      break;
  }
  return make_extreme(op, a, b);
}

std::optional<std::int64_t> Expr::evaluate(const Bindings& bindings) const {
  if (is_int()) return as_int();
  if (is_symbol()) {
    const auto found = bindings.find(as_symbol());
    if (found == bindings.end()) return std::nullopt;
    return found->second;
  }
  const Operation& operation = as_operation();
  const auto a = operation.a.evaluate(bindings);
  const auto b = a ? operation.b.evaluate(bindings) : std::nullopt;
  if (!b) return std::nullopt;
  return detail::apply(operation.op, *a, *b);
}

Expr Expr::substitute(const std::map<std::string, Expr, std::less<>>& replacements) const {
  if (is_int()) return *this;
  if (is_symbol()) {
    const auto found = replacements.find(as_symbol());
    return found == replacements.end() ? *this : found->second;
  }
  const Operation& operation = as_operation();
  return make(operation.op, operation.a.substitute(replacements), operation.b.substitute(replacements));
}

void Expr::collect_symbols(std::set<std::string, std::less<>>& into) const {
  if (is_symbol()) into.insert(as_symbol());
  if (!is_operation()) return;
  as_operation().a.collect_symbols(into);
  as_operation().b.collect_symbols(into);
}

void Expr::destroy_term() const noexcept {
  if (number_ == kSymbol)
    delete static_cast<const Symbol*>(term_);
  else
    delete static_cast<const Operation*>(term_);
}

bool Expr::same_terms(const Expr& a, const Expr& b) {
  return detail::compare(a, b) == 0;
}

Exprs contiguous_strides(const Shape& shape) {
  Exprs strides(shape.size());
  Expr step(1);
  for (std::size_t i = shape.size(); i-- > 0;) {
    strides[i] = step;
    if (i == 0) break;
    step = step * (shape[i].is_int() ? Expr(std::max<std::int64_t>(shape[i].as_int(), 1)) : shape[i]);
  }
  return strides;
}

Expr element_count(const Shape& shape) {
  Expr count(1);
  for (const Expr& dim : shape)
    count = count * dim;
  return count;
}

std::optional<std::vector<std::int64_t>> evaluate(std::span<const Expr> shape, const Bindings& bindings) {
  std::vector<std::int64_t> sizes;
  sizes.reserve(shape.size());
  for (const Expr& dim : shape) {
    const auto size = dim.evaluate(bindings);
    if (!size) return std::nullopt;
    sizes.push_back(*size);
  }
  return sizes;
}

}  // namespace genie::plan
