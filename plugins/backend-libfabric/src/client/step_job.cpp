#include "client/step_job.hpp"

#include <algorithm>
#include <cstring>

#include "genie/plan/validate.hpp"
#include "protocol/values.hpp"

namespace genie::remote {

namespace {

/// A 0-d integer's or float's number, where a symbol may need it.
std::optional<double> number_of(const exec::Tensor& tensor) {
  if (!tensor.shape.empty() || tensor.data == nullptr) return std::nullopt;
  const auto* bytes = static_cast<const std::byte*>(tensor.data) + tensor.byte_offset;
  const auto read = [&]<class T>(T value) {
    std::memcpy(&value, bytes, sizeof value);
    return static_cast<double>(value);
  };
  switch (plan::dtype_from_dlpack(tensor.dtype.code, tensor.dtype.bits, tensor.dtype.lanes)
              .value_or(plan::DType::c64)) {
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

std::string near_help(std::string_view name, const std::vector<std::string_view>& names,
                      std::string_view what) {
  const std::string_view near = plan::json::nearest(name, names);
  return near.empty() ? "`genie-host plan show` lists its " + std::string(what)
                      : "did you mean " + std::string(near) + "?";
}

}  // namespace

StepJob::StepJob(JobLinks links, const genie::Call& call, std::shared_ptr<ClientSession> session,
                 const genie_step& step, genie_completion* completion)
    : links_(std::move(links)),
      call_(call),
      session_(std::move(session)),
      program_(*session_->program),
      step_(step),
      completion_(completion),
      method_name_(genie::view(step.method)) {}

genie::Error StepJob::wrong(std::string_view code, std::string message, std::string help) const {
  return exec::problem(GENIE_INVALID_ARGUMENT, code,
                       "step " + std::to_string(step_.index) + ": " + std::move(message), std::move(help));
}

void StepJob::begin() {
  began_ns_ = monotonic_ns();
  std::vector<std::optional<Outgoing>> messages;
  const auto make = [&]() -> genie::Outcome {
    if (auto go = check(); !go) return go;
    if (auto ready = prepare(); !ready) return ready;
    for (std::size_t w = 0; w < program_.workers.size(); ++w) {
      auto message = message_for(w);
      if (!message) return std::move(message).error();
      messages.push_back(*std::move(message));
    }
    return genie::Done{};
  };
  if (auto made = make(); !made) return signal(std::move(made));
  {
    const std::lock_guard hold(lock_);
    parts_.resize(messages.size());
    for (std::size_t w = 0; w < messages.size(); ++w)
      if (messages[w]) {
        parts_[w].asked = parts_[w].pending = true;
        parts_[w].asked_ns = monotonic_ns();
        parts_[w].sent_bytes = messages[w]->payload_bytes();
        ++pending_;
      }
  }
  const auto self = shared_from_this();
  if (session_->observer != nullptr && std::ranges::any_of(messages, &std::optional<Outgoing>::has_value)) {
    {
      const std::lock_guard hold(lock_);
      watching_ = std::make_unique<Watching>(links_.host, call_, *session_, *method_, step_.index);
    }
    links_.aside([self] { self->attend(); });
  }
  bool any = false;
  for (std::size_t w = 0; w < messages.size(); ++w) {
    if (!messages[w]) continue;
    any = true;
    const std::uint64_t id = program_.workers[w]->request(
        *std::move(messages[w]),
        [self, w](genie::Expected<Frame> answer) { self->answered(w, std::move(answer)); });
    const std::lock_guard hold(lock_);
    parts_[w].request = id;
  }
  if (!any) return finish();
  // A worker that failed at once was told of before the others had their requests.
  bool stop = false;
  {
    const std::lock_guard hold(lock_);
    stop = std::exchange(stopping_, false);
  }
  if (stop) cancel();
}

// --- what the caller gives ---

genie::Outcome StepJob::prepare() {
  {
    const std::lock_guard hold(session_->lock);
    if (session_->lost) return *session_->lost;
  }
  auto method = program_.program->method(method_name_);
  if (!method) return std::move(method).error();
  method_ = *method;
  if (auto ready = take_inputs(); !ready) return ready;
  if (auto ready = match_outputs(); !ready) return ready;
  auto bound = plan::bind_symbols(program_.program->plan(), *method_->method, shapes_);
  if (!bound) return exec::error_of(GENIE_INVALID_ARGUMENT, bound.errors());
  sizes_ = *std::move(bound);
  if (auto sized = program_.program->sized(*method_, sizes_); !sized) return std::move(sized).error();
  writes_state_ = std::ranges::any_of(method_->stages, &exec::CompiledStage::writes_state);
  return genie::Done{};
}

genie::Outcome StepJob::take_inputs() {
  const std::vector<plan::Port>& ports = method_->method->inputs;
  inputs_.resize(ports.size());
  std::vector<std::string_view> names;
  for (const plan::Port& port : ports)
    names.push_back(port.name);
  for (std::uint64_t i = 0; i < step_.input_count; ++i) {
    const std::string_view name = genie::view(step_.inputs[i].name);
    const auto at = std::ranges::find(names, name);
    if (at == names.end())
      return wrong("GE0606", "method " + method_name_ + " has no input " + std::string(name),
                   near_help(name, names, "inputs"));
    if (auto taken = take_input(static_cast<std::size_t>(at - names.begin()), step_.inputs[i]); !taken)
      return taken;
  }
  for (std::size_t i = 0; i < ports.size(); ++i) {
    if (!inputs_[i].given)
      return wrong("GE0606", "input " + ports[i].name + " of method " + method_name_ + " is missing",
                   "give it");
    if (auto checked = check_type(i); !checked) return checked;
    plan::InputShape shape{ports[i].name, inputs_[i].tensor.shape, std::nullopt};
    if (!inputs_[i].kept) shape.number = number_of(inputs_[i].tensor);
    shapes_.push_back(std::move(shape));
  }
  return genie::Done{};
}

genie::Outcome StepJob::take_input(std::size_t port, const genie_step_input& given) {
  Input& input = inputs_[port];
  const std::string& name = method_->method->inputs[port].name;
  if (input.given) return wrong("GE0606", "input " + name + " is given twice", "give it once");
  input.given = true;
  if ((given.tensor == nullptr) == (given.kept == nullptr))
    return wrong("GE0606", "input " + name + " must be a tensor or a kept value, exactly one of them",
                 "set one of the two");
  if (given.tensor != nullptr) {
    if (given.tensor->device_kind != GENIE_DEVICE_CPU && given.tensor->device_kind != GENIE_DEVICE_CUDA_HOST)
      return genie::unimplemented("input " + name + " is not in host memory; copy it there first");
    input.tensor = exec::describe(*given.tensor);
    return genie::Done{};
  }
  auto kept = links_.kept(given.kept);
  if (!kept || kept->session != session_)
    return wrong("GE0606",
                 "input " + name + " is a kept value of another session, or one that was given back",
                 "use values that this session kept");
  input.tensor = kept->tensor;
  if (kept->worker) input.kept = *std::move(kept);
  return genie::Done{};
}

genie::Outcome StepJob::check_type(std::size_t port) const {
  const auto* value = std::get_if<plan::arg::Value>(&method_->method->inputs[port].value.is);
  const auto declared =
      value == nullptr ? method_->method->values.end() : method_->method->values.find(value->id);
  if (declared == method_->method->values.end()) return genie::Done{};
  const genie_dtype want = exec::dtype_of(declared->second.dtype);
  const genie_dtype have = inputs_[port].tensor.dtype;
  if (want.code == have.code && want.bits == have.bits && have.lanes == 1) return genie::Done{};
  const auto type = plan::dtype_from_dlpack(have.code, have.bits, have.lanes);
  return wrong("GE0606",
               "input " + method_->method->inputs[port].name + " is " +
                   std::string(type ? plan::name(*type) : "of an unknown type") + "; the model takes " +
                   std::string(plan::name(declared->second.dtype)),
               "convert it before the step");
}

genie::Outcome StepJob::match_outputs() {
  std::vector<std::string_view> names;
  for (const exec::Output& output : method_->outputs)
    names.push_back(output.port->name);
  for (std::uint64_t i = 0; i < step_.output_count; ++i) {
    const std::string_view name = genie::view(step_.outputs[i].name);
    const auto at = std::ranges::find(names, name);
    if (at == names.end())
      return wrong("GE0607", "method " + method_name_ + " has no output " + std::string(name),
                   near_help(name, names, "outputs"));
    wanted_.push_back(static_cast<Index>(at - names.begin()));
    kept_numbers_.push_back(step_.outputs[i].mode == GENIE_OUTPUT_KEEP ? links_.number() : 0);
  }
  return genie::Done{};
}

// --- to the workers ---

std::optional<std::size_t> StepJob::worker_of_output(const exec::Output& output) const {
  if (output.slot != kNone) return program_.worker_of[method_->slots[output.slot].device];
  if (const auto* state = std::get_if<plan::arg::State>(&output.port->value.is);
      state != nullptr && output.input == kNone)
    return program_.worker_of[program_.program->state_device(state->name)];
  return std::nullopt;
}

/// Nothing for a worker that has no part in the step.
genie::Expected<std::optional<Outgoing>> StepJob::message_for(std::size_t worker) {
  Step message;
  message.session = session_->number;
  message.index = step_.index;
  message.method = method_name_;
  message.sizes = sizes_;
  if (call_.deadline_ns() != GENIE_NO_DEADLINE) {
    const std::uint64_t now = monotonic_ns();
    if (now >= call_.deadline_ns()) return check().error();
    message.deadline_ns = call_.deadline_ns() - now;
  }
  bool takes_part = std::ranges::any_of(method_->stages, [&](const exec::CompiledStage& stage) {
    return program_.worker_of[stage.device] == worker;
  });
  Outgoing frame;
  frame.type = Type::step;
  for (Index p = 0; p < inputs_.size(); ++p) {
    const Input& input = inputs_[p];
    StepInput entry;
    entry.port = p;
    if (input.kept) {
      if (input.kept->worker != program_.workers[worker]) continue;
      entry.from = StepInput::From::kept;
      entry.device = program_.program->device(input.kept->device).spec().id;
      entry.kept = input.kept->number;
      takes_part = true;
    } else {
      const bool read = std::ranges::any_of(method_->messages, [&](const exec::Message& m) {
        return m.from == kNone && m.port == p && m.to != kNone &&
               program_.worker_of[method_->slots[m.to].device] == worker;
      });
      if (!read) continue;
      auto sent = append(frame, input.tensor, false, links_.host, call_);
      if (!sent) return std::move(sent).error();
      entry.tensor = *std::move(sent);
    }
    message.inputs.push_back(std::move(entry));
  }
  std::set<std::pair<Index, bool>> asked;  // once to fetch, once to keep
  for (std::size_t i = 0; i < wanted_.size(); ++i) {
    const auto from = worker_of_output(method_->outputs[wanted_[i]]);
    if (from != worker) continue;
    const bool keep = step_.outputs[i].mode == GENIE_OUTPUT_KEEP;
    if (!asked.emplace(wanted_[i], keep).second) {
      if (!keep) continue;  // one fetch serves all
      return wrong("GE0607", "output " + method_->outputs[wanted_[i]].port->name + " is to be kept twice",
                   "keep it once");
    }
    message.outputs.push_back({wanted_[i], keep, kept_numbers_[i]});
    takes_part = true;
  }
  if (!takes_part) return std::optional<Outgoing>();
  frame.message = encode(message);
  return std::optional(std::move(frame));
}

void StepJob::cancel() {
  std::vector<std::pair<std::size_t, std::uint64_t>> open;
  {
    const std::lock_guard hold(lock_);
    if (!failed_) failed_ = genie::cancelled();
    if (watching_) watching_->stop();
    if (stopping_) return;
    stopping_ = true;
    for (std::size_t w = 0; w < parts_.size(); ++w)
      if (parts_[w].pending && parts_[w].request != 0) open.emplace_back(w, parts_[w].request);
  }
  for (const auto& [worker, request] : open)
    program_.workers[worker]->tell({Type::cancel, request, {}, {}});
}

genie::Outcome StepJob::check() const {
  if (call_.cancelled()) return genie::cancelled();
  if (call_.deadline_ns() != GENIE_NO_DEADLINE && monotonic_ns() >= call_.deadline_ns())
    return exec::problem(GENIE_DEADLINE_EXCEEDED, "GE0620", "the deadline passed",
                         "allow the step more time (run.deadline_ms)");
  return genie::Done{};
}

void StepJob::look_after() {
  look_for_losses();
  auto state = check();
  if (state) return;
  {
    const std::lock_guard hold(lock_);
    if (!failed_) failed_ = std::move(state).error();
  }
  cancel();
}

/// A worker that has answered may still have values for others on their way, which wait for them in vain when it is gone.
void StepJob::look_for_losses() {
  bool found = false;
  {
    const std::lock_guard hold(lock_);
    if (pending_ == 0 || lost_) return;
    for (std::size_t w = 0; w < parts_.size() && !found; ++w) {
      if (!parts_[w].asked || parts_[w].pending) continue;
      auto why = program_.workers[w]->why_lost();
      if (!why) continue;
      failed_ = loss(w, *std::move(why));
      lost_ = found = true;
      wrote_ = wrote_ || writes_state_;
    }
  }
  if (found) cancel();
}

genie::Error StepJob::loss(std::size_t worker, genie::Error why) const {
  const exec::CompiledStage* first = nullptr;
  for (const exec::CompiledStage& stage : method_->stages)
    if (program_.worker_of[stage.device] == worker && (first == nullptr || stage.number < first->number))
      first = &stage;
  if (first == nullptr) return why;
  auto diagnostics = plan::diagnostics_from_json(why.diagnostics);
  for (plan::Diagnostic& diagnostic : diagnostics) {
    diagnostic.node = first->stage->id;
    diagnostic.scope = first->scope;
  }
  why.diagnostics = plan::to_json(diagnostics);
  why.node = first->stage->id;
  return why;
}

void StepJob::pass_on(Frame frame, const Value& value) {
  if (method_ == nullptr || value.index != step_.index) return;
  std::set<std::size_t> receivers;
  if (value.message < method_->messages.size()) {
    const exec::Message& message = method_->messages[value.message];
    if (message.to != kNone) receivers.insert(program_.worker_of[method_->slots[message.to].device]);
  } else if (const std::size_t stage = value.message - method_->messages.size();
             stage < method_->places.size()) {
    const Index place = method_->places[stage];
    const std::size_t sender = program_.worker_of[method_->stages[place].device];
    for (const exec::CompiledStage& later : method_->stages)
      if (const std::size_t worker = program_.worker_of[later.device];
          worker != sender && std::ranges::find(later.after, place) != later.after.end())
        receivers.insert(worker);
  }
  for (const std::size_t worker : receivers) {
    Outgoing out{Type::value, 0, frame.message, {}};
    if (frame.payload) out.payload.push_back({frame.payload->data, frame.payload->size, 0, frame.payload});
    program_.workers[worker]->tell(std::move(out));
  }
}

// --- from the workers ---

void StepJob::answered(std::size_t worker, genie::Expected<Frame> answer) {
  bool stop = false, last = false;
  {
    const std::lock_guard hold(lock_);
    Part& part = parts_[worker];
    part.pending = false;
    part.answered_ns = monotonic_ns();
    --pending_;
    last = pending_ == 0;
    std::optional<genie::Error> error;
    const bool lost = !answer;
    if (lost) {
      error = loss(worker, std::move(answer).error());
      wrote_ = wrote_ || writes_state_;  // nobody can tell how far it came
    } else if (answer->type() == Type::done) {
      part.result = decode<StepResult>(answer->message, answer->header.payload_bytes);
      part.payload = answer->payload;
      if (part.result)
        wrote_ = wrote_ || part.result->wrote_state;
      else
        error = exec::problem(
            GENIE_INTERNAL, "GE0811",
            "worker " + program_.workers[worker]->name() + " answered a step with a malformed result");
    } else {
      auto failure = decode<Failed>(answer->message);
      if (failure) {
        wrote_ = wrote_ || failure->wrote_state;
        error = std::move(failure->error);
      } else {
        error = exec::problem(
            GENIE_INTERNAL, "GE0811",
            "worker " + program_.workers[worker]->name() + " answered a step with a malformed failure");
      }
    }
    // The cause before what followed from it: a lost worker before what others say of it, anything before a cancellation.
    const auto rank = [](const genie::Error& e, bool gone) {
      return gone ? 2 : e.code == GENIE_CANCELLED ? 0 : 1;
    };
    const bool final = failed_ && (call_.cancelled() || failed_->code == GENIE_DEADLINE_EXCEEDED);
    if (error && !final && (!failed_ || rank(*error, lost) > rank(*failed_, lost_))) {
      failed_ = std::move(error);
      lost_ = lost;
    }
    stop = failed_.has_value() && !last;
  }
  if (stop) cancel();
  if (!last) return;
  if (watching_)
    watching_->end();
  else
    finish();
}

void StepJob::happened(const StepEvent& event) {
  Watching* watching = nullptr;
  {
    const std::lock_guard hold(lock_);
    watching = watching_.get();
  }
  if (watching != nullptr) watching->happened(event);
}

/// On a thread of its own, which also ends the step: what the observer was told of is over by then.
void StepJob::attend() {
  watching_->attend([this](genie::Error why) {
    {
      const std::lock_guard hold(lock_);
      if (!failed_) failed_ = std::move(why);
    }
    cancel();
  });
  finish();
}

void StepJob::finish() {
  genie::Outcome outcome = genie::Done{};
  {
    const std::lock_guard hold(lock_);
    // A wish to stop that came too late changes nothing: every worker had done its part.
    const bool done =
        std::ranges::all_of(parts_, [](const Part& part) { return part.result || !part.asked; });
    if (failed_ && !(done && pending_ == 0 && !parts_.empty())) outcome = *failed_;
  }
  if (outcome) {
    for (const Part& part : parts_)
      if (part.result)
        for (const auto& [symbol, size] : part.result->sizes)
          sizes_.try_emplace(symbol, size);
    record();
    outcome = deliver();
    if (!outcome) give_up();
  }
  if (!outcome && wrote_) session_->lose(step_.index, method_name_, outcome.error());
  signal(std::move(outcome));
}

void StepJob::record() const {
  StepSeen seen{call_, step_.index, program_, *method_, {}, {}};
  for (std::size_t w = 0; w < parts_.size(); ++w)
    if (const Part& part = parts_[w]; part.result)
      seen.parts.push_back({w, &*part.result, part.asked_ns, part.answered_ns, part.sent_bytes,
                            part.payload ? part.payload->size : 0});
  for (const Input& input : inputs_)
    seen.input_bytes.push_back(input.kept ? std::nullopt : std::optional(exec::span_bytes(input.tensor)));
  links_.record(seen);
}

genie::Outcome StepJob::deliver() {
  for (std::size_t i = 0; i < wanted_.size(); ++i) {
    const exec::Output& output = method_->outputs[wanted_[i]];
    const auto worker = worker_of_output(output);
    genie::Outcome done = genie::Done{};
    if (!worker) {
      done = deliver_here(i);
    } else {
      const Part& part = parts_[*worker];
      const StepResult::Output* found = nullptr;
      if (part.result)
        for (const StepResult::Output& one : part.result->outputs)
          if (one.output == wanted_[i] && one.kept == (step_.outputs[i].mode == GENIE_OUTPUT_KEEP))
            found = &one;
      done = found == nullptr
                 ? genie::Outcome(exec::problem(GENIE_INTERNAL, "GE0811", "the worker did not send it"))
                 : deliver_from_worker(i, *worker, *found, part.payload);
    }
    if (!done) {
      genie::Error error = std::move(done).error();
      error.message = "output " + output.port->name + ": " + error.message;
      return error;
    }
  }
  return genie::Done{};
}

genie::Outcome StepJob::deliver_from_worker(std::size_t slot, std::size_t worker,
                                            const StepResult::Output& output,
                                            const std::shared_ptr<Buffer>& payload) {
  genie_step_output& out = step_.outputs[slot];
  if (out.mode == GENIE_OUTPUT_KEEP) {
    const auto device = program_.program->device_number(output.device);
    if (!device || program_.worker_of[*device] != worker)
      return exec::problem(GENIE_INTERNAL, "GE0811", "the worker kept it on a device that it does not have");
    KeptValue kept{session_, program_.workers[worker], kept_numbers_[slot], *device, {}};
    kept.tensor.dtype = output.tensor.dtype;
    kept.tensor.shape = output.tensor.shape;
    kept.tensor.strides = output.tensor.strides;
    out.kept = links_.keep(std::move(kept));
    made_values_.push_back(&out);
    return genie::Done{};
  }
  if (out.tensor == nullptr) {
    if (!output.tensor.present) return genie::Done{};
    out.tensor = to_owned(output.tensor, payload);
    made_tensors_.push_back(&out);
    links_.counters->add("payload_copies", 1);
    return genie::Done{};
  }
  std::optional<exec::Found> found;
  if (output.tensor.present) {
    found.emplace();
    found->tensor = received(output.tensor, payload, exec::Claim());
  }
  exec::Delivery delivery{links_.host, call_, *session_->local, *method_, sizes_, *links_.counters, false};
  return delivery.fetch(found, out);
}

/// Inputs, weights and numbers need no worker.
genie::Outcome StepJob::deliver_here(std::size_t slot) {
  genie_step_output& out = step_.outputs[slot];
  const exec::Output& output = method_->outputs[wanted_[slot]];
  exec::Delivery delivery{links_.host, call_, *session_->local, *method_, sizes_, *links_.counters, false};
  std::vector<exec::Found> inputs;
  for (const Input& input : inputs_)
    inputs.push_back({input.tensor, kNone});
  if (output.input != kNone && inputs_[output.input].kept)
    return genie::unimplemented("it is an input that a worker keeps; keep the earlier output instead");
  auto found = delivery.find(output, {}, inputs);
  if (!found) return std::move(found).error();
  if (out.mode != GENIE_OUTPUT_KEEP) {
    const bool own = out.tensor == nullptr;
    if (auto fetched = delivery.fetch(*found, out); !fetched) return fetched;
    if (own && out.tensor != nullptr) made_tensors_.push_back(&out);
    return genie::Done{};
  }
  if (!found->has_value())
    return wrong("GE0607", "output " + output.port->name + " is nothing; it cannot be kept", "fetch it");
  auto copied = exec::send(call_, (**found).tensor, nullptr, exec::Claim(), *links_.counters);
  if (!copied) return std::move(copied).error();
  out.kept = links_.keep({session_, nullptr, 0, kNone, *std::move(copied)});
  made_values_.push_back(&out);
  return genie::Done{};
}

/// What a failed step has handed out already is taken back: its receiver expects nothing.
void StepJob::give_up() {
  for (genie_step_output* out : made_tensors_) {
    if (out->tensor->deleter != nullptr) out->tensor->deleter(out->tensor);
    out->tensor = nullptr;
  }
  for (genie_step_output* out : made_values_)
    links_.release(std::exchange(out->kept, nullptr));
}

void StepJob::signal(genie::Outcome outcome) {
  {
    const std::lock_guard hold(lock_);
    if (signalled_) return;
    signalled_ = true;
  }
  // Whoever is told must find the session free for the next step.
  links_.over(*this, outcome.ok());
  links_.host.signal(completion_, outcome ? nullptr : links_.host.status(outcome.error()));
}

}  // namespace genie::remote
