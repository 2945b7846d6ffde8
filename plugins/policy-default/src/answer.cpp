#include "answer.hpp"

#include <algorithm>
#include <set>

#include "options.hpp"

namespace genie::policy {

namespace {

using plan::Alternative;
using plan::Decision;

/// Nodes simulated for the sake of alternatives' predictions; beyond, alternatives go without a number.
constexpr std::uint64_t kAlternativeWork = 60'000;

std::string milliseconds(std::uint64_t ns) {
  char text[48];
  std::snprintf(text, sizeof text, "%.3f ms", static_cast<double>(ns) / 1e6);
  return text;
}

class Decisions {
 public:
  Decisions(const Question& question, const Placed& placed, const plan::Plan& joined)
      : q_(question), p_(*question.problem), placed_(placed), joined_(joined) {}

  std::vector<Decision> all() {
    for (std::size_t m = 0; m < p_.methods.size(); ++m)
      for (std::size_t s = 0; s < placed_.stages[m].size(); ++s)
        out_.push_back(of_stage(m, s));
    for (Index s = 0; s < p_.states.size(); ++s)
      out_.push_back(of_state(s));
    copies_of_weights();
    if (q_.goal.objective == Objective::throughput)
      for (std::size_t m = 0; m < p_.methods.size(); ++m)
        out_.push_back(of_micro_batches(m));
    for (const Rule* rule : q_.dropped)
      out_.push_back(dropped(*rule));
    for (const Rule* rule : q_.rules)
      if (rule->kind == Rule::Kind::other) out_.push_back(not_a_placement(*rule));
    return std::move(out_);
  }

 private:
  const plan::MethodSchedule& schedule(std::size_t m) const {
    return joined_.schedule->methods.find(*p_.methods[m].name)->second;
  }

  Decision of_stage(std::size_t m, std::size_t s) {
    const MethodGraph& method = p_.methods[m];
    const StageNodes& stage = placed_.stages[m][s];
    Decision d;
    d.subject = schedule(m).stages[s].id;
    d.chose = p_.device_id(stage.device);
    for (const Rule* rule : q_.rules)
      if (honours(*rule, method, stage)) d.honours.push_back(rule->constraint.id);
    bool hint = false, kernels = false, capacity = false;
    for (std::size_t device = 0; device < p_.device_count; ++device) {
      if (device == stage.device || p_.device_count > kMaxSearched) continue;
      d.alternatives.push_back(alternative(m, stage, static_cast<DeviceNumber>(device)));
      const std::string& refused = d.alternatives.back().refused;
      hint = hint || refused.starts_with("hint:");
      kernels = kernels || refused == "kernels";
      capacity = capacity || refused == "capacity";
    }
    if (p_.device_count > kMaxSearched) {
      // Device by device, in the order of the document: no alternatives were weighed.
      d.because = d.honours.empty() ? "memory" : "hint";
      d.detail = describe(m, stage);
      return d;
    }
    d.because = p_.device_count == 1 ? "only-device"
                : hint               ? "hint"
                : capacity           ? "memory"
                : kernels            ? "kernels"
                                     : name_of_objective();
    d.detail = describe(m, stage);
    return d;
  }

  std::string name_of_objective() const {
    return q_.goal.objective == Objective::latency ? "makespan" : std::string(name(q_.goal.objective));
  }

  bool honours(const Rule& rule, const MethodGraph& method, const StageNodes& stage) const {
    if (rule.kind == Rule::Kind::other || rule.constraint.id.empty()) return false;
    if (rule.kind == Rule::Kind::budget) return rule.device == stage.device;
    return std::ranges::any_of(
        stage.nodes, [&](Index n) { return std::ranges::binary_search(rule.nodes, method.global(n)); });
  }

