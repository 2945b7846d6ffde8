#include "runtime/engine.hpp"

#include <dlfcn.h>
#include <unistd.h>

#include <cstdlib>
#include <system_error>
#include <utility>

#include "genie/plan/codec.hpp"
#include "runtime/engine_core.hpp"
#include "runtime/plan_document.hpp"
#include "runtime/session_state.hpp"
#include "runtime/stats.hpp"
#include "scheduler/schedule.hpp"
#include "scheduler/topology.hpp"

namespace genie::runtime {
namespace {

Failure too_early(std::string_view wanted, std::string_view missing) {
  return failure(Category::bug, GENIE_FAILED_PRECONDITION, "GE0650",
                 std::string(wanted) + " was called before " + std::string(missing),
                 "call " + std::string(missing) + " first");
}

}  // namespace

Engine::Engine(std::shared_ptr<EngineCore> core) : core_(std::move(core)) {}
Engine::Engine(Engine&&) noexcept = default;
Engine& Engine::operator=(Engine&&) noexcept = default;
Engine::~Engine() = default;

Result<Engine> Engine::create(config::RunConfig config, EngineOptions options) {
  plugin::CatalogueOptions search;
  search.paths = options.plugin_paths;
  search.config_paths = config.plugins.paths;
  search.allow = config.plugins.allow;
  search.host_executable = options.host_executable.empty() ? find_host_executable() : options.host_executable;
  search.rescan = options.rescan;
  const services::LogSink log = options.log;
  auto core = std::make_shared<EngineCore>(std::move(config), std::move(options),
                                           plugin::Catalogue::discover(std::move(search), log));
  const config::RunConfig& run = core->config;
  if (auto wrong = core->catalogue.check_named(); !wrong.empty())
    return failure(Category::plugin, std::move(wrong), GENIE_FAILED_PRECONDITION);

  if (core->options.set_environment) {
    std::vector<std::string> used = {run.source.frontend.plugin, run.policy.plugin, run.backend.plugin};
    for (const config::PluginUse& use : run.kernels)
      used.push_back(use.plugin);
    if (run.kernels.empty())
      for (std::string& id : core->catalogue.ids_of_kind("kernels"))
        used.push_back(std::move(id));
    core->catalogue.set_environment(used);
  }
  // Everything that the config names is loaded here, before this process has threads that a library's start could upset.
  const auto located = [&run](auto result, std::string_view section) {
    return in_section(std::move(result).failure(), run.file, section);
  };
  for (std::size_t i = 0; i < run.kernels.size(); ++i)
    if (auto kernels = core->use_kernels(run.kernels[i].plugin); !kernels)
      return located(std::move(kernels), "/kernels/" + std::to_string(i));
  // (A saved plan needs no frontend, and a policy only if it is not scheduled yet, or may have to be scheduled anew.)
  if (run.source.plan.empty() && !run.source.frontend.plugin.empty())
    if (auto library = core->library(run.source.frontend.plugin); !library)
      return located(std::move(library), "/source");
  if (run.source.plan.empty() || run.run.on_worker_loss == config::OnWorkerLoss::replan)
    if (auto library = core->library(run.policy.plugin); !library)
      return located(std::move(library), "/policy");
  auto library = core->library(run.backend.plugin);
  if (!library) return located(std::move(library), "/backend");
  auto backend = BackendInstance::create(core->services, **library, GENIE_BACKEND_V1, run.backend.options);
  if (!backend) return located(std::move(backend), "/backend");
  core->backend = *std::move(backend);
  return Engine(std::move(core));
}

void Engine::set_source(config::Source source) {
  core_->config.source = std::move(source);
}

Status Engine::capture() {
  if (core_->captured) return Unit{};
  return capture_plan(*core_);
}

Status Engine::schedule(std::span<const MethodSizes> sizes) {
  if (!core_->captured) return too_early("schedule", "capture");
  if (core_->topology) return Unit{};
  core_->sizes.assign(sizes.begin(), sizes.end());
  Status scheduled = scheduler::schedule_plan(*core_, sizes);
  if (!scheduled) core_->topology.reset();  // so that a second attempt starts over
  return scheduled;
}

Status Engine::prepare() {
  if (!core_->scheduled || !core_->topology) return too_early("prepare", "schedule");
  if (core_->prepared) return Unit{};
  auto prepared = prepare_program(core_);
  if (prepared) return prepared;
  return begin_elsewhere(core_, std::move(prepared).failure(), [] { return Status(Unit{}); });
}

Result<plan::Topology> Engine::look_around() {
  auto topology = scheduler::make_topology(*core_);
  if (topology) core_->topology = *topology;
  return topology;
}

Status Engine::place(plan::Plan captured, plan::Schedule schedule) {
  if (!core_->topology) return too_early("place", "look_around");
  return scheduler::place_plan(*core_, std::move(captured), std::move(schedule));
}

Status Engine::load(std::span<const MethodSizes> sizes) {
  if (auto done = capture(); !done) return done;
  if (auto done = schedule(sizes); !done) return done;
  return prepare();
}

Result<Session> Engine::open_session(std::uint64_t seed, std::shared_ptr<StepObserver> observer) {
  if (!core_->prepared) return too_early("open_session", "prepare");
  auto state = runtime::open_session(core_, seed, observer);
  if (!state) {
    auto opened = begin_elsewhere(core_, std::move(state).failure(), [&]() -> Status {
      state = runtime::open_session(core_, seed, observer);
      if (!state) return state.failure();
      return Unit{};
    });
    if (!opened) return std::move(opened).failure();
  }
  return Session(*std::move(state));
}

const config::RunConfig& Engine::config() const {
  return core_->config;
}
const plan::Plan* Engine::captured() const {
  return core_->captured ? &*core_->captured : nullptr;
}
const plan::Plan* Engine::scheduled() const {
  return core_->scheduled.get();
}
const std::string& Engine::plan_id() const {
  return core_->plan_id;
}
const plan::Topology* Engine::topology() const {
  return core_->topology ? &*core_->topology : nullptr;
}
const Timings& Engine::timings() const {
  return core_->timings;
}
std::vector<Recovery> Engine::recoveries() const {
  const std::lock_guard hold(core_->recovery_lock);
  return core_->recoveries;
}
Versions Engine::versions() const {
  return core_->versions;
}
const plan::Diagnostics& Engine::warnings() const {
  return core_->warnings;
}
const plan::Unchecked& Engine::unchecked() const {
  return core_->unchecked;
}

std::string Engine::plan_document(const std::filesystem::path& folder) const {
  if (!core_->captured) return {};
  return document_for(core_->scheduled ? *core_->scheduled : *core_->captured, core_->services->blobs,
                      folder);
}

Result<std::string> Engine::stats() {
  return engine_stats(*core_);
}

std::vector<services::TraceEvent> Engine::take_trace() {
  return core_->services->trace ? core_->services->trace->take() : std::vector<services::TraceEvent>();
}
std::uint64_t Engine::trace_dropped() const {
  return core_->services->trace ? core_->services->trace->dropped() : 0;
}

void Engine::cancel() noexcept {
  core_->options.cancel->cancel();
}
const std::shared_ptr<CancelToken>& Engine::cancel_token() const {
  return core_->options.cancel;
}

std::filesystem::path find_host_executable() {
  namespace fs = std::filesystem;
  constexpr std::string_view kName = "genie-host";
  std::error_code error;
  const auto usable = [](const fs::path& path) { return ::access(path.c_str(), X_OK) == 0; };
  const fs::path self = fs::read_symlink("/proc/self/exe", error);
  if (!error && self.filename() == kName) return self;
  Dl_info info{};
  if (::dladdr(reinterpret_cast<const void*>(&find_host_executable), &info) != 0 && info.dli_fname) {
    const fs::path folder = fs::weakly_canonical(info.dli_fname, error).parent_path();
    // Beside (a build tree), or in the bin of the prefix whose lib, or lib/<triplet>, holds this library.
    for (const fs::path& candidate : {folder / kName, folder.parent_path() / "bin" / kName,
                                      folder.parent_path().parent_path() / "bin" / kName})
      if (usable(candidate)) return candidate;
  }
  const char* path = ::getenv("PATH");
  std::string_view rest = path ? path : "";
  while (!rest.empty()) {
    const std::size_t colon = std::min(rest.find(':'), rest.size());
    if (const fs::path candidate = fs::path(rest.substr(0, colon)) / kName; colon > 0 && usable(candidate))
      return candidate;
    rest.remove_prefix(std::min(colon + 1, rest.size()));
  }
  return {};
}

}  // namespace genie::runtime
