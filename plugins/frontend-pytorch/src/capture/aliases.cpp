#include "capture/aliases.hpp"

#include <algorithm>

#include "capture/op_effects.hpp"
#include "genie/plan/opset.hpp"

namespace genie::pytorch {
namespace {

void merge(RootSet& into, const RootSet& more) {
  RootSet merged;
  std::set_union(into.begin(), into.end(), more.begin(), more.end(), std::back_inserter(merged));
  into = std::move(merged);
}

class Analysis {
 public:
  explicit Analysis(Aliases& result) : result_(result) {}

  std::uint32_t add_root(Root root) {
    result_.roots.push_back(std::move(root));
    result_.mutated.push_back(false);
    return static_cast<std::uint32_t>(result_.roots.size() - 1);
  }

  /// Walks a graph whose inputs' roots are in `values` already. Accesses are recorded for the outermost graph alone.
  void walk(const Graph& graph, std::unordered_map<std::string, RootSet>& values,
            std::vector<NodeAccess>* accesses) {
    for (const Node& node : graph.nodes) {
      NodeAccess access;
      for (const NamedArgument& input : node.inputs)
        merge(access.reads, roots_of(input.arg, values));
      if (higher_order(node.target).empty())
        plain(graph, node, values, access);
      else
        nested(node, values, access);
      for (const std::uint32_t root : access.writes)
        result_.mutated[root] = true;
      if (accesses != nullptr) accesses->push_back(std::move(access));
    }
  }

 private:
  static RootSet roots_of(const Argument& argument, const std::unordered_map<std::string, RootSet>& values) {
    RootSet roots;
    if (const auto* tensor = std::get_if<argument::Tensor>(&argument.is)) {
      if (const auto at = values.find(tensor->name); at != values.end()) roots = at->second;
    } else if (const auto* list = std::get_if<argument::List>(&argument.is)) {
      for (const Argument& item : list->items)
        merge(roots, roots_of(item, values));
    }
    return roots;
  }

  void plain(const Graph& graph, const Node& node, std::unordered_map<std::string, RootSet>& values,
             NodeAccess& access) {
    const plan::OpTable* table = plan::OpTable::find("aten", 1);
    const plan::OpSchema* schema = table == nullptr ? nullptr : table->op(plan_op(node.target));
    const OpEffects effects = effects_of(node, schema, graph);
    for (const std::size_t i : effects.writes)
      merge(access.writes, roots_of(node.inputs[i].arg, values));
    for (std::size_t i = 0; i < node.outputs.size(); ++i) {
      RootSet roots = effects.unknown ? access.reads : RootSet();
      if (i < effects.return_aliases.size())
        for (const std::size_t input : effects.return_aliases[i])
          merge(roots, roots_of(node.inputs[input].arg, values));
      bind(node.outputs[i], roots, effects.unknown, values);
    }
  }

  /// Operands enter a sub-graph by position, after the arguments that are no tensors.
  void nested(const Node& node, std::unordered_map<std::string, RootSet>& values, NodeAccess& access) {
    for (const NamedArgument& input : node.inputs) {
      const auto* sub = std::get_if<argument::SubGraph>(&input.arg.is);
      if (sub == nullptr) continue;
      std::unordered_map<std::string, RootSet> inner;
      const std::vector<bool> before = result_.mutated;
      for (const Argument& formal : sub->graph->inputs)
        // Which operand becomes which input differs from operator to operator; any will do for soundness.
        if (const auto* tensor = std::get_if<argument::Tensor>(&formal.is)) {
          const auto same = values.find(tensor->name);
          inner[tensor->name] = same == values.end() ? access.reads : same->second;
        }
      walk(*sub->graph, inner, nullptr);
      for (const std::uint32_t root : access.reads)
        if (result_.mutated[root] && !before[root]) merge(access.writes, {root});
    }
    // Branches may not return views of their operands: torch.export sees to that.
    for (const Argument& output : node.outputs)
      bind(output, {}, true, values);
  }

  /// Gives every tensor of a result its roots: those shared, and a new one unless it surely is a view.
  void bind(const Argument& output, const RootSet& shared, bool perhaps_new,
            std::unordered_map<std::string, RootSet>& values) {
    if (const auto* tensor = std::get_if<argument::Tensor>(&output.is)) {
      RootSet roots = shared;
      if (shared.empty() || perhaps_new) roots.push_back(add_root({Root::Kind::made, tensor->name}));
      values[tensor->name] = std::move(roots);
    } else if (const auto* list = std::get_if<argument::List>(&output.is)) {
      for (const Argument& item : list->items)
        bind(item, shared, perhaps_new, values);
    }
  }

  Aliases& result_;
};

}  // namespace

bool Aliases::is_mutated(std::string_view value) const {
  const auto at = values.find(std::string(value));
  return at != values.end() &&
         std::any_of(at->second.begin(), at->second.end(), [&](std::uint32_t root) { return mutated[root]; });
}

Aliases find_aliases(const Graph& graph, const std::map<std::string, std::string>& storages) {
  Aliases result;
  Analysis analysis(result);
  std::map<std::string, std::uint32_t> weights;
  for (const Argument& input : graph.inputs) {
    const auto* tensor = std::get_if<argument::Tensor>(&input.is);
    if (tensor == nullptr) continue;
    const auto storage = storages.find(tensor->name);
    if (storage == storages.end()) {
      result.values[tensor->name] = {analysis.add_root({Root::Kind::input, tensor->name})};
      continue;
    }
    auto known = weights.find(storage->second);
    if (known == weights.end())
      known =
          weights.emplace(storage->second, analysis.add_root({Root::Kind::weight, storage->second})).first;
    result.values[tensor->name] = {known->second};
  }
  analysis.walk(graph, result.values, &result.nodes);
  return result;
}

}  // namespace genie::pytorch
