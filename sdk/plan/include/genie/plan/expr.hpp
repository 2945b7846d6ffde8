// Symbolic integers: dimensions, strides, offsets and costs.
#pragma once

#include <ext/atomicity.h>

#include <cassert>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "genie/plan/small_vector.hpp"

namespace genie::plan {

/// Concrete sizes by symbol id.
using Bindings = std::map<std::string, std::int64_t, std::less<>>;

/// An integer, a symbol, or [op, a, b]. Always in normal form (like terms collected, operands in a fixed order), so equal
/// expressions are equal values and equal bytes. Cheap to copy: symbols and operations are immutable and shared.
class Expr {
 public:
  enum class Op : std::uint8_t { add, mul, floordiv, mod, min, max };
  struct Operation;

  Expr(std::int64_t value = 0) noexcept : number_(value) {}
  Expr(const Expr& other) noexcept : number_(other.number_), term_(other.term_) {
    if (term_ != nullptr) __gnu_cxx::__atomic_add_dispatch(&term_->users, 1);
  }
  Expr(Expr&& other) noexcept
      : number_(std::exchange(other.number_, 0)), term_(std::exchange(other.term_, nullptr)) {}
  Expr& operator=(Expr other) noexcept {
    std::swap(number_, other.number_);
    std::swap(term_, other.term_);
    return *this;
  }
  ~Expr() {
    if (term_ != nullptr && __gnu_cxx::__exchange_and_add_dispatch(&term_->users, -1) == 1) destroy_term();
  }
  [[nodiscard]] static Expr symbol(std::string id);
  /// Builds and normalises. Integer overflow saturates to an expression that evaluate() refuses.
  [[nodiscard]] static Expr make(Op op, const Expr& a, const Expr& b);

  [[nodiscard]] bool is_int() const { return term_ == nullptr; }
  [[nodiscard]] bool is_symbol() const { return term_ != nullptr && number_ == kSymbol; }
  [[nodiscard]] bool is_operation() const { return term_ != nullptr && number_ == kOperation; }
  [[nodiscard]] std::int64_t as_int() const {
    assert(is_int());
    return number_;
  }
  [[nodiscard]] const std::string& as_symbol() const;
  [[nodiscard]] const Operation& as_operation() const;

  /// The value under the bindings; nothing if a symbol is unbound, a divisor is 0 or a result does not fit in 64 bits.
  /// floordiv and mod round toward minus infinity, as Python's do.
  [[nodiscard]] std::optional<std::int64_t> evaluate(const Bindings& bindings) const;
  /// Replaces symbols (simultaneously) and normalises.
  [[nodiscard]] Expr substitute(const std::map<std::string, Expr, std::less<>>& replacements) const;
  void collect_symbols(std::set<std::string, std::less<>>& into) const;
  /// For people: "s77*4 + 1".
  [[nodiscard]] std::string to_text() const;

  /// Exact normal-form equality. Two expressions that differ may still be equal for all bindings of bounded symbols.
  friend bool operator==(const Expr& a, const Expr& b) {
    if (a.number_ != b.number_ || a.is_int() != b.is_int()) return false;  // one's kind, or value, is another
    return a.term_ == b.term_ || same_terms(a, b);
  }

  friend Expr operator+(const Expr& a, const Expr& b) { return make(Op::add, a, b); }
  friend Expr operator*(const Expr& a, const Expr& b) { return make(Op::mul, a, b); }
  friend Expr operator-(const Expr& a, const Expr& b) { return make(Op::add, a, make(Op::mul, Expr(-1), b)); }

 private:
  friend struct ExprBuilder;

  static constexpr std::int64_t kSymbol = 1;
  static constexpr std::int64_t kOperation = 2;
  static bool same_terms(const Expr& a, const Expr& b);

  /// What expressions share. They count themselves: half of what std::shared_ptr takes in each of the many integers.
  struct Term {
    /// Changed as std::shared_ptr does it, without a locked instruction while the process has one thread.
    mutable _Atomic_word users = 1;
  };
  struct Symbol;
  void destroy_term() const noexcept;

  std::int64_t number_;         ///< the integer; with a term, which kind that is
  const Term* term_ = nullptr;  ///< a Symbol or an Operation; null: an integer
};

struct Expr::Symbol : Term {
  explicit Symbol(std::string its_id) : id(std::move(its_id)) {}
  std::string id;
};

struct Expr::Operation : private Term {
  Operation(Op its_op, Expr its_a, Expr its_b) : op(its_op), a(std::move(its_a)), b(std::move(its_b)) {}
  Op op;
  Expr a;
  Expr b;

 private:
  friend class Expr;
  friend struct ExprBuilder;
};

inline const std::string& Expr::as_symbol() const {
  assert(is_symbol());
  return static_cast<const Symbol*>(term_)->id;
}
inline const Expr::Operation& Expr::as_operation() const {
  assert(is_operation());
  return *static_cast<const Operation*>(term_);
}

[[nodiscard]] std::string_view name(Expr::Op op);
[[nodiscard]] std::optional<Expr::Op> expr_op_from_name(std::string_view name);

/// Few expressions, such as one for each dimension of a tensor.
using Exprs = SmallVector<Expr, 4>;
using Shape = Exprs;

/// Row-major strides of a shape, in elements; a dimension of size 0 or 1 counts as torch counts it (max(size, 1)).
[[nodiscard]] Exprs contiguous_strides(const Shape& shape);
/// The product of all dimensions (1 for rank 0).
[[nodiscard]] Expr element_count(const Shape& shape);
/// Every dimension evaluated; nothing if one cannot be.
[[nodiscard]] std::optional<std::vector<std::int64_t>> evaluate(std::span<const Expr> shape,
                                                                const Bindings& bindings);
[[nodiscard]] std::string to_text(std::span<const Expr> shape);

}  // namespace genie::plan