  std::string describe(std::size_t m, const StageNodes& stage) const {
    std::set<Index> blobs;
    std::set<Index> states;
    std::uint64_t work = 0;
    for (const Index n : stage.nodes) {
      const Index g = p_.methods[m].global(n);
      blobs.insert(p_.node_blobs[g].begin(), p_.node_blobs[g].end());
      states.insert(p_.node_states[g].begin(), p_.node_states[g].end());
      work += p_.node_cost(g, stage.device);
    }
    std::uint64_t bytes = 0;
    for (const Index b : blobs)
      bytes += p_.blobs[b].bytes;
    std::string text = std::to_string(stage.nodes.size()) + (stage.nodes.size() == 1 ? " node" : " nodes") +
                       ", " + milliseconds(work) + " of work";
    if (bytes != 0) text += ", " + bytes_text(bytes) + " of weights";
    if (!states.empty())
      text += ", " + std::to_string(states.size()) + (states.size() == 1 ? " state" : " states");
    if (const auto& predicted = schedule(m).predicted)
      if (const auto peak = predicted->peak_bytes.find(p_.device_id(stage.device));
          peak != predicted->peak_bytes.end())
        text += "; " + p_.device_id(stage.device) + " then holds at most " + bytes_text(peak->second) +
                " of " + bytes_text(p_.memory[stage.device]);
    return text;
  }

  /// What would have been, had the stage gone to another device with all that must stay with it.
  Alternative alternative(std::size_t m, const StageNodes& stage, DeviceNumber device) {
    const MethodGraph& method = p_.methods[m];
    Alternative a;
    a.device = p_.device_id(device);
    Assignment changed = placed_.assignments[m];
    for (const Index n : stage.nodes)
      for (const Index g : placed_.units.members[placed_.units.of_node[method.global(n)]]) {
        if (a.refused = refusal(p_, q_.rules, g, device); !a.refused.empty()) {
          a.detail = "node " + p_.node(g).id +
                     (a.refused == "kernels" ? " has no kernels there" : " may not run there");
          return a;
        }
        if (g >= method.first && g < method.first + method.count) changed[g - method.first] = device;
      }
    Resident others = replicas_under(p_, q_.rules);
    for (std::size_t i = 0; i < p_.methods.size(); ++i) {
      if (i == m) continue;
      make_resident(p_, p_.methods[i], placed_.assignments[i], std::vector<std::uint64_t>(p_.device_count, 0),
                    others);
    }
    Estimator estimator(p_, method, others);
    std::vector<StageNodes> stages = form_stages(p_, method, changed, false);
    const Estimate& estimate = estimator.of_stages(stages);
    const std::vector<std::uint64_t> memory = memory_under(p_, q_.rules);
    if (estimate.needs(device) > memory[device]) {
      a.refused = "capacity";
      a.detail = a.device + " would need " + bytes_text(estimate.needs(device)) + " and has " +
                 bytes_text(memory[device]);
      return a;
    }
    if (!estimate.reachable) {
      a.refused = "unreachable";
      a.detail = "no link leads there";
      return a;
    }
    if (work_ + method.count > kAlternativeWork) return a;
    work_ += method.count;
    Placed other = placed_;
    other.assignments[m] = std::move(changed);
    other.stages[m] = std::move(stages);
    auto joined = plan::join_schedule(*p_.plan, make_schedule(q_, other), *p_.topology, *q_.costs);
    if (!joined) return a;
    const auto& predicted = joined->schedule->methods.find(*method.name)->second.predicted;
    if (predicted) {
      a.makespan_ns = predicted->makespan_ns;
      if (const auto& chosen = schedule(m).predicted)
        a.detail = milliseconds(predicted->makespan_ns) + " instead of " + milliseconds(chosen->makespan_ns);
    }
    return a;
  }

  Decision of_state(Index state) const {
    Decision d;
    d.subject = std::string(p_.states[state].name);
    d.chose = p_.device_id(placed_.resident.states[state]);
    d.because = "colocation";
    d.detail =
        "a state of " + bytes_text(p_.states[state].bytes) + " stays where what reads and writes it runs";
    return d;
  }

  Decision of_micro_batches(std::size_t m) const {
    const std::uint32_t count = schedule(m).micro_batches;
    Decision d;
    d.subject = *p_.methods[m].name;
    d.chose = std::to_string(count) + (count == 1 ? " micro-batch" : " micro-batches");
    d.because = p_.methods[m].writes_states       ? "states"
                : count < q_.wanted_micro_batches ? "memory"
                                                  : "throughput";
    if (p_.methods[m].writes_states)
      d.detail = "the method writes states, so that a call carries one step";
    else if (count < q_.wanted_micro_batches)
      d.detail = "what more of them would hold at once does not fit (" +
                 std::to_string(q_.wanted_micro_batches) + " were asked for)";
    else if (const auto& predicted = schedule(m).predicted)
      d.detail = "together " + milliseconds(predicted->makespan_ns) + ", one every " +
                 milliseconds(predicted->makespan_ns / count);
    return d;
  }

