#include "runtime/engine_core.hpp"

#include <algorithm>

#include "genie/plan/json.hpp"

namespace genie::runtime {
namespace {

constexpr std::uint64_t kDrainNs = 5'000'000'000;

std::string options_of(const std::vector<config::PluginUse>& uses, std::string_view id) {
  const auto use =
      std::find_if(uses.begin(), uses.end(), [id](const config::PluginUse& u) { return u.plugin == id; });
  return use == uses.end() ? "{}" : use->options;
}

}  // namespace

EngineCore::EngineCore(config::RunConfig run_config, EngineOptions engine_options, plugin::Catalogue plugins)
    : config(std::move(run_config)),
      options(std::move(engine_options)),
      services(std::make_shared<services::Services>(options.log)),
      catalogue(std::move(plugins)) {
  if (!options.cancel) options.cancel = std::make_shared<CancelToken>();
  if (options.trace || !config.report.trace.empty())
    services->trace = std::make_unique<services::TraceBuffer>(
        config.report.trace.empty() ? options.trace_events : services::TraceBuffer::kCapacity);
  versions["host"] = std::string(plugin::host_version());
  versions["abi"] = std::to_string(GENIE_ABI_MAJOR) + "." + std::to_string(GENIE_ABI_MINOR);
  versions["plan"] = std::to_string(plan::kSchemaMajor) + "." + std::to_string(plan::kSchemaMinor);
}

Prepared::~Prepared() {
  core.backend->call().release_program(core.backend->self(), program);
}

EngineCore::~EngineCore() {
  if (!backend) return;
  prepared.reset();
  // Everything is idle by contract; draining proves it before memory goes away. The wish to stop must not stop this.
  const services::CallContext call(nullptr, {}, services::monotonic_ns() + kDrainNs);
  const services::StatusPtr drained(backend->call().drain(call.get(), backend->self()));
  const bool broken = !drained.ok() && drained.info().code != GENIE_UNIMPLEMENTED;
  if (services->completions.outstanding() > 0 || broken) {
    services->misbehaved(backend->id(),
                         services->completions.outstanding() > 0
                             ? "never signalled a job it had accepted (A15)"
                             : "could not drain: " + std::string(services::view(drained.info().message)));
    backend->abandon();
    for (auto& [id, instance] : kernels)
      instance->abandon();
  }
}

Result<const plugin::Library*> EngineCore::library(std::string_view id) {
  const Timer timer(timings.load_plugins_ns);
  auto loaded = catalogue.load(id);
  if (!loaded) return failure(Category::plugin, std::move(loaded).errors(), GENIE_NOT_FOUND);
  versions[std::string(id)] = (*loaded)->description().version;
  return *loaded;
}

Result<KernelsInstance*> EngineCore::use_kernels(std::string_view id) {
  if (const auto found = kernels.find(id); found != kernels.end()) return found->second.get();
  auto loaded = library(id);
  if (!loaded) return std::move(loaded).failure();
  auto instance =
      KernelsInstance::create(services, **loaded, GENIE_KERNELS_V1, options_of(config.kernels, id));
  if (!instance) return std::move(instance).failure();
  KernelsInstance* made = instance->get();
  kernels.emplace(id, *std::move(instance));
  services->kernels.add(std::string(id), {&made->table(), made->self()});
  return made;
}

services::CallContext EngineCore::context(std::uint64_t job, std::uint64_t deadline_ns) {
  return {options.cancel, options.progress, deadline_ns, job};
}

Status EngineCore::validate(const plan::Plan& plan, plan::Level up_to, Category category) {
  const Timer timer(timings.validate_ns);
  plan::ValidateContext context;
  context.up_to = up_to;
  context.topology = topology ? &*topology : nullptr;
  plan::Validation validation = plan::validate(plan, context);
  unchecked = validation.unchecked;
  if (!validation.ok()) return failure(category, std::move(validation.diagnostics));
  for (plan::Diagnostic& diagnostic : validation.diagnostics) {
    // A plan is validated after every hand that touches it: each warning is worth saying once.
    const bool known = std::any_of(warnings.begin(), warnings.end(), [&](const plan::Diagnostic& other) {
      return other.code == diagnostic.code && other.message == diagnostic.message &&
             other.pointer == diagnostic.pointer;
    });
    if (!known) warnings.push_back(std::move(diagnostic));
  }
  return Unit{};
}

Failure never_signalled(EngineCore& core, std::string_view plugin, std::string_view doing) {
  core.services->misbehaved(plugin, "never signalled a job it had accepted (A15): " + std::string(doing));
  return failure(Category::plugin, GENIE_INTERNAL, "GE0131",
                 std::string(plugin) +
                     " accepted a job and never said that it ended, not even after it was cancelled: " +
                     std::string(doing),
                 "this is a bug of the plug-in; its results cannot be waited for any longer");
}

Result<services::StatusPtr> wait_for(EngineCore& core, services::Waiter& waiter, std::uint64_t job,
                                     std::uint64_t deadline_ns, std::string_view doing) {
  using Outcome = services::Waiter::Outcome;
  Outcome outcome = waiter.wait(deadline_ns, core.options.cancel.get());
  if (outcome != Outcome::signalled) {
    core.backend->call().cancel(core.backend->self(), job);
    const auto grace_ns = static_cast<std::uint64_t>(std::chrono::nanoseconds(core.options.grace).count());
    outcome = waiter.wait(services::monotonic_ns() + grace_ns, nullptr);
  }
  if (outcome != Outcome::signalled) return never_signalled(core, core.backend->id(), doing);
  return waiter.take_status();
}

}  // namespace genie::runtime
