#include "record.hpp"

#include <algorithm>

#include "genie/plan/json.hpp"

namespace genie::emulation {

void Record::add(genie::Host host, const genie::Call& call, const CompiledMethod& method,
                 const plan::Plan& plan, const plan::Timeline& timeline, StepRecord step) {
  std::uint64_t start = 0, flow = 0;
  const std::uint64_t index = step.index;
  {
    const std::lock_guard hold(lock_);
    start = clock_ns_;
    flow = next_flow_;
    clock_ns_ += timeline.predicted.makespan_ns;
    next_flow_ += timeline.events.size();
    for (const auto& [device, ns] : timeline.predicted.device_busy_ns)
      busy_ns_[device] += ns;
    for (const auto& [device, bytes] : timeline.predicted.peak_bytes)
      peak_bytes_[device] = std::max(peak_bytes_[device], bytes);
    for (const auto& [link, bytes] : timeline.link_bytes)
      links_[link].bytes += bytes;
    for (const auto& [link, messages] : timeline.link_messages)
      links_[link].messages += messages;
    for (const auto& [link, ns] : timeline.link_busy_ns)
      links_[link].busy_ns += ns;
    steps_.push_back(std::move(step));
  }
  trace(host, call, method, plan, timeline, index, start, flow);
}

void Record::trace(genie::Host host, const genie::Call& call, const CompiledMethod& method,
                   const plan::Plan& plan, const plan::Timeline& timeline, std::uint64_t step,
                   std::uint64_t start_ns, std::uint64_t first_flow) const {
  const plan::MethodSchedule& schedule = plan.schedule->methods.find(*method.name)->second;
  const auto emit = [&](std::uint32_t kind, std::string_view process, std::string_view queue,
                        std::string_view name, std::string_view scope, std::uint64_t at,
                        std::uint64_t duration, std::uint64_t bytes, std::uint64_t flow,
                        std::uint32_t micro_batch) {
    genie_trace_event event{};
    event.struct_size = sizeof event;
    event.kind = kind;
    event.step = static_cast<std::uint32_t>(step + micro_batch);
    event.process = genie::str(process);
    event.queue = genie::str(queue);
    event.name = genie::str(name);
    event.scope = genie::str(scope);
    event.t_ns = start_ns + at;
    event.duration_ns = duration;
    event.bytes = bytes;
    event.flow = flow;
    host.trace(call, event);
  };
  std::map<std::string_view, const CompiledStage*> stages;
  for (const CompiledStage& stage : method.stages)
    stages.emplace(stage.stage->id, &stage);
  std::map<std::string_view, const plan::Transfer*> transfers;
  for (const plan::Transfer& transfer : schedule.transfers)
    transfers.emplace(transfer.id, &transfer);
  std::map<std::pair<std::string_view, std::uint32_t>, std::uint64_t> stage_start;  // by micro-batch
  for (const plan::Event& event : timeline.events)
    if (event.kind == plan::Event::Kind::stage)
      stage_start.emplace(std::pair(std::string_view(event.id), event.micro_batch), event.start_ns);

  std::uint64_t flow = first_flow;
  for (const plan::Event& event : timeline.events) {
    const std::uint64_t duration = event.end_ns - event.start_ns;
    if (event.kind == plan::Event::Kind::stage) {
      const auto stage = stages.find(event.id);
      emit(GENIE_TRACE_SPAN, event.place, "compute", event.id,
           stage == stages.end() ? "" : stage->second->scope, event.start_ns, duration, 0, 0,
           event.micro_batch);
      continue;
    }
    const auto found = transfers.find(event.id);
    if (found == transfers.end() || event.place.empty()) continue;  // nothing was crossed
    const plan::Transfer* transfer = found->second;
    emit(GENIE_TRACE_SPAN, event.place, "transfer", event.id, transfer->value, event.start_ns, duration,
         event.bytes, 0, event.micro_batch);
    // An arrow from where the value was made to where it is used.
    const auto from = stages.find(transfer->from);
    const auto to = stages.find(transfer->to);
    if (from == stages.end() || to == stages.end()) continue;
    emit(GENIE_TRACE_FLOW_BEGIN, from->second->stage->device, "compute", event.id, {}, event.start_ns, 0,
         event.bytes, flow, event.micro_batch);
    const auto used = stage_start.find({transfer->to, event.micro_batch});
    emit(GENIE_TRACE_FLOW_END, to->second->stage->device, "compute", event.id, {},
         used == stage_start.end() ? event.end_ns : used->second, 0, event.bytes, flow, event.micro_batch);
    ++flow;
  }
  // What each device holds: the most of an instant, then what remains.
  for (const auto& [device, curve] : timeline.memory)
    for (const plan::MemoryPoint& point : curve) {
      if (point.most_bytes > point.bytes)
        emit(GENIE_TRACE_COUNTER, device, "memory", "memory", {}, point.at_ns, 0, point.most_bytes, 0, 0);
      emit(GENIE_TRACE_COUNTER, device, "memory", "memory", {}, point.at_ns, 0, point.bytes, 0, 0);
    }
}

std::uint64_t Record::clock_ns() const {
  const std::lock_guard hold(lock_);
  return clock_ns_;
}

std::string Record::stats(genie::Host host, const Options& options, const Devices& devices,
                          const Counters& counters, std::string_view faults) const {
  std::map<std::string, std::uint64_t> counts = {
      {"weight_bytes_copied", 0}, {"state_bytes_copied", 0}, {"payload_copies", 0}, {"kernel_calls", 0},
      {"abi_calls", 0},           {"wire_bytes", 0},         {"staging_copies", 0}};
  for (const auto& [name, value] : counters.all())
    counts[name] += value;
  // What only the kernels know.
  std::map<std::string, std::uint64_t> levels;
  for (const auto& device : devices)
    for (const std::string& text : device->kernels_stats(host))
      if (const auto document = plan::json::Document::parse(text);
          document && document->root().is(plan::json::Kind::object)) {
        const auto add = [&](std::map<std::string, std::uint64_t>& to, std::string_view name) {
          if (const auto value = document->root().find(name);
              value && value->is(plan::json::Kind::integer) && value->integer() > 0)
            to[std::string(name)] += static_cast<std::uint64_t>(value->integer());
        };
        for (const std::string_view name : {"state_bytes_copied", "kernel_calls"})
          add(counts, name);
        for (const std::string_view name : {"fused_nodes", "packed_bytes", "packed_weights"})
          add(levels, name);
      }

  const std::lock_guard hold(lock_);
  plan::json::Writer w;
  w.begin_object();
  w.key("devices").begin_object();
  for (const auto& device : devices) {
    const std::string& id = device->spec().id;
    const auto busy = busy_ns_.find(id);
    const auto peak = peak_bytes_.find(id);
    // The clock's peak counts values by when they are under way; the account's holds for all sessions together.
    const std::uint64_t most =
        std::max(device->budget().peak(), peak == peak_bytes_.end() ? 0 : peak->second);
    w.key(id).begin_object();
    w.key("busy_ns").value(busy == busy_ns_.end() ? std::uint64_t{0} : busy->second);
    w.key("peak_bytes").value(most);
    w.key("memory_bytes").value(device->spec().memory_bytes);
    w.end_object();
  }
  w.end_object();
  w.key("links").begin_object();
  for (const plan::Link& link : options.topology.links)
    if (!links_.contains(link.id)) {
      w.key(link.id)
          .begin_object()
          .key("bytes")
          .value(0)
          .key("messages")
          .value(0)
          .key("busy_ns")
          .value(0)
          .end_object();
    }
  for (const auto& [id, use] : links_) {
    w.key(id).begin_object();
    w.key("bytes").value(use.bytes).key("messages").value(use.messages).key("busy_ns").value(use.busy_ns);
    w.end_object();
  }
  w.end_object();
  w.key("counters").begin_object();
  for (const auto& [name, value] : counts)
    w.key(name).value(value);
  w.end_object();
  if (!levels.empty()) {
    w.key("levels").begin_object();
    for (const auto& [name, level] : levels)
      w.key(name).value(level);
    w.end_object();
  }
  w.key("steps").begin_array();
  for (const StepRecord& step : steps_) {
    w.begin_object();
    w.key("job").value(step.job).key("index").value(step.index).key("method").value(step.method);
    w.key("virtual_ns").value(step.virtual_ns).key("wall_ns").value(step.wall_ns);
    if (step.micro_batches != 1) w.key("micro_batches").value(std::uint64_t{step.micro_batches});
    w.end_object();
  }
  w.end_array();
  if (!faults.empty()) w.key("faults").raw(faults);
  w.end_object();
  return w.take();
}

}  // namespace genie::emulation
