// One node's call as a rule sees it: arguments by schema name, converted, with what is known about their types.
//
// Errors stick: a rule asks for what it needs and computes on; the first failed question decides what the call means.
// `fail` says the call cannot be right; `unsure` says this library cannot know. After either, accessors return harmless
// values and the rule's result is dropped.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "facts.hpp"
#include "genie/plan/opset.hpp"

namespace genie::plan::detail {

/// A tensor argument, or a number in a tensor's place.
struct Operand {
  DType dtype = DType::f32;
  Shape shape;
  Exprs strides;
  bool wrapped = false;  ///< a number: takes part in type promotion by its category only

  [[nodiscard]] std::int64_t rank() const { return static_cast<std::int64_t>(shape.size()); }
};

/// Categories of torch's type promotion.
enum class Category : std::uint8_t { boolean, integral, floating, complex };
[[nodiscard]] Category category(DType dtype);

/// What a rule says about one result.
struct Inferred {
  DType dtype = DType::f32;
  Shape shape;                       ///< a dimension may be unknown_dim()
  Exprs strides;                     ///< empty: not said (rank 0 says nothing either)
  std::optional<ScalarKind> scalar;  ///< a number
  bool dtype_known = true;
  bool shape_known = true;
};

/// A dimension that a rule cannot decide.
[[nodiscard]] const Expr& unknown_dim();
[[nodiscard]] bool mentions_unknown(const Expr& expr);

class Call {
 public:
  Call(const OpSchema& schema, const Node& node, const TypeScope& scope, const Facts& facts);

  [[nodiscard]] const OpSchema& schema() const { return *schema_; }
  [[nodiscard]] const Facts& facts() const { return *facts_; }

  void fail(std::string message);
  void unsure() { unsure_ = true; }
  [[nodiscard]] bool ok() const { return !unsure_ && error_.empty(); }
  [[nodiscard]] bool is_unsure() const { return unsure_; }
  [[nodiscard]] const std::string& error() const { return error_; }

  /// The argument or its default; null when neither is there.
  [[nodiscard]] const Arg* arg(std::string_view name) const;
  [[nodiscard]] bool has(std::string_view name) const;  ///< present and not null

  [[nodiscard]] Operand tensor(std::string_view name);
  [[nodiscard]] std::optional<Operand> optional_tensor(std::string_view name);
  [[nodiscard]] std::vector<std::optional<Operand>> tensors(std::string_view name);
  /// All tensor operands of the call in schema order, lists opened, nulls left out.
  [[nodiscard]] std::vector<Operand> all_tensors();
  [[nodiscard]] std::optional<Operand> operand(const Arg& arg);

  [[nodiscard]] Expr integer(std::string_view name);
  [[nodiscard]] std::optional<Expr> optional_integer(std::string_view name);
  /// A constant integer; unsure when it is symbolic.
  [[nodiscard]] std::int64_t constant(std::string_view name);
  /// A list of integers; one integer stands for a list of `repeat` (an `int[2]` argument).
  [[nodiscard]] Exprs integers(std::string_view name, std::size_t repeat = 0);
  [[nodiscard]] std::vector<std::int64_t> constants(std::string_view name, std::size_t repeat = 0);
  [[nodiscard]] bool flag(std::string_view name);
  [[nodiscard]] std::optional<DType> dtype(std::string_view name);
  [[nodiscard]] std::string text(std::string_view name);
  /// The category of a Scalar argument; unsure for what is no number.
  [[nodiscard]] Category number(std::string_view name);
  [[nodiscard]] std::optional<double> number_value(std::string_view name);

  /// A dimension number counted from the end when negative, checked against the rank (rank 0 counts as 1).
  [[nodiscard]] std::size_t dim(std::int64_t dim, std::int64_t rank);
  /// The sizes must agree: fails when they provably differ. Returns the better known one.
  Expr same(const Expr& a, const Expr& b, std::string_view what);
  /// One dimension of broadcasting; unknown_dim() when it cannot be decided.
  [[nodiscard]] Expr broadcast(const Expr& a, const Expr& b);
  [[nodiscard]] Shape broadcast(const Shape& a, const Shape& b);

 private:
  [[nodiscard]] std::optional<Expr> as_integer(const Arg& arg);

  const OpSchema* schema_;
  const Node* node_;
  const TypeScope* scope_;
  const Facts* facts_;
  bool unsure_ = false;
  std::string error_;
};

/// Type promotion over tensors with dimensions, 0-d tensors and numbers, as torch's result_type.
class Promotion {
 public:
  void add(const Operand& operand);
  void add_number(Category category);
  /// Nothing when torch refuses the mixture or nothing was added.
  [[nodiscard]] std::optional<DType> result() const;

 private:
  std::optional<DType> dims_, zero_dims_, numbers_;
  bool refused_ = false;
};
/// torch.promote_types; nothing where torch has no answer.
[[nodiscard]] std::optional<DType> promote(DType a, DType b);
/// bool and integers become f32 (torch's default type).
[[nodiscard]] DType to_floating(DType dtype);
/// The type of a complex number's parts.
[[nodiscard]] DType to_real(DType dtype);
[[nodiscard]] DType to_complex(DType dtype);

using ShapeRule = std::vector<Inferred> (*)(Call&);
/// Null for a name without a rule.
[[nodiscard]] ShapeRule find_shape_rule(std::string_view name);

/// The rule's results; nothing when there is no rule or it is unsure; an error text otherwise.
struct Inference {
  std::optional<std::vector<Inferred>> results;
  std::string error;
};
[[nodiscard]] Inference infer(const OpSchema& schema, const Node& node, const TypeScope& scope,
                              const Facts& facts);

}  // namespace genie::plan::detail
