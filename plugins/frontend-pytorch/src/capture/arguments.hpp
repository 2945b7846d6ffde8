// Torch arguments as plan arguments: names resolved, numbers in the type that the operator's schema wants.
#pragma once

#include <set>
#include <string>
#include <string_view>
#include <unordered_map>

#include "error.hpp"
#include "genie/plan/model.hpp"
#include "genie/plan/opset.hpp"
#include "torch/program.hpp"

namespace genie::pytorch {

/// How `why` ends for a name that the program never defines.
inline constexpr std::string_view kMadeByNothing = "', which nothing makes";

using SymbolSet = std::set<std::string, std::less<>>;

/// What names mean inside one graph.
struct Environment {
  /// Tensors and numbers made by nodes, inputs, weights, states, by torch's name.
  std::unordered_map<std::string, plan::Arg> names;
  /// Symbols that a call's inputs decide. Integers made of them are `dim` arguments; others are values of nodes.
  const SymbolSet* bound = nullptr;
  const Graph* graph = nullptr;
};

/// The expression of a symbolic integer when a call's inputs decide it.
[[nodiscard]] std::optional<plan::Expr> bound_integer(const Environment& environment,
                                                      const std::string& name);
/// The conditions of a symbolic truth value when a call's inputs decide them.
[[nodiscard]] const std::vector<Condition>* bound_condition(const Environment& environment,
                                                            const std::string& name);

/// `type` is the schema's ("Tensor", "float", "int[2]", "SymInt[]?"), or empty outside the table. Null for what a plan cannot
/// say; `why` then names it.
[[nodiscard]] std::optional<plan::Arg> translate_argument(const Argument& argument, std::string_view type,
                                                          const Environment& environment, std::string& why);

/// Puts a node's arguments into schema order with every default written out. An error text when they do not fit.
[[nodiscard]] std::string translate_arguments(const Node& node, const plan::OpSchema* schema,
                                              const Environment& environment, plan::Node& into);

}  // namespace genie::pytorch
