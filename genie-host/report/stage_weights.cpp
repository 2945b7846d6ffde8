#include "stage_weights.hpp"

#include <set>
#include <string_view>

#include "genie/plan/index.hpp"

namespace genie::report {

std::uint64_t stage_weight_bytes(const plan::Graph& graph, const plan::Plan& plan, const plan::Stage& stage) {
  std::set<std::string_view> mine(stage.nodes.begin(), stage.nodes.end());
  mine.insert(stage.recomputes.begin(), stage.recomputes.end());
  std::set<std::string_view> weights;
  for (const plan::Node& node : graph.nodes) {
    if (!mine.contains(node.id)) continue;
    plan::for_each_arg(node, [&](const plan::Arg& argument) {
      if (const auto* weight = std::get_if<plan::arg::Weight>(&argument.is)) weights.insert(weight->name);
    });
  }
  std::uint64_t bytes = 0;
  for (const std::string_view name : weights)
    if (const auto found = plan.weights.find(name); found != plan.weights.end())
      bytes += plan::weight_bytes(found->second);
  return bytes;
}

}  // namespace genie::report
