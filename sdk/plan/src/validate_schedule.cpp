// V4: the schedule can run on the topology.
#include <algorithm>
#include <map>

#include "genie/plan/opset.hpp"
#include "genie/plan/schedule.hpp"
#include "memory.hpp"
#include "messages.hpp"
#include "network.hpp"
#include "op_lookup.hpp"
#include "placement.hpp"
#include "transfers.hpp"
#include "validate_internal.hpp"

namespace genie::plan::detail {

namespace {

/// A code's findings beyond this many in one method are counted, not listed.
constexpr std::size_t kListed = 20;

class MethodCheck {
 public:
  MethodCheck(const Plan& plan, const std::string& name, const Method& method, const MethodSchedule& schedule,
              const Topology& topology, Network& network, Diagnostics& into)
      : plan_(plan),
        name_(name),
        method_(method),
        schedule_(schedule),
        residence_(plan.schedule->residence),
        topology_(topology),
        network_(network),
        ops_(plan),
        placement_(plan, method, schedule, &plan.schedule->residence),
        into_(into) {}

  void run() {
    check_cover();
    // On a device that does not exist everything else would be wrong too.
    if (counts_.contains("GE0503")) return summarise();
    for (std::uint32_t s = 0; s < schedule_.stages.size(); ++s) {
      check_kernels(s);
      check_order(s);
      check_recomputes(s);
      check_residence(s);
    }
    check_transfers();
    check_storage();
    check_micro_batches();
    for (const StateWrite* write : placement_.orphan_writes())
      stage_problem("GE0518",
                    "state " + write->state + " takes value " + write->value +
                        ", but no stage on its device " + owner(write->state) +
                        " uses the state or makes the value",
                    pointer() + "/stages", {},
                    "let the state live where the value is made, or where the state is read");
    summarise();
  }

 private:
  /// States are one for a session: a second micro-batch must not meet what the first leaves in them.
  void check_micro_batches() {
    if (schedule_.micro_batches <= 1) return;
    if (!writes_states(placement_.index(), placement_.method())) return;
    stage_problem("GE0522",
                  "method " + name_ + " writes states and is scheduled for " +
                      std::to_string(schedule_.micro_batches) + " micro-batches",
                  pointer() + "/micro_batches", {},
                  "leave micro_batches out; for several requests at once, open a session for each");
  }

  std::string pointer() const { return "/schedule/methods" + json::pointer_token(name_); }
  std::string pointer(std::uint32_t stage) const { return pointer() + "/stages/" + std::to_string(stage); }
  const Stage& stage(std::uint32_t s) const { return schedule_.stages[s]; }
  const Node& node(std::uint32_t n) const { return method_.nodes[n]; }
  const std::string& node_id(std::uint32_t n) const { return method_.nodes[n].id; }

  bool listed(const std::string& code) { return ++counts_[code] <= kListed; }

  void stage_problem(const std::string& code, std::string message, std::string where, std::string subject,
                     std::string help) {
    if (!listed(code)) return;
    Diagnostic d;
    d.code = code;
    d.message = std::move(message);
    d.pointer = std::move(where);
    d.node = std::move(subject);
    d.help = std::move(help);
    into_.push_back(std::move(d));
  }
  void node_problem(const std::string& code, std::uint32_t n, std::string message, std::string where,
                    std::string help) {
    if (!listed(code)) return;
    into_.push_back(node_diagnostic(node(n), code, std::move(message), std::move(where), std::move(help)));
  }

  void summarise() {
    for (const auto& [code, count] : counts_) {
      if (count <= kListed) continue;
      Diagnostic d;
      d.code = code;
      d.message = "and " + std::to_string(count - kListed) + " more of these in method " + name_;
      d.pointer = pointer();
      d.help = "the first " + std::to_string(kListed) + " are listed above";
      into_.push_back(std::move(d));
    }
  }

