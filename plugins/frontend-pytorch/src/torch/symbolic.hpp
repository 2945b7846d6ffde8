// Symbolic integers as PyTorch writes them, read into the plan's expressions.
//
// Three spellings occur: sympy's srepr in sizes ("Add(Symbol('s77', integer=True), Integer(-1))"), printed expressions in
// the keys of range_constraints ("2*s39"), and Python conditions in guards_code ("L['x'].size()[0] % 2 == 0"). They share
// one grammar, a small part of Python's, read by recursive descent over a fixed list of functions. Nothing is evaluated.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "genie/plan/expr.hpp"

namespace genie::pytorch {

/// What an input's size or value is called in a guard.
struct InputTerm {
  std::string path;  ///< "['d']['k']": how the argument is reached from the call's named arguments
  std::optional<std::int64_t> dim;  ///< of `.size()[dim]`; nothing: the (scalar) argument itself
  bool stride = false;              ///< `.stride()[dim]` instead
};
/// The expression a term stands for; nothing if it is unknown.
using ResolveInput = std::function<std::optional<plan::Expr>(const InputTerm&)>;

/// `relation` is eq ne lt le gt ge.
struct Condition {
  std::string relation;
  plan::Expr a;
  plan::Expr b;
};

/// Nothing when the text is no integer expression, or uses what the plan's expressions cannot say (division with a
/// fraction, floats). The caller decides whether that is an error.
[[nodiscard]] std::optional<plan::Expr> parse_expression(std::string_view text);

/// The conjuncts of a condition: of Python ("a <= b and (c != d or not e == f)") or srepr ("GreaterThan(…)"). What is joined by
/// `or` becomes one condition: a number that is zero if any part holds. Nothing when it is not understood.
[[nodiscard]] std::optional<std::vector<Condition>> parse_condition(std::string_view text,
                                                                    const ResolveInput& resolve = {});

}  // namespace genie::pytorch
