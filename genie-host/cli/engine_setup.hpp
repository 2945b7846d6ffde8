// From common options to what an engine needs.
#pragma once

#include <memory>

#include "cli/commands.hpp"
#include "cli/console.hpp"
#include "cli/progress.hpp"
#include "runtime/engine.hpp"

namespace genie::cli {

/// The log that the options ask for.
[[nodiscard]] plan::Result<services::LogSink> open_log(const Common& common);

/// Log, progress, plug-in paths; `progress` outlives the engine.
[[nodiscard]] plan::Result<runtime::EngineOptions> engine_options(const Common& common, Progress& progress);

}  // namespace genie::cli
