#include "capture/rename.hpp"

#include <map>
#include <set>
#include <string>

namespace genie::pytorch {
namespace {

using Renaming = std::map<std::string, plan::Expr, std::less<>>;
using Names = std::set<std::string, std::less<>>;

/// Calls f(Expr&) for every expression of a graph; sub-graphs are copied first, for they are shared and immutable.
template <class F>
void for_each_expression(Graph& graph, const F& f) {
  for (auto& [name, meta] : graph.tensors) {
    for (plan::Expr& size : meta.sizes)
      f(size);
    for (plan::Expr& stride : meta.strides)
      f(stride);
  }
  for (auto& [name, value] : graph.sym_ints)
    if (value) f(*value);
  for (auto& [name, conditions] : graph.sym_bools)
    if (conditions)
      for (Condition& condition : *conditions) {
        f(condition.a);
        f(condition.b);
      }
  for (Node& node : graph.nodes)
    for (NamedArgument& input : node.inputs)
      if (auto* sub = std::get_if<argument::SubGraph>(&input.arg.is)) {
        auto copy = std::make_shared<Graph>(*sub->graph);
        for_each_expression(*copy, f);
        sub->graph = std::move(copy);
      }
}

Names symbols_of(Program& program) {
  Names names;
  for_each_expression(program.graph, [&](plan::Expr& expression) { expression.collect_symbols(names); });
  return names;
}

}  // namespace

void separate_symbols(std::vector<Program>& programs) {
  if (programs.size() < 2) return;
  std::map<std::string, int> users;
  for (Program& program : programs)
    for (const std::string& name : symbols_of(program))
      ++users[name];
  for (Program& program : programs) {
    Renaming renaming;
    for (const std::string& name : symbols_of(program))
      if (users[name] > 1) {
        std::string fresh = program.name + "." + name;
        renaming.emplace(name, plan::Expr::symbol(fresh));
        program.renamed_symbols.emplace(name, std::move(fresh));
      }
    if (!renaming.empty())
      for_each_expression(program.graph,
                          [&](plan::Expr& expression) { expression = expression.substitute(renaming); });
  }
}

}  // namespace genie::pytorch
