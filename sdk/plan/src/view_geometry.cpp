#include "view_geometry.hpp"

#include <algorithm>
#include <numeric>

namespace genie::plan::detail {

Expr slice_size(const Facts& facts, const Expr& size, const Expr& start, const std::optional<Expr>& end,
                std::int64_t step) {
  // A bound as an element number within 0…size, when that can be decided.
  const auto clamp = [&](const Expr& bound) -> std::optional<Expr> {
    if (mentions_unknown(bound)) return std::nullopt;
    const Interval range = facts.interval(bound);
    Expr at = bound;
    if (range.high && *range.high < 0)
      at = size + bound;
    else if (!range.low || *range.low < 0)
      return std::nullopt;
    const Interval room = facts.interval(facts.simplify(size) - facts.simplify(at));
    if (room.high && *room.high <= 0) return size;
    const Interval above = facts.interval(at);
    if (above.high && *above.high <= 0) return Expr(0);
    if (!room.low || *room.low < 0 || !above.low || *above.low < 0) return std::nullopt;
    return at;
  };
  const std::optional<Expr> from = clamp(start);
  const std::optional<Expr> to = end ? clamp(*end) : size;
  if (!from || !to) return unknown_dim();
  const Expr length = facts.simplify(*to) - facts.simplify(*from);
  const Interval range = facts.interval(length);
  if (range.high && *range.high <= 0) return Expr(0);
  if (!range.low || *range.low < 0) return unknown_dim();
  if (step == 1) return *to - *from;
  return Expr::make(Expr::Op::floordiv, *to - *from + Expr(step - 1), Expr(step));
}

std::optional<Expr> exact_quotient(const Exprs& factors, const Exprs& divisors) {
  std::int64_t top = 1, bottom = 1;
  Exprs left;
  const auto times = [](std::int64_t& into, std::int64_t by) {
    return !__builtin_mul_overflow(into, by, &into);
  };
  for (const Expr& f : factors) {
    if (!f.is_int())
      left.push_back(f);
    else if (!times(top, f.as_int()))
      return std::nullopt;
  }
  for (const Expr& d : divisors) {
    if (d.is_int()) {
      if (!times(bottom, d.as_int())) return std::nullopt;
      continue;
    }
    const auto same = std::ranges::find(left, d);
    if (same == left.end()) return std::nullopt;
    left.erase(same);
  }
  if (bottom == 0 || top % bottom != 0) return std::nullopt;
  Expr out(top / bottom);
  for (const Expr& f : left)
    out = out * f;
  return out;
}

Shape resolve_size(Call& call, const Shape& from, Exprs size) {
  const Expr minus_one(-1);
  const auto open = std::ranges::find(size, minus_one);
  if (open == size.end()) {
    if (std::ranges::any_of(size, mentions_unknown)) return size;
    const Expr have = element_count(from), want = element_count(size);
    if (call.facts().equal(have, want) == Truth::no && call.ok())
      call.fail("shape " + to_text(from) + " of " + have.to_text() + " elements cannot become " +
                to_text(size) + " of " + want.to_text());
    return size;
  }
  Exprs others;
  for (auto at = size.begin(); at != size.end(); ++at)
    if (at != open) others.push_back(*at);
  if (std::ranges::find(others, minus_one) != others.end()) {
    call.fail("two sizes are -1");
    return size;
  }
  if (std::optional<Expr> quotient = exact_quotient(from, others)) {
    *open = std::move(*quotient);
    return size;
  }
  const Expr have = element_count(from), rest = element_count(others);
  if (have.is_int() && rest.is_int() && call.ok() &&
      (rest.as_int() == 0 || have.as_int() % rest.as_int() != 0))
    call.fail("shape " + to_text(from) + " of " + have.to_text() + " elements does not divide by " +
              rest.to_text());
  *open = unknown_dim();
  return size;
}

bool is_contiguous(const Shape& shape, const Exprs& strides) {
  if (strides.size() != shape.size()) return false;
  Expr expected(1);
  for (std::size_t i = shape.size(); i-- > 0;) {
    if (shape[i].is_int() && shape[i].as_int() == 0) return true;
    if (shape[i].is_int() && shape[i].as_int() == 1) continue;
    if (!(strides[i] == expected)) return false;
    expected = expected * shape[i];
  }
  return true;
}

Exprs view_strides(const Shape& shape, const Exprs& strides, const Shape& to) {
  const auto constant = [](const Expr& e) { return e.is_int(); };
  if (strides.size() != shape.size() || !std::ranges::all_of(shape, constant) ||
      !std::ranges::all_of(strides, constant) || !std::ranges::all_of(to, constant) ||
      std::ranges::find(shape, Expr(0)) != shape.end())
    return {};
  // Old dimensions that run on into each other form chunks; each chunk is cut into new dimensions.
  Exprs out(to.size(), Expr(1));
  std::size_t next = to.size();
  std::int64_t chunk_stride = strides.empty() ? 1 : strides.back().as_int();
  std::int64_t chunk = 1, filled = 1;
  for (std::size_t i = shape.size(); i-- > 0;) {
    chunk *= shape[i].as_int();
    const bool ends =
        i == 0 || (shape[i - 1].as_int() != 1 && strides[i - 1].as_int() != chunk * chunk_stride);
    if (!ends) continue;
    while (next > 0 && (filled < chunk || to[next - 1].as_int() == 1)) {
      out[next - 1] = Expr(filled * chunk_stride);
      filled *= to[next - 1].as_int();
      --next;
    }
    if (filled != chunk) return {};
    if (i > 0) chunk_stride = strides[i - 1].as_int();
    chunk = filled = 1;
  }
  return next == 0 ? out : Exprs{};
}

}  // namespace genie::plan::detail
