// `--dump`: the results of selected nodes in a file.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "debugger/reference.hpp"
#include "runtime/engine.hpp"

namespace genie::debugger {

/// An observer that records what the selectors mean. Schedules the engine's job first, because only then it is known; the engine
/// was made with EngineOptions::one_node_stages. Selectors that mean nothing are Category::config.
[[nodiscard]] runtime::Result<std::shared_ptr<Recorder>> watch(runtime::Engine& engine,
                                                               const std::vector<std::string>& selectors);

/// Writes what was recorded as .safetensors. Names are value ids, with the step before them where the config has steps. GE0667
/// when there is nothing.
[[nodiscard]] std::optional<runtime::Failure> write(const Recorder& recorder, bool has_steps,
                                                    const std::string& file);

}  // namespace genie::debugger
