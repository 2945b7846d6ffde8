// Checked 64-bit arithmetic with Python's rounding.
#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>
#include <optional>

#include "genie/plan/expr.hpp"

namespace genie::plan::detail {

/// Rounds toward minus infinity; the divisor is neither 0 nor -1 with the smallest dividend.
[[nodiscard]] constexpr std::int64_t floor_div(std::int64_t a, std::int64_t b) {
  return a / b - ((a % b != 0 && (a < 0) != (b < 0)) ? 1 : 0);
}
/// Takes the divisor's sign.
[[nodiscard]] constexpr std::int64_t floor_mod(std::int64_t a, std::int64_t b) {
  const std::int64_t r = a % b;
  return (r != 0 && (r < 0) != (b < 0)) ? r + b : r;
}

/// Nothing for a division by 0 and for what does not fit.
[[nodiscard]] inline std::optional<std::int64_t> apply(Expr::Op op, std::int64_t a, std::int64_t b) {
  constexpr std::int64_t kLowest = std::numeric_limits<std::int64_t>::min();
  std::int64_t result = 0;
  switch (op) {
    case Expr::Op::add:
      return __builtin_add_overflow(a, b, &result) ? std::nullopt : std::optional(result);
    case Expr::Op::mul:
      return __builtin_mul_overflow(a, b, &result) ? std::nullopt : std::optional(result);
    case Expr::Op::floordiv:
      if (b == 0 || (a == kLowest && b == -1)) return std::nullopt;
      return floor_div(a, b);
    case Expr::Op::mod:
      if (b == 0) return std::nullopt;
      return b == -1 ? 0 : floor_mod(a, b);
    case Expr::Op::min:
      return std::min(a, b);
    case Expr::Op::max:
      return std::max(a, b);
  }
  return std::nullopt;
}

}  // namespace genie::plan::detail
