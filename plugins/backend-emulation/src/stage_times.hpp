// How long a step's stages took, where the option `costs` does not leave that to the model.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "executor.hpp"
#include "options.hpp"

namespace genie::emulation {

using StageTimes = std::map<std::string, std::uint64_t, std::less<>>;  ///< stage → ns

/// On their devices: with `costs: measured` what was measured here, at each device's speed; with `costs: recorded` what the same
/// step took then (GE0600 for a step or a stage that was not recorded).
[[nodiscard]] genie::Expected<plan::Timeline> observed_timeline(
    const Options& options, const Program& program, const CompiledMethod& method, const plan::Bindings& sizes,
    const StageTimes& measured, std::uint64_t step);

}  // namespace genie::emulation
