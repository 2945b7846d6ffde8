#include "micro_batch.hpp"

#include <algorithm>
#include <cstring>

namespace genie::emulation {

namespace {

/// A 0-d tensor's number; nothing for other tensors and for complex ones.
std::optional<double> number_of(const Tensor& tensor) {
  if (!tensor.shape.empty() || tensor.data == nullptr) return std::nullopt;
  const auto* bytes = static_cast<const std::byte*>(tensor.data) + tensor.byte_offset;
  const auto read = [&]<class T>(T) {
    T value;
    std::memcpy(&value, bytes, sizeof value);
    return static_cast<double>(value);
  };
  const auto type = plan::dtype_from_dlpack(tensor.dtype.code, tensor.dtype.bits, tensor.dtype.lanes);
  if (!type) return std::nullopt;
  switch (*type) {
    case plan::DType::i64:
      return read(std::int64_t{});
    case plan::DType::f64:
      return read(double{});
    case plan::DType::boolean:
      return read(std::uint8_t{});
    case plan::DType::i32:
      return read(std::int32_t{});
    case plan::DType::f32:
      return read(float{});
    default:
      return std::nullopt;
  }
}

}  // namespace

MicroBatch::MicroBatch(const StepContext& context, Job& job, std::shared_ptr<Session> session,
                       const CompiledMethod& method, StepShare share)
    : c_(context),
      job_(job),
      session_(std::move(session)),
      program_(session_->program()),
      method_(method),
      share_(std::move(share)) {}

genie::Outcome MicroBatch::prepare() {
  if (auto ready = take_inputs(); !ready) return ready;
  if (auto ready = match_outputs(); !ready) return ready;
  auto bound = plan::bind_symbols(program_.plan(), *method_.method, shapes_);
  if (!bound) return error_of(GENIE_INVALID_ARGUMENT, bound.errors());
  bound_ = *std::move(bound);
  return genie::Done{};
}

void MicroBatch::begin(std::shared_ptr<const Sized> sized, StepFaults* faults) {
  sized_ = std::move(sized);
  faults_ = faults;
  slots_.resize(method_.slots.size());
  left_.resize(slots_.size());
  for (std::size_t i = 0; i < left_.size(); ++i)
    left_[i] = method_.slots[i].uses;
  work_.resize(method_.stages.size());
  observation_.emplace(c_.host, job_.call(), *session_, method_, slots_, share_.index);
}

genie::Outcome MicroBatch::happen(const plan::Moment& moment) {
  // Measured costs are known when the step is done; the order is the model's all the same.
  if (c_.options->costs == Costs::model) observation_->now(moment.at_ns);
  if (moment.kind == plan::Event::Kind::transfer) {
    const Message& message = method_.messages[moment.number];
    return moment.ends ? end_message(message) : start_message(message);
  }
  const CompiledStage& stage = method_.stages[method_.places[moment.number]];
  return moment.ends ? end_stage(stage) : start_stage(stage);
}

genie::Outcome MicroBatch::deliver_rest() {
  for (std::uint64_t i = 0; i < share_.outputs.size(); ++i)
    if (!delivered_[i])
      if (auto got = deliver(i); !got) return got;
  return genie::Done{};
}

genie::Outcome MicroBatch::wrong(std::string_view code, std::string message, std::string help) const {
  return problem(GENIE_INVALID_ARGUMENT, code,
                 "step " + std::to_string(share_.index) + ": " + std::move(message), std::move(help));
}

genie::Outcome MicroBatch::take_inputs() {
  const std::vector<plan::Port>& ports = method_.method->inputs;
  inputs_.resize(ports.size());
  std::vector<std::string_view> names;
  for (const plan::Port& port : ports)
    names.push_back(port.name);
  for (std::uint64_t i = 0; i < share_.inputs.size(); ++i) {
    const genie_step_input& given = *share_.inputs[i];
    const std::string_view name = genie::view(given.name);
    const auto at = std::ranges::find(names, name);
    if (at == names.end()) {
      const std::string_view near = plan::json::nearest(name, names);
      return wrong("GE0606", "method " + *method_.name + " has no input " + std::string(name),
                   near.empty() ? "`genie-host plan show` lists its inputs"
                                : "did you mean " + std::string(near) + "?");
    }
    if (auto taken = take_input(static_cast<std::size_t>(at - names.begin()), given); !taken) return taken;
  }
  for (std::size_t i = 0; i < ports.size(); ++i) {
    if (!inputs_[i].given)
      return wrong("GE0606", "input " + ports[i].name + " of method " + *method_.name + " is missing",
                   "give it");
    if (auto checked = check_type(i); !checked) return checked;
    plan::InputShape shape{ports[i].name, inputs_[i].tensor.shape, std::nullopt};
    if (inputs_[i].tensor.kernels == nullptr || inputs_[i].tensor.device_kind == GENIE_DEVICE_CPU)
      shape.number = number_of(inputs_[i].tensor);
    shapes_.push_back(std::move(shape));
  }
  return genie::Done{};
}

genie::Outcome MicroBatch::take_input(std::size_t port, const genie_step_input& given) {
  Input& input = inputs_[port];
  const std::string& name = method_.method->inputs[port].name;
  if (input.given) return wrong("GE0606", "input " + name + " is given twice", "give it once");
  input.given = true;
  if ((given.tensor == nullptr) == (given.kept == nullptr))
    return wrong("GE0606", "input " + name + " must be a tensor or a kept value, exactly one of them",
                 "set one of the two");
  if (given.tensor != nullptr) {
    if (given.tensor->device_kind != GENIE_DEVICE_CPU && given.tensor->device_kind != GENIE_DEVICE_CUDA_HOST)
      return genie::unimplemented("input " + name + " is not in host memory; copy it there first");
    input.tensor = describe(*given.tensor);
    return genie::Done{};
  }
  const KeptValue* kept = c_.kept(given.kept);
  if (kept == nullptr || kept->session != session_)
    return wrong("GE0606",
                 "input " + name + " is a kept value of another session, or one that was given back",
                 "use values that this session kept");
  input.tensor = kept->tensor;
  input.kept_on = kept->device;
  const std::string& device = program_.device(kept->device).spec().id;
  if (c_.faults != nullptr)
    if (const auto by = c_.faults->gone(device)) return gone_error("input " + name, device, *by);
  return genie::Done{};
}

genie::Outcome MicroBatch::check_type(std::size_t port) const {
  const auto* value = std::get_if<plan::arg::Value>(&method_.method->inputs[port].value.is);
  const auto declared =
      value == nullptr ? method_.method->values.end() : method_.method->values.find(value->id);
  if (declared == method_.method->values.end()) return genie::Done{};
  const genie_dtype want = dtype_of(declared->second.dtype);
  const genie_dtype have = inputs_[port].tensor.dtype;
  if (want.code == have.code && want.bits == have.bits && have.lanes == 1) return genie::Done{};
  const auto type = plan::dtype_from_dlpack(have.code, have.bits, have.lanes);
  return wrong("GE0606",
               "input " + method_.method->inputs[port].name + " is " +
                   std::string(type ? plan::name(*type) : "of an unknown type") + "; the model takes " +
                   std::string(plan::name(declared->second.dtype)),
               "convert it before the step");
}

genie::Outcome MicroBatch::match_outputs() {
  std::vector<std::string_view> names;
  for (const Output& output : method_.outputs)
    names.push_back(output.port->name);
  wanted_.assign(share_.outputs.size(), kNone);
  slot_wanted_.assign(method_.slots.size(), 0);
  for (std::uint64_t i = 0; i < share_.outputs.size(); ++i) {
    const std::string_view name = genie::view(share_.outputs[i]->name);
    const auto at = std::ranges::find(names, name);
    if (at == names.end()) {
      const std::string_view near = plan::json::nearest(name, names);
      return wrong("GE0607", "method " + *method_.name + " has no output " + std::string(name),
                   near.empty() ? "`genie-host plan show` lists its outputs"
                                : "did you mean " + std::string(near) + "?");
    }
    wanted_[i] = static_cast<Index>(at - names.begin());
    const Output& output = method_.outputs[wanted_[i]];
    if (output.slot == kNone) continue;
    ++slot_wanted_[output.slot];
    outputs_of_.emplace(output.slot, i);
  }
  delivered_.assign(share_.outputs.size(), false);
  return genie::Done{};
}

genie::Outcome MicroBatch::start_stage(const CompiledStage& stage) {
  if (faults_ != nullptr)
    if (auto met = faults_->meet(stage); !met) return met;
  auto work = program_.device(stage.device)
                  .budget()
                  .take("values that stage " + stage.stage->id + " computes",
                        sized_->timeline.stage_peak_bytes[stage.number]);
  if (!work) {
    genie::Error error = std::move(work).error();
    error.node = stage.stage->id;
    return error;
  }
  work_[stage.number] = *std::move(work);
  return observation_->begins(stage);
}

genie::Outcome MicroBatch::end_stage(const CompiledStage& stage) {
  wrote_ = wrote_ || stage.writes_state;
  if (auto done = run_stage(stage); !done) return done;
  if (auto seen = observation_->ended(stage); !seen) return seen;
  for (const StageInput& in : stage.inputs)
    used(in.slot);
  for (const StageOutput& out : stage.outputs)
    let_go(out.slot);
  return genie::Done{};
}

void MicroBatch::used(Index slot) {
  if (left_[slot] != 0) --left_[slot];
  let_go(slot);
}

void MicroBatch::let_go(Index slot) {
  if (left_[slot] == 0 && slot_wanted_[slot] == 0) slots_[slot] = {};
}

std::string MicroBatch::value_name(Index value) const {
  return *method_.index->values()[value].id;
}

genie::Outcome MicroBatch::start_message(const Message& message) {
  if (message.to == kNone || slots_[message.to].here) return genie::Done{};
  const Tensor* tensor = nullptr;
  Index from = kNone;
  if (message.from != kNone) {
    if (!slots_[message.from].here) return genie::Done{};  // the operator returned nothing
    tensor = &slots_[message.from].tensor;
    from = method_.slots[message.from].device;
  } else if (message.port != kNone) {
    tensor = &inputs_[message.port].tensor;
    from = inputs_[message.port].kept_on;
  } else {
    return genie::Done{};
  }
  const Slot& target = method_.slots[message.to];
  if (faults_ != nullptr && faults_->halts() && !faults_->arrives(value_name(target.value), target.device))
    return genie::Done{};
  auto there =
      receive(*tensor, from, target.device, value_name(target.value), method_.stages[message.place].kernels);
  if (!there) return std::move(there).error();
  slots_[message.to].tensor = *std::move(there);
  slots_[message.to].here = true;
  return genie::Done{};
}

genie::Outcome MicroBatch::end_message(const Message& message) {
  if (auto seen = arrived(message); !seen) return seen;
  if (message.from == kNone) return genie::Done{};
  if (message.to == kNone)
    if (auto got = deliver_from(message.from); !got) return got;
  used(message.from);
  return genie::Done{};
}

genie::Outcome MicroBatch::arrived(const Message& message) {
  if (message.to == kNone || !slots_[message.to].here) return genie::Done{};
  const Slot& to = method_.slots[message.to];
  const Index from =
      message.from != kNone ? method_.slots[message.from].device : inputs_[message.port].kept_on;
  if (from == to.device) return genie::Done{};
  const std::string_view sender = from == kNone ? std::string_view() : program_.device(from).spec().id;
  return observation_->arrived(to.value, sender, program_.device(to.device).spec().id,
                               span_bytes(slots_[message.to].tensor));
}

genie::Outcome MicroBatch::deliver_from(Index slot) {
  if (slot_wanted_[slot] == 0) return genie::Done{};
  const auto [first, last] = outputs_of_.equal_range(slot);
  for (auto at = first; at != last; ++at)
    if (!method_.outputs[wanted_[at->second]].late)
      if (auto got = deliver(at->second); !got) return got;
  return genie::Done{};
}

genie::Expected<Tensor> MicroBatch::receive(const Tensor& tensor, Index from, Index to,
                                            const std::string& name, KernelsDevice* kernels) {
  if (from == to) return tensor;
  EmulatedDevice& device = program_.device(to);
  auto claim = device.budget().take("value " + name, span_bytes(tensor));
  if (!claim) return std::move(claim).error();
  count_wire(from, to, span_bytes(tensor));
  std::optional<Tensor> carried;
  if (faults_ != nullptr) {
    auto came = faults_->carry(tensor, from, to, name);
    if (!came) return std::move(came).error();
    carried = *std::move(came);
  }
  if (program_.imagined()) {
    Tensor there = tensor;
    there.storage = Storage::imagined(*std::move(claim));
    return there;
  }
  return send(job_.call(), tensor, is_number(name) ? nullptr : kernels, *std::move(claim), *c_.counters,
              carried ? &*carried : nullptr);
}

bool MicroBatch::is_number(const std::string& value) const {
  const auto at = method_.method->values.find(value);
  return at != method_.method->values.end() && at->second.scalar.has_value();
}

void MicroBatch::count_wire(Index from, Index to, std::uint64_t bytes) const {
  if (program_.crosses_link(from, to)) c_.counters->add("wire_bytes", bytes);
}

genie::Outcome MicroBatch::run_stage(const CompiledStage& stage) {
  const std::uint64_t began = now_ns();
  StageRun run{.host = c_.host,
               .call = job_.call(),
               .session = *session_,
               .method = method_,
               .stage = stage,
               .slots = slots_,
               .sizes = bound_,
               .planned = sized_->sizes,
               .room = program_.device(stage.device).budget(),
               .step = share_.index,
               .claimed = sized_->timeline.stage_peak_bytes[stage.number],
               .counters = *c_.counters};
  Claim work = std::move(work_[stage.number]);
  if (program_.imagined()) {
    work = Claim();
    if (auto made = run.imagine(); !made) return made;
  } else {
    if (auto done = run.execute(); !done) return done;
    work = Claim();
    if (auto held = run.account(); !held) return held;
  }
  stage_ns_[stage.stage->id] = now_ns() - began;
  return genie::Done{};
}

genie::Outcome MicroBatch::deliver(std::uint64_t i) {
  genie_step_output& out = *share_.outputs[i];
  const Output& output = method_.outputs[wanted_[i]];
  Delivery delivery{c_.host, job_.call(), *session_, method_, bound_, *c_.counters, program_.imagined()};
  auto found = delivery.find(output, slots_, inputs_of_step());
  if (!found) return std::move(found).error();
  if (faults_ != nullptr && *found && (*found)->device != kNone && out.mode != GENIE_OUTPUT_KEEP) {
    auto came = faults_->carry((*found)->tensor, (*found)->device, kNone, sent_name(output));
    if (!came) return std::move(came).error();
    (*found)->tensor = *std::move(came);
  }
  if (out.mode == GENIE_OUTPUT_KEEP) {
    if (!found->has_value())
      return wrong("GE0607", "output " + output.port->name + " is nothing; it cannot be kept", "fetch it");
    auto kept = keep(**found, output);
    if (!kept) return std::move(kept).error();
    out.kept = *kept;
    made_values_.push_back(&out);
  } else {
    if (*found && (*found)->device != kNone)
      count_wire((*found)->device, kNone, span_bytes((*found)->tensor));
    const bool own = out.tensor == nullptr;
    if (auto fetched = delivery.fetch(*found, out); !fetched) {
      fetched = add_place(std::move(fetched), output);
      return fetched;
    }
    if (own && out.tensor != nullptr) made_tensors_.push_back(&out);
  }
  delivered_[i] = true;
  if (output.slot != kNone) {
    --slot_wanted_[output.slot];
    let_go(output.slot);
  }
  return genie::Done{};
}

std::string MicroBatch::sent_name(const Output& output) const {
  if (output.value != kNone) return value_name(output.value);
  const auto* state = std::get_if<plan::arg::State>(&output.port->value.is);
  return state == nullptr ? std::string() : "state:" + state->name;
}

genie::Outcome MicroBatch::add_place(genie::Outcome outcome, const Output& output) const {
  genie::Error error = std::move(outcome).error();
  error.message = "output " + output.port->name + ": " + error.message;
  return error;
}

std::vector<Found> MicroBatch::inputs_of_step() const {
  std::vector<Found> out;
  for (const Input& input : inputs_)
    out.push_back({input.tensor, input.kept_on});
  return out;
}

genie::Expected<genie_value*> MicroBatch::keep(const Found& found, const Output& output) {
  KeptValue kept{session_, found.tensor, found.device, output.port->name};
  // What the client sent, and what a later step would overwrite, gets bytes of its own.
  if (found.device == kNone || found.tensor.in_state) {
    kept.device = found.device == kNone ? 0 : found.device;
    EmulatedDevice& device = program_.device(kept.device);
    auto claim = device.budget().take("kept output " + output.port->name, span_bytes(found.tensor));
    if (!claim) return std::move(claim).error();
    if (program_.imagined()) {
      kept.tensor.storage = Storage::imagined(*std::move(claim));
    } else {
      auto copied = send(job_.call(), found.tensor, device.any_kernels(), *std::move(claim), *c_.counters);
      if (!copied) return std::move(copied).error();
      kept.tensor = *std::move(copied);
    }
  }
  return c_.keep(std::move(kept));
}

void MicroBatch::give_up() {
  for (genie_step_output* out : made_tensors_) {
    if (out->tensor->deleter != nullptr) out->tensor->deleter(out->tensor);
    out->tensor = nullptr;
  }
  for (genie_step_output* out : made_values_) {
    c_.release(out->kept);
    out->kept = nullptr;
  }
}

}  // namespace genie::emulation