  // Every node exactly once.
  void check_cover() {
    std::vector<std::uint32_t> places(method_.nodes.size(), 0);
    for (std::uint32_t s = 0; s < schedule_.stages.size(); ++s) {
      if (topology_.device(stage(s).device) == nullptr)
        stage_problem(
            "GE0503",
            "stage " + stage(s).id + " is on device " + stage(s).device + ", which the topology lacks",
            pointer(s) + "/device", stage(s).id,
            "use one of its devices, or run against the topology that has it");
      for (const std::string& id : stage(s).nodes) {
        const std::uint32_t n = placement_.index().node(id);
        if (n != kNone && ++places[n] == 2)
          node_problem(
              "GE0502", n,
              "node " + id + " is in stage " + stage(placement_.home(n)).id + " and again in " + stage(s).id,
              pointer(s) + "/nodes", "keep it in one; \"recomputes\" lists nodes that run a second time");
      }
    }
    for (std::uint32_t n = 0; n < places.size(); ++n)
      if (places[n] == 0)
        node_problem("GE0501", n, "node " + node_id(n) + " (" + node(n).op + ") is in no stage",
                     pointer() + "/stages", "add it to a stage");
  }

  void check_kernels(std::uint32_t s) {
    const Device* device = topology_.device(stage(s).device);
    if (device == nullptr) return;
    if (std::ranges::find(device->kernels, stage(s).kernels) == device->kernels.end()) {
      stage_problem("GE0512",
                    "stage " + stage(s).id + " wants kernels " + quoted(stage(s).kernels) +
                        ", which device " + device->id + " does not offer",
                    pointer(s) + "/kernels", stage(s).id,
                    device->kernels.empty() ? "give the device kernels in the topology"
                                            : "it offers " + joined(device->kernels));
      return;
    }
    const auto info = topology_.kernels.find(stage(s).kernels);
    if (info == topology_.kernels.end()) return;
    const KernelsInfo& kernels = info->second;
    if (!kernels.kinds.empty() && std::ranges::find(kernels.kinds, device->kind) == kernels.kinds.end())
      stage_problem("GE0512",
                    "kernels " + stage(s).kernels + " compute on " + joined(kernels.kinds) + "; device " +
                        device->id + " is a " + device->kind,
                    pointer(s) + "/kernels", stage(s).id, "choose other kernels for the stage");
    for (const std::uint32_t n : placement_.stages()[s].nodes) {
      if (kernels.ops && std::ranges::find(*kernels.ops, node(n).op) == kernels.ops->end())
        node_problem(
            "GE0513", n,
            "kernels " + stage(s).kernels + " on device " + device->id + " do not compute " + node(n).op,
            pointer(s) + "/kernels", "place the node on a device whose kernels compute it");
      check_dtypes(s, n, kernels);
    }
  }

  void check_dtypes(std::uint32_t s, std::uint32_t n, const KernelsInfo& kernels) {
    if (kernels.dtypes.empty()) return;
    const auto check = [&](const std::string& what, DType dtype) {
      if (std::ranges::find(kernels.dtypes, dtype) != kernels.dtypes.end()) return false;
      node_problem("GE0514", n,
                   "kernels " + stage(s).kernels + " do not know " + std::string(name(dtype)) +
                       ", the dtype of " + what,
                   pointer(s) + "/kernels", "place the node on a device whose kernels know it");
      return true;
    };
    for (const GraphIndex::Numbers list : {placement_.index().reads(n), placement_.index().makes(n)})
      for (const std::uint32_t v : list)
        if (v != kNone)
          if (const Value* value = placement_.index().values()[v].value;
              value != nullptr && check("value " + placement_.id(v), value->dtype))
            return;
    const Resources used = resources_of(method_, node(n));
    for (const std::string& w : used.weights)
      if (const auto at = plan_.weights.find(w);
          at != plan_.weights.end() && check("weight " + w, at->second.dtype))
        return;
  }

