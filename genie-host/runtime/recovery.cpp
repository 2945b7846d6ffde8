// on_worker_loss: replan. A step failed, or what comes before the first one; the backend is asked what is left, the policy
// places the plan there, the session is opened anew, and the steps that it recorded are repeated.
//
// The only thing asked of a backend is that topology() tells what is left (backend.h). Sessions recover one at a time; one
// whose plan was replaced by another session's recovery only moves over.
#include "runtime/recovery.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <functional>
#include <set>

#include "runtime/session_state.hpp"
#include "scheduler/schedule.hpp"
#include "scheduler/topology.hpp"

namespace genie::runtime {
namespace {

/// A backend that loses something at every attempt must end too.
constexpr int kMostAttempts = 64;

/// Codes that a loss may hide behind. Anything else is the step's own fault.
bool may_be_loss(const Failure& failure) {
  if (failure.category != Category::execution && failure.category != Category::unschedulable) return false;
  switch (failure.code) {
    case GENIE_UNAVAILABLE:
    case GENIE_DATA_LOSS:
    case GENIE_DEADLINE_EXCEEDED:
    case GENIE_RESOURCE_EXHAUSTED:
    case GENIE_ABORTED:
    case GENIE_FAILED_PRECONDITION:
      return true;
    default:
      return false;
  }
}

std::size_t count(const Loss& loss) {
  return loss.devices.size() + loss.links.size() + loss.memory.size();
}

std::string list(std::string_view one, std::string_view many, const std::vector<std::string>& items) {
  if (items.empty()) return {};
  return fmt::format("{} {}", items.size() == 1 ? one : many, fmt::join(items, ", "));
}

Failure cannot_go_on(const std::string& what, Failure cause, std::string_view why_code, Failure why) {
  Failure failed =
      failure(Category::execution, cause.code, std::string(why_code),
              cause.message() + "; " + what + ": " + why.message(), why.diagnostics.front().help);
  plan::Diagnostic& headline = failed.diagnostics.front();
  headline.node = cause.diagnostics.front().node;
  headline.scope = cause.diagnostics.front().scope;
  for (Failure* part : {&cause, &why})
    for (plan::Diagnostic& diagnostic : part->diagnostics) {
      diagnostic.severity = plan::Severity::note;
      failed.diagnostics.push_back(std::move(diagnostic));
    }
  return failed;
}

/// States that outlive a session and that others may have written: no session's record tells their content.
bool has_shared_writes(const plan::Plan& plan) {
  return std::ranges::any_of(plan.states, [](const auto& entry) { return entry.second.scope == "program"; });
}

class Recovering {
 public:
  Recovering(std::shared_ptr<SessionState> session, Failure cause, std::uint64_t job)
      : session_(std::move(session)), core_(*session_->core), cause_(std::move(cause)) {
    recovery_.step = session_->steps;
    recovery_.jobs.push_back(job);
  }

