// The `run` section of a config over an engine: inputs, steps, outputs, verification, report files. What genie-host and
// libgenie's genie_engine_run_config do.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <span>

#include "report/report.hpp"
#include "runtime/engine.hpp"
#include "runtime/failure.hpp"
#include "runtime/job_steps.hpp"
#include "tensors/compare.hpp"

namespace genie::runtime {

/// A job whose plan is scheduled and not prepared yet.
struct ScheduledJob {
  const Engine& engine;
  std::span<const PreparedStep> steps;  ///< with their inputs
};

struct JobOptions {
  /// For a progress bar over the steps of a long run; may be empty.
  std::function<void(std::uint64_t done, std::uint64_t total)> steps_done;
  /// Whoever wants to see the plan before anything is prepared; may be empty. A failure ends the job. The observer, which may be
  /// null, looks at the steps of the last run, the one whose outputs count.
  std::function<Result<std::shared_ptr<StepObserver>>(const ScheduledJob&)> scheduled;
};

/// `report` is filled as far as the run came, also when `failure` is set. A verification that failed is a failure
/// (Category::verification) with a complete report.
struct JobOutcome {
  report::RunReport report;
  std::optional<Failure> failure;
  tensors::TensorTable outputs;  ///< of the last run, by the names that `expect` uses
};

/// Loads what is not loaded, runs, and writes the files that the config asks for. [serial] over the engine. For
/// `report.trace` the engine must have been created with EngineOptions::trace.
[[nodiscard]] JobOutcome run_job(Engine& engine, const JobOptions& options = {});

/// The job's part up to the schedule, for the sizes that its inputs have; without inputs in the config, for the largest
/// sizes. Nothing is prepared, nothing runs. [serial]
[[nodiscard]] Status schedule_job(Engine& engine);

/// What an engine knows without a job: plan, topology, phase times, statistics, versions, warnings.
[[nodiscard]] report::RunReport describe(Engine& engine);

}  // namespace genie::runtime
