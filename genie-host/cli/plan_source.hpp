// A plan from whatever file a person names: a plan, a run config, or a model.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "cli/commands.hpp"
#include "cli/progress.hpp"
#include "genie/plan/model.hpp"
#include "runtime/engine.hpp"
#include "runtime/failure.hpp"

namespace genie::cli {

struct LoadedPlan {
  plan::Plan plan;
  std::optional<runtime::Engine> engine;  ///< set when a frontend captured it: it knows where the weights lie
};

/// V0 and V1 of a plan document; a model or a run config is captured (V0–V3).
[[nodiscard]] runtime::Result<LoadedPlan> load_plan(const Common& common, const std::string& file,
                                                    Progress& progress);

/// The bytes of a file, or GE0002.
[[nodiscard]] runtime::Result<std::string> read_text(const std::string& file);

}  // namespace genie::cli
