// What is known about symbols: bounds and the equalities of guards. Private to the library.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "genie/plan/model.hpp"

namespace genie::plan::detail {

/// The values an expression may take; nothing is unbounded on that side.
struct Interval {
  std::optional<std::int64_t> low;
  std::optional<std::int64_t> high;
};

enum class Truth : std::uint8_t { no, yes, unknown };

class Facts {
 public:
  Facts() = default;
  /// From symbols' bounds and `eq` guards that give a symbol.
  explicit Facts(const Plan& plan);

  [[nodiscard]] Interval interval(const Expr& expr) const;
  /// Equal for all sizes the guards admit, different for all, or not decided here.
  [[nodiscard]] Truth equal(const Expr& a, const Expr& b) const;
  /// The expression with what guards equate replaced.
  [[nodiscard]] Expr simplify(const Expr& expr) const;
  [[nodiscard]] bool never_one(const Expr& expr) const { return equal(expr, Expr(1)) == Truth::no; }

 private:
  std::map<std::string, Interval, std::less<>> bounds_;
  std::map<std::string, Expr, std::less<>> equal_to_;
};

}  // namespace genie::plan::detail
