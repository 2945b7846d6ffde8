#include "facts.hpp"

#include <algorithm>

namespace genie::plan::detail {

namespace {

using Bound = std::optional<std::int64_t>;

Bound add(const Bound& a, const Bound& b) {
  std::int64_t out = 0;
  if (!a || !b || __builtin_add_overflow(*a, *b, &out)) return std::nullopt;
  return out;
}

Interval multiply(const Interval& a, const Interval& b) {
  // By a constant, or of two ranges that are not negative; anything else is left open.
  const auto times = [](const Bound& x, std::int64_t by) -> Bound {
    std::int64_t out = 0;
    if (!x || __builtin_mul_overflow(*x, by, &out)) return std::nullopt;
    return out;
  };
  for (const auto& [constant, other] : {std::pair{a, b}, std::pair{b, a}}) {
    if (!constant.low || constant.low != constant.high) continue;
    const std::int64_t by = *constant.low;
    if (by == 0) return {0, 0};
    return by > 0 ? Interval{times(other.low, by), times(other.high, by)}
                  : Interval{times(other.high, by), times(other.low, by)};
  }
  if (!a.low || !b.low || *a.low < 0 || *b.low < 0) return {};
  return {times(a.low, *b.low), b.high ? times(a.high, *b.high) : std::nullopt};
}

std::int64_t floor_divide(std::int64_t a, std::int64_t b) {
  const std::int64_t q = a / b;
  return a % b != 0 && (a < 0) != (b < 0) ? q - 1 : q;
}

}  // namespace

Facts::Facts(const Plan& plan) {
  for (const auto& [id, symbol] : plan.symbols)
    bounds_[id] = {symbol.min, symbol.max};
  for (const Guard& guard : plan.guards) {
    if (guard.relation != "eq") continue;
    const Expr a = simplify(guard.a);
    const Expr b = simplify(guard.b);
    for (const auto& [from, to] : {std::pair{a, b}, std::pair{b, a}}) {
      if (!from.is_symbol()) continue;
      std::set<std::string, std::less<>> used;
      to.collect_symbols(used);
      if (used.contains(from.as_symbol())) continue;
      std::map<std::string, Expr, std::less<>> replacement{{from.as_symbol(), to}};
      for (auto& [symbol, expr] : equal_to_)
        expr = expr.substitute(replacement);
      equal_to_.insert_or_assign(from.as_symbol(), to);
      break;
    }
  }
}

Expr Facts::simplify(const Expr& expr) const {
  return equal_to_.empty() || expr.is_int() ? expr : expr.substitute(equal_to_);
}

Interval Facts::interval(const Expr& expr) const {
  if (expr.is_int()) return {expr.as_int(), expr.as_int()};
  if (expr.is_symbol()) {
    const auto at = bounds_.find(expr.as_symbol());
    return at == bounds_.end() ? Interval{} : at->second;
  }
  const Expr::Operation& operation = expr.as_operation();
  const Interval a = interval(operation.a);
  const Interval b = interval(operation.b);
  const auto smaller = [](const Bound& x, const Bound& y) -> Bound {
    return x && y ? Bound(std::min(*x, *y)) : std::nullopt;
  };
  const auto larger = [](const Bound& x, const Bound& y) -> Bound {
    return x && y ? Bound(std::max(*x, *y)) : std::nullopt;
  };
  const auto either = [](const Bound& x, const Bound& y, auto pick) -> Bound {
    return x && y ? Bound(pick(*x, *y)) : x ? x : y;
  };
  switch (operation.op) {
    case Expr::Op::add:
      return {add(a.low, b.low), add(a.high, b.high)};
    case Expr::Op::mul:
      return multiply(a, b);
    case Expr::Op::min:
      return {smaller(a.low, b.low), either(a.high, b.high, [](auto x, auto y) { return std::min(x, y); })};
    case Expr::Op::max:
      return {either(a.low, b.low, [](auto x, auto y) { return std::max(x, y); }), larger(a.high, b.high)};
    case Expr::Op::mod:
      if (b.low && *b.low > 0) return {0, b.high ? Bound(*b.high - 1) : std::nullopt};
      return {};
    case Expr::Op::floordiv:
      if (b.low && b.low == b.high && *b.low > 0)
        return {a.low ? Bound(floor_divide(*a.low, *b.low)) : std::nullopt,
                a.high ? Bound(floor_divide(*a.high, *b.low)) : std::nullopt};
      return {};
  }
  return {};
}

Truth Facts::equal(const Expr& a, const Expr& b) const {
  if (a == b) return Truth::yes;
  if (a.is_int() && b.is_int()) return Truth::no;
  const Expr difference = simplify(a) - simplify(b);
  if (difference.is_int()) return difference.as_int() == 0 ? Truth::yes : Truth::no;
  const Interval range = interval(difference);
  if ((range.low && *range.low > 0) || (range.high && *range.high < 0)) return Truth::no;
  return Truth::unknown;
}

}  // namespace genie::plan::detail
