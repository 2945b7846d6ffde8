// How long a step's stages took, where the option `costs` does not leave that to the model.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "executor.hpp"
#include "options.hpp"

namespace genie::emulation {

using StageTimes = std::map<std::string, std::uint64_t, std::less<>>;  ///< stage → ns

/// Of the micro-batches that ran together, the first of them number `first` of the session; on their devices: with `costs: measured` what was measured here, at each device's speed; with `costs: recorded` what the same
/// step took then (GE0600 for a step or a stage that was not recorded).
[[nodiscard]] genie::Expected<plan::Timeline> observed_timeline(
    const Options& options, const Program& program, const CompiledMethod& method, const plan::Bindings& sizes,
    const std::vector<const StageTimes*>& measured, std::uint64_t first);

}  // namespace genie::emulation
