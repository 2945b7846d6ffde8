// A plan from whatever file a person names: a plan, a run config, or a model.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>

#include "cli/commands.hpp"
#include "cli/progress.hpp"
#include "genie/plan/model.hpp"
#include "genie/plan/topology.hpp"
#include "runtime/engine.hpp"
#include "runtime/failure.hpp"

namespace genie::cli {

struct LoadedPlan {
  plan::Plan plan;
  std::optional<runtime::Engine> engine;  ///< set when a frontend captured it: it knows where the weights lie
  std::optional<plan::Topology> topology;  ///< of a plan that was loaded with its schedule
};

/// V0 and V1 of a plan document; a model or a run config is captured (V0–V3).
[[nodiscard]] runtime::Result<LoadedPlan> load_plan(const Common& common, const std::string& file,
                                                    Progress& progress);

/// The plan of a run config with its schedule: captured and scheduled, or the saved one it names. GE0021 when `file` is no run
/// config. `first`: no engine was made before in this process.
struct ScheduleRequest {
  std::string file;
  std::span<const config::Edit> edits;
  bool reschedule = false;
  bool first = true;
};
[[nodiscard]] runtime::Result<LoadedPlan> load_scheduled(const Common& common, const ScheduleRequest& request,
                                                         Progress& progress);

/// What a file says of a schedule and its devices: a run config is scheduled; a plan is taken as it is, with the topology of
/// the file `topology` if that is not empty. GE0581 when the plan was scheduled for other devices.
[[nodiscard]] runtime::Result<LoadedPlan> load_with_topology(const Common& common, const std::string& file,
                                                             const std::string& topology, Progress& progress);

/// A topology document; comments are fine.
[[nodiscard]] runtime::Result<plan::Topology> read_topology(const std::string& file);

/// Whether the file is a run config rather than a plan or a model.
[[nodiscard]] bool is_run_config_file(const std::string& file);

/// The bytes of a file, or GE0002.
[[nodiscard]] runtime::Result<std::string> read_text(const std::string& file);

}  // namespace genie::cli
