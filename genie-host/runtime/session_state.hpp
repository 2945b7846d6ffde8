// What a session, its kept values and its recovery share. Internal to this folder.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "runtime/engine_core.hpp"
#include "runtime/observer.hpp"

namespace genie::runtime {

/// A tensor as a session was given it, copied: the bytes that it spans, with its strides.
class RecordedTensor {
 public:
  explicit RecordedTensor(const genie_tensor_view& view);
  [[nodiscard]] genie_tensor_view view() const;

 private:
  struct Free {
    void operator()(std::byte* bytes) const;
  };
  genie_dtype dtype_;
  std::vector<std::int64_t> shape_, strides_;
  std::unique_ptr<std::byte, Free> bytes_;  // aligned as tensors are
};

/// What happened to a session's states, in order: enough to make them anew elsewhere.
struct Recorded {
  struct Input {
    std::string name;
    std::shared_ptr<const RecordedTensor> tensor;  ///< or
    std::uint64_t kept = 0;                        ///< the id of a kept value
  };
  std::string method;  ///< empty: a state was written
  std::uint64_t index = 0;
  std::vector<Input> inputs;                                ///< of a write: the state's name and content
  std::vector<std::pair<std::string, std::uint64_t>> kept;  ///< outputs that stayed, and their ids
};

struct SessionState {
  std::shared_ptr<EngineCore> core;
  std::shared_ptr<const Prepared>
      prepared;  ///< what it runs; null once it could not be moved to what is left
  genie_session* handle = nullptr;
  std::uint64_t seed = 0;
  std::uint64_t steps = 0;
  std::unique_ptr<ObserverShim> observer;  ///< null: nobody looks
  bool one_by_one = false;                 ///< the backend takes one micro-batch at a time
  bool broken = false;            ///< a step never signalled: the backend may still use what it was lent
  std::vector<Recorded> history;  ///< with on_worker_loss replan

  std::mutex kept_lock;  ///< guards kept and next_kept: kept values go on any thread
  std::map<std::uint64_t, genie_value*> kept;
  std::uint64_t next_kept = 1;

  SessionState(std::shared_ptr<EngineCore> engine, std::uint64_t session_seed)
      : core(std::move(engine)), seed(session_seed) {}
  SessionState(const SessionState&) = delete;
  ~SessionState() { close(); }

  /// Opens it on what is prepared now.
  [[nodiscard]] Status open();
  void close();
  [[nodiscard]] bool records() const {
    return core->config.run.on_worker_loss == config::OnWorkerLoss::replan;
  }
  [[nodiscard]] std::uint64_t keep(genie_value* value);
  [[nodiscard]] genie_value* value_of(std::uint64_t id);
  void release(std::uint64_t id);
};

/// One step as the backend is asked for it.
struct StepOrder {
  std::string method;
  std::uint64_t index = 0;
  std::uint64_t micro_batches = 1;       ///< inputs and outputs of one after another
  std::vector<genie_step_input> inputs;  ///< names point into `names`
  std::vector<genie_step_output> outputs;
  std::vector<std::shared_ptr<const RecordedTensor>> holds;  ///< what the inputs point to
};

/// What the backend answered: outputs are the caller's, also when the step failed half way.
struct StepAnswer {
  std::uint64_t job = 0;
  std::uint64_t wall_ns = 0;
  std::vector<genie_step_output> outputs;
  std::optional<Failure> failure;
};

/// Submits and waits. The failure says that the backend did not take it, or never signalled.
[[nodiscard]] Result<StepAnswer> run_step(const std::shared_ptr<SessionState>& session, StepOrder order,
                                          std::vector<std::string> names,
                                          std::optional<std::uint64_t> deadline_ms);

/// A step failed: if something was lost since the plan was placed, places it on what is left, opens the session anew and
/// repeats what it recorded. Otherwise the failure, as it is or with why it could not go on. (recovery.cpp)
[[nodiscard]] Status recover(const std::shared_ptr<SessionState>& session, Failure failure, std::uint64_t job,
                             std::uint64_t wall_ns);

/// The same before there are steps: preparing or opening a session failed. What is placed anew is prepared, then `begin` goes on.
/// [serial] (recovery.cpp)
[[nodiscard]] Status begin_elsewhere(const std::shared_ptr<EngineCore>& core, Failure cause,
                                     const std::function<Status()>& begin);

}  // namespace genie::runtime