  // Inside a stage, and between stages of one device, what is needed comes first. Between devices the simulator decides.
  void check_order(std::uint32_t s) {
    std::map<std::uint32_t, std::size_t> position;
    const std::vector<std::uint32_t>& nodes = placement_.stages()[s].nodes;
    for (std::size_t i = 0; i < nodes.size(); ++i)
      position.emplace(nodes[i], i);
    for (std::size_t i = 0; i < nodes.size(); ++i)
      for (const std::uint32_t before : placement_.index().predecessors(nodes[i])) {
        const auto inside = position.find(before);
        if (inside != position.end()) {
          if (inside->second > i)
            node_problem("GE0504", nodes[i],
                         "in stage " + stage(s).id + " node " + node_id(nodes[i]) + " runs before " +
                             node_id(before) + ", which it needs",
                         pointer(s) + "/nodes", "list " + node_id(before) + " first");
          continue;
        }
        const std::uint32_t home = placement_.home(before);
        if (home != kNone && home > s && stage(home).device == stage(s).device)
          node_problem("GE0505", nodes[i],
                       "stage " + stage(s).id + " runs on " + stage(s).device + " before stage " +
                           stage(home).id + ", whose node " + node_id(before) + " it needs",
                       pointer(s), "list stage " + stage(home).id + " first");
      }
  }

  void check_recomputes(std::uint32_t s) {
    for (const std::string& id : stage(s).recomputes) {
      const std::uint32_t n = placement_.index().node(id);
      if (n == kNone) continue;
      if (placement_.home(n) == s) {
        node_problem("GE0506", n, "stage " + stage(s).id + " computes node " + id + " and recomputes it",
                     pointer(s) + "/recomputes", "list it once");
        continue;
      }
      const OpSchema* schema = ops_.find(node(n).op);
      const bool pure = node(n).effects == "pure" && node(n).mutates.empty() &&
                        (schema == nullptr || (!schema->random && !schema->mutates()));
      if (!pure)
        node_problem("GE0506", n,
                     "stage " + stage(s).id + " recomputes node " + id + " (" + node(n).op +
                         "), which does not give the same result twice",
                     pointer(s) + "/recomputes", "move its value instead of computing it again");
    }
  }

  std::string owner(std::string_view state) const {
    auto at = residence_.states.find(state);
    if (at == residence_.states.end()) at = residence_.states.find(root_state(plan_, state));
    return at == residence_.states.end() ? std::string() : at->second;
  }

  void check_residence(std::uint32_t s) {
    const std::string& device = stage(s).device;
    for (const std::string& weight : placement_.stages()[s].weights) {
      const auto at = residence_.weights.find(weight);
      if (at == residence_.weights.end() || std::ranges::find(at->second, device) == at->second.end())
        stage_problem("GE0517",
                      "stage " + stage(s).id + " on " + device + " reads weight " + weight +
                          ", which is not resident there",
                      "/schedule/residence/weights" + json::pointer_token(weight), stage(s).id,
                      "add " + device + " to its devices");
    }
    for (const std::string& state : placement_.stages()[s].states) {
      const std::string lives = owner(state);
      if (lives != device)
        stage_problem("GE0516",
                      "stage " + stage(s).id + " on " + device + " uses state " + state + ", which " +
                          (lives.empty() ? "has no residence" : "lives on " + lives),
                      "/schedule/residence/states" + json::pointer_token(state), stage(s).id,
                      "a state has one home: place everything that uses it there");
    }
  }

  void check_transfers() {
    std::map<std::string_view, std::uint32_t> numbers;
    for (std::uint32_t s = 0; s < schedule_.stages.size(); ++s)
      numbers.emplace(stage(s).id, s);
    std::set<std::pair<std::string, std::string>> carried;
    for (std::size_t t = 0; t < schedule_.transfers.size(); ++t)
      check_transfer(t, numbers, carried);
    for (const Transfer& wanted : implied_transfers(placement_, plan_.schedule->assumes)) {
      const std::string_view to = device_of_end(placement_, &residence_, wanted.to);
      if (!carried.contains({wanted.value, std::string(to)}))
        stage_problem("GE0508",
                      "no transfer brings " + wanted.value + " from " + wanted.from + " to " + wanted.to +
                          (to.empty() ? "" : " on " + std::string(to)),
                      pointer() + "/transfers", wanted.to,
                      "add it, or schedule anew with --reschedule, which derives them all");
    }
  }

