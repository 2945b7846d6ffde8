#include "client/record.hpp"

#include <algorithm>

#include "genie/plan/topology.hpp"

namespace genie::remote {

namespace {

/// What a message weighs on its way besides its payload: an empty one takes time, too.
constexpr double kMessageWeight = 4096;

struct Span {
  std::uint64_t begin_ns = 0;
  std::uint64_t end_ns = 0;
};

/// One transfer as both its ends saw it.
struct Carried {
  Index number = 0;  ///< in the schedule
  Index from = kNone;
  Index to = kNone;  ///< devices; kNone: the client
  std::optional<std::uint64_t> left_ns;
  std::optional<std::uint64_t> came_ns;
  std::uint64_t bytes = 0;
};

/// The events of one step on the client's clock.
class StepEvents {
 public:
  StepEvents(genie::Host host, const StepSeen& step)
      : host_(host),
        step_(step),
        program_(*step.program.program),
        transfers_(program_.plan().schedule->methods.find(*step.method.name)->second.transfers),
        router_(program_.topology()) {
    for (const exec::CompiledStage& stage : step.method.stages)
      stages_.emplace(stage.number, &stage);
    for (const PartSeen& part : step.parts)
      read(part);
    for (const PartSeen& part : step.parts)
      add_answer(part);
    add_inputs();
  }

  void stages(std::map<std::string, std::uint64_t>& busy) const {
    for (const auto& [stage, at] : spans_) {
      busy[stage->stage->device] += at.end_ns - at.begin_ns;
      emit(GENIE_TRACE_SPAN, stage->stage->device, "compute", stage->stage->id, stage->scope, at.begin_ns,
           at.end_ns - at.begin_ns, 0, 0);
    }
    for (const auto& [at, device, bytes] : memory_)
      emit(GENIE_TRACE_COUNTER, device, "memory", "memory", {}, at, 0, bytes, 0);
  }

  /// `flow`: number of the first arrow. Calls `use(link, bytes, span)` for each link that a value crossed.
  template <class Use>
  std::uint64_t transfers(std::uint64_t flow, const Use& use) const {
    for (const auto& [number, carried] : carried_) {
      if (!carried.left_ns || !carried.came_ns) continue;
      const Span at{*carried.left_ns, std::max(*carried.left_ns, *carried.came_ns)};
      const plan::Route route = router_.find(device_id(carried.from), device_id(carried.to));
      for (const std::size_t link : route.links)
        use(program_.topology().links[link].id, carried.bytes, at);
      const std::string place = place_of(route, carried);
      if (place.empty()) continue;  // nothing was crossed
      const plan::Transfer& transfer = transfers_[number];
      emit(GENIE_TRACE_SPAN, place, "transfer", transfer.id, transfer.value, at.begin_ns,
           at.end_ns - at.begin_ns, carried.bytes, 0);
      const exec::CompiledStage* from = stage_named(transfer.from);
      const exec::CompiledStage* to = stage_named(transfer.to);
      if (from == nullptr || to == nullptr) continue;
      // An arrow from where the value was made to where it is used.
      const auto used = spans_.find(to);
      emit(GENIE_TRACE_FLOW_BEGIN, from->stage->device, "compute", transfer.id, {}, at.begin_ns, 0,
           carried.bytes, flow);
      emit(GENIE_TRACE_FLOW_END, to->stage->device, "compute", transfer.id, {},
           used == spans_.end() ? at.end_ns : used->second.begin_ns, 0, carried.bytes, flow);
      ++flow;
    }
    return flow;
  }

 private:
  /// When the step's message came to a worker, on the client's clock.
  static std::uint64_t came_ns(const PartSeen& part) {
    const std::uint64_t whole = part.answered_ns - std::min(part.answered_ns, part.asked_ns);
    const std::uint64_t on_the_way = whole - std::min(whole, part.result->spent_ns);
    const double there = static_cast<double>(part.sent_bytes) + kMessageWeight;
    const double back = static_cast<double>(part.received_bytes) + kMessageWeight;
    return part.asked_ns +
           static_cast<std::uint64_t>(static_cast<double>(on_the_way) * there / (there + back));
  }

