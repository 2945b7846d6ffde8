#include "faults.hpp"

#include <algorithm>

#include "disturbed.hpp"
#include "genie/plan/json.hpp"

namespace genie::emulation {

using plan::FaultKind;

namespace {

bool holds_module(const CompiledMethod& method, const plan::Stage& stage, std::string_view scope) {
  return std::ranges::any_of(stage.nodes, [&](const std::string& id) {
    const Index n = method.index->node(id);
    if (n == kNone) return false;
    const std::string& have = method.index->graph().nodes[n].scope;
    return have == scope || (have.starts_with(scope) && have[scope.size()] == '.');
  });
}

bool waits_for_stage(const plan::Fault& fault) {
  return !fault.stage.empty() || !fault.scope.empty();
}

Window window_from(const plan::Fault& fault, std::uint64_t start_ns) {
  const std::uint64_t from = std::min(kForEver - 1, start_ns + std::min(fault.at_ns, kForEver / 2));
  return {from,
          fault.for_ns ? std::min(kForEver - 1, from + std::min(*fault.for_ns, kForEver / 2)) : kForEver};
}

/// When the stage that triggers a fault starts, if it does.
std::optional<std::uint64_t> triggered_ns(const plan::Fault& fault, const CompiledMethod& method,
                                          const plan::DisturbedTimeline& run) {
  std::optional<std::uint64_t> first;
  const auto look = [&](const std::vector<plan::Event>& events) {
    for (const plan::Event& event : events) {
      if (event.kind != plan::Event::Kind::stage || (first && *first <= event.start_ns)) continue;
      if (!fault.stage.empty() && fault.stage != event.id) continue;
      const auto stage = std::ranges::find(
          method.stages, event.id, [](const CompiledStage& s) -> const std::string& { return s.stage->id; });
      if (stage == method.stages.end()) continue;
      if (!fault.scope.empty() && !holds_module(method, *stage->stage, fault.scope)) continue;
      first = event.start_ns;
    }
  };
  look(run.timeline.events);
  look(run.interrupted);
  return first;
}

}  // namespace

const plan::Event* Forecast::stage(std::string_view id) const {
  for (const plan::Event& event : run.timeline.events)
    if (event.kind == plan::Event::Kind::stage && event.id == id) return &event;
  return nullptr;
}

Faults::Faults(const plan::FaultScript& script, plan::Topology topology)
    : faults_(plan::expand_faults(script, topology)),
      delivery_(script.delivery),
      seed_(script.seed),
      topology_(std::move(topology)),
      windows_(faults_.size()),
      messages_hit_(faults_.size(), 0),
      tallies_(faults_.size()) {
  for (std::size_t f = 0; f < faults_.size(); ++f)
    if (!faults_[f].step && !waits_for_stage(faults_[f])) windows_[f] = window_from(faults_[f], 0);
}

genie::Expected<Forecast> Faults::forecast(const Program& program, const CompiledMethod& method,
                                           const plan::Bindings& sizes, std::uint64_t step,
                                           std::uint64_t clock_ns) const {
  Forecast base;
  std::map<std::string, std::size_t, std::less<>> gone;
  Disturbed::Context context{&faults_, &delivery_, nullptr, &gone, seed_, 0};
  std::vector<bool> struck(faults_.size());
  {
    const std::lock_guard hold(lock_);
    base.windows = windows_;
    base.messages_hit = messages_hit_;
    gone = given_up_devices_;
    context.serial = steps_;
    for (std::size_t f = 0; f < faults_.size(); ++f)
      struck[f] = tallies_[f].hits != 0;
  }
  base.clock_ns = clock_ns;
  context.transfers = &program.plan().schedule->methods.find(*method.name)->second.transfers;
  const auto due = [&](std::size_t f) {
    return !base.windows[f] && (!faults_[f].step || *faults_[f].step == step);
  };
  for (std::size_t f = 0; f < faults_.size(); ++f)
    if (due(f) && !waits_for_stage(faults_[f])) base.windows[f] = window_from(faults_[f], clock_ns);

  const plan::Costs costs = plan::model_costs(program.plan(), program.topology(), sizes);
  for (;;) {
    Forecast out = base;
    Disturbed disturbed(context, out);
    auto run = plan::simulate_disturbed(program.plan(), *method.name, program.topology(), costs, disturbed);
    if (!run) return error_of(GENIE_FAILED_PRECONDITION, run.errors());
    out.run = *std::move(run);
    // What starts with a stage is known once it is known when that stage starts. Nothing before that changes by it, so the
    // earliest is settled, and the forecast made anew.
    std::optional<std::uint64_t> earliest;
    std::vector<std::pair<std::size_t, std::uint64_t>> triggered;
    for (std::size_t f = 0; f < faults_.size(); ++f)
      if (due(f))
        if (const auto at = triggered_ns(faults_[f], method, out.run)) {
          triggered.emplace_back(f, *at);
          earliest = std::min(earliest.value_or(*at), *at);
        }
    if (earliest) {
      for (const auto& [f, at] : triggered)
        if (at == *earliest) base.windows[f] = window_from(faults_[f], clock_ns + at);
      continue;
    }
    if (const auto& halt = out.run.halt) {
      const auto& blamed = halt->why == plan::Halt::Why::device_gone      ? disturbed.blamed_gone
                           : halt->why == plan::Halt::Why::stage_given_up ? disturbed.blamed_stall
                                                                          : disturbed.blamed_transfer;
      const auto at =
          blamed.find(halt->why == plan::Halt::Why::transfer_given_up ? halt->transfer : halt->device);
      if (at != blamed.end()) out.culprit = at->second;
      if (out.culprit && halt->why == plan::Halt::Why::device_gone)
        out.hits.push_back({*out.culprit, halt->at_ns, halt->device, halt->stage});
    }
    const std::uint64_t end_ns = out.run.timeline.predicted.makespan_ns;
    for (std::size_t f = 0; f < faults_.size(); ++f) {
      const auto& open = out.windows[f];
      if (!open || out.culprit == f) continue;
      if (faults_[f].kind == FaultKind::crash && !struck[f] && open->from_ns < clock_ns + end_ns)
        out.hits.push_back({f, open->from_ns - clock_ns, faults_[f].device, {}});
      if (faults_[f].kind != FaultKind::memory) continue;
      for (const plan::Event& event : out.run.timeline.events)
        if (event.kind == plan::Event::Kind::stage && event.place == faults_[f].device &&
            open->overlaps(clock_ns + event.start_ns, clock_ns + event.end_ns)) {
          const std::uint64_t from = open->from_ns - std::min(open->from_ns, clock_ns);
          out.hits.push_back({f, std::max(event.start_ns, from), event.place, event.id});
          break;
        }
    }
    std::ranges::stable_sort(out.hits, {}, &Hit::at_ns);
    return out;
  }
}

void Faults::commit(const Forecast& forecast, std::uint64_t step, std::uint64_t end_ns) {
  const std::lock_guard hold(lock_);
  for (std::size_t f = 0; f < faults_.size(); ++f) {
    // A stage that the step did not come to has triggered nothing.
    const bool came = windows_[f] || !forecast.windows[f] || !waits_for_stage(faults_[f]) ||
                      forecast.windows[f]->from_ns <= forecast.clock_ns + end_ns + faults_[f].at_ns;
    if (came) windows_[f] = forecast.windows[f];
  }
  messages_hit_ = forecast.messages_hit;
  clock_ns_ = forecast.clock_ns + end_ns;
  ++steps_;
  for (const Hit& one : forecast.hits) {
    if (one.at_ns > end_ns) continue;
    Tally& tally = tallies_[one.fault];
    if (tally.hits++ == 0) {
      tally.first_ns = forecast.clock_ns + one.at_ns;
      tally.first_step = step;
    }
    tally.places.insert(one.place);
  }
  if (forecast.run.halt && forecast.run.halt->at_ns <= end_ns) give_up(forecast);
}

/// What a halt means for what comes after it: whatever does not answer is not asked again.
void Faults::give_up(const Forecast& forecast) {
  const plan::Halt& halt = *forecast.run.halt;
  if (!forecast.culprit || halt.why == plan::Halt::Why::device_gone) return;
  const std::size_t f = *forecast.culprit;
  const plan::Fault& fault = faults_[f];
  if (halt.why == plan::Halt::Why::stage_given_up) {
    given_up_devices_.emplace(halt.device, f);
    return;
  }
  if (fault.kind == FaultKind::corrupt && !fault.retry)
    return;  // it was told not to try: the link may well work
  if (fault.kind == FaultKind::partition) {
    for (const plan::Device& device : topology_.devices)
      if (parts(fault, device.id, {})) given_up_devices_.emplace(device.id, f);
    return;
  }
  if (!fault.link.empty()) {
    given_up_links_.emplace(fault.link, f);
    return;
  }
  // A message that does not get through condemns the links of its way; on one machine, the device at its other end.
  bool linked = false;
  for (const plan::Event& event : forecast.run.interrupted)
    if (event.id == halt.transfer && topology_.device(event.place) == nullptr)
      for (const plan::Link& link : topology_.links)
        if (link.id == event.place) {
          given_up_links_.emplace(link.id, f);
          linked = true;
        }
  if (!linked && !halt.device.empty()) given_up_devices_.emplace(halt.device, f);
}

std::optional<std::size_t> Faults::thefts(EmulatedDevice& device,
                                          const std::vector<std::optional<Window>>& windows,
                                          std::uint64_t begin_ns, std::uint64_t end_ns) {
  std::optional<std::size_t> first;
  for (std::size_t f = 0; f < faults_.size(); ++f) {
    if (faults_[f].kind != FaultKind::memory || faults_[f].device != device.spec().id) continue;
    if (!windows[f] || !windows[f]->overlaps(begin_ns, end_ns)) {
      claims_.erase(f);
      continue;
    }
    if (!claims_.contains(f))
      claims_.emplace(f, device.budget().seize("memory stolen by fault " + faults_[f].id, faults_[f].bytes));
    if (!first) first = f;
  }
  return first;
}

void Faults::settle(const Devices& devices) {
  std::vector<std::optional<Window>> windows;
  std::uint64_t now = 0;
  {
    const std::lock_guard hold(lock_);
    windows = windows_;
    now = clock_ns_;
  }
  for (const auto& device : devices)
    (void)thefts(*device, windows, now, now);
}

bool Faults::device_gone(std::string_view device, std::string* by) const {
  if (const auto given_up = given_up_devices_.find(device); given_up != given_up_devices_.end()) {
    if (by != nullptr) *by = faults_[given_up->second].id;
    return true;
  }
  for (std::size_t f = 0; f < faults_.size(); ++f)
    if (faults_[f].kind == FaultKind::crash && faults_[f].device == device && windows_[f] &&
        windows_[f]->from_ns <= clock_ns_ && steps_ != 0) {
      if (by != nullptr) *by = faults_[f].id;
      return true;
    }
  return false;
}

std::optional<std::string> Faults::gone(std::string_view device) const {
  const std::lock_guard hold(lock_);
  std::string by;
  return device_gone(device, &by) ? std::optional(by) : std::nullopt;
}

plan::Topology Faults::left() const {
  const std::lock_guard hold(lock_);
  plan::Topology left = topology_;
  std::erase_if(left.links, [&](const plan::Link& link) { return given_up_links_.contains(link.id); });
  std::erase_if(left.devices, [&](const plan::Device& device) { return device_gone(device.id, nullptr); });
  if (steps_ != 0)
    for (plan::Device& device : left.devices)
      for (std::size_t f = 0; f < faults_.size(); ++f)
        if (faults_[f].kind == FaultKind::memory && faults_[f].device == device.id && windows_[f] &&
            windows_[f]->overlaps(clock_ns_, clock_ns_))
          device.memory_bytes -= std::min(device.memory_bytes, faults_[f].bytes);
  // What the client cannot reach any more is lost to it.
  const plan::Topology reachable = left;
  std::erase_if(left.devices, [&](const plan::Device& device) {
    return !plan::route(reachable, {}, device.id).ok || !plan::route(reachable, device.id, {}).ok;
  });
  return left;
}

std::string Faults::report() const {
  const std::lock_guard hold(lock_);
  plan::json::Writer w;
  w.begin_array();
  for (std::size_t f = 0; f < faults_.size(); ++f) {
    const Tally& tally = tallies_[f];
    w.begin_object();
    w.key("id")
        .value(faults_[f].id)
        .key("kind")
        .value(plan::name(faults_[f].kind))
        .key("hits")
        .value(tally.hits);
    if (tally.hits != 0) {
      w.key("first_step").value(tally.first_step).key("first_ns").value(tally.first_ns);
      w.key("places").begin_array();
      for (const std::string& place : tally.places)
        w.value(place);
      w.end_array();
    }
    w.end_object();
  }
  w.end_array();
  return w.take();
}

}  // namespace genie::emulation
