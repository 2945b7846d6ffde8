// Sessions and steps: one instance of the model's states, and calls of its methods.
//
// A step's arguments live in a StepJob that the completion shares: if the backend signals late, or never, nothing it was lent
// goes away.
#include <algorithm>
#include <optional>

#include "genie/plan/dtype.hpp"
#include "genie/plan/validate.hpp"
#include "runtime/engine_core.hpp"
#include "runtime/step_check.hpp"

namespace genie::runtime {

struct SessionState {
  std::shared_ptr<EngineCore> core;
  genie_session* handle = nullptr;
  std::uint64_t steps = 0;
  std::unique_ptr<ObserverShim> observer;  ///< null: nobody looks
  bool broken = false;  ///< a step never signalled: the backend may still use what it was lent

  SessionState(std::shared_ptr<EngineCore> engine, genie_session* session)
      : core(std::move(engine)), handle(session) {}
  SessionState(const SessionState&) = delete;
  ~SessionState() {
    if (!broken) core->backend->call().close_session(core->backend->self(), handle);
  }
};

namespace {

struct StepJob {
  StepJob(std::shared_ptr<SessionState> state, std::uint64_t deadline_ns, std::uint64_t number)
      : session(std::move(state)),
        call(session->core->options.cancel, session->core->options.progress, deadline_ns, number) {}
  std::shared_ptr<SessionState> session;
  services::CallContext call;
  std::string method;
  std::vector<std::string> names;  // inputs, then outputs
  std::vector<genie_step_input> inputs;
  std::vector<genie_step_output> outputs;
  std::vector<genie_tensor> into;  // what callers put there
  genie_step step{};
};

std::shared_ptr<StepJob> make_job(const std::shared_ptr<SessionState>& session, const StepRequest& request,
                                  const std::vector<genie_value*>& kept) {
  const std::uint64_t deadline_ns =
      request.deadline_ms ? services::monotonic_ns() + *request.deadline_ms * 1'000'000u : GENIE_NO_DEADLINE;
  auto job = std::make_shared<StepJob>(session, deadline_ns, session->core->next_job++);
  job->method = request.method;
  job->names.reserve(request.inputs.size() + request.outputs.size());  // their addresses are lent
  for (std::size_t i = 0; i < request.inputs.size(); ++i) {
    job->names.push_back(request.inputs[i].name);
    job->inputs.push_back({services::str(job->names.back()), request.inputs[i].tensor, kept[i]});
  }
  for (const StepOutput& output : request.outputs) {
    job->names.push_back(output.name);
    job->outputs.push_back({services::str(job->names.back()),
                            output.keep ? GENIE_OUTPUT_KEEP : GENIE_OUTPUT_FETCH, 0,
                            output.keep ? nullptr : output.into, nullptr});
  }
  job->step = {sizeof(genie_step),  services::str(job->method), job->inputs.data(), job->inputs.size(),
               job->outputs.data(), job->outputs.size(),        session->steps};
  return job;
}

}  // namespace

Result<std::shared_ptr<SessionState>> open_session(const std::shared_ptr<EngineCore>& core,
                                                   std::uint64_t seed,
                                                   std::shared_ptr<StepObserver> observer) {
  const services::CallContext call = core->context();
  genie_session* handle = nullptr;
  BackendInstance& backend = *core->backend;
  const services::StatusPtr status(
      backend.call().open_session(call.get(), backend.self(), core->program, seed, &handle));
  if (!status.ok())
    return failure_of({backend.id(), "open a session", Category::execution, "GE0660"}, status);
  if (!handle)
    return failure(Category::plugin, GENIE_INTERNAL, "GE0132",
                   backend.id() + " opened a session, but gave none");
  auto state = std::make_shared<SessionState>(core, handle);
  if (!observer) return state;
  state->observer = std::make_unique<ObserverShim>(std::move(observer), backend.id());
  const services::StatusPtr observed(
      backend.call().observe(call.get(), backend.self(), handle, state->observer->get()));
  if (observed.ok()) return state;
  if (observed.info().code == GENIE_UNIMPLEMENTED)
    return failure(Category::config, GENIE_UNIMPLEMENTED, "GE0669",
                   backend.id() + " cannot be looked at while it runs",
                   "debug and dump on a backend that can, such as " + std::string(config::kDefaultBackend) +
                       ": the same plan gives the same values there");
  return failure_of({backend.id(), "accept an observer", Category::execution, "GE0660"}, observed);
}

KeptValue::KeptValue(KeptValue&& other) noexcept
    : value_(std::exchange(other.value_, nullptr)),
      shape_(std::move(other.shape_)),
      session_(std::move(other.session_)) {}
KeptValue& KeptValue::operator=(KeptValue&& other) noexcept {
  std::swap(value_, other.value_);
  std::swap(shape_, other.shape_);
  std::swap(session_, other.session_);
  return *this;
}
KeptValue::~KeptValue() {
  if (!value_ || session_->broken) return;
  BackendInstance& backend = *session_->core->backend;
  backend.call().release_value(backend.self(), value_);
}

Session::Session(std::shared_ptr<SessionState> state) : state_(std::move(state)) {}
Session::Session(Session&&) noexcept = default;
Session& Session::operator=(Session&&) noexcept = default;
Session::~Session() = default;

Result<StepResult> Session::step(const StepRequest& request) {
  EngineCore& core = *state_->core;
  BackendInstance& backend = *core.backend;
  if (state_->broken)
    return failure(Category::plugin, GENIE_DATA_LOSS, "GE0658", "an earlier step of this session never ended",
                   "open another session");
  if (core.cancelled())
    return failure(Category::interrupted, GENIE_CANCELLED, "GE0657", "cancelled before the step started");

  std::vector<genie_value*> kept(request.inputs.size(), nullptr);
  std::vector<KnownShape> known;
  for (std::size_t i = 0; i < request.inputs.size(); ++i) {
    const StepInput& input = request.inputs[i];
    known.push_back({input.name, input.tensor, std::nullopt});
    if (!input.kept) continue;
    if (input.kept->session_ != state_)
      return failure(Category::config, GENIE_INVALID_ARGUMENT, "GE0652",
                     "input '" + input.name + "' is a kept output of another session",
                     "keep and use values within one session");
    kept[i] = input.kept->value_;
    known.back().kept_shape = input.kept->shape_;
  }
  auto sizes = check_step(*core.scheduled, *core.topology, request, known);
  if (!sizes) return std::move(sizes).failure();

  const auto job = make_job(state_, request, kept);
  const std::uint64_t number = job->call.get()->job;
  const std::string doing = "run step " + std::to_string(state_->steps) + " ('" + request.method + "')";
  const CallSite site{backend.id(), doing, Category::execution, "GE0660"};
  StepResult result;
  result.index = state_->steps;
  result.job = number;
  const std::uint64_t begin_ns = services::monotonic_ns();
  services::Waiter waiter(core.services->completions, backend.id(), job);
  services::StatusPtr refused(backend.call().submit(job->call.get(), backend.self(), state_->handle,
                                                    &job->step, waiter.completion()));
  if (!refused.ok()) {
    waiter.refused();
    return failure_of(site, refused);
  }
  ++state_->steps;
  auto signalled = wait_for(core, waiter, number, job->call.get()->deadline_ns, doing);
  result.wall_ns = services::monotonic_ns() - begin_ns;
  if (!signalled) {
    state_->broken = true;
    return std::move(signalled).failure();
  }
  // Whatever came is owned from here on, also when the step failed half way.
  for (std::size_t i = 0; i < job->outputs.size(); ++i) {
    genie_step_output& slot = job->outputs[i];
    StepResult::Output output;
    output.name = request.outputs[i].name;
    if (slot.tensor && slot.tensor != request.outputs[i].into)
      output.tensor = OwnedTensor(slot.tensor, state_->core);
    if (slot.kept) {
      output.kept.value_ = slot.kept;
      output.kept.session_ = state_;
      output.kept.shape_ = output_shape(*core.scheduled, request.method, output.name, *sizes);
    }
    result.outputs.push_back(std::move(output));
  }
  if (!signalled->ok()) {
    if (state_->observer)
      if (auto ended = state_->observer->take_failure()) return *std::move(ended);
    // The host cancels at the deadline; to the caller that is the deadline, not somebody's wish.
    const bool expired =
        signalled->info().code == GENIE_CANCELLED && !core.cancelled() && request.deadline_ms;
    if (expired || signalled->info().code == GENIE_DEADLINE_EXCEEDED)
      return failure(Category::execution, GENIE_DEADLINE_EXCEEDED, "GE0656",
                     "the deadline of " + std::to_string(request.deadline_ms.value_or(0)) +
                         " ms passed before " + backend.id() + " could " + doing,
                     "raise /run/deadline_ms, or give the devices less to do");
    return failure_of(site, *signalled);
  }
  for (std::size_t i = 0; i < result.outputs.size(); ++i) {
    const StepOutput& wanted = request.outputs[i];
    const bool there =
        wanted.keep ? bool(result.outputs[i].kept) : wanted.into || bool(result.outputs[i].tensor);
    if (!there)
      return failure(
          Category::plugin, GENIE_INTERNAL, "GE0132",
          backend.id() + " said that " + doing + " went well, but gave no output '" + wanted.name + "'");
  }
  return result;
}

Result<OwnedTensor> Session::read_state(std::string_view name) {
  BackendInstance& backend = *state_->core->backend;
  const services::CallContext call = state_->core->context();
  genie_tensor* tensor = nullptr;
  const services::StatusPtr status(
      backend.call().read_state(call.get(), backend.self(), state_->handle, services::str(name), &tensor));
  if (!status.ok())
    return failure_of({backend.id(), "read state '" + std::string(name) + "'", Category::execution, "GE0661"},
                      status);
  if (!tensor)
    return failure(Category::plugin, GENIE_INTERNAL, "GE0132",
                   backend.id() + " read a state, but gave no tensor");
  return OwnedTensor(tensor, state_->core);
}

Status Session::write_state(std::string_view name, const genie_tensor_view& tensor) {
  BackendInstance& backend = *state_->core->backend;
  const services::CallContext call = state_->core->context();
  const services::StatusPtr status(
      backend.call().write_state(call.get(), backend.self(), state_->handle, services::str(name), &tensor));
  if (!status.ok())
    return failure_of(
        {backend.id(), "write state '" + std::string(name) + "'", Category::execution, "GE0661"}, status);
  return Unit{};
}

}  // namespace genie::runtime
