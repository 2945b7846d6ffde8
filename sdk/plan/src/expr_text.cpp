// Expressions as people write them: "s77*4 + 1".
#include <array>
#include <utility>

#include "genie/plan/expr.hpp"

namespace genie::plan {
namespace {

using Op = Expr::Op;

constexpr std::array<std::pair<std::string_view, Op>, 6> kNames{{{"add", Op::add},
                                                                 {"mul", Op::mul},
                                                                 {"floordiv", Op::floordiv},
                                                                 {"mod", Op::mod},
                                                                 {"min", Op::min},
                                                                 {"max", Op::max}}};

std::string operand(const Expr& e) {
  const bool compound = e.is_operation() && e.as_operation().op != Op::min && e.as_operation().op != Op::max;
  return compound || (e.is_int() && e.as_int() < 0) ? "(" + e.to_text() + ")" : e.to_text();
}

/// A product without its coefficient, which is returned.
std::int64_t factors(const Expr& e, std::string& text) {
  std::int64_t coefficient = 1;
  const Expr* rest = &e;
  const auto append = [&](const Expr& factor) {
    if (factor.is_int()) {
      coefficient = factor.as_int();
    } else {
      if (!text.empty()) text += '*';
      text += operand(factor);
    }
  };
  for (; rest->is_operation() && rest->as_operation().op == Op::mul; rest = &rest->as_operation().b)
    append(rest->as_operation().a);
  append(*rest);
  return coefficient;
}

/// One term of a sum with its sign: "a", "- a*4" after the first.
void append_term(const Expr& term, std::string& text) {
  std::string body;
  std::int64_t coefficient = factors(term, body);
  if (coefficient < 0) {
    text += text.empty() ? "-" : " - ";
  } else if (!text.empty()) {
    text += " + ";
  }
  std::string magnitude = std::to_string(coefficient);
  if (coefficient < 0) magnitude.erase(0, 1);
  if (body.empty())
    text += magnitude;
  else
    text += magnitude == "1" ? body : body + "*" + magnitude;
}

std::string sum(const Expr& e) {
  std::string text;
  const Expr* constant = nullptr;  // first in normal form, last for a reader
  const Expr* rest = &e;
  const auto append = [&](const Expr& term) {
    term.is_int() ? void(constant = &term) : append_term(term, text);
  };
  for (; rest->is_operation() && rest->as_operation().op == Op::add; rest = &rest->as_operation().b)
    append(rest->as_operation().a);
  append(*rest);
  if (constant != nullptr) append_term(*constant, text);
  return text;
}

}  // namespace

std::string_view name(Expr::Op op) {
  return kNames[static_cast<std::size_t>(op)].first;
}

std::optional<Expr::Op> expr_op_from_name(std::string_view name) {
  for (const auto& [text, op] : kNames)
    if (text == name) return op;
  return std::nullopt;
}

std::string Expr::to_text() const {
  if (is_int()) return std::to_string(as_int());
  if (is_symbol()) return as_symbol();
  const Operation& operation = as_operation();
  switch (operation.op) {
    case Op::add:
    case Op::mul:
      break;
    case Op::floordiv:
      return operand(operation.a) + "//" + operand(operation.b);
    case Op::mod:
      return operand(operation.a) + "%" + operand(operation.b);
    case Op::min:
    case Op::max:
      return std::string(name(operation.op)) + "(" + operation.a.to_text() + ", " + operation.b.to_text() +
             ")";
  }
  return sum(*this);
}

std::string to_text(std::span<const Expr> shape) {
  // No framework has tensors of more dimensions; a damaged document may.
  constexpr std::size_t kMostDimensions = 64;
  std::string text = "[";
  for (std::size_t i = 0; i < shape.size() && i < kMostDimensions; ++i)
    text += (i == 0 ? "" : ", ") + shape[i].to_text();
  if (shape.size() > kMostDimensions) text += ", … (" + std::to_string(shape.size()) + " dimensions)";
  return text + "]";
}

}  // namespace genie::plan
