// The schedule's references: methods, stages, nodes, values, weights, states. Whether it fits is V4's question.
#include <unordered_set>

#include "structure.hpp"

namespace genie::plan::detail {
namespace {

constexpr std::string_view kInput = "input:";
constexpr std::string_view kOutput = "output:";

using Names = std::unordered_set<std::string_view>;

Names port_names(const std::vector<Port>& ports) {
  Names names;
  for (const Port& port : ports)
    names.insert(port.name);
  return names;
}

class MethodCheck {
 public:
  MethodCheck(std::string at, const Method& method, const MethodSchedule& schedule, Findings& findings)
      : at_(std::move(at)), method_(method), schedule_(schedule), findings_(findings) {
    for (const Node& node : method.nodes)
      nodes_.insert(node.id);
  }

  void run() {
    for (std::size_t i = 0; i < schedule_.stages.size(); ++i)
      if (!stages_.insert(schedule_.stages[i].id).second)
        findings_.add(stage_at(i) + "/id", "GE0342",
                      "two stages have the id " + quoted(schedule_.stages[i].id));
    for (std::size_t i = 0; i < schedule_.stages.size(); ++i)
      check_stage(schedule_.stages[i], stage_at(i));
    const Names inputs = port_names(method_.inputs);
    const Names outputs = port_names(method_.outputs);
    Names transfers;
    for (std::size_t i = 0; i < schedule_.transfers.size(); ++i) {
      const Transfer& transfer = schedule_.transfers[i];
      const std::string at = at_ + "/transfers/" + std::to_string(i);
      if (!transfer.id.empty() && !transfers.insert(transfer.id).second)
        findings_.add(at + "/id", "GE0342", "two transfers have the id " + quoted(transfer.id));
      if (!method_.values.contains(transfer.value))
        findings_.add(at + "/value", "GE0343", "the method has no value " + quoted(transfer.value),
                      did_you_mean(transfer.value, method_.values));
      check_end(transfer.from, kInput, inputs, at + "/from");
      check_end(transfer.to, kOutput, outputs, at + "/to");
    }
  }

 private:
  [[nodiscard]] std::string stage_at(std::size_t i) const { return at_ + "/stages/" + std::to_string(i); }

  void check_nodes(const std::vector<std::string>& ids, const std::string& at) {
    for (std::size_t i = 0; i < ids.size(); ++i)
      if (!nodes_.contains(ids[i]))
        findings_.add(at + "/" + std::to_string(i), "GE0343", "the method has no node " + quoted(ids[i]),
                      did_you_mean(ids[i], nodes_));
  }

  void check_stage(const Stage& stage, const std::string& at) {
    check_nodes(stage.nodes, at + "/nodes");
    check_nodes(stage.recomputes, at + "/recomputes");
    for (std::size_t i = 0; i < stage.after.size(); ++i)
      if (!stages_.contains(stage.after[i]))
        findings_.add(at + "/after/" + std::to_string(i), "GE0343",
                      "there is no stage " + quoted(stage.after[i]), did_you_mean(stage.after[i], stages_));
  }

  /// A stage, or "input:NAME"/"output:NAME".
  void check_end(std::string_view end, std::string_view prefix, const Names& ports, std::string at) {
    if (stages_.contains(end)) return;
    if (end.rfind(prefix, 0) != 0) {
      findings_.add(std::move(at), "GE0343", "there is no stage " + quoted(end), did_you_mean(end, stages_));
    } else if (!ports.contains(end.substr(prefix.size()))) {
      const std::string_view name = end.substr(prefix.size());
      findings_.add(
          std::move(at), "GE0343",
          "the method has no " + std::string(prefix.substr(0, prefix.size() - 1)) + " " + quoted(name),
          did_you_mean(name, ports));
    }
  }

  std::string at_;
  const Method& method_;
  const MethodSchedule& schedule_;
  Findings& findings_;
  Names nodes_;
  Names stages_;
};

}  // namespace

void check_schedule_references(const Plan& plan, Findings& findings) {
  if (!plan.schedule) return;
  const Schedule& schedule = *plan.schedule;
  for (const auto& [name, method_schedule] : schedule.methods) {
    const std::string at = "/schedule/methods" + json::pointer_token(name);
    const auto method = plan.methods.find(name);
    if (method == plan.methods.end())
      findings.add(at, "GE0343", "the plan has no method " + quoted(name), did_you_mean(name, plan.methods));
    else
      MethodCheck(at, method->second, method_schedule, findings).run();
  }
  for (const auto& [name, size] : schedule.assumes)
    if (!plan.symbols.contains(name))
      findings.add("/schedule/assumes" + json::pointer_token(name), "GE0343",
                   "there is no symbol " + quoted(name), did_you_mean(name, plan.symbols));
  for (const auto& [name, devices] : schedule.residence.weights)
    if (!plan.weights.contains(name))
      findings.add("/schedule/residence/weights" + json::pointer_token(name), "GE0343",
                   "there is no weight " + quoted(name), did_you_mean(name, plan.weights));
  for (const auto& [name, device] : schedule.residence.states)
    if (!plan.states.contains(name))
      findings.add("/schedule/residence/states" + json::pointer_token(name), "GE0343",
                   "there is no state " + quoted(name), did_you_mean(name, plan.states));
}

}  // namespace genie::plan::detail
