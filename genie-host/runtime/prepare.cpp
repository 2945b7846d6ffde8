// The prepare phase: the backend compiles the scheduled plan's stages and places its weights.
#include "genie/plan/codec.hpp"
#include "runtime/engine_core.hpp"

namespace genie::runtime {
namespace {

// What must stay in place until the backend signals, also when nobody waits any longer.
struct PrepareJob {
  explicit PrepareJob(std::shared_ptr<EngineCore> engine, std::uint64_t job)
      : core(std::move(engine)), call(core->options.cancel, core->options.progress, GENIE_NO_DEADLINE, job) {}
  std::shared_ptr<EngineCore> core;
  services::CallContext call;
  std::string plan;
  genie_program* program = nullptr;
};

}  // namespace

Status prepare_program(const std::shared_ptr<EngineCore>& core) {
  if (auto unchanged = core->services->blobs.check_unchanged(); !unchanged)
    return failure(Category::invalid_plan, std::move(unchanged).errors(), GENIE_DATA_LOSS);
  const Timer timer(core->timings.prepare_ns);
  const std::uint64_t job = core->next_job++;
  auto work = std::make_shared<PrepareJob>(core, job);
  work->plan = plan::encode(*core->scheduled);
  BackendInstance& backend = *core->backend;
  const std::string doing = "prepare the plan";
  services::Waiter waiter(core->services->completions, backend.id(), work);
  services::StatusPtr refused(backend.call().prepare(
      work->call.get(), backend.self(), services::str(work->plan), &work->program, waiter.completion()));
  if (!refused.ok()) {
    waiter.refused();
    return failure_of({backend.id(), doing, Category::execution, "GE0659"}, refused);
  }
  auto signalled = wait_for(*core, waiter, job, GENIE_NO_DEADLINE, doing);
  if (!signalled) return std::move(signalled).failure();
  if (!signalled->ok()) return failure_of({backend.id(), doing, Category::execution, "GE0659"}, *signalled);
  if (!work->program)
    return failure(Category::plugin, GENIE_INTERNAL, "GE0132",
                   backend.id() + " prepared the plan, but gave no program");
  auto prepared = std::make_shared<Prepared>(*core, work->program);
  prepared->plan = core->scheduled;
  prepared->topology = *core->topology;
  core->prepared = std::move(prepared);
  return Unit{};
}

}  // namespace genie::runtime
