// A policy's answer joined to the plan it answers for.
#include <algorithm>
#include <map>
#include <set>

#include "genie/plan/schedule.hpp"
#include "genie/plan/validate.hpp"
#include "placement.hpp"
#include "sizes.hpp"
#include "transfers.hpp"

namespace genie::plan {

namespace {

using detail::Placement;

class Joiner {
 public:
  Joiner(const Plan& captured, Schedule schedule, const Topology& topology, const Costs& costs)
      : plan_(captured), topology_(topology), costs_(costs) {
    plan_.stage = "scheduled";
    plan_.schedule = std::move(schedule);
  }

  Result<Plan> run() {
    Schedule& schedule = *plan_.schedule;
    schedule.topology = topology_id(topology_);
    schedule.assumes = costs_.assumes;
    check_references();
    if (!problems_.empty()) return std::move(problems_);
    fill_residence();
    for (auto& [name, method] : schedule.methods)
      add_transfers(name, method);
    for (auto& [name, method] : schedule.methods)
      predict(name, method);
    return std::move(plan_);
  }

 private:
  void problem(std::string message, std::string pointer, std::string subject, std::string help) {
    Diagnostic d;
    d.code = "GE0520";
    d.message = std::move(message);
    d.pointer = std::move(pointer);
    d.node = std::move(subject);
    d.help = std::move(help);
    problems_.push_back(std::move(d));
  }

  // What the derivations below would silently drop. Everything else is V4's to judge.
  void check_references() {
    for (auto& [name, method] : plan_.schedule->methods) {
      const std::string pointer = "/schedule/methods" + json::pointer_token(name);
      const auto captured = plan_.methods.find(name);
      if (captured == plan_.methods.end()) {
        problem("the schedule has a method " + name + ", which the plan lacks", pointer, {},
                "schedule only the plan's methods");
        continue;
      }
      detail::Names nodes, stages;
      for (const Node& node : captured->second.nodes)
        nodes.insert(node.id);
      for (std::size_t s = 0; s < method.stages.size(); ++s) {
        Stage& stage = method.stages[s];
        const std::string at = pointer + "/stages/" + std::to_string(s);
        if (!stages.insert(stage.id).second)
          problem("two stages are called " + stage.id, at, stage.id,
                  "give every stage of a method its own id");
        const Device* device = topology_.device(stage.device);
        if (device == nullptr)
          problem("stage " + stage.id + " is on device " + stage.device + ", which the topology lacks",
                  at + "/device", stage.id, "use a device id of the topology: " + device_names());
        else if (stage.kernels.empty() && !device->kernels.empty())
          stage.kernels = device->kernels.front();
        for (const auto* list : {&stage.nodes, &stage.recomputes})
          for (const std::string& node : *list)
            if (!nodes.contains(node))
              problem("stage " + stage.id + " names node " + node + ", which method " + name + " lacks", at,
                      stage.id, "use the plan's node ids");
      }
    }
  }

  std::string device_names() const {
    std::string out;
    for (const Device& device : topology_.devices)
      out += (out.empty() ? "" : ", ") + device.id;
    return out;
  }

  // A policy may leave residence out: weights are needed where they are used, a state lives where it is first used.
  void fill_residence() {
    Residence& residence = plan_.schedule->residence;
    std::set<std::string, std::less<>> given;
    for (const auto& [weight, devices] : residence.weights)
      given.insert(weight);
    for (const auto& [name, method] : plan_.schedule->methods) {
      const Method& captured = plan_.methods.find(name)->second;
      const Placement placement(plan_, captured, method, &residence);
      for (std::size_t s = 0; s < method.stages.size(); ++s) {
        for (const std::string& weight : placement.stages()[s].weights) {
          if (given.contains(weight)) continue;
          std::vector<std::string>& devices = residence.weights[weight];
          if (std::ranges::find(devices, method.stages[s].device) == devices.end())
            devices.push_back(method.stages[s].device);
        }
        for (const std::string& state : placement.stages()[s].states) {
          const std::string root(detail::root_state(plan_, state));
          const auto known = residence.states.try_emplace(root, method.stages[s].device).first;
          residence.states.try_emplace(state, known->second);
        }
      }
    }
    for (auto& [weight, devices] : residence.weights)
      if (!given.contains(weight)) std::ranges::sort(devices);
  }

  void add_transfers(const std::string& name, MethodSchedule& schedule) {
    const Method& method = plan_.methods.find(name)->second;
    const Residence& residence = plan_.schedule->residence;
    const Placement placement(plan_, method, schedule, &residence);
    const Bindings sizes = detail::complete_sizes(plan_, costs_.assumes);
    std::set<std::pair<std::string, std::string>> carried;  // value, device
    detail::Names ids;
    for (Transfer& t : schedule.transfers) {
      ids.insert(t.id);
      carried.emplace(t.value, detail::device_of_end(placement, &residence, t.to));
      if (const std::uint32_t v = placement.index().value(t.value); v != kNone)
        t.size_bytes = detail::bytes_of(placement.index().values()[v].value, sizes);
    }
    std::size_t next = 0;
    for (Transfer& t : detail::implied_transfers(placement, costs_.assumes)) {
      if (!carried.emplace(t.value, detail::device_of_end(placement, &residence, t.to)).second) continue;
      do
        t.id = "t" + std::to_string(next++);
      while (ids.contains(t.id));
      schedule.transfers.push_back(std::move(t));
    }
    apply_priorities(name, placement.index(), schedule);
  }

  // A priority hint on a node sets the class of the transfers of what it makes.
  void apply_priorities(const std::string& name, const GraphIndex& index, MethodSchedule& schedule) {
    for (const Constraint& constraint : plan_.constraints) {
      if (constraint.kind != "priority" || constraint.value.empty()) continue;
      const Result<Selection> chosen = select(plan_, constraint.select);
      if (!chosen) continue;  // V5 reports it
      for (Transfer& t : schedule.transfers) {
        const std::uint32_t v = index.value(t.value);
        if (v == kNone || index.values()[v].producer == kNone) continue;
        const std::string& node = index.graph().nodes[index.values()[v].producer].id;
        if (std::ranges::find(chosen->nodes, std::pair{name, node}) != chosen->nodes.end())
          t.klass = constraint.value;
      }
    }
  }

  void predict(const std::string& name, MethodSchedule& schedule) {
    schedule.predicted.reset();
    Result<Timeline> timeline = simulate(plan_, name, topology_, costs_);
    if (!timeline) return;  // V4 says why it cannot run
    for (Transfer& t : schedule.transfers)
      if (const auto slack = timeline->slack_ns.find(t.id); slack != timeline->slack_ns.end())
        t.slack_ns = slack->second;
    schedule.predicted = std::move(timeline->predicted);
  }

  Plan plan_;
  const Topology& topology_;
  const Costs& costs_;
  Diagnostics problems_;
};

}  // namespace

Result<Plan> join_schedule(const Plan& captured, Schedule schedule, const Topology& topology,
                           const Costs& costs) {
  return Joiner(captured, std::move(schedule), topology, costs).run();
}

}  // namespace genie::plan
