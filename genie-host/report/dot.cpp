#include "dot.hpp"

#include <fmt/format.h>

#include <array>
#include <map>

#include "format.hpp"
#include "genie/plan/index.hpp"
#include "scopes.hpp"
#include "tensors/inputs.hpp"

namespace genie::report {

namespace {

/// Fills that black text can be read on, apart for the colour-blind too.
constexpr std::array<std::string_view, 8> kFills = {"#a6cee3", "#fdd0a2", "#b2df8a", "#fbb4c4",
                                                    "#d9c7e8", "#ffff99", "#b3e2dd", "#d9d9d9"};

/// A string of the DOT language; "\n" breaks a line.
std::string dot_string(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    if (c == '\n')
      out += "\\n";
    else
      out += c;
  }
  return out + "\"";
}

/// Identifiers are unique among methods.
std::string name_of(std::string_view method, std::string_view kind, std::string_view id) {
  return dot_string(fmt::format("{}/{}/{}", method, kind, id));
}

std::string_view short_op(std::string_view op) {
  if (op.starts_with("aten.")) op.remove_prefix(5);
  if (op.ends_with(".default")) op.remove_suffix(8);
  return op;
}

class Dot {
 public:
  Dot(const plan::Plan& plan, const DotView& view) : plan_(plan), view_(view) {}

  std::string write() {
    out_ =
        "digraph plan {\n  rankdir=TB; compound=true;\n"
        "  node [shape=box, style=\"filled,rounded\", fillcolor=white, fontname=\"sans-serif\", "
        "fontsize=10];\n"
        "  edge [fontname=\"sans-serif\", fontsize=9, color=\"#555555\"];\n";
    for (const auto& [name, method] : plan_.methods) {
      if (!view_.method.empty() && view_.method != name) continue;
      const plan::MethodSchedule* scheduled = nullptr;
      if (plan_.schedule)
        if (const auto found = plan_.schedule->methods.find(name); found != plan_.schedule->methods.end())
          scheduled = &found->second;
      if (scheduled != nullptr && !view_.nodes)
        write_stages(name, method, *scheduled);
      else
        write_nodes(name, method, scheduled);
    }
    return out_ + "}\n";
  }

 private:
  template <class... Args>
  void line(fmt::format_string<Args...> format, Args&&... args) {
    out_ += "  " + fmt::format(format, std::forward<Args>(args)...) + "\n";
  }

  std::string_view fill(const std::string& device) {
    return kFills[devices_.emplace(device, devices_.size()).first->second % kFills.size()];
  }

  void ports(const std::string& method, std::string_view kind, const std::vector<plan::Port>& ports) {
    for (const plan::Port& port : ports)
      line("{} [shape=ellipse, label={}];", name_of(method, kind, port.name), dot_string(port.name));
  }

  /// Opens a cluster for each device, and calls `inside` for what lies on it.
  template <class F>
  void clusters(const std::string& method, const plan::MethodSchedule& scheduled, F inside) {
    std::map<std::string, std::vector<const plan::Stage*>> on;
    for (const plan::Stage& stage : scheduled.stages)
      on[stage.device].push_back(&stage);
    for (const auto& [device, stages] : on) {
      line("subgraph {} {{ label={}; style=\"filled,rounded\"; color={}; fontname=\"sans-serif\";",
           dot_string("cluster_" + method + "/" + device), dot_string(device), dot_string(fill(device)));
      for (const plan::Stage* stage : stages)
        inside(*stage);
      line("}}");
    }
  }

  void write_stages(const std::string& method, const plan::Method& graph,
                    const plan::MethodSchedule& scheduled) {
    ports(method, "input", graph.inputs);
    ports(method, "output", graph.outputs);
    const Scopes scopes(graph);
    clusters(method, scheduled, [&](const plan::Stage& stage) {
      line("  {} [label={}];", name_of(method, "stage", stage.id),
           dot_string(fmt::format("{}\n{}\n{}", stage.id, scopes.describe(stage.nodes),
                                  counted(stage.nodes.size(), "node"))));
    });
    const auto end = [&](const std::string& text) {
      const std::size_t colon = text.find(':');
      if (colon == std::string::npos) return name_of(method, "stage", text);
      return name_of(method, text.substr(0, colon), text.substr(colon + 1));
    };
    for (const plan::Transfer& transfer : scheduled.transfers)
      line("{} -> {} [label={}{}];", end(transfer.from), end(transfer.to),
           dot_string(transfer.value + "\n" + bytes_text(transfer.size_bytes)),
           transfer.slack_ns && *transfer.slack_ns == 0 ? ", penwidth=2, color=\"#c03030\"" : "");
    local_edges(method, graph, scheduled);
  }

