#include "semantics/semantics.hpp"

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <utility>

#include "genie/plan/index.hpp"
#include "semantics/rules.hpp"

namespace genie::pytorch {
namespace {

constexpr std::string_view kStatePrefix = "state:";

bool any_text(const std::vector<std::string>& patterns, std::string_view text) {
  return patterns.empty() || std::any_of(patterns.begin(), patterns.end(),
                                         [&](const std::string& p) { return matches_text(p, text); });
}

bool any_path(const std::vector<std::string>& patterns, std::string_view path) {
  return std::any_of(patterns.begin(), patterns.end(),
                     [&](const std::string& p) { return matches_path(p, path); });
}

bool any_of(const std::vector<std::string>& wanted, const std::set<std::string, std::less<>>& present) {
  return wanted.empty() ||
         std::any_of(wanted.begin(), wanted.end(), [&](const std::string& w) { return present.contains(w); });
}

plan::Annotation inferred(const std::string& is, double confidence) {
  return {is, "inferred", confidence, {}};
}

/// Names of states and value ids that a node touches, arguments and mutations.
std::set<std::string, std::less<>> states_touched(const plan::Node& node,
                                                  const std::map<std::string, std::string>& state_of_value) {
  std::set<std::string, std::less<>> states;
  plan::for_each_arg(node, [&](const plan::Arg& arg) {
    if (const auto* state = std::get_if<plan::arg::State>(&arg.is)) states.insert(state->name);
    if (const auto* value = std::get_if<plan::arg::Value>(&arg.is))
      if (const auto at = state_of_value.find(value->id); at != state_of_value.end())
        states.insert(at->second);
  });
  return states;
}

class Annotator {
 public:
  explicit Annotator(plan::Plan& plan) : plan_(plan), rules_(load_rules()) {}

  void run() {
    for (auto& [name, state] : plan_.states)
      annotate_state(name, state);
    for (auto& [name, method] : plan_.methods)
      annotate_method(name, method);
  }

 private:
  // --- states ---

  void annotate_state(const std::string& name, plan::State& state) {
    if (!state.role.empty()) return;
    const std::set<std::string, std::less<>> updates = updates_of(name);
    for (const Rule& rule : rules_.states) {
      const auto rank = static_cast<std::int64_t>(state.shape.size());
      if (!any_text(rule.name, name)) continue;
      if ((rule.min_rank && rank < *rule.min_rank) || (rule.max_rank && rank > *rule.max_rank)) continue;
      if (rule.floating && *rule.floating != plan::is_floating(state.dtype)) continue;
      if (!rule.updated_by.empty() &&
          std::none_of(updates.begin(), updates.end(),
                       [&](const std::string& op) { return any_text(rule.updated_by, op); }))
        continue;
      state.role = rule.is;
      return;
    }
  }

  /// Operators that write a state, in any method: in place, or making its new content.
  std::set<std::string, std::less<>> updates_of(const std::string& state) const {
    std::set<std::string, std::less<>> ops;
    for (const auto& [name, method] : plan_.methods) {
      for (const plan::Node& node : method.nodes) {
        if (std::find(node.mutates.begin(), node.mutates.end(), std::string(kStatePrefix) + state) !=
            node.mutates.end())
          ops.insert(node.op);
        for (const plan::StateWrite& write : method.writes)
          if (write.state == state &&
              std::find(node.results.begin(), node.results.end(), write.value) != node.results.end())
            ops.insert(node.op);
      }
    }
    return ops;
  }

  // --- methods ---

  void annotate_method(const std::string& name, plan::Method& method) {
    annotate_residency(method);
    // Facts of the whole method come before the nodes' phases.
    for (plan::Node& node : method.nodes)
      annotate_role(method, node);
    for (auto& [graph_name, graph] : method.graphs)
      for (plan::Node& node : graph.nodes)
        annotate_role(graph, node);
    annotate_modalities(method);
    collect_facts(name, method);
    for (plan::Node& node : method.nodes)
      annotate_phase(node);
    for (auto& [graph_name, graph] : method.graphs)
      for (plan::Node& node : graph.nodes)
        annotate_phase(node);
  }

