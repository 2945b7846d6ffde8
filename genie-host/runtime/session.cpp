// Sessions and steps: one instance of the model's states, and calls of its methods.
//
// A step's arguments live in a StepJob that the completion shares: if the backend signals late, or never, nothing it was lent
// goes away. Should what it ran on be lost, recovery.cpp makes it good.
#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <new>
#include <optional>

#include "genie/plan/dtype.hpp"
#include "genie/plan/validate.hpp"
#include "runtime/session_state.hpp"
#include "runtime/step_check.hpp"

namespace genie::runtime {

namespace {

struct StepJob {
  StepJob(std::shared_ptr<SessionState> state, std::uint64_t deadline_ns, std::uint64_t number)
      : session(std::move(state)),
        call(session->core->options.cancel, session->core->options.progress, deadline_ns, number) {}
  std::shared_ptr<SessionState> session;
  services::CallContext call;
  std::vector<std::string> names;  // inputs, then outputs
  StepOrder order;
  genie_step step{};
};

constexpr std::size_t kAlign = 64;  // of every tensor that kernels may see

std::uint64_t element_bytes(genie_dtype dtype) {
  return (std::uint64_t{dtype.bits} * dtype.lanes + 7) / 8;
}

}  // namespace

void RecordedTensor::Free::operator()(std::byte* bytes) const {
  std::free(bytes);
}

RecordedTensor::RecordedTensor(const genie_tensor_view& view)
    : dtype_(view.dtype), shape_(view.shape, view.shape + std::max(0, view.rank)) {
  std::int64_t elements = 1, last = 0;
  if (view.strides != nullptr) {
    strides_.assign(view.strides, view.strides + std::max(0, view.rank));
  } else {
    strides_.assign(shape_.size(), 1);
    for (std::size_t d = shape_.size(); d-- > 1;)
      strides_[d - 1] = strides_[d] * std::max<std::int64_t>(1, shape_[d]);
  }
  for (std::size_t d = 0; d < shape_.size(); ++d) {
    elements *= shape_[d];
    last += (shape_[d] - 1) * strides_[d];
  }
  const std::size_t bytes =
      elements == 0 ? 0
                    : static_cast<std::size_t>(last + 1) * static_cast<std::size_t>(element_bytes(dtype_));
  bytes_.reset(static_cast<std::byte*>(std::aligned_alloc(kAlign, (bytes / kAlign + 1) * kAlign)));
  if (!bytes_) throw std::bad_alloc();
  if (bytes != 0)
    std::memcpy(bytes_.get(), static_cast<const std::byte*>(view.data) + view.byte_offset, bytes);
}

genie_tensor_view RecordedTensor::view() const {
  genie_tensor_view v{};
  v.data = bytes_.get();
  v.device_kind = GENIE_DEVICE_CPU;
  v.rank = static_cast<std::int32_t>(shape_.size());
  v.dtype = dtype_;
  // The ABI's views are not const; nobody writes through shape and strides.
  v.shape = const_cast<std::int64_t*>(shape_.data());
  v.strides = const_cast<std::int64_t*>(strides_.data());
  return v;
}

Status SessionState::open() {
  const services::CallContext call = core->context();
  BackendInstance& backend = *core->backend;
  prepared = core->prepared;
  const services::StatusPtr status(
      backend.call().open_session(call.get(), backend.self(), prepared->program, seed, &handle));
  if (!status.ok())
    return failure_of({backend.id(), "open a session", Category::execution, "GE0660"}, status);
  if (!handle)
    return failure(Category::plugin, GENIE_INTERNAL, "GE0132",
                   backend.id() + " opened a session, but gave none");
  ++prepared->sessions;
  if (!observer) return Unit{};
  const services::StatusPtr observed(
      backend.call().observe(call.get(), backend.self(), handle, observer->get()));
  if (observed.ok()) return Unit{};
  if (observed.info().code == GENIE_UNIMPLEMENTED)
    return failure(Category::config, GENIE_UNIMPLEMENTED, "GE0669",
                   backend.id() + " cannot be looked at while it runs",
                   "debug and dump on a backend that can, such as " + std::string(config::kDefaultBackend) +
                       ": the same plan gives the same values there");
  return failure_of({backend.id(), "accept an observer", Category::execution, "GE0660"}, observed);
}

void SessionState::close() {
  const std::lock_guard hold(kept_lock);
  kept.clear();  // they go with the session
  if (!broken && handle) core->backend->call().close_session(core->backend->self(), handle);
  handle = nullptr;
}

std::uint64_t SessionState::keep(genie_value* value) {
  const std::lock_guard hold(kept_lock);
  kept.emplace(next_kept, value);
  return next_kept++;
}

genie_value* SessionState::value_of(std::uint64_t id) {
  const std::lock_guard hold(kept_lock);
  const auto at = kept.find(id);
  return at == kept.end() ? nullptr : at->second;
}

void SessionState::release(std::uint64_t id) {
  const std::lock_guard hold(kept_lock);
  const auto at = kept.find(id);
  if (at == kept.end()) return;
  if (!broken) core->backend->call().release_value(core->backend->self(), at->second);
  kept.erase(at);
}

Result<std::shared_ptr<SessionState>> open_session(const std::shared_ptr<EngineCore>& core,
                                                   std::uint64_t seed,
                                                   std::shared_ptr<StepObserver> observer) {
  auto state = std::make_shared<SessionState>(core, seed);
  if (observer) state->observer = std::make_unique<ObserverShim>(std::move(observer), core->backend->id());
  if (auto opened = state->open(); !opened) return std::move(opened).failure();
  return state;
}

Result<StepAnswer> run_step(const std::shared_ptr<SessionState>& session, StepOrder order,
                            std::vector<std::string> names, std::optional<std::uint64_t> deadline_ms) {
  EngineCore& core = *session->core;
  BackendInstance& backend = *core.backend;
  const std::uint64_t deadline_ns =
      deadline_ms ? services::monotonic_ns() + *deadline_ms * 1'000'000u : GENIE_NO_DEADLINE;
  const auto job = std::make_shared<StepJob>(session, deadline_ns, core.next_job++);
  job->names = std::move(names);
  job->order = std::move(order);
  StepOrder& step = job->order;
  job->step = {sizeof(genie_step),  services::str(step.method), step.inputs.data(), step.inputs.size(),
               step.outputs.data(), step.outputs.size(),        step.index,         step.micro_batches};
  const std::string doing = "run step " + std::to_string(step.index) + " ('" + step.method + "')";
  const CallSite site{backend.id(), doing, Category::execution, "GE0660"};
  StepAnswer answer;
  answer.job = job->call.get()->job;
  const std::uint64_t begin_ns = services::monotonic_ns();
  services::Waiter waiter(core.services->completions, backend.id(), job);
  services::StatusPtr refused(backend.call().submit(job->call.get(), backend.self(), session->handle,
                                                    &job->step, waiter.completion()));
  if (!refused.ok()) {
    waiter.refused();
    return failure_of(site, refused);
  }
  auto signalled = wait_for(core, waiter, answer.job, deadline_ns, doing);
  answer.wall_ns = services::monotonic_ns() - begin_ns;
  if (!signalled) {
    session->broken = true;
    return std::move(signalled).failure();
  }
  answer.outputs = step.outputs;
  if (signalled->ok()) return answer;
  if (session->observer)
    if (auto ended = session->observer->take_failure()) return *std::move(ended);
  // The host cancels at the deadline; to the caller that is the deadline, not somebody's wish. A backend may also have given
  // up waiting for something of its own.
  const std::uint32_t code = signalled->info().code;
  const bool passed = deadline_ms && services::monotonic_ns() >= deadline_ns;
  if ((code == GENIE_CANCELLED && !core.cancelled() && deadline_ms) ||
      (code == GENIE_DEADLINE_EXCEEDED && passed))
    answer.failure = failure(Category::execution, GENIE_DEADLINE_EXCEEDED, "GE0656",
                             "the deadline of " + std::to_string(*deadline_ms) + " ms passed before " +
                                 backend.id() + " could " + doing,
                             "raise /run/deadline_ms, or give the devices less to do");
  else
    answer.failure = failure_of(site, *signalled);
  return answer;
}

KeptValue::KeptValue(KeptValue&& other) noexcept
    : id_(std::exchange(other.id_, 0)),
      shape_(std::move(other.shape_)),
      session_(std::move(other.session_)) {}
KeptValue& KeptValue::operator=(KeptValue&& other) noexcept {
  std::swap(id_, other.id_);
  std::swap(shape_, other.shape_);
  std::swap(session_, other.session_);
  return *this;
}
KeptValue::~KeptValue() {
  if (id_ != 0) session_->release(id_);
}

Session::Session(std::shared_ptr<SessionState> state) : state_(std::move(state)) {}
Session::Session(Session&&) noexcept = default;
Session& Session::operator=(Session&&) noexcept = default;
Session::~Session() = default;

namespace {

Failure cannot_be_used() {
  return failure(Category::plugin, GENIE_DATA_LOSS, "GE0658", "an earlier step of this session never ended",
                 "open another session");
}

std::size_t micro_batches(const plan::Plan& plan, const std::string& method) {
  const auto scheduled = plan.schedule->methods.find(method);
  return scheduled == plan.schedule->methods.end() ? 1 : std::max(1u, scheduled->second.micro_batches);
}

Failure nowhere_to_run() {
  return failure(Category::execution, GENIE_DATA_LOSS, "GE0658",
                 "an earlier step of this session lost what it ran on, and it could not be moved",
                 "open another session");
}

}  // namespace

Result<StepResult> Session::step(const StepRequest& request) {
  auto results = step(std::span(&request, 1));
  if (!results) return std::move(results).failure();
  return std::move(results->front());
}

/// Sizes are bound, guards and memory at these sizes are checked.
Result<plan::Bindings> Session::check(const StepRequest& request) const {
  std::vector<KnownShape> known;
  for (const StepInput& input : request.inputs) {
    known.push_back({input.name, input.tensor, std::nullopt});
    if (!input.kept) continue;
    if (input.kept->session_ != state_)
      return failure(Category::config, GENIE_INVALID_ARGUMENT, "GE0652",
                     "input '" + input.name + "' is a kept output of another session",
                     "keep and use values within one session");
    known.back().kept_shape = input.kept->shape_;
  }
  return check_step(*state_->prepared->plan, state_->prepared->topology, request, known);
}

Result<std::vector<StepResult>> Session::step(std::span<const StepRequest> group) {
  if (group.empty()) return std::vector<StepResult>();
  EngineCore& core = *state_->core;
  if (state_->broken) return cannot_be_used();
  if (!state_->prepared) return nowhere_to_run();
  if (core.cancelled())
    return failure(Category::interrupted, GENIE_CANCELLED, "GE0657", "cancelled before the step started");
  plan::Bindings sizes;
  for (const StepRequest& request : group) {
    auto bound = check(request);
    if (!bound) return std::move(bound).failure();
    sizes = *std::move(bound);
  }

  const std::uint64_t index = state_->steps;
  const bool remember = state_->records();
  std::vector<Recorded> recorded;
  for (std::size_t m = 0; remember && m < group.size(); ++m) {
    Recorded& one = recorded.emplace_back(Recorded{group[m].method, index + m, {}, {}});
    for (const StepInput& input : group[m].inputs)
      one.inputs.push_back({input.name,
                            input.tensor ? std::make_shared<const RecordedTensor>(*input.tensor) : nullptr,
                            input.kept ? input.kept->id_ : 0});
  }
  for (;;) {
    if (group.size() > 1 && state_->one_by_one) return in_parts(group, 1);
    auto done = attempt(group, index, sizes);
    if (!done && group.size() > 1 && done.failure().code == GENIE_UNIMPLEMENTED) {
      state_->one_by_one = true;
      state_->steps = index;
      continue;
    }
    if (!done) return std::move(done).failure();
    if (!done->failure) {
      for (std::size_t m = 0; m < recorded.size(); ++m) {
        for (const StepResult::Output& output : done->results[m].outputs)
          if (output.kept) recorded[m].kept.emplace_back(output.name, output.kept.id_);
        // What leaves no trace on the backend need not be repeated.
        if (!recorded[m].kept.empty() || !state_->prepared->plan->states.empty())
          state_->history.push_back(std::move(recorded[m]));
      }
      return std::move(done->results);
    }
    state_->steps = index;
    const StepResult& first = done->results.front();
    auto recovered = recover(state_, std::move(*done->failure), first.job, first.wall_ns);
    if (!recovered) {
      state_->steps = index + group.size();
      return std::move(recovered).failure();
    }
    // Another plan may carry fewer at once.
    const std::size_t most = micro_batches(*state_->prepared->plan, group.front().method);
    if (group.size() > most) return in_parts(group, most);
  }
}

Result<std::vector<StepResult>> Session::in_parts(std::span<const StepRequest> group, std::size_t size) {
  std::vector<StepResult> results;
  for (std::size_t at = 0; at < group.size(); at += size) {
    auto part = step(group.subspan(at, std::min(size, group.size() - at)));
    if (!part) return std::move(part).failure();
    for (StepResult& one : *part)
      results.push_back(std::move(one));
  }
  return results;
}

/// One try. The failure inside may be made good; the one in place of the results may not.
Result<Session::Attempt> Session::attempt(std::span<const StepRequest> group, std::uint64_t index,
                                          const plan::Bindings& sizes) {
  BackendInstance& backend = *state_->core->backend;
  const std::string& method = group.front().method;
  StepOrder order;
  order.method = method;
  order.index = index;
  order.micro_batches = group.size();
  std::vector<std::string> names;
  names.reserve(group.size() * (group.front().inputs.size() + group.front().outputs.size()));  // lent
  for (const StepRequest& request : group) {
    for (const StepInput& input : request.inputs) {
      names.push_back(input.name);
      order.inputs.push_back({services::str(names.back()), input.tensor,
                              input.kept ? state_->value_of(input.kept->id_) : nullptr});
    }
    for (const StepOutput& output : request.outputs) {
      names.push_back(output.name);
      order.outputs.push_back({services::str(names.back()),
                               output.keep ? GENIE_OUTPUT_KEEP : GENIE_OUTPUT_FETCH, 0,
                               output.keep ? nullptr : output.into, nullptr});
    }
  }
  auto answer = run_step(state_, std::move(order), std::move(names), group.front().deadline_ms);
  if (!answer) {
    if (state_->broken) state_->steps += group.size();
    return std::move(answer).failure();
  }
  state_->steps += group.size();
  Attempt done;
  done.failure = std::move(answer->failure);
  // Whatever came is owned from here on, also when the step failed half way.
  std::size_t at = 0;
  for (std::size_t m = 0; m < group.size(); ++m) {
    StepResult& result = done.results.emplace_back();
    result.index = index + m;
    result.job = answer->job;
    result.wall_ns = answer->wall_ns;
    for (const StepOutput& wanted : group[m].outputs) {
      const genie_step_output& slot = answer->outputs[at++];
      StepResult::Output output;
      output.name = wanted.name;
      if (slot.tensor && slot.tensor != wanted.into) output.tensor = OwnedTensor(slot.tensor, state_->core);
      if (slot.kept) {
        output.kept.id_ = state_->keep(slot.kept);
        output.kept.session_ = state_;
        output.kept.shape_ = output_shape(*state_->prepared->plan, method, output.name, sizes);
      }
      result.outputs.push_back(std::move(output));
    }
  }
  if (done.failure) return done;
  for (std::size_t m = 0; m < group.size(); ++m)
    for (std::size_t i = 0; i < group[m].outputs.size(); ++i) {
      const StepOutput& wanted = group[m].outputs[i];
      const StepResult::Output& output = done.results[m].outputs[i];
      const bool there = wanted.keep ? bool(output.kept) : wanted.into || bool(output.tensor);
      if (!there)
        return failure(Category::plugin, GENIE_INTERNAL, "GE0132",
                       backend.id() + " said that step " + std::to_string(index + m) + " ('" + method +
                           "') went well, but gave no output '" + wanted.name + "'");
    }
  return done;
}

Result<OwnedTensor> Session::read_state(std::string_view name) {
  BackendInstance& backend = *state_->core->backend;
  const services::CallContext call = state_->core->context();
  if (!state_->prepared) return nowhere_to_run();
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
  if (!state_->prepared) return nowhere_to_run();
  const services::StatusPtr status(
      backend.call().write_state(call.get(), backend.self(), state_->handle, services::str(name), &tensor));
  if (!status.ok())
    return failure_of(
        {backend.id(), "write state '" + std::string(name) + "'", Category::execution, "GE0661"}, status);
  if (state_->records())
    state_->history.push_back(
        {{}, state_->steps, {{std::string(name), std::make_shared<const RecordedTensor>(tensor), 0}}, {}});
  return Unit{};
}

}  // namespace genie::runtime
