// `--dump`: the results of selected nodes in a file.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "debugger/reference.hpp"
#include "runtime/failure.hpp"

namespace genie::debugger {

/// An observer that records what the selectors mean in a plan whose stages are single nodes. Selectors that mean nothing are
/// Category::config.
[[nodiscard]] runtime::Result<std::shared_ptr<Recorder>> watch(const plan::Plan& scheduled,
                                                               const std::vector<std::string>& selectors);

/// Writes what was recorded as .safetensors. Names are value ids, with the step before them where the config has steps. GE0667
/// when there is nothing.
[[nodiscard]] std::optional<runtime::Failure> write(const Recorder& recorder, bool has_steps,
                                                    const std::string& file);

}  // namespace genie::debugger
