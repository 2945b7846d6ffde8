// The `run` section of a config over an engine: inputs, steps, outputs, verification, report files. What genie-host and
// libgenie's genie_engine_run_config do.
#pragma once

#include <functional>
#include <memory>
#include <optional>

#include "report/report.hpp"
#include "runtime/engine.hpp"
#include "runtime/failure.hpp"
#include "tensors/compare.hpp"

namespace genie::runtime {

struct JobOptions {
  /// For a progress bar over the steps of a long run; may be empty.
  std::function<void(std::uint64_t done, std::uint64_t total)> steps_done;
  /// Looks at the steps of the last run, the one whose outputs count; may be null.
  std::shared_ptr<StepObserver> observer;
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
