#include "debugger/nodes.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "debugger/words.hpp"
#include "genie/plan/index.hpp"
#include "genie/plan/validate.hpp"

namespace genie::debugger {

Nodes::Nodes(const plan::Plan& scheduled) : plan_(scheduled) {
  for (const auto& [name, schedule] : scheduled.schedule->methods) {
    const plan::Method& method = scheduled.methods.find(name)->second;
    std::map<std::string_view, const plan::Node*> by_id;
    for (const plan::Node& node : method.nodes)
      by_id.emplace(node.id, &node);
    for (std::size_t place = 0; place < schedule.stages.size(); ++place) {
      const plan::Stage& stage = schedule.stages[place];
      const auto node = stage.nodes.empty() ? by_id.end() : by_id.find(stage.nodes.back());
      const Placed placed{&method, &stage, node == by_id.end() ? nullptr : node->second, place};
      const Placed& kept = stages_.emplace(Key(name, stage.id), placed).first->second;
      for (const std::string& id : stage.nodes)
        if (const auto at = by_id.find(id); at != by_id.end())
          for (const std::string& value : at->second->results)
            if (!value.empty()) makers_.emplace(Key(name, value), &kept);
    }
  }
}

const Placed* Nodes::find(std::string_view method, std::string_view stage) const {
  const auto at = stages_.find(Key(method, stage));
  return at == stages_.end() ? nullptr : &at->second;
}

const Placed* Nodes::maker(std::string_view method, std::string_view value) const {
  const auto at = makers_.find(Key(method, value));
  return at == makers_.end() ? nullptr : at->second;
}

std::vector<std::string> Nodes::takes(const plan::Node& node) {
  std::vector<std::string> out;
  plan::for_each_arg(node, [&](const plan::Arg& arg) {
    if (const auto* value = std::get_if<plan::arg::Value>(&arg.is))
      if (std::ranges::find(out, value->id) == out.end()) out.push_back(value->id);
  });
  return out;
}

std::vector<std::string> Nodes::makes(const plan::Node& node) {
  std::vector<std::string> out;
  for (const std::string& result : node.results)
    if (!result.empty()) out.push_back(result);
  return out;
}

bool Nodes::gives_unwritten(const plan::Node& node) {
  return node.op.starts_with("aten.empty") || node.op.starts_with("aten.new_empty");
}

std::string Nodes::text(const Placed& placed) {
  if (placed.node == nullptr) return fmt::format("{}  on {}", placed.stage->id, placed.stage->device);
  const std::string scope = placed.node->scope.empty() ? "" : "  " + placed.node->scope;
  return fmt::format("{}  {}{}  on {}", placed.node->id, placed.node->op, scope, placed.stage->device);
}

plan::Result<NodeSet> select_nodes(const plan::Plan& plan, const std::string& text) {
  NodeSet out;
  for (const auto& [name, method] : plan.methods)
    for (const plan::Node& node : method.nodes)
      if (node.id == text) out.emplace(name, node.id);
  if (!out.empty()) return out;
  auto selected = plan::select(plan, text);
  if (!selected) return std::move(selected).errors();
  out.insert(selected->nodes.begin(), selected->nodes.end());
  if (out.empty())
    return not_understood(fmt::format("`{}` selects no node", text),
                          "states and weights are no nodes; name a module, node:ID or op:NAME");
  return out;
}

}  // namespace genie::debugger