  void check_transfer(std::size_t t, const std::map<std::string_view, std::uint32_t>& numbers,
                      std::set<std::pair<std::string, std::string>>& carried) {
    const Transfer& transfer = schedule_.transfers[t];
    const std::string where = pointer() + "/transfers/" + std::to_string(t);
    const auto wrong = [&](const std::string& why) {
      stage_problem("GE0509",
                    "transfer " + transfer.id + " of " + transfer.value + " from " + transfer.from + " to " +
                        transfer.to + ": " + why,
                    where, transfer.id, "remove it; the host derives the transfers that the stages need");
    };
    const std::uint32_t v = placement_.index().value(transfer.value);
    const std::string_view from = device_of_end(placement_, &residence_, transfer.from);
    const std::string_view to = device_of_end(placement_, &residence_, transfer.to);
    if (const auto maker = numbers.find(transfer.from); maker != numbers.end()) {
      if (v == kNone || placement_.maker(v) != maker->second)
        return wrong(transfer.from + " does not make it");
    } else if (transfer.from.starts_with("input:")) {
      const std::uint32_t input = v == kNone ? kNone : placement_.index().values()[v].input;
      if (input == kNone || method_.inputs[input].name != transfer.from.substr(6))
        return wrong("it is not that input");
    }
    if (const auto taker = numbers.find(transfer.to); taker != numbers.end()) {
      if (v == kNone || std::ranges::find(placement_.stages()[taker->second].inputs, v) ==
                            placement_.stages()[taker->second].inputs.end())
        return wrong(transfer.to + " does not take it");
      if (from == to) return wrong("both ends are on " + std::string(to));
    } else if (transfer.to.starts_with("output:")) {
      const auto port = std::ranges::find(method_.outputs, transfer.to.substr(7), &Port::name);
      const Arg value{arg::Value{transfer.value}};
      const Arg state =
          transfer.value.starts_with("state:") ? Arg{arg::State{transfer.value.substr(6)}} : value;
      if (port == method_.outputs.end() || !(port->value == value || port->value == state))
        return wrong("it is not that output");
    }
    if (!carried.emplace(transfer.value, std::string(to)).second)
      return wrong("another transfer brings it there already");
    if (!network_.path(from, to).ok)
      stage_problem("GE0510",
                    "nothing connects " + (from.empty() ? "the client" : std::string(from)) + " to " +
                        (to.empty() ? "the client" : std::string(to)) + ", which transfer " + transfer.id +
                        " of " + transfer.value + " needs",
                    where, transfer.id, "add a link to the topology, or place both ends where a link exists");
  }

  /// Follows alias_of to the start.
  std::string root(std::string id) const {
    for (std::size_t steps = 0; steps <= method_.values.size(); ++steps) {
      const auto value = method_.values.find(id);
      if (value == method_.values.end() || value->second.alias_of.empty()) break;
      id = value->second.alias_of;
    }
    if (id.starts_with("state:"))
      return "state:" + std::string(root_state(plan_, std::string_view(id).substr(6)));
    return id;
  }

