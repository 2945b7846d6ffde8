// Sums of products with collected like terms: how expressions are brought into normal form.
//
// A polynomial's indeterminates ("atoms") are symbols and the operations that are not polynomial: floordiv, mod, min, max.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "genie/plan/expr.hpp"

namespace genie::plan::detail {

/// A total order on normal forms: integers, then symbols by bytes, then operations by operator and operands.
[[nodiscard]] int compare(const Expr& a, const Expr& b);

/// A product of atoms, sorted by compare(); the empty product is 1.
using Monomial = std::vector<Expr>;

struct MonomialLess {
  bool operator()(const Monomial& a, const Monomial& b) const;
};

/// Monomial → coefficient, never 0. Constants come first.
using Polynomial = std::map<Monomial, std::int64_t, MonomialLess>;

/// Beyond this a sum or a product is of no use to a reader and would nest too deeply in a document.
inline constexpr std::size_t kMaxTerms = 32;
inline constexpr std::size_t kMaxFactors = 32;

/// Each adds to or makes a polynomial; false or nothing when a coefficient does not fit in 64 bits or a limit is exceeded.
[[nodiscard]] bool accumulate(Polynomial& into, const Expr& normal, std::int64_t factor);
[[nodiscard]] std::optional<Polynomial> multiply(const Polynomial& a, const Polynomial& b);
/// a / b when b divides a without remainder (b taken as non-zero).
[[nodiscard]] std::optional<Polynomial> divide_exactly(const Polynomial& a, const Polynomial& b);

}  // namespace genie::plan::detail