  void annotate_residency(plan::Method& method) {
    state_of_value_.clear();
    // Aliases name values made before them, or states.
    for (const plan::Node& node : method.nodes)
      for (const std::string& result : node.results) {
        const auto value = method.values.find(result);
        if (value == method.values.end() || value->second.alias_of.empty()) continue;
        const std::string& alias = value->second.alias_of;
        if (alias.starts_with(kStatePrefix))
          state_of_value_[result] = alias.substr(kStatePrefix.size());
        else if (const auto at = state_of_value_.find(alias); at != state_of_value_.end())
          state_of_value_[result] = at->second;
      }
    for (const plan::StateWrite& write : method.writes)
      state_of_value_.try_emplace(write.value, write.state);
    for (auto& [id, value] : method.values) {
      const auto at = state_of_value_.find(id);
      const auto state = at == state_of_value_.end() ? plan_.states.end() : plan_.states.find(at->second);
      if (state == plan_.states.end()) continue;
      for (const Rule& rule : rules_.state_residency)
        if (value.residency.empty() && any_text(rule.role, state->second.role)) value.residency = rule.is;
    }
    for (const plan::Port& output : method.outputs)
      if (const auto* id = std::get_if<plan::arg::Value>(&output.value.is))
        if (const auto value = method.values.find(id->id);
            value != method.values.end() && value->second.residency.empty())
          value->second.residency = "external_output";
  }

  void annotate_role(const plan::Graph& graph, plan::Node& node) {
    if (node.semantics.role) return;
    std::set<std::string, std::less<>> touched;
    for (const std::string& state : states_touched(node, state_of_value_))
      if (const auto at = plan_.states.find(state); at != plan_.states.end()) touched.insert(at->second.role);
    for (const Rule& rule : rules_.roles) {
      if (!any_text(rule.op, node.op) || (!rule.scope.empty() && !any_path(rule.scope, node.scope))) continue;
      if (!rule.touches_state.empty() && !any_of(rule.touches_state, touched)) continue;
      if (rule.same_shape && *rule.same_shape != has_equal_shapes(graph, node)) continue;
      node.semantics.role = inferred(rule.is, rule.confidence);
      return;
    }
  }

  static bool has_equal_shapes(const plan::Graph& graph, const plan::Node& node) {
    if (node.args.size() < 2) return false;
    const auto shape = [&](const plan::Arg& arg) -> const plan::Shape* {
      const auto* id = std::get_if<plan::arg::Value>(&arg.is);
      const auto value = id == nullptr ? graph.values.end() : graph.values.find(id->id);
      return value == graph.values.end() ? nullptr : &value->second.shape;
    };
    const plan::Shape* a = shape(node.args[0]);
    const plan::Shape* b = shape(node.args[1]);
    return a != nullptr && b != nullptr && *a == *b && !a->empty();
  }

  // --- modality: from inputs along the data, or by scope ---

  void annotate_modalities(plan::Method& method) {
    std::map<std::string, std::set<std::string>> of_value;
    std::set<std::string> of_inputs;
    for (const plan::Port& input : method.inputs) {
      const auto* id = std::get_if<plan::arg::Value>(&input.value.is);
      const auto value = id == nullptr ? method.values.end() : method.values.find(id->id);
      if (value == method.values.end()) continue;
      for (const Rule& rule : rules_.modalities)
        if (input_matches(rule, input.name, value->second)) {
          of_value[id->id].insert(rule.is);
          of_inputs.insert(rule.is);
          break;
        }
    }
    for (plan::Node& node : method.nodes) {
      std::set<std::string> found;
      for_each_arg(node, [&](const plan::Arg& arg) {
        if (const auto* id = std::get_if<plan::arg::Value>(&arg.is))
          if (const auto at = of_value.find(id->id); at != of_value.end())
            found.insert(at->second.begin(), at->second.end());
      });
      const Rule* scoped = scope_modality(node.scope);
      if (scoped != nullptr) found = {scoped->is};
      for (const std::string& result : node.results)
        of_value[result] = found;
      // What is computed from weights alone serves the one modality there is.
      if (found.empty() && of_inputs.size() == 1) {
        for (plan::Node* part : with_sub_graphs(method, node))
          if (!part->semantics.modality)
            part->semantics.modality = inferred(*of_inputs.begin(), rules_.sole_confidence);
        continue;
      }
      for (plan::Node* part : with_sub_graphs(method, node)) {
        if (part->semantics.modality || found.empty()) continue;
        if (scoped != nullptr)
          part->semantics.modality = inferred(scoped->is, scoped->confidence);
        else if (found.size() == 1)
          part->semantics.modality = inferred(*found.begin(), rules_.inherited_confidence);
        else
          part->semantics.modality = inferred(rules_.fusion.is, rules_.fusion.confidence);
      }
    }
  }