  /// A weight on several devices costs memory: it is said why.
  void copies_of_weights() {
    for (const auto& [weight, devices] : joined_.schedule->residence.weights) {
      if (devices.size() < 2) continue;
      Decision d;
      d.subject = weight;
      d.because = "replicated";
      for (const std::string& device : devices)
        d.chose += (d.chose.empty() ? "" : ", ") + device;
      for (const Rule* rule : q_.rules)
        if (rule->kind == Rule::Kind::replicate &&
            std::ranges::find(rule->weights, weight) != rule->weights.end())
          d.honours.push_back(rule->constraint.id);
      d.detail = d.honours.empty()
                     ? "stages on " + std::to_string(devices.size()) + " devices read it; each keeps a copy"
                     : "a hint asks for a copy on every device";
      out_.push_back(std::move(d));
    }
  }

  static Decision dropped(const Rule& rule) {
    Decision d;
    d.subject = rule.constraint.id.empty() ? rule.constraint.kind : rule.constraint.id;
    d.because = "hint-not-met";
    d.detail = "the soft hint " + rule.name() + " was given up: no placement that fits honours it";
    return d;
  }

  static Decision not_a_placement(const Rule& rule) {
    Decision d;
    d.subject = rule.constraint.id.empty() ? rule.constraint.kind : rule.constraint.id;
    d.because = "hint";
    const std::string& kind = rule.constraint.kind;
    if (kind == "recompute")
      d.detail = rule.constraint.value == "never"
                     ? "nothing is recomputed"
                     : "recomputing is allowed; policy-default moves values instead";
    else if (kind == "phase" || kind == "role" || kind == "modality")
      d.detail = "the " + kind + " is taken as given; it does not decide where policy-default puts a node";
    else if (kind == "priority")
      d.detail = "the class of the transfers is set when the host adds them";
    else
      d.detail = "policy-default does not act on hints of kind " + kind;
    return d;
  }

  const Question& q_;
  const Problem& p_;
  const Placed& placed_;
  const plan::Plan& joined_;
  std::uint64_t work_ = 0;
  std::vector<Decision> out_;
};

}  // namespace

plan::Schedule make_schedule(const Question& question, const Placed& placed) {
  const Problem& p = *question.problem;
  plan::Schedule schedule;
  schedule.policy = {"org.genie.policy-default", "0.1.0", std::string(name(question.goal.objective)), {}};
  schedule.assumes = question.costs->assumes;
  std::size_t number = 0;  // stage ids are unique in the plan, so that decisions can name them
  for (std::size_t m = 0; m < p.methods.size(); ++m) {
    plan::MethodSchedule& method = schedule.methods[*p.methods[m].name];
    method.micro_batches = question.goal.micro_batches_of(p.methods[m]);
    for (const StageNodes& nodes : placed.stages[m]) {
      plan::Stage stage;
      stage.id = "s" + std::to_string(number++);
      stage.device = p.device_id(nodes.device);
      if (nodes.kernels < p.offers[nodes.device].size())
        stage.kernels = p.offers[nodes.device][nodes.kernels];
      for (const Index n : nodes.nodes)
        stage.nodes.push_back(p.methods[m].method->nodes[n].id);
      method.stages.push_back(std::move(stage));
    }
  }
  for (const auto& [name, state] : p.plan->states)
    for (Index s = 0; s < p.states.size(); ++s)
      if (p.states[s].name == root_state(*p.plan, name))
        schedule.residence.states[name] = p.device_id(placed.resident.states[s]);
  for (const Rule* rule : question.rules)
    if (rule->kind == Rule::Kind::replicate)
      for (const std::string& weight : rule->weights)
        for (std::size_t d = schedule.residence.weights[weight].size(); d < p.device_count; ++d)
          schedule.residence.weights[weight].push_back(p.device_id(d));
  return schedule;
}

plan::Schedule finish_schedule(const Question& question, const Placed& placed, const plan::Plan& joined) {
  plan::Schedule schedule = *joined.schedule;
  schedule.decisions = Decisions(question, placed, joined).all();
  for (auto& [name, method] : schedule.methods) {
    method.transfers.clear();
    method.predicted.reset();
  }
  return schedule;
}

}  // namespace genie::policy
