// V2: ids are unique, references resolve, nodes stand in an order that runs, storage is what it claims to be.
#include <algorithm>

#include "structure.hpp"
#include "validate_internal.hpp"

namespace genie::plan::detail {
namespace {

constexpr std::size_t kMostFindings = 100;

template <class F>
void each_graph(const Plan& plan, F&& f) {
  for (const auto& [name, method] : plan.methods) {
    const std::string pointer = "/methods" + json::pointer_token(name);
    f(GraphPlace{name, {}, pointer, &method}, static_cast<const Graph&>(method));
    for (const auto& [id, graph] : method.graphs)
      f(GraphPlace{name, id, pointer + "/graphs" + json::pointer_token(id), &method}, graph);
  }
}

PlanNames collect_names(const Plan& plan, Indices& indices, Findings& findings) {
  PlanNames names;
  const auto report = [&](const GraphPlace& place, const Node& node, std::size_t number,
                          const NodePlace& first) {
    findings.add(node, node_pointer(place.method, place.graph, number) + "/id", "GE0342",
                 "the node id " + quoted(node.id) + " is used twice, first at " +
                     node_pointer(first.method, first.graph, first.number),
                 "node ids are unique in the whole plan, sub-graphs included");
  };
  std::size_t graphs = 0;
  std::size_t nodes = 0;
  each_graph(plan, [&](const GraphPlace&, const Graph& graph) {
    ++graphs;
    nodes += graph.nodes.size();
  });
  if (graphs == 1) {
    each_graph(plan, [&](const GraphPlace& place, const Graph& graph) {
      names.only = &indices.of(graph);
      for (const std::uint32_t n : names.only->repeated_nodes()) {
        const Node& node = graph.nodes[n];
        report(place, node, n, {place.method, place.graph, names.only->node(node.id)});
      }
    });
    return names;
  }
  names.nodes.reserve(nodes);
  names.places.reserve(nodes);
  each_graph(plan, [&](const GraphPlace& place, const Graph& graph) {
    for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
      const Node& node = graph.nodes[i];
      const auto [at, fresh] = names.nodes.add(node.id, static_cast<std::uint32_t>(names.places.size()));
      if (fresh)
        names.places.push_back({place.method, place.graph, i});
      else
        report(place, node, i, names.places[at]);
    }
  });
  return names;
}

void check_features(const Plan& plan, Findings& findings) {
  const auto requires_feature = [&](std::string_view name) {
    return std::find(plan.required.begin(), plan.required.end(), name) != plan.required.end();
  };
  const auto demand = [&](bool used, std::string_view name, std::string_view what) {
    if (used && !requires_feature(name))
      findings.add(
          "/requires", "GE0348",
          "the plan has " + std::string(what) + " but does not require \"" + std::string(name) + "\"",
          "add \"" + std::string(name) +
              "\" to \"requires\": a reader without it would compute something else");
  };
  demand(!plan.states.empty(), "state", "states");
  demand(std::any_of(plan.methods.begin(), plan.methods.end(),
                     [](const auto& entry) { return !entry.second.graphs.empty(); }),
         "graphs", "sub-graphs");
}

/// The sub-graphs that a graph's nodes name.
std::set<std::string_view> named_graphs(const Graph& graph) {
  std::set<std::string_view> names;
  for (const Node& node : graph.nodes)
    for_each_arg(node, [&](const Arg& argument) {
      if (const auto* sub = std::get_if<arg::Graph>(&argument.is)) names.insert(sub->name);
    });
  return names;
}

/// Sub-graphs may nest but not contain themselves.
void check_nesting(const std::string& method_name, const Method& method, Findings& findings) {
  std::set<std::string_view> done;
  std::set<std::string_view> open;
  const auto visit = [&](const auto& self, const std::string& name, const Graph& graph) -> void {
    if (!open.insert(name).second) {
      findings.add("/methods" + json::pointer_token(method_name) + "/graphs" + json::pointer_token(name),
                   "GE0345", "the sub-graph " + quoted(name) + " contains itself",
                   "recursion cannot be planned: unroll it");
      return;
    }
    if (done.insert(name).second)
      for (const std::string_view inner : named_graphs(graph))
        if (const auto found = method.graphs.find(inner); found != method.graphs.end())
          self(self, found->first, found->second);
    open.erase(name);
  };
  for (const auto& [name, graph] : method.graphs)
    visit(visit, name, graph);
}

}  // namespace

Findings::~Findings() {
  if (dropped_ != 0)
    into_.push_back({.code = into_.back().code,
                     .severity = Severity::note,
                     .message = "and " + std::to_string(dropped_) + " more problems in this plan"});
}

void Findings::push(Diagnostic diagnostic) {
  if (into_.size() >= kMostFindings && diagnostic.severity == Severity::error) {
    ++dropped_;
    return;
  }
  into_.push_back(std::move(diagnostic));
}

void Findings::add(std::string pointer, std::string_view code, std::string message, std::string help) {
  push({.code = std::string(code),
        .message = std::move(message),
        .pointer = std::move(pointer),
        .help = std::move(help)});
}

void Findings::add(const Node& node, std::string pointer, std::string_view code, std::string message,
                   std::string help) {
  push(node_diagnostic(node, code, std::move(message), std::move(pointer), std::move(help)));
}

void Findings::warn(std::string pointer, std::string_view code, std::string message, std::string help) {
  push({.code = std::string(code),
        .severity = Severity::warning,
        .message = std::move(message),
        .pointer = std::move(pointer),
        .help = std::move(help)});
}

void check_structure(const Plan& plan, Indices& indices, Diagnostics& into) {
  Findings findings(into);
  if (plan.methods.empty())
    findings.add("/methods", "GE0343", "the plan has no method",
                 "a plan holds at least one, for example \"forward\"");
  const PlanNames names = collect_names(plan, indices, findings);
  check_features(plan, findings);
  check_storage(plan, findings);
  check_symbols(plan, names, findings);
  check_constraints_listed(plan, findings);
  for (const auto& [name, method] : plan.methods)
    check_nesting(name, method, findings);
  each_graph(plan, [&](const GraphPlace& place, const Graph& graph) {
    const GraphIndex& index = indices.of(graph);
    const std::size_t before = into.size();
    const std::vector<std::uint32_t> mutators =
        check_graph(plan, place, graph, index, indices.weights(plan), findings);
    if (into.size() == before) check_mutations(plan, place, graph, index, mutators, findings);
  });
  check_schedule_references(plan, findings);
}

}  // namespace genie::plan::detail
