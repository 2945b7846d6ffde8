#include "plan_summary.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <set>

#include "genie/plan/codec.hpp"
#include "genie/plan/index.hpp"
#include "genie/plan/json.hpp"
#include "genie/plan/validate.hpp"
#include "scopes.hpp"
#include "stage_weights.hpp"
#include "tensors/inputs.hpp"

namespace genie::report {

namespace {

std::string last_part(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  return slash == std::string::npos ? path : path.substr(slash + 1);
}

/// One argument in few characters.
std::string argument_text(const plan::Arg& argument) {
  struct Printer {
    std::string operator()(const plan::arg::Null&) const { return "None"; }
    std::string operator()(const plan::arg::Value& value) const { return value.id; }
    std::string operator()(const plan::arg::Weight& weight) const { return "weight " + weight.name; }
    std::string operator()(const plan::arg::State& state) const { return "state " + state.name; }
    std::string operator()(std::int64_t number) const { return fmt::format("{}", number); }
    std::string operator()(double number) const { return fmt::format("{}", number); }
    std::string operator()(bool flag) const { return flag ? "True" : "False"; }
    std::string operator()(const plan::arg::Complex& number) const {
      return fmt::format("{}{:+}j", number.real, number.imag);
    }
    std::string operator()(const plan::arg::Str& text) const { return fmt::format("'{}'", text.text); }
    std::string operator()(plan::DType dtype) const { return std::string(plan::name(dtype)); }
    std::string operator()(const plan::arg::Layout& layout) const { return layout.name; }
    std::string operator()(const plan::arg::MemoryFormat& format) const { return format.name; }
    std::string operator()(const plan::arg::Device&) const { return "local"; }
    std::string operator()(const plan::arg::Dim& dim) const { return dim.expr.to_text(); }
    std::string operator()(const plan::arg::Graph& graph) const { return "graph " + graph.name; }
    std::string operator()(const plan::arg::List& list) const {
      std::vector<std::string> items;
      for (const plan::Arg& item : list.items)
        items.push_back(argument_text(item));
      return fmt::format("[{}]", fmt::join(items, ", "));
    }
  };
  return std::visit(Printer{}, argument.is);
}

std::string bounds_text(const plan::Symbol& symbol) {
  if (symbol.min && symbol.max) return fmt::format("{} … {}", *symbol.min, *symbol.max);
  if (symbol.min) return fmt::format("{} or more", *symbol.min);
  if (symbol.max) return fmt::format("up to {}", *symbol.max);
  return "any";
}

std::vector<PortSummary> ports(const plan::Plan& plan, const plan::Method& method,
                               const std::vector<plan::Port>& list) {
  std::vector<PortSummary> result;
  for (const plan::Port& port : list) {
    const auto type = tensors::port_type(plan, method, port);
    result.push_back(
        {port.name, type ? tensors::declared_type_text(plan, *type) : argument_text(port.value)});
  }
  return result;
}

struct Where {
  std::string stage;
  std::string device;
};

class Summarizer {
 public:
  Summarizer(const plan::Plan& plan, const PlanView& view) : plan_(plan), view_(view) {}

  plan::Result<PlanSummary> summarize() {
    summary_.id = plan::plan_id(plan_);
    for (const auto& [name, method] : plan_.methods) {
      index_stages(name);
      if (view_.method.empty() || view_.method == name) add_method(name, method);
    }
    if (!view_.method.empty())
      if (auto known = tensors::find_method(plan_, view_.method); !known) return std::move(known).errors();
    for (const auto& [id, symbol] : plan_.symbols) {
      SymbolSummary one{id, symbol.name.value_or(id), bounds_text(symbol), std::nullopt};
      if (plan_.schedule)
        if (const auto assumed = plan_.schedule->assumes.find(id); assumed != plan_.schedule->assumes.end())
          one.assumed = assumed->second;
      summary_.symbols.push_back(std::move(one));
    }
    add_weights();
    for (const auto& [name, state] : plan_.states)
      if (state.alias_of.empty()) summary_.state_bytes += plan::state_bytes(state);
    if (!view_.stage.empty())
      if (auto wrong = select_stage()) return *wrong;
    if (!view_.scope.empty()) {
      auto selection = plan::select(plan_, view_.scope);
      if (!selection) return std::move(selection).errors();
      add_nodes({selection->nodes.begin(), selection->nodes.end()});
    }
    return std::move(summary_);
  }

 private:
  void index_stages(const std::string& name) {
    if (!plan_.schedule) return;
    const auto scheduled = plan_.schedule->methods.find(name);
    if (scheduled == plan_.schedule->methods.end()) return;
    for (const plan::Stage& stage : scheduled->second.stages)
      for (const std::string& node : stage.nodes)
        places_[{name, node}] = {stage.id, stage.device};
  }

