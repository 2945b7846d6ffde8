#include "rules.hpp"

#include <algorithm>
#include <map>
#include <numeric>

#include "genie/plan/validate.hpp"

namespace genie::policy {

namespace {

using plan::Diagnostic;
using plan::Diagnostics;

Rule::Kind kind_of(const std::string& kind) {
  if (kind == "pin") return Rule::Kind::pin;
  if (kind == "forbid") return Rule::Kind::forbid;
  if (kind == "colocate") return Rule::Kind::colocate;
  if (kind == "separate") return Rule::Kind::separate;
  if (kind == "replicate") return Rule::Kind::replicate;
  if (kind == "budget") return Rule::Kind::budget;
  return Rule::Kind::other;
}

Diagnostic about(const Rule& rule, std::string code, std::string message, std::string help) {
  Diagnostic d;
  d.code = std::move(code);
  d.message = rule.name() + ": " + std::move(message);
  d.pointer = rule.constraint.origin;
  d.help = std::move(help);
  return d;
}

/// Turns a selection into global nodes; a state or a weight stands for the nodes that use it.
void add_selection(const Problem& p, const plan::Selection& selection, Rule& rule) {
  std::map<std::pair<std::string_view, std::string_view>, bool> wanted;
  for (const auto& [method, node] : selection.nodes)
    wanted.emplace(std::pair<std::string_view, std::string_view>(method, node), true);
  std::vector<bool> states(p.states.size(), false);
  for (const std::string& name : selection.states)
    for (Index s = 0; s < p.states.size(); ++s)
      if (p.states[s].name == root_state(*p.plan, name)) states[s] = true;
  std::vector<bool> blobs(p.blobs.size(), false);
  for (const std::string& name : selection.weights)
    if (const auto at = p.plan->weights.find(name); at != p.plan->weights.end())
      for (Index b = 0; b < p.blobs.size(); ++b)
        if (p.blobs[b].name == at->second.blob) blobs[b] = true;
  for (Index s = 0; s < states.size(); ++s)
    if (states[s]) rule.states.push_back(s);
  for (const MethodGraph& m : p.methods)
    for (Index n = 0; n < m.count; ++n) {
      const Index g = m.global(n);
      if (wanted.contains({*m.name, m.method->nodes[n].id}) ||
          std::ranges::any_of(p.node_states[g], [&](Index s) { return states[s]; }) ||
          std::ranges::any_of(p.node_blobs[g], [&](Index b) { return blobs[b]; }))
        rule.nodes.push_back(g);
    }
}

/// What a separate rule keeps apart: the modules that the selector's last segment tells apart; else each thing by itself.
void add_groups(const Problem& p, const plan::Selection& selection, Rule& rule) {
  const std::string& select = rule.constraint.select;
  const bool by_module = select.find(':') == std::string::npos;
  const auto depth = static_cast<std::size_t>(std::ranges::count(select, '.')) + 1;
  std::map<std::string, std::vector<Index>> groups;
  const auto module_of = [&](const plan::Node& node) {
    if (select.find("**") != std::string::npos) return node.scope;
    std::size_t end = 0;
    for (std::size_t i = 0; i < depth && end != std::string::npos; ++i)
      end = node.scope.find('.', end + (i == 0 ? 0 : 1));
    return node.scope.substr(0, end);
  };
  for (const auto& [method, id] : selection.nodes)
    for (const MethodGraph& m : p.methods) {
      if (*m.name != method) continue;
      const Index n = m.index->node(id);
      if (n != kNone)
        groups[by_module ? "module " + module_of(m.method->nodes[n]) : "node " + method + "/" + id].push_back(
            m.global(n));
    }
  for (const std::string& name : selection.states)
    for (Index g = 0; g < p.node_count; ++g)
      for (const Index s : p.node_states[g])
        if (p.states[s].name == root_state(*p.plan, name))
          groups["state " + std::string(p.states[s].name)].push_back(g);
  for (const std::string& name : selection.weights)
    if (const auto at = p.plan->weights.find(name); at != p.plan->weights.end())
      for (Index g = 0; g < p.node_count; ++g)
        for (const Index b : p.node_blobs[g])
          if (p.blobs[b].name == at->second.blob) groups["weight " + at->second.blob].push_back(g);
  for (auto& [name, nodes] : groups) {
    std::ranges::sort(nodes);
    rule.groups.push_back(std::move(nodes));
  }
}

class Groups {
 public:
  explicit Groups(Index count) : parent_(count) { std::iota(parent_.begin(), parent_.end(), Index{0}); }
  Index find(Index a) {
    while (parent_[a] != a)
      a = parent_[a] = parent_[parent_[a]];
    return a;
  }
  /// The smaller number leads, so that units are numbered by their first node.
  void join(Index a, Index b) {
    a = find(a);
    b = find(b);
    parent_[std::max(a, b)] = std::min(a, b);
  }