  /// What one stage makes and another on its device reads does not travel.
  void local_edges(const std::string& method, const plan::Method& graph,
                   const plan::MethodSchedule& scheduled) {
    std::map<std::string_view, const plan::Stage*> stage_of;
    for (const plan::Stage& stage : scheduled.stages)
      for (const std::string& node : stage.nodes)
        stage_of.emplace(node, &stage);
    const plan::GraphIndex index(graph);
    std::map<std::pair<const plan::Stage*, const plan::Stage*>, std::size_t> edges;
    for (const auto& value : index.values()) {
      if (value.producer == plan::kNone) continue;
      const auto from = stage_of.find(graph.nodes[value.producer].id);
      for (const std::uint32_t consumer : value.consumers)
        if (const auto to = stage_of.find(graph.nodes[consumer].id);
            from != stage_of.end() && to != stage_of.end() && from->second != to->second &&
            from->second->device == to->second->device)
          ++edges[{from->second, to->second}];
    }
    std::map<std::pair<std::string, std::string>, std::size_t>
        named;  // an order that does not depend on addresses
    for (const auto& [ends, count] : edges)
      named[{ends.first->id, ends.second->id}] = count;
    for (const auto& [ends, count] : named)
      line("{} -> {} [style=dashed, label={}];", name_of(method, "stage", ends.first),
           name_of(method, "stage", ends.second), dot_string(counted(count, "value")));
  }

  void write_nodes(const std::string& method, const plan::Method& graph,
                   const plan::MethodSchedule* scheduled) {
    ports(method, "input", graph.inputs);
    ports(method, "output", graph.outputs);
    std::map<std::string_view, const plan::Node*> by_id;
    for (const plan::Node& node : graph.nodes)
      by_id.emplace(node.id, &node);
    const auto draw = [&](const plan::Node& node) {
      line("  {} [label={}];", name_of(method, "node", node.id),
           dot_string(node.scope.empty() ? fmt::format("{} {}", node.id, short_op(node.op))
                                         : fmt::format("{} {}\n{}", node.id, short_op(node.op),
                                                       fitted_end(node.scope, 32))));
    };
    if (scheduled != nullptr)
      clusters(method, *scheduled, [&](const plan::Stage& stage) {
        for (const std::string& id : stage.nodes)
          if (const auto node = by_id.find(id); node != by_id.end()) draw(*node->second);
      });
    else
      for (const plan::Node& node : graph.nodes)
        draw(node);
    const plan::GraphIndex index(graph);
    const auto type = [&](const plan::GraphIndex::ValueInfo& value) {
      return value.value == nullptr ? std::string() : tensors::declared_type_text(plan_, *value.value);
    };
    for (const auto& value : index.values()) {
      const std::string from =
          value.producer != plan::kNone ? name_of(method, "node", graph.nodes[value.producer].id)
          : value.input != plan::kNone  ? name_of(method, "input", graph.inputs[value.input].name)
                                        : std::string();
      if (from.empty()) continue;
      for (const std::uint32_t consumer : value.consumers)
        line("{} -> {} [label={}];", from, name_of(method, "node", graph.nodes[consumer].id),
             dot_string(type(value)));
      for (const plan::Port& port : graph.outputs)
        if (const auto* output = std::get_if<plan::arg::Value>(&port.value.is);
            output != nullptr && output->id == *value.id)
          line("{} -> {} [label={}];", from, name_of(method, "output", port.name), dot_string(type(value)));
    }
  }

  const plan::Plan& plan_;
  const DotView& view_;
  std::string out_;
  std::map<std::string, std::size_t> devices_;
};

}  // namespace

plan::Result<std::string> plan_dot(const plan::Plan& plan, const DotView& view) {
  if (!view.method.empty())
    if (auto known = tensors::find_method(plan, view.method); !known) return std::move(known).errors();
  return Dot(plan, view).write();
}

}  // namespace genie::report