  void add_method(const std::string& name, const plan::Method& method) {
    MethodSummary summary;
    summary.name = name;
    summary.nodes = method.nodes.size();
    summary.inputs = ports(plan_, method, method.inputs);
    summary.outputs = ports(plan_, method, method.outputs);
    for (const plan::StateWrite& write : method.writes)
      summary.writes.push_back(write.state);
    if (plan_.schedule) {
      const auto scheduled = plan_.schedule->methods.find(name);
      if (scheduled != plan_.schedule->methods.end()) {
        add_stages(method, scheduled->second, summary);
        summary.transfers = scheduled->second.transfers;
        summary.predicted = scheduled->second.predicted;
      }
    }
    summary_.methods.push_back(std::move(summary));
  }

  void add_stages(const plan::Method& method, const plan::MethodSchedule& scheduled, MethodSummary& summary) {
    const Scopes scopes(method);
    for (const plan::Stage& stage : scheduled.stages)
      summary.stages.push_back({stage.id, stage.device, stage.kernels, stage.nodes.size(),
                                stage.recomputes.size(), stage_weight_bytes(method, plan_, stage),
                                scopes.describe(stage.nodes)});
  }

  void add_weights() {
    for (const auto& [name, weight] : plan_.weights) {
      WeightSummary one{name, tensors::type_text(weight.dtype, weight.shape), plan::weight_bytes(weight), {}};
      if (plan_.schedule)
        if (const auto at = plan_.schedule->residence.weights.find(name);
            at != plan_.schedule->residence.weights.end())
          one.devices = at->second;
      summary_.weight_bytes += one.bytes;
      summary_.weights.push_back(std::move(one));
    }
    std::stable_sort(summary_.weights.begin(), summary_.weights.end(),
                     [](const WeightSummary& a, const WeightSummary& b) { return a.bytes > b.bytes; });
    for (const auto& [digest, blob] : plan_.blobs)
      summary_.blob_bytes += blob.size_bytes;
  }

  std::optional<plan::Diagnostic> select_stage() {
    std::set<std::pair<std::string, std::string>> wanted;
    std::vector<std::string_view> known;
    if (plan_.schedule)
      for (const auto& [name, scheduled] : plan_.schedule->methods)
        for (const plan::Stage& stage : scheduled.stages) {
          known.push_back(stage.id);
          if (stage.id != view_.stage || (!view_.method.empty() && view_.method != name)) continue;
          for (const std::string& node : stage.nodes)
            wanted.emplace(name, node);
        }
    if (wanted.empty()) {
      plan::Diagnostic diagnostic;
      diagnostic.code = "GE0019";
      diagnostic.message = fmt::format("the plan has no stage `{}`", view_.stage);
      diagnostic.help = known.empty() ? "a captured plan has no stages yet; run it to have it scheduled"
                                      : fmt::format("its stages: {}", fmt::join(known, ", "));
      return diagnostic;
    }
    add_nodes(wanted);
    return std::nullopt;
  }

  void add_nodes(const std::set<std::pair<std::string, std::string>>& wanted) {
    for (const auto& [name, method] : plan_.methods) {
      if (!view_.method.empty() && view_.method != name) continue;
      for (const plan::Node& node : method.nodes)
        if (wanted.contains({name, node.id})) summary_.nodes.push_back(node_summary(name, method, node));
    }
  }

  NodeSummary node_summary(const std::string& name, const plan::Method& method,
                           const plan::Node& node) const {
    NodeSummary one;
    one.method = name;
    one.id = node.id;
    one.op = node.op;
    one.scope = node.scope;
    std::vector<std::string> parts;
    for (const plan::Arg& argument : node.args)
      parts.push_back(argument_text(argument));
    for (const auto& [key, argument] : node.kwargs)
      parts.push_back(key + "=" + argument_text(argument));
    one.arguments = fmt::format("{}", fmt::join(parts, ", "));
    parts.clear();
    std::vector<std::string> types;
    for (const std::string& result : node.results) {
      const auto value = method.values.find(result);
      if (value == method.values.end()) continue;
      types.push_back(tensors::declared_type_text(plan_, value->second));
      parts.push_back(result + ": " + types.back());
    }
    one.results = fmt::format("{}", fmt::join(parts, ", "));
    one.types = fmt::format("{}", fmt::join(types, ", "));
    if (node.source) one.source = fmt::format("{}:{}", last_part(node.source->file), node.source->line);
    if (const auto place = places_.find({name, node.id}); place != places_.end()) {
      one.stage = place->second.stage;
      one.device = place->second.device;
    }
    if (node.semantics.phase) one.phase = node.semantics.phase->is;
    if (node.semantics.role) one.role = node.semantics.role->is;
    return one;
  }

  const plan::Plan& plan_;
  const PlanView& view_;
  PlanSummary summary_;
  std::map<std::pair<std::string, std::string>, Where> places_;
};

}  // namespace

std::string headline(const plan::Decision& decision) {
  return decision.chose.empty() ? decision.subject
                                : fmt::format("{} on {}", decision.subject, decision.chose);
}

plan::Result<PlanSummary> summarize(const plan::Plan& plan, const PlanView& view) {
  return Summarizer(plan, view).summarize();
}

}  // namespace genie::report
