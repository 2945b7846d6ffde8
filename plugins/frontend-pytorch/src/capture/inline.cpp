#include "capture/inline.hpp"

#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "capture/autocast.hpp"
#include "capture/op_effects.hpp"
#include "genie/plan/opset.hpp"

namespace genie::pytorch {
namespace {

constexpr int kAtenVersion = 1;

using Renaming = std::unordered_map<std::string, Argument>;

/// The wrapped graph and the position of its first operand; null when the node wraps none.
struct Wrapped {
  std::shared_ptr<const Graph> graph;
  std::size_t first_operand = 0;
};

Wrapped wrapped(const Node& node) {
  const std::string_view op = higher_order(node.target);
  if (op != "wrap_with_set_grad_enabled" && op != "wrap_with_autocast") return {};
  for (std::size_t i = 0; i < node.inputs.size(); ++i)
    if (const auto* sub = std::get_if<argument::SubGraph>(&node.inputs[i].arg.is)) return {sub->graph, i + 1};
  return {};
}

/// The name that a tensor or symbol argument carries, or null.
const std::string* carried_name(const Argument& argument) {
  if (const auto* tensor = std::get_if<argument::Tensor>(&argument.is)) return &tensor->name;
  if (const auto* number = std::get_if<argument::SymInt>(&argument.is)) return &number->name;
  if (const auto* number = std::get_if<argument::SymFloat>(&argument.is)) return &number->name;
  if (const auto* flag = std::get_if<argument::SymBool>(&argument.is)) return &flag->name;
  return nullptr;
}

Argument renamed(const Argument& argument, const Renaming& names) {
  if (const std::string* name = carried_name(argument)) {
    const auto at = names.find(*name);
    return at == names.end() ? argument : at->second;
  }
  if (const auto* list = std::get_if<argument::List>(&argument.is)) {
    argument::List copy;
    for (const Argument& item : list->items)
      copy.items.push_back(renamed(item, names));
    return {std::move(copy)};
  }
  return argument;
}

class Inliner {
 public:
  /// `specs` repeat the graph's outputs: those of a program, or none.
  Inliner(Graph& graph, std::vector<OutputSpec>& specs) : graph_(graph), specs_(specs) {
    for (const auto& [name, meta] : graph_.tensors)
      values_.insert(name);
    for (const auto& [name, value] : graph_.sym_ints)
      values_.insert(name);
    for (const Node& node : graph_.nodes)
      if (!wrapped(node).graph) nodes_.insert(node.name);
  }

  void run() {
    std::vector<Node> nodes = std::move(graph_.nodes);
    graph_.nodes.clear();
    Renaming names;  // results of wrappers → what the wrapped graph calls them
    for (Node& node : nodes)
      add(std::move(node), names);
    for (Argument& output : graph_.outputs)
      output = renamed(output, names);
    for (OutputSpec& spec : specs_)
      spec.arg = renamed(spec.arg, names);
  }

 private:
  void add(Node node, Renaming& names) {
    for (NamedArgument& input : node.inputs)
      input.arg = renamed(input.arg, names);
    const Wrapped inner = wrapped(node);
    if (!inner.graph) {
      graph_.nodes.push_back(std::move(node));
      return;
    }
    Renaming inside;
    for (std::size_t i = 0; i < inner.graph->inputs.size() && inner.first_operand + i < node.inputs.size();
         ++i)
      if (const std::string* formal = carried_name(inner.graph->inputs[i]))
        inside[*formal] = node.inputs[inner.first_operand + i].arg;
    for (Node copy : inner.graph->nodes) {
      for (Argument& output : copy.outputs)
        output = declare(output, *inner.graph, inside);
      copy.name = unique(copy.name, nodes_);
      if (copy.scope.empty()) copy.scope = node.scope;
      if (!copy.source) copy.source = node.source;
      add(std::move(copy), inside);
    }
    std::vector<Argument> results;
    for (const Argument& output : node.outputs) {
      if (const auto* list = std::get_if<argument::List>(&output.is))
        results.insert(results.end(), list->items.begin(), list->items.end());
      else
        results.push_back(output);
    }
    for (std::size_t i = 0; i < results.size() && i < inner.graph->outputs.size(); ++i)
      if (const std::string* name = carried_name(results[i]))
        names[*name] = renamed(inner.graph->outputs[i], inside);
  }

