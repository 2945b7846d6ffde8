#include "backend.hpp"

#include "step.hpp"

namespace genie::emulation {

namespace {

/// What the opaque handles of the ABI point to.
struct ProgramHandle {
  std::shared_ptr<Program> program;
};
struct SessionHandle {
  std::shared_ptr<Session> session;
};
ProgramHandle& handle(genie_program* p) {
  return *reinterpret_cast<ProgramHandle*>(p);
}
SessionHandle& handle(genie_session* s) {
  return *reinterpret_cast<SessionHandle*>(s);
}

genie::Error drained() {
  return problem(GENIE_FAILED_PRECONDITION, "GE0608", "the backend is draining: it takes no more work",
                 "create another one");
}

}  // namespace

EmulationBackend::EmulationBackend(genie::Host host, std::string_view options) : host_(host) {
  auto read = read_options(options);
  if (!read) throw error_of(GENIE_INVALID_ARGUMENT, read.errors());
  options_ = *std::move(read);
  for (const plan::Device& device : options_.topology.devices)
    devices_.push_back(std::make_shared<EmulatedDevice>(device));
  if (options_.faults) faults_ = std::make_unique<Faults>(*options_.faults, options_.topology);
  worker_ = std::make_unique<Worker>(host_);
  if (options_.compute == Compute::none)
    host_.log(GENIE_LOG_WARNING, "emulation",
              "compute is none: kernels do not run, outputs that are fetched hold zeros");
}

EmulationBackend::~EmulationBackend() {
  worker_.reset();
  values_.clear();
}

genie::Expected<std::string> EmulationBackend::topology(const genie::Call&) {
  if (!faults_) return plan::encode_topology(options_.topology);
  const plan::Topology left = faults_->left();
  if (left.devices.empty())
    return problem(GENIE_UNAVAILABLE, "GE0611", "no device is left that the client can reach",
                   "take faults out of the fault script");
  return plan::encode_topology(left);
}

genie::Outcome EmulationBackend::prepare(const genie::Call& call, std::string_view plan, genie_program** out,
                                         genie_completion* completion) {
  auto job = std::make_shared<Job>(
      call, completion,
      [this, document = std::string(plan), out](Job& running) -> genie::Outcome {
        if (faults_) faults_->settle(devices_);
        auto program = Program::make(host_, running.call(),
                                     {faults_ ? faults_->left() : options_.topology, devices_,
                                      exec::blobs_of(host_), options_.compute == Compute::none},
                                     counters_, document);
        if (!program) return std::move(program).error();
        *out = reinterpret_cast<genie_program*>(new ProgramHandle{*std::move(program)});
        return genie::Done{};
      },
      [] {});
  if (!worker_->post(std::move(job))) return drained();
  return genie::Done{};
}

void EmulationBackend::release_program(genie_program* program) noexcept {
  std::unique_ptr<ProgramHandle> owner(&handle(program));
  // Executables and weights go on the worker; a step's job may still hold the program for a moment.
  worker_->post_cleanup(
      [held = std::shared_ptr<ProgramHandle>(std::move(owner))]() mutable { held.reset(); });
}

genie::Expected<genie_session*> EmulationBackend::open_session(const genie::Call& call,
                                                               genie_program* program, std::uint64_t seed) {
  auto session = Session::open(host_, call, handle(program).program, seed);
  if (!session) return std::move(session).error();
  return reinterpret_cast<genie_session*>(new SessionHandle{*std::move(session)});
}

void EmulationBackend::close_session(genie_session* session) noexcept {
  const std::unique_ptr<SessionHandle> owner(&handle(session));
  std::vector<std::unique_ptr<KeptValue>> gone;
  {
    const std::lock_guard hold(values_lock_);
    for (auto at = values_.begin(); at != values_.end();)
      if (at->second->session == owner->session) {
        gone.push_back(std::move(at->second));
        at = values_.erase(at);
      } else {
        ++at;
      }
  }
  // The program may go with its last session, and then on the worker, where its kernels are used.
  worker_->post_cleanup([held = owner->session]() mutable { held.reset(); });
}

genie::Outcome EmulationBackend::submit(const genie::Call& call, genie_session* session,
                                        const genie_step& step, genie_completion* completion) {
  const std::shared_ptr<Session> target = handle(session).session;
  auto job = std::make_shared<Job>(
      call, completion,
      [this, target, &step](Job& running) {
        const StepContext context{host_,
                                  &options_,
                                  worker_.get(),
                                  &counters_,
                                  &record_,
                                  faults_.get(),
                                  &wire_,
                                  [this](KeptValue value) { return keep(std::move(value)); },
                                  [this](genie_value* value) -> const KeptValue* {
                                    const std::lock_guard hold(values_lock_);
                                    const auto at = values_.find(value);
                                    return at == values_.end() ? nullptr : at->second.get();
                                  },
                                  [this](genie_value* value) { release_value(value); }};
        return run_step(context, running, target, step);
      },
      [target] { --target->under_way; });
  ++target->under_way;
  if (worker_->post(std::move(job))) return genie::Done{};
  --target->under_way;
  return drained();
}

void EmulationBackend::cancel(std::uint64_t job) noexcept {
  worker_->cancel(job);
}

genie_value* EmulationBackend::keep(KeptValue value) {
  auto owned = std::make_unique<KeptValue>(std::move(value));
  auto* made = reinterpret_cast<genie_value*>(owned.get());
  const std::lock_guard hold(values_lock_);
  values_.emplace(made, std::move(owned));
  return made;
}

void EmulationBackend::release_value(genie_value* value) noexcept {
  std::unique_ptr<KeptValue> gone;
  const std::lock_guard hold(values_lock_);
  const auto at = values_.find(value);
  if (at == values_.end()) return;
  gone = std::move(at->second);
  values_.erase(at);
}

genie::Outcome EmulationBackend::reachable(const Session& session, std::string_view state) const {
  if (!faults_ || !session.program().plan().states.contains(state)) return genie::Done{};
  const std::string& device = session.program().device(session.program().state_device(state)).spec().id;
  if (const auto by = faults_->gone(device)) return gone_error("state " + std::string(state), device, *by);
  return genie::Done{};
}

genie::Expected<genie_tensor*> EmulationBackend::read_state(const genie::Call& call, genie_session* session,
                                                            std::string_view name) {
  if (auto there = reachable(*handle(session).session, name); !there) return std::move(there).error();
  return handle(session).session->read_state(host_, call, name);
}

genie::Outcome EmulationBackend::write_state(const genie::Call& call, genie_session* session,
                                             std::string_view name, const genie_tensor_view& tensor) {
  if (auto there = reachable(*handle(session).session, name); !there) return there;
  return handle(session).session->write_state(host_, call, name, tensor);
}

genie::Expected<std::string> EmulationBackend::stats(const genie::Call&) {
  return record_.stats(host_, options_, devices_, counters_, faults_ ? faults_->report() : std::string());
}

genie::Outcome EmulationBackend::observe(const genie::Call&, genie_session* session,
                                         const genie_step_observer* observer) {
  Session& target = *handle(session).session;
  if (auto may = target.idle("change its observer"); !may) return may;
  target.observer = observer;
  return genie::Done{};
}

genie::Outcome EmulationBackend::drain(const genie::Call& call) {
  return worker_->drain(call);
}

}  // namespace genie::emulation
