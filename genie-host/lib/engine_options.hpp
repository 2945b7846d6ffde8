// genie_engine_options as the C++ values that make an engine.
#pragma once

#include "config/run_config.hpp"
#include "genie/libgenie.h"
#include "runtime/engine.hpp"

namespace genie::lib {

struct EngineArguments {
  config::RunConfig config;
  runtime::EngineOptions options;
};

/// Reads and decodes the config. options->struct_size was checked.
[[nodiscard]] runtime::Result<EngineArguments> engine_arguments(const genie_engine_options& options);

}  // namespace genie::lib
