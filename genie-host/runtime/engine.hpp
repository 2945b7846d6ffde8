// The pipeline from a run config to results: plug-ins, capture, schedule, prepare, sessions. libgenie puts C around it, the
// run job (job.hpp) drives it.
//
//   auto engine = Engine::create(config, options);       plug-ins of this run are loaded
//   engine->capture();                                   source → captured plan, V0–V3
//   engine->schedule(sizes);                             topology, costs, policy, V4–V5
//   engine->prepare();                                   the backend compiles stages and places weights
//   auto session = engine->open_session(seed);
//   auto result = session->step(request);                any number of times
//
// Threads: create, capture, schedule and prepare are [serial]; sessions may step concurrently, each [serial]; cancel() is
// [any-thread] and async-signal-safe. Everything an engine gave out (sessions, tensors, kept values) keeps its plug-ins
// alive, so destruction order does not matter.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "config/run_config.hpp"
#include "genie/exec.h"
#include "genie/plan/model.hpp"
#include "genie/plan/schedule.hpp"
#include "genie/plan/topology.hpp"
#include "genie/plan/validate.hpp"
#include "runtime/cancel.hpp"
#include "runtime/failure.hpp"
#include "runtime/observer.hpp"
#include "runtime/recovery.hpp"
#include "runtime/tensor.hpp"
#include "services/log.hpp"
#include "services/trace.hpp"

namespace genie::runtime {

struct EngineOptions {
  services::LogSink log;
  /// For a progress bar: what is done, of how much (total 0: unknown), and of what. Any thread, must not throw.
  std::function<void(std::uint64_t done, std::uint64_t total, std::string_view what)> progress;
  std::shared_ptr<CancelToken> cancel;    ///< null: the engine makes its own
  std::vector<std::string> plugin_paths;  ///< of --plugin: folders or libraries, searched before the config's
  std::filesystem::path host_executable;  ///< genie-host, for probing; empty: found by find_host_executable()
  bool rescan = false;                    ///< probe plug-ins anew (A18)
  bool verify_blobs = false;              ///< hash every weight blob after capture
  bool reschedule = false;                ///< a scheduled source.plan is scheduled anew
  /// Every node becomes a stage of its own, so that an observer sees the step node by node.
  bool one_node_stages = false;
  bool trace = false;  ///< collect trace events; also when the config asks for report.trace
  /// How many events to keep at most, unless the config asks for report.trace.
  std::size_t trace_events = services::TraceBuffer::kCapacity;
  /// How long a job that was cancelled or ran out of time may take to signal before its plug-in counts as broken (A15).
  std::chrono::milliseconds grace{10'000};
  bool set_environment = false;  ///< set what manifests name as environment defaults, before any load (A19):
                                 ///< only for a process that has one thread yet
};

/// Concrete sizes of a method's inputs, as a step will have them.
struct MethodSizes {
  std::string method;
  std::vector<plan::InputShape> inputs;
};

/// Wall time of each phase that ran, in ns.
struct Timings {
  std::uint64_t load_plugins_ns = 0;
  std::uint64_t capture_ns = 0;   ///< the frontend alone
  std::uint64_t validate_ns = 0;  ///< every run of the validation ladder together
  std::uint64_t schedule_ns = 0;  ///< topology, costs, policy, join
  std::uint64_t prepare_ns = 0;
};

/// Component → version text, for the report: "host", plug-in ids, and what kernels describe ("torch", …).
using Versions = plan::Table<std::string>;

class KeptValue;
struct EngineCore;
struct SessionState;

/// One input of a step: a tensor in host memory, borrowed for the call, or a value an earlier step of the session kept.
struct StepInput {
  std::string name;
  const genie_tensor_view* tensor = nullptr;
  const KeptValue* kept = nullptr;
};

struct StepOutput {
  std::string name;
  bool keep = false;             ///< leave it where it was made
  genie_tensor* into = nullptr;  ///< filled instead of a new tensor; shape, dtype and strides must match
};

struct StepRequest {
  std::string method;
  std::vector<StepInput> inputs;
  std::vector<StepOutput> outputs;           ///< only what is wanted; nothing else is moved
  std::optional<std::uint64_t> deadline_ms;  ///< from now
};

/// A handle to an output that stayed on its device. Movable; gives the value back when it goes.
class KeptValue {
 public:
  KeptValue() = default;
  KeptValue(KeptValue&&) noexcept;
  KeptValue& operator=(KeptValue&&) noexcept;
  ~KeptValue();
  [[nodiscard]] explicit operator bool() const { return id_ != 0; }

 private:
  friend class Session;
  std::uint64_t id_ = 0;  // of the session; the backend's handle changes when the session is moved
  std::optional<std::vector<std::int64_t>> shape_;  // where the plan's shape could be computed
  std::shared_ptr<SessionState> session_;
};

/// Outputs in the order they were asked for: `tensor` for fetched ones (empty where `into` was given), `kept` for kept ones.
struct StepResult {
  struct Output {
    std::string name;
    OwnedTensor tensor;
    KeptValue kept;
  };
  std::uint64_t index = 0;    ///< counts the session's steps, from 0
  std::uint64_t job = 0;      ///< names the step's trace events
  std::uint64_t wall_ns = 0;  ///< submit to completion
  std::vector<Output> outputs;
};

/// One instance of the program's session states. Closed when it goes.
class Session {
 public:
  Session(Session&&) noexcept;
  Session& operator=(Session&&) noexcept;
  ~Session();

