#include "polynomial.hpp"

#include <algorithm>
#include <iterator>
#include <limits>

namespace genie::plan::detail {
namespace {

int sign(auto ordering) {
  return ordering < 0 ? -1 : ordering > 0 ? 1 : 0;
}

bool add_term(Polynomial& into, const Monomial& monomial, std::int64_t coefficient) {
  if (coefficient == 0) return true;
  const auto [at, fresh] = into.try_emplace(monomial, coefficient);
  if (!fresh) {
    if (__builtin_add_overflow(at->second, coefficient, &at->second)) return false;
    if (at->second == 0) into.erase(at);
  }
  return into.size() <= kMaxTerms && monomial.size() <= kMaxFactors;
}

Monomial product(const Monomial& a, const Monomial& b) {
  Monomial result;
  result.reserve(a.size() + b.size());
  std::merge(a.begin(), a.end(), b.begin(), b.end(), std::back_inserter(result),
             [](const Expr& x, const Expr& y) { return compare(x, y) < 0; });
  return result;
}

/// a / b, when all atoms of b are in a.
std::optional<Monomial> quotient(const Monomial& a, const Monomial& b) {
  Monomial rest;
  auto divisor = b.begin();
  for (const Expr& atom : a) {
    if (divisor != b.end() && compare(atom, *divisor) == 0)
      ++divisor;
    else
      rest.push_back(atom);
  }
  if (divisor != b.end()) return std::nullopt;
  return rest;
}

/// Degree first: unlike the map's order, this one is kept by multiplication, which division relies on.
Polynomial::const_iterator leading(const Polynomial& p) {
  return std::max_element(p.begin(), p.end(), [](const auto& a, const auto& b) {
    if (a.first.size() != b.first.size()) return a.first.size() < b.first.size();
    return MonomialLess{}(a.first, b.first);
  });
}

}  // namespace

int compare(const Expr& a, const Expr& b) {
  if (a.is_int() != b.is_int()) return a.is_int() ? -1 : 1;
  if (a.is_int()) return sign(a.as_int() <=> b.as_int());
  if (a.is_symbol() != b.is_symbol()) return a.is_symbol() ? -1 : 1;
  if (a.is_symbol()) return sign(a.as_symbol().compare(b.as_symbol()));
  const Expr::Operation& x = a.as_operation();
  const Expr::Operation& y = b.as_operation();
  if (&x == &y) return 0;
  if (x.op != y.op) return x.op < y.op ? -1 : 1;
  if (const int first = compare(x.a, y.a); first != 0) return first;
  return compare(x.b, y.b);
}

bool MonomialLess::operator()(const Monomial& a, const Monomial& b) const {
  return std::lexicographical_compare(a.begin(), a.end(), b.begin(), b.end(),
                                      [](const Expr& x, const Expr& y) { return compare(x, y) < 0; });
}

bool accumulate(Polynomial& into, const Expr& normal, std::int64_t factor) {
  if (normal.is_int()) {
    std::int64_t value = 0;
    return !__builtin_mul_overflow(normal.as_int(), factor, &value) && add_term(into, {}, value);
  }
  if (normal.is_symbol()) return add_term(into, {normal}, factor);
  const Expr::Operation& operation = normal.as_operation();
  if (operation.op == Expr::Op::add)
    return accumulate(into, operation.a, factor) && accumulate(into, operation.b, factor);
  if (operation.op != Expr::Op::mul) return add_term(into, {normal}, factor);

  // A normal product is a chain: an optional coefficient, then atoms in order.
  Monomial atoms;
  const Expr* rest = &normal;
  const auto take = [&](const Expr& item) {
    if (item.is_int()) return !__builtin_mul_overflow(factor, item.as_int(), &factor);
    atoms.push_back(item);
    return true;
  };
  while (rest->is_operation() && rest->as_operation().op == Expr::Op::mul) {
    if (!take(rest->as_operation().a)) return false;
    rest = &rest->as_operation().b;
  }
  return take(*rest) && add_term(into, atoms, factor);
}

std::optional<Polynomial> multiply(const Polynomial& a, const Polynomial& b) {
  Polynomial result;
  for (const auto& [left, x] : a) {
    for (const auto& [right, y] : b) {
      std::int64_t coefficient = 0;
      if (__builtin_mul_overflow(x, y, &coefficient)) return std::nullopt;
      if (!add_term(result, product(left, right), coefficient)) return std::nullopt;
    }
  }
  return result;
}

std::optional<Polynomial> divide_exactly(const Polynomial& a, const Polynomial& b) {
  if (b.empty()) return std::nullopt;
  const auto divisor = leading(b);
  Polynomial rest = a;
  Polynomial result;
  while (!rest.empty()) {
    const auto dividend = leading(rest);
    const std::optional<Monomial> monomial = quotient(dividend->first, divisor->first);
    const bool too_large =
        divisor->second == -1 && dividend->second == std::numeric_limits<std::int64_t>::min();
    if (!monomial || too_large || dividend->second % divisor->second != 0) return std::nullopt;
    const std::int64_t coefficient = dividend->second / divisor->second;
    if (!add_term(result, *monomial, coefficient)) return std::nullopt;
    for (const auto& [atoms, factor] : b) {
      std::int64_t taken = 0;
      if (__builtin_mul_overflow(factor, coefficient, &taken) ||
          __builtin_sub_overflow(std::int64_t{0}, taken, &taken))
        return std::nullopt;
      if (!add_term(rest, product(atoms, *monomial), taken)) return std::nullopt;
    }
  }
  return result;
}

}  // namespace genie::plan::detail