  // Storage that something writes to exists once: all that touch it share a device.
  void check_storage() {
    std::map<std::string, std::uint32_t> written;  // root → a node that writes
    for (std::uint32_t n = 0; n < method_.nodes.size(); ++n)
      for (const std::string& id : node(n).mutates)
        written.emplace(root(id), n);
    if (written.empty()) return;
    std::map<std::string, std::uint32_t> first;  // root → the first node seen
    const auto touch = [&](const std::string& storage, std::uint32_t n) {
      const auto writer = written.find(storage);
      const std::uint32_t home = placement_.home(n);
      if (writer == written.end() || home == kNone) return;
      const auto [seen, fresh] = first.emplace(storage, n);
      const std::uint32_t other = placement_.home(seen->second);
      if (fresh || stage(home).device == stage(other).device) return;
      node_problem("GE0515", n,
                   "node " + node_id(n) + " on " + stage(home).device + " and node " + node_id(seen->second) +
                       " on " + stage(other).device + " share the storage of " + storage + ", which node " +
                       node_id(writer->second) + " writes to in place",
                   pointer(home) + "/device", "place both on one device");
    };
    for (std::uint32_t n = 0; n < method_.nodes.size(); ++n) {
      for (const GraphIndex::Numbers list : {placement_.index().reads(n), placement_.index().makes(n)})
        for (const std::uint32_t v : list)
          if (v != kNone) touch(root(placement_.id(v)), n);
      for (const std::string& state : resources_of(method_, node(n)).states)
        touch(root("state:" + state), n);
    }
  }

  const Plan& plan_;
  const std::string& name_;
  const Method& method_;
  const MethodSchedule& schedule_;
  const Residence& residence_;
  const Topology& topology_;
  Network& network_;
  OpLookup ops_;
  Placement placement_;
  Diagnostics& into_;
  std::map<std::string, std::size_t> counts_;
};

void check_residence_devices(const Plan& plan, const Topology& topology, Diagnostics& into) {
  const auto check = [&](const std::string& what, const std::string& device, const std::string& pointer) {
    if (topology.device(device) != nullptr) return;
    Diagnostic d;
    d.code = "GE0503";
    d.message = what + " is resident on device " + device + ", which the topology lacks";
    d.pointer = pointer;
    d.help = "use one of its devices, or run against the topology that has it";
    into.push_back(std::move(d));
  };
  for (const auto& [weight, devices] : plan.schedule->residence.weights)
    for (const std::string& device : devices)
      check("weight " + weight, device, "/schedule/residence/weights" + json::pointer_token(weight));
  for (const auto& [state, device] : plan.schedule->residence.states)
    check("state " + state, device, "/schedule/residence/states" + json::pointer_token(state));
}

}  // namespace

void check_schedule(const Plan& plan, const Topology& topology, Diagnostics& into) {
  const std::size_t before = into.size();
  if (const std::string id = topology_id(topology); plan.schedule->topology != id) {
    Diagnostic d;
    d.code = "GE0519";
    d.message = "the plan was scheduled for topology " + shortened(plan.schedule->topology) + "; this is " +
                shortened(id);
    d.pointer = "/schedule/topology";
    d.help = "run against that topology, or schedule anew (--reschedule)";
    into.push_back(std::move(d));
  }
  check_residence_devices(plan, topology, into);
  Network network(topology);
  for (const auto& [name, method] : plan.methods) {
    const auto schedule = plan.schedule->methods.find(name);
    if (schedule == plan.schedule->methods.end()) {
      Diagnostic d;
      d.code = "GE0521";
      d.message = "method " + name + " has no schedule";
      d.pointer = "/schedule/methods";
      d.help = "schedule every method of the plan";
      into.push_back(std::move(d));
      continue;
    }
    MethodCheck(plan, name, method, schedule->second, topology, network, into).run();
  }
  if (into.size() != before) return;
  // Only a schedule that is sound can be run in thought: for deadlocks between devices, and for memory.
  const Costs costs = model_costs(plan, topology, plan.schedule->assumes);
  for (const auto& [name, method] : plan.methods) {
    Result<Timeline> timeline = simulate(plan, name, topology, costs);
    Diagnostics found = timeline ? memory_problems(plan, topology, name, plan.schedule->assumes,
                                                   timeline->predicted.peak_bytes)
                                 : std::move(timeline).errors();
    into.insert(into.end(), std::make_move_iterator(found.begin()), std::make_move_iterator(found.end()));
  }
}

}  // namespace genie::plan::detail