 private:
  std::vector<Index> parent_;
};

/// Alias sets in which something is mutated.
void join_mutated(const MethodGraph& m, Groups& groups) {
  std::vector<bool> mutated(m.values.size(), false);
  for (Index n = 0; n < m.count; ++n)
    for (const std::string& id : m.method->nodes[n].mutates)
      if (const Index v = m.index->value(id); v != kNone && m.values[v].storage != kNone)
        mutated[m.values[v].storage] = true;
  std::vector<Index> first(m.values.size(), kNone);
  const auto touch = [&](Index node, Index v) {
    if (v == kNone) return;
    const Index root = m.values[v].storage;
    if (root == kNone || !mutated[root]) return;
    if (first[root] == kNone) first[root] = node;
    groups.join(m.global(first[root]), m.global(node));
  };
  for (Index n = 0; n < m.count; ++n) {
    for (const Index v : m.reads[n])
      touch(n, v);
    for (const Index v : m.makes[n])
      touch(n, v);
  }
}

void join_states(const Problem& p, Groups& groups) {
  std::vector<Index> first(p.states.size(), kNone);
  const auto touch = [&](Index state, Index node) {
    if (first[state] == kNone) first[state] = node;
    groups.join(first[state], node);
  };
  for (Index g = 0; g < p.node_count; ++g)
    for (const Index s : p.node_states[g])
      touch(s, g);
}

}  // namespace

std::string Rule::name() const {
  const std::string id = constraint.id.empty() ? constraint.kind : constraint.id;
  return constraint.origin.empty() ? id : id + " (" + constraint.origin + ")";
}

plan::Result<std::vector<Rule>> make_rules(const Problem& problem,
                                           const std::vector<plan::Constraint>& hints) {
  std::vector<Rule> rules;
  Diagnostics errors;
  const auto add = [&](const plan::Constraint& constraint) {
    Rule rule;
    rule.constraint = constraint;
    rule.kind = kind_of(constraint.kind);
    rule.soft = constraint.strength == "soft";
    rule.weight = constraint.weight.value_or(1.0);
    for (const Rule& other : rules)
      if (!constraint.id.empty() && other.constraint.id == constraint.id &&
          other.constraint.origin == constraint.origin)
        return;
    if (rule.kind == Rule::Kind::pin || rule.kind == Rule::Kind::forbid || rule.kind == Rule::Kind::budget) {
      rule.device = problem.device_count;
      std::vector<std::string_view> known;
      for (std::size_t d = 0; d < problem.device_count; ++d) {
        known.push_back(problem.device_id(d));
        if (problem.device_id(d) == constraint.device) rule.device = d;
      }
      if (rule.device == problem.device_count) {
        const std::string_view near = plan::json::nearest(constraint.device, known);
        std::string all;
        for (const std::string_view id : known)
          all += (all.empty() ? "" : ", ") + std::string(id);
        errors.push_back(about(rule, "GE0551", "the topology has no device `" + constraint.device + "`",
                               near.empty() ? "its devices are " + all
                                            : "did you mean `" + std::string(near) + "`? Devices: " + all));
        return;
      }
    }
    if (rule.kind == Rule::Kind::budget && !constraint.bytes) {
      errors.push_back(about(rule, "GE0551", "a budget needs `bytes`",
                             "say how many bytes of " + constraint.device + " may be used"));
      return;
    }
    if (rule.kind != Rule::Kind::budget && !constraint.select.empty()) {
      auto selection = plan::select(*problem.plan, constraint.select);
      if (!selection) {
        if (rule.soft) return;
        for (Diagnostic d : std::move(selection).errors()) {
          d.message = rule.name() + ": " + d.message;
          if (d.pointer.empty()) d.pointer = constraint.origin;
          errors.push_back(std::move(d));
        }
        return;
      }
      add_selection(problem, *selection, rule);
      rule.weights = selection->weights;
      if (rule.kind == Rule::Kind::separate) add_groups(problem, *selection, rule);
    }
    rules.push_back(std::move(rule));
  };
  for (const plan::Constraint& c : problem.plan->constraints)
    add(c);
  for (const plan::Constraint& c : hints)
    add(c);
  if (!errors.empty()) return errors;
  return rules;
}

Units make_units(const Problem& problem, const std::vector<const Rule*>& rules) {
  Groups groups(problem.node_count);
  for (const MethodGraph& m : problem.methods)
    join_mutated(m, groups);
  join_states(problem, groups);
  for (const Rule* rule : rules)
    if (rule->kind == Rule::Kind::colocate)
      for (const Index g : rule->nodes)
        groups.join(rule->nodes.front(), g);

  const bool sets = problem.device_count <= kMaxSearched;
  std::vector<DeviceSet> allowed(problem.node_count, sets ? 0 : ~DeviceSet{0});
  for (Index g = 0; sets && g < problem.node_count; ++g)
    for (std::size_t d = 0; d < problem.device_count; ++d)
      if (problem.node_kernels(g, d) != kNoKernels) allowed[g] |= only(d);
  for (const Rule* rule : rules)
    for (const Index g : rule->nodes) {
      if (!sets) break;
      if (rule->kind == Rule::Kind::pin) allowed[g] &= only(rule->device);
      if (rule->kind == Rule::Kind::forbid) allowed[g] &= ~only(rule->device);
    }

  Units units;
  units.of_node.resize(problem.node_count);
  std::vector<Index> number(problem.node_count, kNone);
  for (Index g = 0; g < problem.node_count; ++g) {
    const Index root = groups.find(g);
    if (number[root] == kNone) {
      number[root] = static_cast<Index>(units.members.size());
      units.members.emplace_back();
      units.allowed.push_back(~DeviceSet{0});
    }
    const Index u = units.of_node[g] = number[root];
    units.members[u].push_back(g);
    units.allowed[u] &= allowed[g];
  }
  return units;
}

std::string refusal(const Problem& problem, const std::vector<const Rule*>& rules, Index node,
                    std::size_t device) {
  if (problem.node_kernels(node, device) == kNoKernels) return "kernels";
  for (const Rule* rule : rules) {
    const bool selects = std::ranges::binary_search(rule->nodes, node);
    if (selects && ((rule->kind == Rule::Kind::pin && rule->device != device) ||
                    (rule->kind == Rule::Kind::forbid && rule->device == device)))
      return "hint:" + (rule->constraint.id.empty() ? rule->constraint.kind : rule->constraint.id);
  }
  return {};
}

std::vector<std::vector<Rule>> separations(const Problem& problem, const std::vector<const Rule*>& rules) {
  constexpr std::size_t kMaxWays = 64;
  std::vector<std::vector<Rule>> ways{{}};
  for (const Rule* rule : rules) {
    if (rule->kind != Rule::Kind::separate || rule->groups.size() < 2) continue;
    std::vector<std::vector<Rule>> longer;
    std::vector<std::size_t> devices;
    // Depth first over devices not yet taken by an earlier group of the rule.
    const auto extend = [&](const auto& self, const std::vector<Rule>& base) -> void {
      if (longer.size() >= kMaxWays) return;
      if (devices.size() == rule->groups.size()) {
        std::vector<Rule> way = base;
        for (std::size_t g = 0; g < devices.size(); ++g) {
          Rule pin;
          pin.constraint = rule->constraint;
          pin.kind = Rule::Kind::pin;
          pin.device = devices[g];
          pin.nodes = rule->groups[g];
          way.push_back(std::move(pin));
        }
        longer.push_back(std::move(way));
        return;
      }
      for (std::size_t d = 0; d < problem.device_count; ++d) {
        if (std::ranges::find(devices, d) != devices.end()) continue;
        devices.push_back(d);
        self(self, base);
        devices.pop_back();
      }
    };
    for (const auto& way : ways)
      extend(extend, way);
    ways = std::move(longer);
  }
  return ways;
}

std::vector<std::uint64_t> memory_under(const Problem& problem, const std::vector<const Rule*>& rules) {
  std::vector<std::uint64_t> memory = problem.memory;
  for (const Rule* rule : rules)
    if (rule->kind == Rule::Kind::budget)
      memory[rule->device] = std::min(memory[rule->device], *rule->constraint.bytes);
  return memory;
}

}  // namespace genie::policy