  static std::vector<plan::Node*> with_sub_graphs(plan::Method& method, plan::Node& node) {
    std::vector<plan::Node*> nodes = {&node};
    plan::for_each_arg(node, [&](const plan::Arg& arg) {
      const auto* name = std::get_if<plan::arg::Graph>(&arg.is);
      if (name == nullptr) return;
      if (const auto graph = method.graphs.find(name->name); graph != method.graphs.end())
        for (plan::Node& inner : graph->second.nodes)
          nodes.push_back(&inner);
    });
    return nodes;
  }

  static bool input_matches(const Rule& rule, const std::string& name, const plan::Value& value) {
    if (value.scalar || !any_text(rule.input, name)) return false;
    if (rule.rank && static_cast<std::int64_t>(value.shape.size()) != *rule.rank) return false;
    if (rule.floating && *rule.floating != plan::is_floating(value.dtype)) return false;
    if (rule.channels.empty()) return true;
    if (value.shape.size() < 2 || !value.shape[1].is_int()) return false;
    return std::find(rule.channels.begin(), rule.channels.end(), value.shape[1].as_int()) !=
           rule.channels.end();
  }

  const Rule* scope_modality(const std::string& scope) const {
    if (scope.empty()) return nullptr;
    for (const Rule& rule : rules_.modality_scopes)
      if (any_path(rule.scope, scope)) return &rule;
    return nullptr;
  }

  // --- phase ---

  void collect_facts(const std::string& name, const plan::Method& method) {
    facts_ = {name, {}, {}, false};
    for (const plan::Node& node : method.nodes) {
      if (node.semantics.role) facts_.roles.insert(node.semantics.role->is);
      for (const std::string& state : states_touched(node, state_of_value_))
        if (const auto at = plan_.states.find(state); at != plan_.states.end())
          facts_.states.insert(at->second.role);
    }
    for (const plan::Port& input : method.inputs) {
      const auto* id = std::get_if<plan::arg::Value>(&input.value.is);
      const auto value = id == nullptr ? method.values.end() : method.values.find(id->id);
      if (value == method.values.end() || value->second.shape.size() < 2) continue;
      // The first input with a batch and a length tells how many tokens a call brings.
      facts_.single_step = value->second.shape[1] == plan::Expr(1);
      break;
    }
  }

  void annotate_phase(plan::Node& node) const {
    if (node.semantics.phase) return;
    const std::string role = node.semantics.role ? node.semantics.role->is : std::string();
    const std::string modality = node.semantics.modality ? node.semantics.modality->is : std::string();
    for (const Rule& rule : rules_.phases) {
      if (!any_text(rule.method, facts_.method) || !any_text(rule.op, node.op) ||
          !any_text(rule.role, role) || !any_text(rule.modality, modality))
        continue;
      if ((!rule.scope.empty() && !any_path(rule.scope, node.scope)) || any_path(rule.not_scope, node.scope))
        continue;
      if (!any_of(rule.has_state, facts_.states) || !any_of(rule.has_role, facts_.roles)) continue;
      if (rule.single_step && *rule.single_step != facts_.single_step) continue;
      node.semantics.phase = inferred(rule.is, rule.confidence);
      return;
    }
  }

  struct Facts {
    std::string method;
    std::set<std::string, std::less<>> roles;
    std::set<std::string, std::less<>> states;  ///< their roles
    bool single_step = false;
  };

  plan::Plan& plan_;
  Rules rules_;
  std::map<std::string, std::string> state_of_value_;
  Facts facts_;
};

}  // namespace

void annotate(plan::Plan& plan) {
  Annotator(plan).run();
}

}  // namespace genie::pytorch
