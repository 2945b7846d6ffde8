#include "placement.hpp"

#include <algorithm>
#include <functional>

namespace genie::plan::detail {

namespace {

void add_once(std::vector<std::string>& to, const std::string& name) {
  if (std::ranges::find(to, name) == to.end()) to.push_back(name);
}

void collect(const Method& method, const Node& node, Resources& into) {
  for_each_arg(node, [&](const Arg& a) {
    if (const auto* w = std::get_if<arg::Weight>(&a.is)) add_once(into.weights, w->name);
    if (const auto* s = std::get_if<arg::State>(&a.is)) add_once(into.states, s->name);
    if (const auto* g = std::get_if<arg::Graph>(&a.is)) {
      if (std::ranges::find(into.graphs, g->name) != into.graphs.end()) return;
      into.graphs.push_back(g->name);
      const auto at = method.graphs.find(g->name);
      if (at == method.graphs.end()) return;
      for (const Node& inner : at->second.nodes)
        collect(method, inner, into);
      for (const Port& out : at->second.outputs) {
        if (const auto* w = std::get_if<arg::Weight>(&out.value.is)) add_once(into.weights, w->name);
        if (const auto* s = std::get_if<arg::State>(&out.value.is)) add_once(into.states, s->name);
      }
      for (const StateWrite& w : at->second.writes)
        add_once(into.states, w.state);
    }
  });
  for (const std::string& name : node.mutates)
    if (name.starts_with("state:")) add_once(into.states, name.substr(6));
}

}  // namespace

Resources resources_of(const Method& method, const Node& node) {
  Resources found;
  collect(method, node, found);
  return found;
}

std::string_view root_state(const Plan& plan, std::string_view state) {
  // A broken plan may hold a cycle; a chain longer than the table is one.
  for (std::size_t steps = 0; steps <= plan.states.size(); ++steps) {
    const auto at = plan.states.find(state);
    if (at == plan.states.end() || at->second.alias_of.empty()) break;
    state = at->second.alias_of;
  }
  return state;
}

StageContext::StageContext(const Plan& plan, std::string_view method_name, const Method& method,
                           const Stage& wanted) {
  if (plan.schedule) {
    const auto at = plan.schedule->methods.find(method_name);
    if (at != plan.schedule->methods.end())
      for (std::uint32_t s = 0; s < at->second.stages.size(); ++s) {
        const Stage& candidate = at->second.stages[s];
        if (candidate.id != wanted.id || candidate.nodes != wanted.nodes ||
            candidate.recomputes != wanted.recomputes)
          continue;
        schedule = &at->second;
        residence = &plan.schedule->residence;
        stage = s;
        return;
      }
  }
  Stage rest;
  const Names inside(wanted.nodes.begin(), wanted.nodes.end());
  for (const Node& node : method.nodes)
    if (!inside.contains(node.id)) rest.nodes.push_back(node.id);
  made.stages = {wanted, std::move(rest)};
  schedule = &made;
}

Placement::Placement(const Plan& plan, const Method& method, const MethodSchedule& schedule,
                     const Residence* residence)
    : plan_(&plan),
      method_(&method),
      schedule_(&schedule),
      index_(method),
      home_(method.nodes.size(), kNone),
      stages_(schedule.stages.size()),
      inside_(method.nodes.size(), 0),
      taken_(index_.values().size(), 0) {
  for (std::uint32_t s = 0; s < stages_.size(); ++s)
    stage_numbers_.emplace(schedule.stages[s].id, s);
  for (std::uint32_t s = 0; s < stages_.size(); ++s)
    for (const std::string& id : schedule.stages[s].nodes)
      if (const std::uint32_t n = index_.node(id); n != kNone && home_[n] == kNone) home_[n] = s;
  for (std::uint32_t s = 0; s < stages_.size(); ++s) {
    order_nodes(s);
    collect_needs(s);
  }
  assign_writes(residence);
  collect_outputs();
}

std::uint32_t Placement::stage_number(std::string_view id) const {
  const auto at = stage_numbers_.find(id);
  return at == stage_numbers_.end() ? kNone : at->second;
}

std::uint32_t Placement::maker(std::uint32_t value) const {
  const std::uint32_t producer = index_.values()[value].producer;
  return producer == kNone ? kNone : home_[producer];
}

void Placement::order_nodes(std::uint32_t stage) {
  const Stage& from = schedule_->stages[stage];
  std::vector<std::uint32_t>& out = stages_[stage].nodes;
  std::set<std::uint32_t> pending;  // recomputed nodes not yet run, in graph order
  for (const std::string& id : from.recomputes)
    if (const std::uint32_t n = index_.node(id); n != kNone && home_[n] != stage) pending.insert(n);
  const std::function<void(std::uint32_t)> run_recomputed = [&](std::uint32_t node) {
    for (const std::uint32_t p : index_.predecessors(node))
      if (pending.erase(p) != 0) {
        run_recomputed(p);
        out.push_back(p);
      }
  };
  for (const std::string& id : from.nodes) {
    const std::uint32_t n = index_.node(id);
    if (n == kNone || home_[n] != stage) continue;
    run_recomputed(n);
    out.push_back(n);
  }
  out.insert(out.end(), pending.begin(), pending.end());
}

void Placement::need(StageUse& use, std::uint32_t stage, std::uint32_t value) {
  if (value == kNone || taken_[value] == stage + 1) return;
  const std::uint32_t producer = index_.values()[value].producer;
  if (producer != kNone && inside_[producer] == stage + 1) return;
  taken_[value] = stage + 1;
  use.inputs.push_back(value);
}

void Placement::collect_needs(std::uint32_t stage) {
  StageUse& use = stages_[stage];
  for (const std::uint32_t n : use.nodes)
    inside_[n] = stage + 1;
  Names from_dims;
  Names weights, states;  // seen
  const auto add_weight = [&](const std::string& name) {
    if (weights.insert(name).second) use.weights.push_back(name);
  };
  const auto add_state = [&](const std::string& name) {
    if (states.insert(name).second) use.states.push_back(name);
  };
  for (const std::uint32_t n : use.nodes) {
    const Node& node = method_->nodes[n];
    for (const std::uint32_t v : index_.reads(n))
      need(use, stage, v);
    const Resources found = resources_of(*method_, node);
    for (const std::string& w : found.weights)
      add_weight(w);
    for (const std::string& s : found.states)
      add_state(s);
    for_each_arg(node, [&](const Arg& a) {
      if (const auto* dim = std::get_if<arg::Dim>(&a.is)) dim->expr.collect_symbols(from_dims);
    });
    for (const std::uint32_t v : index_.makes(n)) {
      if (v == kNone) continue;
      const Value* value = index_.values()[v].value;
      // A view of a state made here keeps saying so: the stage then has the state.
      if (value != nullptr && value->alias_of.starts_with("state:")) add_state(value->alias_of.substr(6));
    }
  }
  need_symbol_sources(use, stage, from_dims);
  use.symbols = std::move(from_dims);
  const auto add_symbols = [&](std::uint32_t v) {
    if (v == kNone || index_.values()[v].value == nullptr) return;
    for (const Expr& e : index_.values()[v].value->shape)
      e.collect_symbols(use.symbols);
    for (const Expr& e : index_.values()[v].value->strides)
      e.collect_symbols(use.symbols);
  };
  for (const std::uint32_t v : use.inputs)
    add_symbols(v);
  for (const std::uint32_t n : use.nodes)
    for (const std::uint32_t v : index_.makes(n))
      add_symbols(v);
}

// A symbol that a node's data decides travels with that node's result: a stage that only names the symbol takes the value.
void Placement::need_symbol_sources(StageUse& use, std::uint32_t stage, const Names& from_dims) {
  for (const std::string& symbol : from_dims) {
    const auto at = plan_->symbols.find(symbol);
    if (at == plan_->symbols.end() || !at->second.from || at->second.from->node.empty()) continue;
    const std::uint32_t source = index_.node(at->second.from->node);
    if (source == kNone || inside_[source] == stage + 1) continue;
    const auto tells = [&](std::uint32_t v) {
      const Value* value = v == kNone ? nullptr : index_.values()[v].value;
      if (value == nullptr) return false;
      if (value->scalar) return index_.values()[v].producer == source;
      return std::ranges::find(value->shape, Expr::symbol(symbol)) != value->shape.end();
    };
    if (std::ranges::any_of(use.inputs, tells)) continue;
    for (const std::uint32_t v : index_.makes(source))
      if (tells(v)) {
        need(use, stage, v);
        break;
      }
  }
}

// A write is performed by the last stage on the state's device that uses the state or makes the value: no later stage
// may still want the old content.
void Placement::assign_writes(const Residence* residence) {
  for (const StateWrite& write : method_->writes) {
    const std::string_view root = root_state(*plan_, write.state);
    std::string_view device;
    if (residence != nullptr) {
      if (auto at = residence->states.find(write.state); at != residence->states.end())
        device = at->second;
      else if (at = residence->states.find(root); at != residence->states.end())
        device = at->second;
    }
    const std::uint32_t value = index_.value(write.value);
    const std::uint32_t made_by = value == kNone ? kNone : maker(value);
    std::uint32_t chosen = kNone;
    for (std::uint32_t s = 0; s < stages_.size(); ++s) {
      const bool uses = s == made_by || std::ranges::any_of(stages_[s].states, [&](const std::string& name) {
                          return root_state(*plan_, name) == root;
                        });
      if (!uses || (!device.empty() && schedule_->stages[s].device != device)) continue;
      if (device.empty()) device = schedule_->stages[s].device;
      chosen = s;
    }
    if (chosen == kNone) {
      orphan_writes_.push_back(&write);
      continue;
    }
    StageUse& use = stages_[chosen];
    use.writes.push_back(&write);
    add_once(use.states, write.state);
    const bool made_here = value != kNone && index_.values()[value].producer != kNone &&
                           std::ranges::find(use.nodes, index_.values()[value].producer) != use.nodes.end();
    if (value != kNone && !made_here && std::ranges::find(use.inputs, value) == use.inputs.end())
      use.inputs.push_back(value);
  }
}

void Placement::collect_outputs() {
  std::vector<bool> wanted(index_.values().size(), false);
  for (const StageUse& use : stages_)
    for (const std::uint32_t v : use.inputs)
      wanted[v] = true;
  for (std::uint32_t s = 0; s < stages_.size(); ++s)
    for (const std::uint32_t n : stages_[s].nodes) {
      if (home_[n] != s) continue;
      for (const std::uint32_t v : index_.makes(n))
        if (v != kNone && (wanted[v] || index_.values()[v].is_output)) stages_[s].outputs.push_back(v);
    }
}

}  // namespace genie::plan::detail
