// V5: hard constraints are honoured.
#include <algorithm>
#include <map>
#include <set>

#include "genie/plan/json.hpp"
#include "genie/plan/schedule.hpp"
#include "memory.hpp"
#include "messages.hpp"
#include "placement.hpp"
#include "validate_internal.hpp"

namespace genie::plan::detail {

namespace {

/// Something a selector matched, and the devices it is on.
struct Placed {
  std::string what;  ///< "node n4", "state k0", "weight w"
  const Node* node = nullptr;
  std::vector<std::string> devices;
};

class Constraints {
 public:
  Constraints(const Plan& plan, const Topology& topology, Diagnostics& into)
      : plan_(plan), topology_(topology), into_(into) {
    for (const auto& [name, schedule] : plan.schedule->methods)
      for (const Stage& stage : schedule.stages) {
        for (const std::string& id : stage.nodes)
          homes_[{name, id}].insert(homes_[{name, id}].begin(), stage.device);
        for (const std::string& id : stage.recomputes)
          homes_[{name, id}].push_back(stage.device);
      }
    for (const auto& [name, method] : plan.methods)
      for (const Node& node : method.nodes)
        nodes_[{name, node.id}] = &node;
  }

  void check(const Constraint& constraint, const std::string& pointer) {
    if (constraint.strength != "hard") return;
    constraint_ = &constraint;
    // "run.json#/hints/0": the document and the place in it.
    const std::size_t hash = constraint.origin.find('#');
    file_ = hash == std::string::npos ? std::string() : constraint.origin.substr(0, hash);
    pointer_ = hash == std::string::npos ? pointer : constraint.origin.substr(hash + 1);
    if (!constraint.device.empty() && topology_.device(constraint.device) == nullptr)
      return problem("GE0539", "device " + constraint.device + " is not in the topology", nullptr,
                     "use one of its devices");
    if (constraint.kind == "budget") return check_budget();
    if (constraint.select.empty()) return;
    const Result<Selection> selection = select(plan_, constraint.select);
    if (!selection) {
      for (Diagnostic d : selection.errors()) {
        d.message = label() + ": " + d.message;
        d.file = file_;
        d.pointer = pointer_;
        into_.push_back(std::move(d));
      }
      return;
    }
    const std::vector<Placed> placed = places_of(*selection);
    if (constraint.kind == "pin") check_pin(placed);
    if (constraint.kind == "forbid") check_forbid(placed);
    if (constraint.kind == "colocate") check_colocate(placed);
    if (constraint.kind == "separate") check_separate(placed);
    if (constraint.kind == "replicate") check_replicate(placed);
    if (constraint.kind == "recompute" && constraint.value == "never") check_never_recomputed(*selection);
  }

 private:
  std::string label() const {
    return constraint_->kind + (constraint_->id.empty() ? "" : " " + constraint_->id) +
           (constraint_->select.empty() ? "" : " (" + constraint_->select + ")");
  }

  void problem(const std::string& code, const std::string& message, const Node* node, std::string help) {
    Diagnostic d;
    if (node != nullptr) d = node_diagnostic(*node, code, "", "");
    d.code = code;
    d.message = label() + ": " + message;
    d.file = file_;
    d.pointer = pointer_;
    d.help = std::move(help);
    into_.push_back(std::move(d));
  }

  std::vector<Placed> places_of(const Selection& selection) const {
    std::vector<Placed> out;
    for (const auto& key : selection.nodes) {
      const auto home = homes_.find(key);
      out.push_back({"node " + key.second, nodes_.find(key)->second,
                     home == homes_.end() ? std::vector<std::string>{} : home->second});
    }
    for (const std::string& state : selection.states) {
      auto at = plan_.schedule->residence.states.find(state);
      if (at == plan_.schedule->residence.states.end())
        at = plan_.schedule->residence.states.find(root_state(plan_, state));
      if (at != plan_.schedule->residence.states.end())
        out.push_back({"state " + state, nullptr, {at->second}});
    }
    for (const std::string& weight : selection.weights)
      if (const auto at = plan_.schedule->residence.weights.find(weight);
          at != plan_.schedule->residence.weights.end())
        out.push_back({"weight " + weight, nullptr, at->second});
    return out;
  }

  // One finding a constraint: the first offender and how many there are.
  void report(const std::string& code, const std::vector<const Placed*>& offenders, const std::string& tail,
              const std::string& help) {
    if (offenders.empty()) return;
    const std::string more =
        offenders.size() == 1 ? "" : " (and " + std::to_string(offenders.size() - 1) + " more)";
    problem(code, offenders.front()->what + more + tail, offenders.front()->node, help);
  }

  void check_pin(const std::vector<Placed>& placed) {
    std::vector<const Placed*> offenders;
    for (const Placed& p : placed)
      if (p.what.starts_with("weight ") ? std::ranges::find(p.devices, constraint_->device) == p.devices.end()
                                        : p.devices.empty() || p.devices.front() != constraint_->device)
        offenders.push_back(&p);
    if (offenders.empty()) return;
    const std::string where =
        offenders.front()->devices.empty() ? "nowhere" : "on " + offenders.front()->devices.front();
    report("GE0530", offenders, " is " + where + ", not on " + constraint_->device,
           "place it on " + constraint_->device + ", or make the hint soft");
  }

