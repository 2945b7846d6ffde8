#include "scheduler/hints.hpp"

#include <algorithm>
#include <set>
#include <utility>

#include "genie/plan/json.hpp"
#include "genie/plan/validate.hpp"

namespace genie::scheduler {
namespace {

// "run.json#/hints/0" → file and pointer.
void locate(plan::Diagnostic& diagnostic, const std::string& origin) {
  const std::size_t hash = origin.find('#');
  diagnostic.file = origin.substr(0, hash);
  diagnostic.pointer = hash == std::string::npos ? std::string() : origin.substr(hash + 1);
}

plan::Boxed<plan::Annotation> plan::Semantics::*annotation_of(const std::string& kind) {
  if (kind == "phase") return &plan::Semantics::phase;
  if (kind == "role") return &plan::Semantics::role;
  if (kind == "modality") return &plan::Semantics::modality;
  return nullptr;
}

plan::Node* find_node(plan::Plan& plan, const std::string& method, const std::string& id) {
  const auto found = plan.methods.find(method);
  if (found == plan.methods.end()) return nullptr;
  const auto in = [&id](plan::Graph& graph) -> plan::Node* {
    const auto node = std::find_if(graph.nodes.begin(), graph.nodes.end(),
                                   [&id](const plan::Node& n) { return n.id == id; });
    return node == graph.nodes.end() ? nullptr : &*node;
  };
  if (plan::Node* node = in(found->second)) return node;
  for (auto& [name, graph] : found->second.graphs)
    if (plan::Node* node = in(graph)) return node;
  return nullptr;
}

plan::Diagnostic unknown_device(const plan::Constraint& hint, const plan::Topology& topology) {
  plan::Diagnostic diagnostic;
  diagnostic.code = "GE0580";
  diagnostic.message =
      "hint '" + hint.id + "' names device '" + hint.device + "', which the topology does not have";
  std::vector<std::string_view> known;
  std::string list;
  for (const plan::Device& device : topology.devices) {
    known.push_back(device.id);
    list += (list.empty() ? "" : ", ") + device.id;
  }
  const std::string_view near = plan::json::nearest(hint.device, known);
  diagnostic.help =
      (near.empty() ? "" : "did you mean '" + std::string(near) + "'? ") + ("its devices are " + list);
  locate(diagnostic, hint.origin);
  return diagnostic;
}

}  // namespace

plan::Status apply_hints(plan::Plan& plan, const std::vector<plan::Constraint>& hints,
                         const plan::Topology& topology) {
  plan::Diagnostics errors;
  std::set<std::string> ids;
  for (const plan::Constraint& constraint : plan.constraints)
    ids.insert(constraint.id);
  for (plan::Constraint hint : hints) {
    const std::string given = hint.id;
    for (int n = 2; !ids.insert(hint.id).second; ++n)
      hint.id = given + "_" + std::to_string(n);
    if (!hint.device.empty() && !topology.device(hint.device))
      errors.push_back(unknown_device(hint, topology));
    if (!hint.select.empty()) {
      auto selected = plan::select(plan, hint.select);
      if (!selected) {
        for (plan::Diagnostic error : selected.errors()) {
          locate(error, hint.origin);
          errors.push_back(std::move(error));
        }
      } else if (const auto member = annotation_of(hint.kind)) {
        for (const auto& [method, id] : selected->nodes)
          if (plan::Node* node = find_node(plan, method, id))
            node->semantics.*member = plan::Annotation{hint.value, "user", std::nullopt, {}};
      }
    }
    plan.constraints.push_back(std::move(hint));
  }
  if (!errors.empty()) return errors;
  return plan::Unit{};
}

}  // namespace genie::scheduler
