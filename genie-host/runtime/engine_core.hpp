// What an engine, its sessions and everything they gave out share. Internal to this folder and to ../scheduler.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "plugin/catalogue.hpp"
#include "runtime/engine.hpp"
#include "runtime/instance.hpp"
#include "runtime/recovery.hpp"
#include "services/call.hpp"

namespace genie::runtime {

struct EngineCore;

/// A program of the backend, and what it was made for. Sessions hold it; it is released with the last.
struct Prepared {
  Prepared(EngineCore& engine, genie_program* made) : core(engine), program(made) {}
  Prepared(const Prepared&) = delete;
  ~Prepared();

  EngineCore& core;
  genie_program* program;
  std::shared_ptr<const plan::Plan> plan;
  plan::Topology topology;
  mutable std::atomic<std::uint64_t> sessions{0};  ///< that were ever opened
};

/// Members are destroyed bottom up: the program before the backend, the backend before the kernels it uses.
struct EngineCore {
  EngineCore(config::RunConfig run_config, EngineOptions engine_options, plugin::Catalogue plugins);
  ~EngineCore();

  config::RunConfig config;
  EngineOptions options;
  std::shared_ptr<services::Services> services;
  plugin::Catalogue catalogue;

  std::map<std::string, std::unique_ptr<KernelsInstance>, std::less<>> kernels;
  std::unique_ptr<FrontendInstance> frontend;  ///< null for a saved plan
  std::unique_ptr<PolicyInstance> policy;      ///< null until a plan is scheduled
  std::unique_ptr<BackendInstance> backend;

  std::optional<plan::Plan> captured;
  std::shared_ptr<const plan::Plan> scheduled;
  std::optional<plan::Topology> topology;
  std::string plan_id;
  plan::Bindings assumes;
  std::shared_ptr<const Prepared> prepared;         ///< the newest; null until a plan is prepared
  std::vector<MethodSizes> sizes;                   ///< what schedule was asked for
  std::set<std::string, std::less<>> lost_devices;  ///< since the run began
  std::mutex recovery_lock;                         ///< sessions recover one at a time
  std::vector<Recovery> recoveries;

  Timings timings;
  Versions versions;
  plan::Diagnostics warnings;
  plan::Unchecked unchecked;
  std::atomic<std::uint64_t> next_job{1};

  /// The plug-in of an id, loaded; a failure has Category::plugin.
  [[nodiscard]] Result<const plugin::Library*> library(std::string_view id);
  /// The kernels of an id, loaded, created with the config's options and offered to backends.
  [[nodiscard]] Result<KernelsInstance*> use_kernels(std::string_view id);
  /// The context of a call that has no deadline of its own.
  [[nodiscard]] services::CallContext context(std::uint64_t job = 0,
                                              std::uint64_t deadline_ns = GENIE_NO_DEADLINE);
  /// Runs the ladder; errors are the failure, warnings and what was not checked are kept.
  [[nodiscard]] Status validate(const plan::Plan& plan, plan::Level up_to, Category category);
  [[nodiscard]] bool cancelled() const { return options.cancel->cancelled(); }
};

/// Adds the wall time of its scope to a counter.
class Timer {
 public:
  explicit Timer(std::uint64_t& into_ns) : into_ns_(into_ns), begin_ns_(services::monotonic_ns()) {}
  ~Timer() { into_ns_ += services::monotonic_ns() - begin_ns_; }
  Timer(const Timer&) = delete;

 private:
  std::uint64_t& into_ns_;
  std::uint64_t begin_ns_;
};

// The phases, one file each.
[[nodiscard]] Status capture_plan(EngineCore& core);
[[nodiscard]] Status prepare_program(const std::shared_ptr<EngineCore>& core);
[[nodiscard]] Result<std::shared_ptr<SessionState>> open_session(const std::shared_ptr<EngineCore>& core,
                                                                 std::uint64_t seed,
                                                                 std::shared_ptr<StepObserver> observer);

/// What a completion that never came means; the plug-in is reported.
[[nodiscard]] Failure never_signalled(EngineCore& core, std::string_view plugin, std::string_view doing);

/// Waits for a job of the backend, cancelling it at the deadline or the engine's wish. The status is the job's; the failure
/// says that none came in time even so.
[[nodiscard]] Result<services::StatusPtr> wait_for(EngineCore& core, services::Waiter& waiter,
                                                   std::uint64_t job, std::uint64_t deadline_ns,
                                                   std::string_view doing);

}  // namespace genie::runtime
