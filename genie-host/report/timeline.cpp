#include "timeline.hpp"

#include <algorithm>
#include <map>
#include <tuple>
#include <unordered_map>
#include <unordered_set>
#include <utility>

namespace genie::report {

namespace {

/// The names that events of a method bear.
struct Names {
  std::unordered_set<std::string_view> stages;
  std::unordered_set<std::string_view> transfers;
};

Names names_of(const plan::Plan& plan, const std::string& method) {
  Names names;
  if (!plan.schedule) return names;
  const auto scheduled = plan.schedule->methods.find(method);
  if (scheduled == plan.schedule->methods.end()) return names;
  for (const plan::Stage& stage : scheduled->second.stages)
    names.stages.insert(stage.id);
  for (const plan::Transfer& transfer : scheduled->second.transfers)
    names.transfers.insert(transfer.id);
  return names;
}

void add(CallTimeline& call, const Names& names, const services::TraceEvent& event) {
  if (event.kind == GENIE_TRACE_COUNTER) {
    if (event.name == "memory") call.memory[event.process].push_back({event.t_ns, event.bytes, event.bytes});
    return;
  }
  if (event.kind != GENIE_TRACE_SPAN) return;
  const bool stage = names.stages.contains(event.name);
  if (!stage && !names.transfers.contains(event.name)) return;
  call.events.push_back({stage ? plan::Event::Kind::stage : plan::Event::Kind::transfer, event.name,
                         event.process, event.t_ns, event.t_ns + event.duration_ns, event.bytes,
                         event.step > call.step ? static_cast<std::uint32_t>(event.step - call.step) : 0});
}

/// Sorts, and counts from the first event.
void finish(CallTimeline& call) {
  std::ranges::sort(call.events, [](const plan::Event& a, const plan::Event& b) {
    return std::tie(a.start_ns, a.id, a.place, a.micro_batch) <
           std::tie(b.start_ns, b.id, b.place, b.micro_batch);
  });
  const std::uint64_t begin = call.events.empty() ? 0 : call.events.front().start_ns;
  for (plan::Event& event : call.events) {
    event.start_ns -= begin;
    event.end_ns -= begin;
    call.duration_ns = std::max(call.duration_ns, event.end_ns);
  }
  for (auto& [device, curve] : call.memory) {
    std::vector<plan::MemoryPoint> merged;
    for (plan::MemoryPoint point : curve) {
      point.at_ns = point.at_ns > begin ? point.at_ns - begin : 0;
      if (!merged.empty() && merged.back().at_ns == point.at_ns)
        merged.back() = {point.at_ns, std::max(merged.back().most_bytes, point.most_bytes), point.bytes};
      else
        merged.push_back(point);
    }
    curve = std::move(merged);
  }
}

}  // namespace

std::vector<CallTimeline> observed_calls(std::span<const services::TraceEvent> events,
                                         std::span<const MeasuredCall> calls, const plan::Plan& plan) {
  std::vector<CallTimeline> result;
  std::unordered_map<std::uint64_t, std::size_t> at;  // job → its call
  std::map<std::string, Names> names;
  for (const MeasuredCall& call : calls) {
    at.emplace(call.job, result.size());
    CallTimeline& made = result.emplace_back();
    made.method = call.method;
    made.step = call.step;
    if (!names.contains(call.method)) names.emplace(call.method, names_of(plan, call.method));
  }
  for (const services::TraceEvent& event : events)
    if (const auto found = at.find(event.job); found != at.end()) {
      CallTimeline& call = result[found->second];
      add(call, names.at(call.method), event);
    }
  for (CallTimeline& call : result)
    finish(call);
  std::erase_if(result, [](const CallTimeline& call) { return call.events.empty(); });
  return result;
}

plan::Result<CallTimeline> predicted_call(const plan::Plan& plan, std::string_view method,
                                          const plan::Topology& topology) {
  const plan::Bindings assumes = plan.schedule ? plan.schedule->assumes : plan::Bindings();
  auto simulated = plan::simulate(plan, method, topology, plan::model_costs(plan, topology, assumes));
  if (!simulated) return std::move(simulated).errors();
  CallTimeline call;
  call.method = method;
  call.duration_ns = simulated->predicted.makespan_ns;
  call.events = std::move(simulated->events);
  call.memory = std::move(simulated->memory);
  return call;
}

const CallTimeline* slowest(std::span<const CallTimeline> calls) {
  const auto found = std::ranges::max_element(calls, {}, &CallTimeline::duration_ns);
  return found == calls.end() ? nullptr : &*found;
}

}  // namespace genie::report
