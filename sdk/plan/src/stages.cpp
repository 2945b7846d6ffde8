// Stages as kernels and backends see them: what crosses their boundary, and a document that stands alone.
#include <algorithm>

#include "genie/plan/optional_members.hpp"
#include "genie/plan/schedule.hpp"
#include "placement.hpp"

namespace genie::plan {

namespace {

using detail::Placement;
using detail::StageUse;

StageInterface interface_of(const Placement& placement, const StageUse& use) {
  StageInterface out;
  for (const std::uint32_t v : use.inputs)
    out.inputs.push_back(placement.id(v));
  for (const std::uint32_t v : use.outputs)
    out.outputs.push_back(placement.id(v));
  out.weights = use.weights;
  out.states = use.states;
  out.symbols.assign(use.symbols.begin(), use.symbols.end());
  return out;
}

void add_weight(const Plan& plan, Plan& to, const std::string& name) {
  const auto at = plan.weights.find(name);
  if (at == plan.weights.end()) return;
  to.weights.insert(*at);
  if (const auto blob = plan.blobs.find(at->second.blob); blob != plan.blobs.end()) to.blobs.insert(*blob);
}

void add_state(const Plan& plan, Plan& to, const std::string& name) {
  const auto at = plan.states.find(name);
  if (at == plan.states.end()) return;
  State state = at->second;
  state.init = {};
  if (to.states.emplace(name, std::move(state)).second && !at->second.alias_of.empty())
    add_state(plan, to, at->second.alias_of);
}

/// Storage that the stage does not have is not named: what comes in from elsewhere owns its bytes here.
std::string alias_inside(const Placement& placement, const Method& stage, const Plan& to, std::string alias) {
  const auto& values = placement.index().values();
  for (std::size_t steps = 0; steps <= values.size() && !alias.empty(); ++steps) {
    if (alias.starts_with("state:"))
      return to.states.contains(std::string_view(alias).substr(6)) ? alias : "";
    if (alias.starts_with("weight:"))
      return to.weights.contains(std::string_view(alias).substr(7)) ? alias : "";
    if (stage.values.contains(alias)) return alias;
    const std::uint32_t v = placement.index().value(alias);
    if (v == kNone || values[v].value == nullptr) return "";
    alias = values[v].value->alias_of;
  }
  return "";
}

/// Whether an input that is a number is what a symbol stands for.
bool tells(const Placement& placement, std::uint32_t value, const SymbolFrom& origin) {
  const auto& info = placement.index().values()[value];
  if (!origin.node.empty())
    return info.producer != kNone && placement.method().nodes[info.producer].id == origin.node;
  return info.input != kNone && placement.method().inputs[info.input].name == origin.input;
}

/// Where a symbol gets its value inside a stage; nothing when the run's dims bring it.
std::optional<SymbolFrom> origin_inside(const Placement& placement, const StageUse& use,
                                        const std::string& symbol, const std::optional<SymbolFrom>& origin) {
  for (const std::uint32_t v : use.inputs) {
    const Value* value = placement.index().values()[v].value;
    if (value == nullptr) continue;
    const auto dim = std::ranges::find(value->shape, Expr::symbol(symbol));
    if (dim != value->shape.end()) return SymbolFrom{placement.id(v), dim - value->shape.begin(), {}};
    if (value->scalar && origin && tells(placement, v, *origin)) return SymbolFrom{placement.id(v), 0, {}};
  }
  return std::nullopt;
}

void bind_symbols_inside(const Placement& placement, const StageUse& use, Plan& to, const Method& stage) {
  detail::Names nodes;
  for (const Node& node : stage.nodes)
    nodes.insert(node.id);
  for (auto& [id, symbol] : to.symbols) {
    const bool made_here = symbol.from && nodes.contains(symbol.from->node);
    if (!made_here) symbol.from = origin_inside(placement, use, id, symbol.from);
  }
}

/// Whether a value views a weight that the framework tracks gradients of. Detaching ends that.
bool views_parameter(const Placement& placement, std::uint32_t value) {
  const auto& values = placement.index().values();
  for (std::size_t steps = 0; steps <= values.size() && value != kNone; ++steps) {
    const auto& info = values[value];
    if (info.value == nullptr || info.producer == kNone) return false;
    if (placement.method().nodes[info.producer].op.starts_with("aten.detach")) return false;
    const std::string_view alias = info.value->alias_of;
    if (alias.starts_with("weight:")) {
      const auto weight = placement.plan().weights.find(alias.substr(7));
      return weight != placement.plan().weights.end() && weight->second.requires_grad;
    }
    value = placement.index().value(std::string(alias));
  }
  return false;
}

Plan document_of(const Placement& placement, const StageUse& use) {
  const Plan& plan = placement.plan();
  const auto& values = placement.index().values();
  Plan to;
  to.version = plan.version;
  to.stage = "captured";
  to.producer = plan.producer;
  to.required = plan.required;
  to.opsets = plan.opsets;
  for (const std::string& name : use.weights)
    add_weight(plan, to, name);
  for (const std::string& name : use.states)
    add_state(plan, to, name);

  Method& stage = to.methods["stage"];
  const auto add_value = [&](std::uint32_t v) {
    if (v != kNone && values[v].value != nullptr) stage.values.emplace(*values[v].id, *values[v].value);
  };
  for (const std::uint32_t v : use.inputs) {
    add_value(v);
    stage.inputs.push_back({placement.id(v), {arg::Value{placement.id(v)}}, {}});
    if (views_parameter(placement, v)) set_requires_grad(stage.inputs.back());
  }
  detail::Names ids;
  for (const std::uint32_t n : use.nodes)
    ids.insert(placement.method().nodes[n].id);
  for (const std::uint32_t n : use.nodes) {
    Node node = placement.method().nodes[n];
    node.cost.reset();
    std::erase_if(node.after, [&](const std::string& id) { return !ids.contains(id); });
    for (const std::uint32_t v : placement.index().makes(n))
      add_value(v);
    for (const std::string& name : detail::resources_of(placement.method(), node).graphs)
      if (const auto graph = placement.method().graphs.find(name); graph != placement.method().graphs.end())
        stage.graphs.insert(*graph);
    stage.nodes.push_back(std::move(node));
  }
  for (const std::uint32_t v : use.outputs)
    stage.outputs.push_back({placement.id(v), {arg::Value{placement.id(v)}}, {}});
  for (const StateWrite* write : use.writes)
    stage.writes.push_back(*write);

  // A stage input owns its bytes unless what it views is here as well.
  for (auto& [id, value] : stage.values)
    if (!value.alias_of.empty()) value.alias_of = alias_inside(placement, stage, to, value.alias_of);
  detail::Names symbols = use.symbols;
  for (const auto& [name, graph] : stage.graphs)
    for (const auto& [id, value] : graph.values) {
      for (const Expr& e : value.shape)
        e.collect_symbols(symbols);
      for (const Expr& e : value.strides)
        e.collect_symbols(symbols);
    }
  for (const std::string& id : symbols)
    if (const auto at = plan.symbols.find(id); at != plan.symbols.end()) to.symbols.insert(*at);
  bind_symbols_inside(placement, use, to, stage);
  return to;
}

}  // namespace

StageInterface stage_interface(const Plan& plan, std::string_view method, const Stage& stage) {
  const auto at = plan.methods.find(method);
  if (at == plan.methods.end()) return {};
  const detail::StageContext context(plan, method, at->second, stage);
  const Placement placement(plan, at->second, *context.schedule, context.residence);
  return interface_of(placement, placement.stages()[context.stage]);
}

Plan stage_plan(const Plan& plan, std::string_view method, const Stage& stage) {
  const auto at = plan.methods.find(method);
  if (at == plan.methods.end()) return {};
  const detail::StageContext context(plan, method, at->second, stage);
  const Placement placement(plan, at->second, *context.schedule, context.residence);
  return document_of(placement, placement.stages()[context.stage]);
}

std::vector<StageInterface> stage_interfaces(const Plan& plan, std::string_view method) {
  std::vector<StageInterface> out;
  const auto at = plan.methods.find(method);
  if (at == plan.methods.end() || !plan.schedule) return out;
  const auto schedule = plan.schedule->methods.find(method);
  if (schedule == plan.schedule->methods.end()) return out;
  const Placement placement(plan, at->second, schedule->second, &plan.schedule->residence);
  for (const StageUse& use : placement.stages())
    out.push_back(interface_of(placement, use));
  return out;
}

std::vector<Plan> stage_plans(const Plan& plan, std::string_view method) {
  std::vector<Plan> out;
  const auto at = plan.methods.find(method);
  if (at == plan.methods.end() || !plan.schedule) return out;
  const auto schedule = plan.schedule->methods.find(method);
  if (schedule == plan.schedule->methods.end()) return out;
  const Placement placement(plan, at->second, schedule->second, &plan.schedule->residence);
  for (const StageUse& use : placement.stages())
    out.push_back(document_of(placement, use));
  return out;
}

bool writes_states(const GraphIndex& index, const Method& method) {
  const auto in_state = [&](const std::string& id) {
    if (id.starts_with("state:")) return true;
    const std::uint32_t value = index.value(id);
    if (value == kNone) return false;
    const Value* storage = index.values()[index.values()[value].storage].value;
    return storage != nullptr && storage->alias_of.starts_with("state:");
  };
  return !method.writes.empty() || std::ranges::any_of(method.nodes, [&](const Node& node) {
    return node.effects == "state" || std::ranges::any_of(node.mutates, in_state);
  });
}

Schedule one_node_stages(Schedule schedule) {
  for (auto& [name, method] : schedule.methods) {
    method.micro_batches = 1;                              // one thing after another
    std::map<std::string, std::string, std::less<>> last;  // stage → the stage that its last node is now
    for (const Stage& stage : method.stages)
      if (!stage.nodes.empty())
        last.emplace(stage.id, stage.recomputes.empty() ? stage.nodes.back() : stage.id);
    std::vector<Stage> stages;
    for (Stage& stage : method.stages) {
      std::vector<std::string> after;
      for (const std::string& earlier : stage.after)
        if (const auto at = last.find(earlier); at != last.end()) after.push_back(at->second);
      if (!stage.recomputes.empty()) {
        stage.after = std::move(after);
        stages.push_back(std::move(stage));
        continue;
      }
      for (const std::string& node : stage.nodes) {
        Stage one;
        one.id = node;
        one.device = stage.device;
        one.kernels = stage.kernels;
        one.nodes = {node};
        one.after = std::exchange(after, {});
        stages.push_back(std::move(one));
      }
    }
    method.stages = std::move(stages);
    method.transfers.clear();
    method.predicted.reset();
  }
  return schedule;
}

}  // namespace genie::plan