  /// Gives a result of the wrapped graph a name in the outer one and copies what is known of it.
  Argument declare(const Argument& output, const Graph& from, Renaming& inside) {
    if (const auto* list = std::get_if<argument::List>(&output.is)) {
      argument::List copy;
      for (const Argument& item : list->items)
        copy.items.push_back(declare(item, from, inside));
      return {std::move(copy)};
    }
    const std::string* name = carried_name(output);
    if (name == nullptr) return output;
    std::string fresh = unique(*name, values_);
    if (const auto at = from.tensors.find(*name); at != from.tensors.end())
      graph_.tensors[fresh] = at->second;
    if (const auto at = from.sym_ints.find(*name); at != from.sym_ints.end())
      graph_.sym_ints[fresh] = at->second;
    if (const auto at = from.sym_bools.find(*name); at != from.sym_bools.end())
      graph_.sym_bools[fresh] = at->second;
    Argument copy = output;
    std::visit(
        [&](auto& is) {
          if constexpr (requires {
                          is.name;
                          is.graph;
                        }) {
          } else if constexpr (requires { is.name; }) {
            is.name = fresh;
          }
        },
        copy.is);
    inside[*name] = copy;
    return copy;
  }

  static std::string unique(const std::string& name, std::unordered_set<std::string>& taken) {
    std::string candidate = name;
    for (int i = 1; !taken.insert(candidate).second; ++i)
      candidate = name + "_inlined_" + std::to_string(i);
    return candidate;
  }

  Graph& graph_;
  std::vector<OutputSpec>& specs_;
  std::unordered_set<std::string> values_;
  std::unordered_set<std::string> nodes_;
};

/// with_effects(token, operator, arguments…) returns a new token and the operator's results. Operators with effects keep
/// their order in a plan as they are, so the tokens go.
void unwrap_effects(Graph& graph) {
  for (Node& node : graph.nodes) {
    if (higher_order(node.target) != "with_effects" || node.inputs.size() < 2 || node.outputs.empty())
      continue;
    const auto* wrapped_op = std::get_if<argument::Operator>(&node.inputs[1].arg.is);
    if (wrapped_op == nullptr) continue;
    const std::string target = wrapped_op->target;
    const std::string op = plan_op(target);
    const plan::OpTable* table = plan::OpTable::find("aten", kAtenVersion);
    const plan::OpSchema* schema = table == nullptr ? nullptr : table->op(op);
    node.target = target;
    node.inputs.erase(node.inputs.begin(), node.inputs.begin() + 2);
    node.outputs.erase(node.outputs.begin());
    if (schema != nullptr && schema->returns.empty()) node.outputs.clear();  // they say None
    for (std::size_t i = 0; schema != nullptr && i < node.inputs.size() && i < schema->arguments.size(); ++i)
      if (node.inputs[i].name.empty()) node.inputs[i].name = schema->arguments[i].name;
  }
}

/// Graphs inside first: what is inlined then has nothing left to inline.
void inline_graph(Graph& graph, std::vector<OutputSpec>& specs) {
  unwrap_effects(graph);
  bool any = false;
  for (Node& node : graph.nodes) {
    for (NamedArgument& input : node.inputs)
      if (auto* sub = std::get_if<argument::SubGraph>(&input.arg.is)) {
        auto copy = std::make_shared<Graph>(*sub->graph);
        std::vector<OutputSpec> none;
        inline_graph(*copy, none);
        mark_autocast(*copy, autocast_mode(node));
        sub->graph = std::move(copy);
      }
    any = any || wrapped(node).graph;
  }
  if (any) Inliner(graph, specs).run();
}

}  // namespace

void inline_modes(Program& program) {
  inline_graph(program.graph, program.outputs);
  expand_autocast(program.graph);
}

}  // namespace genie::pytorch