  bool is_of(Index device, std::size_t worker) const { return step_.program.worker_of[device] == worker; }

  /// A worker says what it will: only what it can know counts.
  void read(const PartSeen& part) {
    const std::uint64_t came = came_ns(part);
    const auto here = [&](std::uint64_t ns) { return came + std::min(ns, part.result->spent_ns); };
    for (const StageTime& time : part.result->stages) {
      const auto at = stages_.find(time.stage);
      if (at == stages_.end() || !is_of(at->second->device, part.worker)) continue;
      const exec::CompiledStage& stage = *at->second;
      const std::uint64_t begin = here(time.begin_ns);
      const std::uint64_t end =
          std::max(begin, here(time.begin_ns + std::min(time.duration_ns, part.result->spent_ns)));
      spans_[&stage] = {begin, end};
      memory_.emplace_back(begin, stage.stage->device, time.most_bytes);
      memory_.emplace_back(end, stage.stage->device, time.left_bytes);
    }
    for (const TransferTime& time : part.result->transfers) {
      if (time.transfer >= step_.method.messages.size()) continue;
      const exec::Message& message = step_.method.messages[time.transfer];
      if (message.to == kNone) continue;
      Carried& carried = carried_[time.transfer];
      carried.number = time.transfer;
      carried.to = step_.method.slots[message.to].device;
      if (message.from != kNone) carried.from = step_.method.slots[message.from].device;
      carried.bytes = time.bytes;
      (time.arrived ? carried.came_ns : carried.left_ns) = here(time.at_ns);
    }
  }

  /// Outputs left the worker with its answer.
  void add_answer(const PartSeen& part) {
    for (const StepResult::Output& output : part.result->outputs) {
      if (output.kept || !output.tensor.present || output.output >= step_.method.outputs.size()) continue;
      const auto device = program_.device_number(output.device);
      if (!device) continue;
      const exec::Output& what = step_.method.outputs[output.output];
      std::string name;
      if (what.value != kNone)
        name = *step_.method.index->values()[what.value].id;
      else if (const auto* state = std::get_if<plan::arg::State>(&what.port->value.is))
        name = "state:" + state->name;
      const auto at = step_.method.transfers.find({std::string_view(name), kNone});
      if (at == step_.method.transfers.end()) continue;
      const auto number = static_cast<Index>(at->second - transfers_.data());
      carried_[number] = {number,
                          *device,
                          kNone,
                          came_ns(part) + part.result->spent_ns,
                          part.answered_ns,
                          output.tensor.bytes};
    }
  }

  /// Inputs left the client with the worker's message.
  void add_inputs() {
    std::vector<bool> seen(step_.method.slots.size());
    for (Index m = 0; m < step_.method.messages.size(); ++m) {
      const exec::Message& message = step_.method.messages[m];
      if (message.from != kNone || message.port == kNone || message.to == kNone) continue;
      if (message.port >= step_.input_bytes.size() || !step_.input_bytes[message.port] || seen[message.to])
        continue;
      const Index device = step_.method.slots[message.to].device;
      for (const PartSeen& part : step_.parts)
        if (is_of(device, part.worker)) {
          seen[message.to] = true;
          carried_[m] = {m, kNone, device, part.asked_ns, came_ns(part), *step_.input_bytes[message.port]};
        }
    }
  }

  std::string_view device_id(Index device) const {
    return device == kNone ? std::string_view() : std::string_view(program_.device(device).spec().id);
  }

  std::string place_of(const plan::Route& route, const Carried& carried) const {
    if (!route.links.empty()) return program_.topology().links[route.links.front()].id;
    if (!route.bus || carried.to == kNone) return {};
    const plan::Device& device = program_.device(carried.to).spec();
    return "bus:" + (device.host.empty() ? device.id : device.host);
  }

