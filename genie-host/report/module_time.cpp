#include "module_time.hpp"

#include <algorithm>
#include <map>
#include <string_view>
#include <unordered_map>

#include "genie/plan/schedule.hpp"

namespace genie::report {

namespace {

constexpr std::size_t kTold = 6;        ///< groups that are enough
constexpr double kWorthOpening = 0.25;  ///< of the whole

struct Part {
  std::string_view scope;
  double ns = 0;
};

struct Group {
  std::string_view path;
  std::vector<Part> parts;
  double ns = 0;
  bool closed = false;  ///< nothing below it to tell apart
};

/// A path's first segments, one more than `path` has.
std::string_view child_of(std::string_view scope, std::string_view path) {
  const std::size_t begin = path.empty() ? 0 : path.size() + 1;
  const std::size_t dot = scope.find('.', begin);
  return scope.substr(0, dot);
}

std::vector<Group> opened(const Group& group) {
  std::map<std::string_view, Group> children;
  for (const Part& part : group.parts) {
    const bool own = part.scope.size() <= group.path.size();
    Group& child = children[own ? std::string_view() : child_of(part.scope, group.path)];
    child.path = own ? group.path : child_of(part.scope, group.path);
    child.closed = own;
    child.parts.push_back(part);
    child.ns += part.ns;
  }
  std::vector<Group> result;
  for (auto& [path, child] : children)
    result.push_back(std::move(child));
  return result;
}

/// The time of each node of a method, from its stages' times.
void divide(const plan::Plan& plan, const std::string& name, const plan::Topology& topology,
            const plan::Costs& costs, const std::unordered_map<std::string_view, std::uint64_t>& stage_ns,
            std::vector<Part>& parts) {
  const auto graph = plan.methods.find(name);
  const auto scheduled = plan.schedule->methods.find(name);
  if (graph == plan.methods.end() || scheduled == plan.schedule->methods.end()) return;
  std::unordered_map<std::string_view, std::string_view> scopes;
  for (const plan::Node& node : graph->second.nodes)
    scopes.emplace(node.id, node.scope);
  const auto entries = costs.methods.find(name);
  for (const plan::Stage& stage : scheduled->second.stages) {
    const auto spent = stage_ns.find(stage.id);
    if (spent == stage_ns.end() || stage.nodes.empty()) continue;
    const auto device = static_cast<std::size_t>(
        std::ranges::find(topology.devices, stage.device, &plan::Device::id) - topology.devices.begin());
    std::vector<double> weights;
    double sum = 0;
    for (const std::string& node : stage.nodes) {
      double weight = 0;
      if (entries != costs.methods.end())
        if (const auto at = entries->second.find(node);
            at != entries->second.end() && device < at->second.ns.size())
          weight = static_cast<double>(at->second.ns[device]);
      weights.push_back(weight);
      sum += weight;
    }
    for (std::size_t i = 0; i < stage.nodes.size(); ++i) {
      const double share = sum > 0 ? weights[i] / sum : 1.0 / static_cast<double>(stage.nodes.size());
      const auto scope = scopes.find(stage.nodes[i]);
      parts.push_back({scope == scopes.end() ? std::string_view() : scope->second,
                       share * static_cast<double>(spent->second)});
    }
  }
}

}  // namespace

std::vector<ModuleTime> module_times(const plan::Plan& plan, const plan::Topology& topology,
                                     std::span<const CallTimeline> calls) {
  if (!plan.schedule || calls.empty()) return {};
  const plan::Costs costs = plan::model_costs(plan, topology, plan.schedule->assumes);
  std::map<std::string, std::unordered_map<std::string_view, std::uint64_t>> spent;  // method → stage → time
  for (const CallTimeline& call : calls)
    for (const plan::Event& event : call.events)
      if (event.kind == plan::Event::Kind::stage)
        spent[call.method][event.id] += event.end_ns - event.start_ns;
  Group all;
  for (const auto& [method, stages] : spent)
    divide(plan, method, topology, costs, stages, all.parts);
  for (const Part& part : all.parts)
    all.ns += part.ns;
  if (all.ns <= 0 || std::ranges::all_of(all.parts, [](const Part& part) { return part.scope.empty(); }))
    return {};

  std::vector<Group> groups = {all};
  while (groups.size() < kTold) {
    const auto largest = std::ranges::max_element(
        groups, {}, [](const Group& group) { return group.closed ? -1.0 : group.ns; });
    if (largest->closed || largest->ns < kWorthOpening * all.ns) break;
    std::vector<Group> children = opened(*largest);
    if (children.size() == 1 && children.front().closed) {
      largest->closed = true;
      continue;
    }
    groups.erase(largest);
    for (Group& child : children)
      groups.push_back(std::move(child));
  }
  std::ranges::stable_sort(groups, std::greater<>(), &Group::ns);

  // What all paths share is not said.
  std::string_view shared = groups.front().path.empty() ? groups.back().path : groups.front().path;
  for (const Group& group : groups)
    while (!group.path.empty() && !shared.empty() && group.path != shared &&
           !(group.path.starts_with(shared) && group.path[shared.size()] == '.')) {
      const std::size_t dot = shared.rfind('.');
      shared = dot == std::string_view::npos ? std::string_view() : shared.substr(0, dot);
    }
  std::vector<ModuleTime> result;
  for (const Group& group : groups) {
    std::string_view path = group.path;
    if (!shared.empty() && path.size() > shared.size()) path.remove_prefix(shared.size() + 1);
    result.push_back({std::string(path), static_cast<std::uint64_t>(group.ns + 0.5), group.parts.size()});
  }
  return result;
}

}  // namespace genie::report