  /// Runs one step and waits. Before it starts, sizes are bound, guards are checked and memory at these sizes is checked
  /// (GE06xx names the symbol). With on_worker_loss replan, what a step lost is made good and the step repeated. [serial]
  [[nodiscard]] Result<StepResult> step(const StepRequest& request);
  /// Several steps of one method as micro-batches of one call, at most as many as its schedule says, with inputs of the same
  /// sizes and none that another of them makes. They share job and wall time. The first one's deadline counts. [serial]
  [[nodiscard]] Result<std::vector<StepResult>> step(std::span<const StepRequest> group);
  /// A copy of a state's content. [serial]
  [[nodiscard]] Result<OwnedTensor> read_state(std::string_view name);
  [[nodiscard]] Status write_state(std::string_view name, const genie_tensor_view& tensor);

 private:
  friend class Engine;
  explicit Session(std::shared_ptr<SessionState> state);
  struct Attempt {
    std::vector<StepResult> results;  ///< one per micro-batch
    std::optional<Failure> failure;
  };
  [[nodiscard]] Result<plan::Bindings> check(const StepRequest& request) const;
  [[nodiscard]] Result<Attempt> attempt(std::span<const StepRequest> group, std::uint64_t index,
                                        const plan::Bindings& sizes);
  [[nodiscard]] Result<std::vector<StepResult>> in_parts(std::span<const StepRequest> group,
                                                         std::size_t size);
  std::shared_ptr<SessionState> state_;
};

class Engine {
 public:
  /// Discovers, probes and loads the plug-ins that the config names, and creates their instances.
  [[nodiscard]] static Result<Engine> create(config::RunConfig config, EngineOptions options);
  Engine(Engine&&) noexcept;
  Engine& operator=(Engine&&) noexcept;
  ~Engine();

  /// Replaces the config's source before capture().
  void set_source(config::Source source);

  // --- phases, in this order; each names the one that is missing when called too early ---

  /// Reads the source: a frontend captures it, or a saved plan is read. Adds the outputs of run.add. V0–V3.
  [[nodiscard]] Status capture();
  /// Asks the backend for its topology and the policy for a schedule at the sizes that the steps will have (the largest,
  /// where several methods or steps name one symbol; a symbol nobody binds takes its maximum), joins and checks it (V4, V5).
  /// A scheduled source.plan is checked against the present topology instead, unless reschedule was asked for.
  [[nodiscard]] Status schedule(std::span<const MethodSizes> sizes);
  /// Checks that no source file changed, then prepares. May be called once.
  [[nodiscard]] Status prepare();
  /// What there is to run on, asked before anything is captured; place() then takes these devices. [serial]
  [[nodiscard]] Result<plan::Topology> look_around();
  /// In place of capture() and schedule(): a captured plan without weights that this program made, and where it runs. V0–V4.
  [[nodiscard]] Status place(plan::Plan captured, plan::Schedule schedule);
  /// capture, schedule and prepare, each unless it was done.
  [[nodiscard]] Status load(std::span<const MethodSizes> sizes);

  /// `observer` looks at the session's steps while they run; the backend must be able to be observed (GE0669 if not).
  [[nodiscard]] Result<Session> open_session(std::uint64_t seed, std::shared_ptr<StepObserver> observer = {});

  // --- what is known ---

  [[nodiscard]] const config::RunConfig& config() const;
  /// Null before its phase.
  [[nodiscard]] const plan::Plan* captured() const;
  [[nodiscard]] const plan::Plan* scheduled() const;
  [[nodiscard]] const std::string& plan_id() const;  ///< of the newest plan; empty before capture
  [[nodiscard]] const plan::Topology* topology() const;
  /// The newest plan as a document to save in `folder`: with locations, relative to it where the file lies below it.
  [[nodiscard]] std::string plan_document(const std::filesystem::path& folder) const;
  [[nodiscard]] const Timings& timings() const;
  [[nodiscard]] Versions versions() const;
  /// Losses that the run survived, in order (on_worker_loss: replan).
  [[nodiscard]] std::vector<Recovery> recoveries() const;
  /// Warnings of validation and loading, in the order they came up.
  [[nodiscard]] const plan::Diagnostics& warnings() const;
  /// What V3 could not check.
  [[nodiscard]] const plan::Unchecked& unchecked() const;
  /// The backend's `devices`, `links`, `counters` and `steps` since create, as one JSON object; host counters
  /// (`abi_calls`, …) are added to `counters`.
  [[nodiscard]] Result<std::string> stats();
  /// Trace events since the last call, when tracing.
  [[nodiscard]] std::vector<services::TraceEvent> take_trace();
  /// Events that were not kept because there were too many.
  [[nodiscard]] std::uint64_t trace_dropped() const;

  /// Makes running and later calls end with GENIE_CANCELLED. [any-thread], async-signal-safe.
  void cancel() noexcept;
  [[nodiscard]] const std::shared_ptr<CancelToken>& cancel_token() const;

 private:
  explicit Engine(std::shared_ptr<EngineCore> core);
  std::shared_ptr<EngineCore> core_;
};

/// genie-host beside the running executable, else beside or under ../bin of the library this code is in, else on PATH;
/// empty when there is none.
[[nodiscard]] std::filesystem::path find_host_executable();

}  // namespace genie::runtime