  void check_forbid(const std::vector<Placed>& placed) {
    std::vector<const Placed*> offenders;
    for (const Placed& p : placed)
      if (std::ranges::find(p.devices, constraint_->device) != p.devices.end()) offenders.push_back(&p);
    report("GE0531", offenders, " is on " + constraint_->device, "place it elsewhere, or make the hint soft");
  }

  void check_colocate(const std::vector<Placed>& placed) {
    std::vector<const Placed*> offenders;
    for (const Placed& p : placed)
      if (!p.devices.empty() && !placed.front().devices.empty() &&
          p.devices.front() != placed.front().devices.front())
        offenders.push_back(&p);
    if (offenders.empty()) return;
    report("GE0532", offenders,
           " is on " + offenders.front()->devices.front() + " and " + placed.front().what + " on " +
               placed.front().devices.front(),
           "place all of it on one device, or make the hint soft");
  }

  // What must be apart: the modules that the selector's last segment tells apart; else each thing by itself.
  std::string group_of(const Placed& placed) const {
    if (placed.node == nullptr || constraint_->select.find(':') != std::string::npos) return placed.what;
    const auto depth = static_cast<std::size_t>(std::ranges::count(constraint_->select, '.')) + 1;
    if (constraint_->select.find("**") != std::string::npos) return placed.node->scope;
    std::size_t end = 0;
    for (std::size_t i = 0; i < depth && end != std::string::npos; ++i)
      end = placed.node->scope.find('.', end + (i == 0 ? 0 : 1));
    return "module " + placed.node->scope.substr(0, end);
  }

  void check_separate(const std::vector<Placed>& placed) {
    std::map<std::string, std::pair<std::string, const Placed*>> owner;  // device → group, one of its members
    std::set<std::pair<std::string, std::string>> told;
    for (const Placed& p : placed) {
      const std::string group = group_of(p);
      for (const std::string& device : p.devices) {
        const auto [at, fresh] = owner.emplace(device, std::pair{group, &p});
        if (fresh || at->second.first == group || !told.emplace(at->second.first, group).second) continue;
        problem("GE0533", at->second.first + " and " + group + " are both on " + device, p.node,
                "place them on different devices, or make the hint soft");
      }
    }
  }

  // What a plan says it needs is not believed: a person may have edited it.
  void check_budget() {
    if (!constraint_->bytes) return;
    if (!costs_) costs_ = model_costs(plan_, topology_, plan_.schedule->assumes);
    for (const auto& [name, method] : plan_.methods) {
      const Result<Timeline> timeline = simulate(plan_, name, topology_, *costs_);
      if (!timeline) continue;  // V4 found that it runs
      const auto peak = timeline->predicted.peak_bytes.find(constraint_->device);
      if (peak == timeline->predicted.peak_bytes.end() || peak->second <= *constraint_->bytes) continue;
      problem("GE0534",
              "method " + name + " needs " + bytes_text(peak->second) + " of " + constraint_->device +
                  ", the budget is " + bytes_text(*constraint_->bytes),
              nullptr,
              "move " + bytes_text(peak->second - *constraint_->bytes) + " elsewhere, or raise the budget");
    }
  }

  void check_replicate(const std::vector<Placed>& placed) {
    std::vector<const Placed*> offenders;
    for (const Placed& p : placed)
      if (p.what.starts_with("weight ") && p.devices.size() < topology_.devices.size())
        offenders.push_back(&p);
    report("GE0536", offenders, " is not on every device",
           "add the other devices to its residence, or make the hint soft");
  }

  void check_never_recomputed(const Selection& selection) {
    const std::set<std::pair<std::string, std::string>> chosen(selection.nodes.begin(),
                                                               selection.nodes.end());
    for (const auto& [name, schedule] : plan_.schedule->methods)
      for (const Stage& stage : schedule.stages)
        for (const std::string& id : stage.recomputes)
          if (chosen.contains({name, id}))
            problem("GE0535", "stage " + stage.id + " recomputes node " + id,
                    nodes_.find(std::pair{name, id})->second, "remove it from the stage's \"recomputes\"");
  }

  const Plan& plan_;
  const Topology& topology_;
  Diagnostics& into_;
  std::map<std::pair<std::string, std::string>, std::vector<std::string>> homes_;  // own stage's device first
  std::map<std::pair<std::string, std::string>, const Node*> nodes_;
  std::optional<Costs> costs_;
  const Constraint* constraint_ = nullptr;
  std::string file_;
  std::string pointer_;
};

}  // namespace

void check_constraints(const Plan& plan, const Topology& topology, const std::vector<Constraint>* hints,
                       Diagnostics& into) {
  Constraints constraints(plan, topology, into);
  for (std::size_t i = 0; i < plan.constraints.size(); ++i)
    constraints.check(plan.constraints[i], "/constraints/" + std::to_string(i));
  if (hints == nullptr) return;
  for (std::size_t i = 0; i < hints->size(); ++i)
    constraints.check((*hints)[i], "/" + std::to_string(i));
}

}  // namespace genie::plan::detail