  Status run(std::uint64_t failed_wall_ns) {
    const std::uint64_t begin_ns = services::monotonic_ns();
    const std::lock_guard hold(core_.recovery_lock);
    if (auto found = look(); !found) {
      // A backend that has nothing left says so; one that does not know says nothing of a loss.
      if (found.failure().code != GENIE_UNAVAILABLE) return std::move(cause_);
      return cannot_go_on("no going on after that", std::move(cause_), "GE0676", std::move(found).failure());
    }
    if (recovery_.lost.empty() && core_.prepared == session_->prepared) return std::move(cause_);
    if (has_shared_writes(*session_->prepared->plan) && session_->prepared->sessions > 1)
      return cannot_go_on("states went with " + recovery_.lost.text(), std::move(cause_), "GE0677",
                          failure(Category::execution, GENIE_DATA_LOSS, "GE0677",
                                  "several sessions wrote them, and none has recorded them all",
                                  "run one session, or let the model keep its states per session"));
    recovery_.cause = cause_.diagnostics.front();
    recovery_.replaced = session_->prepared->plan;
    // Kept values die with the session on the backend; their ids live on.
    std::set<std::uint64_t> alive;
    {
      const std::lock_guard kept(session_->kept_lock);
      for (const auto& [id, value] : session_->kept)
        alive.insert(id);
    }
    Status done = Unit{};
    for (int attempt = 0; attempt < kMostAttempts; ++attempt) {
      done = go_on();
      if (done || core_.cancelled() || !may_be_loss(done.failure())) break;
      // Something else was lost meanwhile?
      const std::size_t before = count(recovery_.lost);
      if (!look() || count(recovery_.lost) == before) break;
    }
    if (!done) {
      session_->close();
      session_->prepared.reset();
      if (done.failure().category == Category::interrupted) return done;
      return cannot_go_on("no going on without " + recovery_.lost.text(), std::move(cause_), "GE0676",
                          std::move(done).failure());
    }
    {
      std::vector<std::uint64_t> dead;
      {
        const std::lock_guard kept(session_->kept_lock);
        for (const auto& [id, value] : session_->kept)
          if (!alive.contains(id)) dead.push_back(id);
      }
      for (const std::uint64_t id : dead)
        session_->release(id);
    }
    recovery_.wall_ns = failed_wall_ns + services::monotonic_ns() - begin_ns;
    recovery_.plan_id = core_.plan_id;
    for (const plan::Device& device : session_->prepared->topology.devices)
      recovery_.left.push_back(device.id);
    core_.options.log(
        GENIE_LOG_WARNING, "engine",
        fmt::format("step {}: the plan was placed anew on {} after the loss of {}; {} earlier steps "
                    "were repeated",
                    recovery_.step, fmt::join(recovery_.left, ", "), recovery_.lost.text(),
                    recovery_.replayed));
    core_.recoveries.push_back(std::move(recovery_));
    return Unit{};
  }

 private:
  /// Asks what is left.
  Status look() {
    auto left = scheduler::make_topology(core_);
    if (!left) return std::move(left).failure();
    if (!had_) had_ = session_->prepared->topology;
    recovery_.lost = loss_between(*had_, *left);
    return Unit{};
  }

  /// Places, prepares, opens, repeats.
  Status go_on() {
    session_->close();
    if (core_.prepared == session_->prepared) {
      session_->prepared.reset();
      core_.prepared.reset();  // and with its last session the old program's memory
      core_.scheduled.reset();
      core_.topology.reset();
      core_.lost_devices.insert(recovery_.lost.devices.begin(), recovery_.lost.devices.end());
      if (auto placed = scheduler::schedule_plan(core_, core_.sizes); !placed) return placed;
      if (auto prepared = prepare_program(session_->core); !prepared) return prepared;
      recovery_.first_job = core_.next_job;
    }
    if (auto opened = session_->open(); !opened) return opened;
    return repeat();
  }

  Status repeat() {
    recovery_.replayed = 0;
    for (const Recorded& recorded : session_->history) {
      if (core_.cancelled())
        return failure(Category::interrupted, GENIE_CANCELLED, "GE0657",
                       "cancelled while steps were repeated");
      if (auto done = recorded.method.empty() ? write(recorded) : step(recorded); !done) return done;
    }
    return Unit{};
  }

  Status write(const Recorded& recorded) {
    BackendInstance& backend = *core_.backend;
    const services::CallContext call = core_.context();
    const Recorded::Input& state = recorded.inputs.front();
    const genie_tensor_view view = state.tensor->view();
    const services::StatusPtr status(backend.call().write_state(call.get(), backend.self(), session_->handle,
                                                                services::str(state.name), &view));
    if (status.ok()) return Unit{};
    return failure_of({backend.id(), "write state '" + state.name + "' again", Category::execution, "GE0661"},
                      status);
  }

  Status step(const Recorded& recorded) {
    StepOrder order;
    order.method = recorded.method;
    order.index = recorded.index;
    std::vector<std::string> names;
    names.reserve(recorded.inputs.size() + recorded.kept.size());
    std::vector<genie_tensor_view> views;
    views.reserve(recorded.inputs.size());
    for (const Recorded::Input& input : recorded.inputs) {
      names.push_back(input.name);
      if (input.tensor) views.push_back(input.tensor->view());
      order.inputs.push_back({services::str(names.back()), input.tensor ? &views.back() : nullptr,
                              input.tensor ? nullptr : session_->value_of(input.kept)});
      if (input.tensor) order.holds.push_back(input.tensor);
    }
    for (const auto& [output, id] : recorded.kept) {
      names.push_back(output);
      order.outputs.push_back({services::str(names.back()), GENIE_OUTPUT_KEEP, 0, nullptr, nullptr});
    }
    auto answer = run_step(session_, std::move(order), std::move(names), std::nullopt);
    if (!answer) return std::move(answer).failure();
    recovery_.jobs.push_back(answer->job);
    if (answer->failure) return std::move(*answer->failure);
    const std::lock_guard kept(session_->kept_lock);
    for (std::size_t i = 0; i < recorded.kept.size(); ++i)
      session_->kept.insert_or_assign(recorded.kept[i].second, answer->outputs[i].kept);
    ++recovery_.replayed;
    return Unit{};
  }

