// What the backend counted, with the host's own counters added.
#pragma once

#include <string>

#include "runtime/engine_core.hpp"

namespace genie::runtime {

[[nodiscard]] Result<std::string> engine_stats(EngineCore& core);

}  // namespace genie::runtime
