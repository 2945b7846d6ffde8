#include "worker/remote_step.hpp"

#include <algorithm>
#include <limits>
#include <set>

#include "net/connection.hpp"

namespace genie::remote {

RemoteStep::RemoteStep(StepLinks links, std::shared_ptr<const RemoteProgram> program,
                       std::shared_ptr<exec::Session> session, Step message, std::uint64_t arrived_ns)
    : links_(std::move(links)),
      program_(std::move(program)),
      session_(std::move(session)),
      message_(std::move(message)),
      arrived_ns_(arrived_ns),
      call_(message_.deadline_ns == 0 ? GENIE_NO_DEADLINE : arrived_ns + message_.deadline_ns) {}

void RemoteStep::start(const std::shared_ptr<Buffer>& payload) {
  if (auto ready = check_and_take(payload); !ready) return fail(std::move(ready).error());
  advance();
}

genie::Error RemoteStep::wrong(std::string what) const {
  return exec::problem(GENIE_INVALID_ARGUMENT, "GE0812",
                       "step " + std::to_string(message_.index) + ": " + std::move(what),
                       "this is a defect of the client; report it");
}

std::uint64_t RemoteStep::now_ns() const {
  return monotonic_ns() - arrived_ns_;
}

std::string_view RemoteStep::name_of(Index value) const {
  return *method_->index->values()[value].id;
}

const plan::Value* RemoteStep::declared(Index value) const {
  return method_->index->values()[value].value;
}

// --- what the client says ---

genie::Outcome RemoteStep::check_and_take(const std::shared_ptr<Buffer>& payload) {
  if (auto usable = session_->usable(); !usable) return usable;
  exec::Program& program = *program_->program;
  auto method = program.method(message_.method);
  if (!method) return std::move(method).error();
  method_ = *method;
  routes_ = &program_->routes.find(message_.method)->second;
  if (auto fine = check_sizes(message_.sizes); !fine) return fine;
  sizes_ = message_.sizes;
  auto sized = program.sized(*method_, sizes_);
  if (!sized) return std::move(sized).error();
  sized_ = *std::move(sized);
  slots_.resize(method_->slots.size());
  arrived_.resize(slots_.size());
  wanted_.resize(slots_.size());
  passed_.resize(method_->stages.size());
  for (const exec::Slot& slot : method_->slots)
    left_.push_back(slot.uses);
  for (const auto& [device, places] : routes_->own)
    next_.emplace(device, 0);
  if (auto taken = take_outputs(); !taken) return taken;
  return take_inputs(payload);
}

genie::Outcome RemoteStep::check_sizes(const plan::Bindings& sizes) const {
  const auto& symbols = program_->program->plan().symbols;
  for (const auto& [id, size] : sizes) {
    const auto at = symbols.find(id);
    if (at == symbols.end()) return wrong("it sizes symbol " + id + ", which the plan lacks");
    const plan::Symbol& symbol = at->second;
    if ((symbol.min && size < *symbol.min) || (symbol.max && size > *symbol.max))
      return wrong("symbol " + id + " is " + std::to_string(size) + ", outside the plan's bounds");
  }
  return genie::Done{};
}

/// Element type, rank, and every dimension that is known.
genie::Outcome RemoteStep::check_tensor(Index value, const WireTensor& tensor) const {
  const plan::Value* type = declared(value);
  if (type == nullptr) return genie::Done{};
  const std::string name(name_of(value));
  const genie_dtype want = exec::dtype_of(type->dtype);
  if (tensor.dtype.code != want.code || tensor.dtype.bits != want.bits)
    return wrong("value " + name + " is not of the plan's element type");
  if (tensor.shape.size() != type->shape.size()) return wrong("value " + name + " has not the plan's rank");
  for (std::size_t d = 0; d < type->shape.size(); ++d)
    if (const auto size = type->shape[d].evaluate(sizes_); size && *size != tensor.shape[d])
      return wrong("value " + name + " has size " + std::to_string(tensor.shape[d]) + " where the plan has " +
                   std::to_string(*size));
  return genie::Done{};
}

genie::Outcome RemoteStep::take_outputs() {
  std::set<std::pair<std::uint32_t, bool>> seen;  // once to fetch, once to keep
  for (const StepOutput& wanted : message_.outputs) {
    if (wanted.output >= method_->outputs.size() || !seen.emplace(wanted.output, wanted.keep).second)
      return wrong("it asks for output " + std::to_string(wanted.output) +
                   ", which is unknown or asked for twice");
    const exec::Output& output = method_->outputs[wanted.output];
    if (output.slot != kNone) {
      if (!here(method_->slots[output.slot].device))
        return wrong("it asks for an output that is made elsewhere");
      ++wanted_[output.slot];
      continue;
    }
    const auto* state = std::get_if<plan::arg::State>(&output.port->value.is);
    if (state == nullptr || !here(program_->program->state_device(state->name)))
      return wrong("it asks for an output that is not of this worker");
  }
  return genie::Done{};
}

genie::Outcome RemoteStep::take_inputs(const std::shared_ptr<Buffer>& payload) {
  std::vector<bool> seen(method_->method->inputs.size());
  for (const StepInput& input : message_.inputs) {
    if (input.port >= seen.size() || seen[input.port])
      return wrong("it gives input " + std::to_string(input.port) + ", which is unknown or given twice");
    seen[input.port] = true;
    const Kept* kept = nullptr;
    if (input.from == StepInput::From::kept) {
      const auto device = program_->program->device_number(input.device);
      if (!device) return wrong("it names device " + input.device + ", which the plan lacks");
      if (!here(*device)) continue;  // it comes from there
      kept = links_.kept(input.kept);
      if (kept == nullptr || kept->session != session_ || kept->device != *device)
        return wrong("it names a kept value that this session does not have");
    }
    for (const Index m : routes_->of_port[input.port]) {
      const exec::Message& message = method_->messages[m];
      if (message.to == kNone) continue;
      const exec::Slot& target = method_->slots[message.to];
      if (kept != nullptr) {
        if (auto sent = send_message(m, &kept->tensor, kept->device, true); !sent) return sent;
      } else if (here(target.device) && !arrived_[message.to]) {
        if (!input.tensor.present) return wrong("input " + std::to_string(input.port) + " has no bytes");
        if (auto fine = check_tensor(target.value, input.tensor); !fine) return fine;
        if (auto placed = place(message.to, input.tensor, payload, message.place); !placed) return placed;
        note(StepEvent::Kind::arrived, m, input.tensor.bytes);
      }
    }
  }
  return genie::Done{};
}

// --- values ---

/// Puts what arrived where stages find it. `stage`: the place of the one that it is addressed to.
genie::Outcome RemoteStep::place(Index slot, const WireTensor& tensor, const std::shared_ptr<Buffer>& payload,
                                 Index stage) {
  const exec::Slot& target = method_->slots[slot];
  exec::Device& device = program_->program->device(target.device);
  auto claim = device.budget().take("value " + std::string(name_of(target.value)), tensor.bytes);
  if (!claim) return std::move(claim).error();
  const plan::Value* type = declared(target.value);
  exec::KernelsDevice* kernels = method_->stages[stage].kernels;
  exec::Tensor here = received(tensor, payload, *std::move(claim));
  if (type == nullptr || !type->scalar) {
    if (kernels != nullptr && kernels->memory_kind() != GENIE_DEVICE_CPU) {
      auto moved = exec::send(call_.call(), here, kernels, exec::Claim(), *links_.counters);
      if (!moved) return std::move(moved).error();
      here = *std::move(moved);
      links_.counters->add("staging_copies", 1);
    } else {
      here.kernels = kernels;
    }
  }
  slots_[slot].tensor = std::move(here);
  slots_[slot].here = true;
  arrived_[slot] = true;
  return genie::Done{};
}

void RemoteStep::arrive(const Value& value, const std::shared_ptr<Buffer>& payload) {
  if (over_) return;
  const auto take = [&]() -> genie::Outcome {
    if (value.message >= method_->messages.size()) return stage_passed(value);
    const exec::Message& message = method_->messages[value.message];
    if (message.to == kNone || !here(method_->slots[message.to].device) ||
        (message.from == kNone && message.port == kNone))
      return wrong("a value came that is not meant for this worker");
    if (arrived_[message.to]) return genie::Done{};  // for another stage of the device; it is there
    if (auto fine = check_sizes(value.sizes); !fine) return fine;
    for (const auto& [symbol, size] : value.sizes)
      sizes_.try_emplace(symbol, size);
    if (!value.tensor.present) {
      arrived_[message.to] = true;
      return genie::Done{};
    }
    if (auto fine = check_tensor(method_->slots[message.to].value, value.tensor); !fine) return fine;
    if (auto placed = place(message.to, value.tensor, payload, message.place); !placed) return placed;
    transfers_.push_back({value.message, true, now_ns(), value.tensor.bytes});
    note(StepEvent::Kind::arrived, value.message, value.tensor.bytes);
    return genie::Done{};
  };
  if (auto taken = take(); !taken) return fail(std::move(taken).error());
  advance();
}

/// News that a stage elsewhere is done, for those here that come after it without reading anything of it.
genie::Outcome RemoteStep::stage_passed(const Value& value) {
  const std::size_t number = value.message - method_->messages.size();
  if (number >= method_->places.size() || value.tensor.present)
    return wrong("a value of an unknown transfer came");
  const Index place = method_->places[number];
  if (here(method_->stages[place].device)) return wrong("news of a stage came that is this worker's own");
  if (auto fine = check_sizes(value.sizes); !fine) return fine;
  for (const auto& [symbol, size] : value.sizes)
    sizes_.try_emplace(symbol, size);
  passed_[place] = true;
  return genie::Done{};
}

void RemoteStep::tell_of(const exec::CompiledStage& stage) {
  const Index place = method_->places[stage.number];
  passed_[place] = true;
  const auto waiting = routes_->awaits.find(place);
  if (waiting == routes_->awaits.end()) return;
  const auto number = static_cast<std::uint32_t>(method_->messages.size() + stage.number);
  for (const Index device : waiting->second) {
    Outgoing frame;
    frame.type = Type::value;
    frame.message = encode(Value{message_.session, message_.index, number, late_sizes(), {}});
    links_.to_device(program_->program->device(device).spec().id, std::move(frame));
  }
}

plan::Bindings RemoteStep::late_sizes() const {
  plan::Bindings late;
  for (const auto& [symbol, size] : sizes_)
    if (!message_.sizes.contains(symbol)) late.emplace(symbol, size);
  return late;
}

/// At this step's sizes.
std::uint64_t RemoteStep::slack_of(Index message) const {
  const auto& transfers = program_->program->plan().schedule->methods.find(message_.method)->second.transfers;
  const auto& slack = sized_->timeline.slack_ns;
  const auto at = slack.find(transfers[message].id);
  return at == slack.end() ? std::numeric_limits<std::uint64_t>::max() : at->second;
}

/// Brings a value to where a message takes it: another place here, or another worker. `tensor` null: there is none.
genie::Outcome RemoteStep::send_message(Index number, const exec::Tensor* tensor, Index from_device,
                                        bool rewritten) {
  const exec::Message& message = method_->messages[number];
  const exec::Slot& target = method_->slots[message.to];
  if (!here(target.device)) {
    Outgoing frame;
    frame.type = Type::value;
    frame.slack_ns = slack_of(number);
    Value value{message_.session, message_.index, number, late_sizes(), {}};
    if (tensor != nullptr) {
      auto sent = append(frame, *tensor, rewritten, links_.host, call_.call());
      if (!sent) return std::move(sent).error();
      value.tensor = *std::move(sent);
      transfers_.push_back({number, false, now_ns(), value.tensor.bytes});
    }
    frame.message = encode(value);
    links_.to_device(program_->program->device(target.device).spec().id, std::move(frame));
    return genie::Done{};
  }
  if (arrived_[message.to]) return genie::Done{};
  arrived_[message.to] = true;
  if (tensor == nullptr) return genie::Done{};
  if (from_device == target.device) {
    slots_[message.to].tensor = *tensor;
  } else {
    exec::Device& device = program_->program->device(target.device);
    auto claim =
        device.budget().take("value " + std::string(name_of(target.value)), exec::span_bytes(*tensor));
    if (!claim) return std::move(claim).error();
    const plan::Value* type = declared(target.value);
    const bool number_value = type != nullptr && type->scalar.has_value();
    const std::uint64_t bytes = exec::span_bytes(*tensor);
    transfers_.push_back({number, false, now_ns(), bytes});
    auto moved =
        exec::send(call_.call(), *tensor, number_value ? nullptr : method_->stages[message.place].kernels,
                   *std::move(claim), *links_.counters);
    if (!moved) return std::move(moved).error();
    slots_[message.to].tensor = *std::move(moved);
    transfers_.push_back({number, true, now_ns(), bytes});
    note(StepEvent::Kind::arrived, number, bytes);
  }
  slots_[message.to].here = true;
  return genie::Done{};
}

// --- stages ---

genie::Outcome RemoteStep::may_go_on() const {
  if (call_.cancelled()) return genie::cancelled();
  const std::uint64_t deadline = call_.call().deadline_ns();
  if (deadline != GENIE_NO_DEADLINE && monotonic_ns() >= deadline)
    return exec::problem(GENIE_DEADLINE_EXCEEDED, "GE0620", "the deadline passed",
                         "allow the step more time (run.deadline_ms)");
  return genie::Done{};
}

bool RemoteStep::ready(const exec::CompiledStage& stage) const {
  return std::ranges::all_of(stage.inputs, [&](const exec::StageInput& in) { return arrived_[in.slot]; }) &&
         std::ranges::all_of(stage.after, [&](Index place) { return passed_[place]; });
}

void RemoteStep::advance() {
  while (!over_) {
    if (auto go = may_go_on(); !go) return fail(std::move(go).error());
    if (waits_for_client()) return;
    if (const exec::CompiledStage* stage = std::exchange(computed_, nullptr)) {
      if (auto passed = pass_on(*stage); !passed) return fail(std::move(passed).error());
      if (links_.yield()) {
        links_.later([self = shared_from_this()] { self->advance(); });
        return;
      }
      continue;
    }
    if (const exec::CompiledStage* stage = std::exchange(begun_, nullptr)) {
      if (auto done = compute(*stage); !done) return fail(std::move(done).error());
      computed_ = stage;
      note(StepEvent::Kind::stage_end, stage->number);
      continue;
    }
    const exec::CompiledStage* next = nullptr;
    bool done = true;
    for (auto& [device, count] : next_) {
      const std::vector<Index>& places = routes_->own.find(device)->second;
      if (count == places.size()) continue;
      done = false;
      const exec::CompiledStage& stage = method_->stages[places[count]];
      if (!ready(stage)) continue;
      next = &stage;
      ++count;
      break;
    }
    if (done) return finish();
    if (next == nullptr) return;  // the next value goes on
    begun_ = next;
    note(StepEvent::Kind::stage_begin, next->number);
  }
}

genie::Outcome RemoteStep::compute(const exec::CompiledStage& stage) {
  exec::Program& program = *program_->program;
  exec::Budget& room = program.device(stage.device).budget();
  const std::uint64_t foreseen = sized_->timeline.stage_peak_bytes[stage.number];
  auto work = room.take("values that stage " + stage.stage->id + " computes", foreseen);
  if (!work) {
    genie::Error error = std::move(work).error();
    error.node = stage.stage->id;
    return error;
  }
  wrote_ = wrote_ || stage.writes_state;
  const std::uint64_t most = room.used();
  const std::uint64_t began = monotonic_ns();
  const genie::Call call = call_.call();
  exec::StageRun run{.host = links_.host,
                     .call = call,
                     .session = *session_,
                     .method = *method_,
                     .stage = stage,
                     .slots = slots_,
                     .sizes = sizes_,
                     .planned = sized_->sizes,
                     .room = room,
                     .step = message_.index,
                     .claimed = foreseen,
                     .counters = *links_.counters,
                     .lend = [&](const exec::StageOutput& out, std::uint64_t bytes) {
                       return room_there(stage, out.slot, bytes);
                     }};
  if (auto done = run.execute(); !done) return done;
  *work = exec::Claim();
  if (auto held = run.account(); !held) return held;
  times_.push_back({stage.number, began - arrived_ns_, monotonic_ns() - began, most, 0});
  for (const exec::StageOutput& out : stage.outputs)
    arrived_[out.slot] = true;
  return genie::Done{};
}

/// Not for what the client wants as well: it may be kept for long.
std::shared_ptr<exec::Storage> RemoteStep::room_there(const exec::CompiledStage& stage, Index slot,
                                                      std::uint64_t bytes) const {
  if (stage.kernels->memory_kind() != GENIE_DEVICE_CPU || wanted_[slot] != 0 ||
      method_->slots[slot].rewritten)
    return nullptr;
  for (const Index m : routes_->of_slot[slot]) {
    const exec::Message& message = method_->messages[m];
    if (message.to == kNone || here(method_->slots[message.to].device)) continue;
    const auto& device = program_->program->device(method_->slots[message.to].device);
    const std::shared_ptr<DataLink::Reserved> room = links_.reserve(device.spec().id, bytes);
    return room ? exec::Storage::borrow(room->data(), room, exec::Claim()) : nullptr;
  }
  return nullptr;
}

genie::Outcome RemoteStep::pass_on(const exec::CompiledStage& stage) {
  for (const exec::StageOutput& out : stage.outputs) {
    const exec::Held& held = slots_[out.slot];
    for (const Index m : routes_->of_slot[out.slot])
      if (method_->messages[m].to != kNone)
        if (auto sent = send_message(m, held.here ? &held.tensor : nullptr, stage.device,
                                     method_->slots[out.slot].rewritten);
            !sent)
          return sent;
    for (std::size_t i = 0; i < routes_->of_slot[out.slot].size(); ++i)
      if (left_[out.slot] != 0) --left_[out.slot];
  }
  tell_of(stage);
  for (const exec::StageInput& in : stage.inputs)
    used(in.slot);
  for (const exec::StageOutput& out : stage.outputs)
    let_go(out.slot);
  times_.back().left_bytes = program_->program->device(stage.device).budget().used();
  return genie::Done{};
}

void RemoteStep::used(Index slot) {
  if (left_[slot] != 0) --left_[slot];
  let_go(slot);
}

void RemoteStep::let_go(Index slot) {
  if (left_[slot] == 0 && wanted_[slot] == 0) slots_[slot] = {};
}

// --- the end ---

void RemoteStep::finish() {
  StepResult result;
  Outgoing frame;
  frame.type = Type::done;
  for (const StepOutput& wanted : message_.outputs)
    if (auto put = answer_output(wanted, result, frame); !put) return fail(std::move(put).error());
  over_ = true;
  result.wrote_state = wrote_;
  result.sizes = late_sizes();
  result.stages = times_;  // who looks at other workers still asks when this one was done
  result.transfers = std::move(transfers_);
  result.spent_ns = now_ns();
  frame.message = encode(result);
  slots_.clear();
  links_.answer(std::move(frame));
}

genie::Outcome RemoteStep::answer_output(const StepOutput& wanted, StepResult& result, Outgoing& frame) {
  exec::Program& program = *program_->program;
  exec::Delivery delivery{links_.host, call_.call(), *session_, *method_, sizes_, *links_.counters, false};
  const exec::Output& output = method_->outputs[wanted.output];
  auto found = delivery.find(output, slots_, {});
  if (!found) return std::move(found).error();
  StepResult::Output out;
  out.output = wanted.output;
  out.kept = wanted.keep;
  if (found->has_value()) {
    exec::Found& it = **found;
    exec::Device& device = program.device(it.device);
    out.device = device.spec().id;
    if (!wanted.keep) {
      auto sent =
          append(frame, it.tensor, it.tensor.in_state || !it.tensor.storage, links_.host, call_.call());
      if (!sent) return std::move(sent).error();
      out.tensor = *std::move(sent);
    } else {
      Kept kept{session_, it.tensor, it.device};
      // What a later step would overwrite gets bytes of its own.
      if (it.tensor.in_state) {
        auto claim = device.budget().take("kept output " + output.port->name, exec::span_bytes(it.tensor));
        if (!claim) return std::move(claim).error();
        auto copied =
            exec::send(call_.call(), it.tensor, device.any_kernels(), *std::move(claim), *links_.counters);
        if (!copied) return std::move(copied).error();
        kept.tensor = *std::move(copied);
      }
      out.tensor.present = true;
      out.tensor.dtype = kept.tensor.dtype;
      out.tensor.shape = kept.tensor.shape;
      out.tensor.strides = kept.tensor.strides;
      if (auto done = links_.keep(wanted.kept, std::move(kept)); !done) return done;
    }
  } else if (wanted.keep) {
    return exec::problem(GENIE_INVALID_ARGUMENT, "GE0607",
                         "output " + output.port->name + " is nothing; it cannot be kept", "fetch it");
  }
  result.outputs.push_back(std::move(out));
  return genie::Done{};
}

void RemoteStep::fail(genie::Error error) {
  if (over_) return;
  over_ = true;
  if (wrote_) session_->lose(message_.index, message_.method, error);
  Outgoing frame;
  frame.type = Type::failed;
  frame.message = encode(Failed{std::move(error), wrote_});
  slots_.clear();
  links_.answer(std::move(frame));
}

genie::Error RemoteStep::way_over(const exec::CompiledStage& stage, std::string_view what,
                                  const genie::Error& why) const {
  const std::string_view code = code_of_loss(why);
  return exec::problem(code == "GE0613" ? GENIE_DATA_LOSS : GENIE_UNAVAILABLE, code,
                       "stage " + stage.stage->id + " " + std::string(what) +
                           ", and the connection between the two workers is over: " + why.message,
                       "see both workers' own output, and run the step again", stage.stage->id, stage.scope);
}

bool RemoteStep::sends_to(const exec::CompiledStage& stage, const std::vector<std::string>& devices) const {
  const auto goes_there = [&](Index m) {
    const exec::Message& message = method_->messages[m];
    return message.to != kNone &&
           std::ranges::find(devices,
                             program_->program->device(method_->slots[message.to].device).spec().id) !=
               devices.end();
  };
  return std::ranges::any_of(stage.outputs, [&](const exec::StageOutput& out) {
    return std::ranges::any_of(routes_->of_slot[out.slot], goes_there);
  });
}

std::string RemoteStep::awaited_device(const exec::CompiledStage& stage) const {
  for (const exec::StageInput& in : stage.inputs) {
    if (arrived_[in.slot]) continue;
    for (const exec::Message& message : method_->messages) {
      if (message.to != in.slot) continue;
      if (message.from == kNone) return "that keeps it";
      const Index device = method_->slots[message.from].device;
      if (!here(device)) return program_->program->device(device).spec().id;
    }
  }
  for (const Index place : stage.after)
    if (const Index device = method_->stages[place].device; !passed_[place] && !here(device))
      return program_->program->device(device).spec().id;
  return {};
}

void RemoteStep::lost_way_to(const std::vector<std::string>& devices, const genie::Error& why) {
  if (over_) return;
  for (const auto& [device, places] : routes_->own)
    for (const Index place : places)
      if (const exec::CompiledStage& stage = method_->stages[place]; sends_to(stage, devices))
        return fail(way_over(stage, "sends values to device " + devices[0], why));
}

void RemoteStep::lost_way_from_peer(const genie::Error& why) {
  if (over_) return;
  for (const auto& [device, places] : routes_->own)
    for (const Index place : places)
      if (const std::string awaited = awaited_device(method_->stages[place]); !awaited.empty())
        return fail(way_over(method_->stages[place], "waits for device " + awaited, why));
}

void RemoteStep::abandon() {
  over_ = true;
  slots_.clear();
}

}  // namespace genie::remote