  std::shared_ptr<SessionState> session_;
  EngineCore& core_;
  Failure cause_;
  Recovery recovery_;
  std::optional<plan::Topology> had_;  // before the loss
};

}  // namespace

std::string Loss::text() const {
  std::vector<std::string> parts;
  for (std::string part : {list("device", "devices", devices), list("link", "links", links),
                           list("memory of", "memory of", memory)})
    if (!part.empty()) parts.push_back(std::move(part));
  return fmt::format("{}", fmt::join(parts, " and "));
}

Loss loss_between(const plan::Topology& had, const plan::Topology& has) {
  Loss loss;
  for (const plan::Device& device : had.devices) {
    const plan::Device* left = has.device(device.id);
    if (left == nullptr)
      loss.devices.push_back(device.id);
    else if (left->memory_bytes < device.memory_bytes)
      loss.memory.push_back(device.id);
  }
  for (const plan::Link& link : had.links)
    if (std::ranges::find(has.links, link.id, &plan::Link::id) == has.links.end())
      loss.links.push_back(link.id);
  return loss;
}

Status begin_elsewhere(const std::shared_ptr<EngineCore>& core, Failure cause,
                       const std::function<Status()>& begin) {
  if (core->config.run.on_worker_loss != config::OnWorkerLoss::replan || core->cancelled() ||
      !may_be_loss(cause))
    return cause;
  const std::uint64_t begin_ns = services::monotonic_ns();
  const std::lock_guard hold(core->recovery_lock);
  const plan::Topology had = *core->topology;
  Recovery recovery;
  recovery.cause = cause.diagnostics.front();
  recovery.replaced = core->scheduled;
  Status done = Unit{};
  for (int attempt = 0; attempt < kMostAttempts; ++attempt) {
    auto left = scheduler::make_topology(*core);
    if (!left && left.failure().code != GENIE_UNAVAILABLE) return cause;
    if (!left)
      return cannot_go_on("no going on after that", std::move(cause), "GE0676", std::move(left).failure());
    Loss lost = loss_between(had, *left);
    // Every further attempt is for a further loss.
    if (count(lost) == count(recovery.lost)) {
      if (attempt == 0) return cause;
      break;
    }
    recovery.lost = std::move(lost);
    core->prepared.reset();
    core->scheduled.reset();
    core->topology.reset();
    core->lost_devices.insert(recovery.lost.devices.begin(), recovery.lost.devices.end());
    done = scheduler::schedule_plan(*core, core->sizes);
    if (done) done = prepare_program(core);
    recovery.first_job = core->next_job;
    if (done) done = begin();
    if (done || core->cancelled() || !may_be_loss(done.failure())) break;
  }
  if (!done && done.failure().category == Category::interrupted) return done;
  if (!done)
    return cannot_go_on("no going on without " + recovery.lost.text(), std::move(cause), "GE0676",
                        std::move(done).failure());
  recovery.wall_ns = services::monotonic_ns() - begin_ns;
  recovery.plan_id = core->plan_id;
  for (const plan::Device& device : core->topology->devices)
    recovery.left.push_back(device.id);
  core->options.log(GENIE_LOG_WARNING, "engine",
                    fmt::format("the plan was placed anew on {} after the loss of {}, before the first step",
                                fmt::join(recovery.left, ", "), recovery.lost.text()));
  core->recoveries.push_back(std::move(recovery));
  return Unit{};
}

Status recover(const std::shared_ptr<SessionState>& session, Failure failure, std::uint64_t job,
               std::uint64_t wall_ns) {
  if (!session->records() || session->core->cancelled() || !may_be_loss(failure)) return failure;
  return Recovering(session, std::move(failure), job).run(wall_ns);
}

}  // namespace genie::runtime
