// A node's arguments against its operator's schema: what is constant is put into the stack now, the rest becomes operands.
#pragma once

#include <ATen/core/function_schema.h>

#include <string>
#include <string_view>
#include <unordered_map>
#include <variant>

#include "program.hpp"

namespace genie::kernels_aten {

/// What the arguments of one graph may refer to. Filled by the compiler.
struct Scope {
  /// A value is in a slot, or, after an in-place rewrite, the state itself.
  struct Place {
    Source source = Source::slot;
    std::uint32_t index = 0;
    bool number = false;  ///< declared as a number, not a tensor
  };
  std::unordered_map<std::string_view, Place> values;
  const std::unordered_map<std::string_view, std::uint32_t>* states = nullptr;
  const std::unordered_map<std::string_view, std::uint32_t>* weights = nullptr;
  Program* program = nullptr;

  /// The number of an expression in Program::dims, added if new.
  [[nodiscard]] std::uint32_t dim(const plan::Expr& expr) const;
};

/// Why an argument does not fit: "wants an int, and the plan gives \"str\"".
struct Mismatch {
  std::string why;
};

/// One argument, as a schema's argument wants it.
[[nodiscard]] std::variant<c10::IValue, Operand, ListPlan, Mismatch> convert(const c10::Argument& formal,
                                                                             const plan::Arg& actual,
                                                                             const Scope& scope);

/// All arguments of a node, defaults filled in, into instruction.stack, operands and lists. Returns what is wrong, or "".
[[nodiscard]] std::string fill_stack(const c10::FunctionSchema& schema,
                                     const std::vector<const plan::Arg*>& actuals, const Scope& scope,
                                     Instruction& instruction);

/// The node's arguments in schema order; null where it gives none. Returns what is wrong in `why`, or leaves it empty.
[[nodiscard]] std::vector<const plan::Arg*> in_schema_order(const c10::FunctionSchema& schema,
                                                            const plan::Node& node, std::string& why);

/// Puts a converted argument at the end of the stack.
void append(Instruction& instruction, std::variant<c10::IValue, Operand, ListPlan> converted);

/// An argument of a number operator or of a sub-graph: no schema, taken as it is.
[[nodiscard]] std::variant<c10::IValue, Operand, Mismatch> convert_plain(const plan::Arg& actual,
                                                                         const Scope& scope, Wanted wanted);

}  // namespace genie::kernels_aten