  const exec::CompiledStage* stage_named(std::string_view id) const {
    const auto at =
        std::ranges::find_if(stages_, [&](const auto& entry) { return entry.second->stage->id == id; });
    return at == stages_.end() ? nullptr : at->second;
  }

  void emit(std::uint32_t kind, std::string_view process, std::string_view queue, std::string_view name,
            std::string_view scope, std::uint64_t at, std::uint64_t duration, std::uint64_t bytes,
            std::uint64_t flow) const {
    genie_trace_event event{};
    event.struct_size = sizeof event;
    event.kind = kind;
    event.step = static_cast<std::uint32_t>(step_.index);
    event.process = genie::str(process);
    event.queue = genie::str(queue);
    event.name = genie::str(name);
    event.scope = genie::str(scope);
    event.t_ns = at;
    event.duration_ns = duration;
    event.bytes = bytes;
    event.flow = flow;
    host_.trace(step_.call, event);
  }

  genie::Host host_;
  const StepSeen& step_;
  const exec::Program& program_;
  const std::vector<plan::Transfer>& transfers_;
  plan::Router router_;
  std::map<Index, const exec::CompiledStage*> stages_;  ///< by number in the schedule
  std::map<const exec::CompiledStage*, Span> spans_;
  std::vector<std::tuple<std::uint64_t, std::string_view, std::uint64_t>> memory_;
  std::map<Index, Carried> carried_;
};

/// The time in which at least one of them lasts.
std::uint64_t together(std::vector<Span> spans) {
  std::ranges::sort(spans, {}, &Span::begin_ns);
  std::uint64_t sum = 0, until = 0;
  for (const Span& span : spans) {
    const std::uint64_t begin = std::max(span.begin_ns, until);
    if (span.end_ns <= begin) continue;
    sum += span.end_ns - begin;
    until = span.end_ns;
  }
  return sum;
}

}  // namespace

void Record::add(genie::Host host, const StepSeen& step) {
  const StepEvents events(host, step);
  std::map<std::string, std::vector<Span>> crossed;
  const std::lock_guard hold(lock_);
  events.stages(busy_ns_);
  next_flow_ = events.transfers(next_flow_, [&](const std::string& link, std::uint64_t bytes, Span at) {
    LinkUse& use = links_[link];
    use.bytes += bytes;
    ++use.messages;
    crossed[link].push_back(at);
  });
  for (auto& [link, spans] : crossed)
    links_[link].busy_ns += together(std::move(spans));
}

void Record::over(std::uint64_t job, std::uint64_t index, std::string method, std::uint64_t wall_ns) {
  const std::lock_guard hold(lock_);
  steps_.push_back({job, index, std::move(method), wall_ns});
}

std::uint64_t Record::busy_ns(const std::string& device) const {
  const std::lock_guard hold(lock_);
  const auto at = busy_ns_.find(device);
  return at == busy_ns_.end() ? 0 : at->second;
}

void Record::write(plan::json::Writer& w, const plan::Topology& topology) const {
  const std::lock_guard hold(lock_);
  std::map<std::string, LinkUse> links = links_;
  for (const plan::Link& link : topology.links)
    links.try_emplace(link.id);
  w.key("links").begin_object();
  for (const auto& [id, use] : links) {
    w.key(id).begin_object();
    w.key("bytes").value(use.bytes).key("messages").value(use.messages).key("busy_ns").value(use.busy_ns);
    w.end_object();
  }
  w.end_object().key("steps").begin_array();
  for (const Done& step : steps_) {
    w.begin_object().key("job").value(step.job).key("index").value(step.index);
    w.key("method").value(step.method).key("wall_ns").value(step.wall_ns).end_object();
  }
  w.end_array();
}

}  // namespace genie::remote
