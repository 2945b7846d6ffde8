// The topology of a run: what the backend reports, with what kernels plug-ins say of themselves filled in.
#pragma once

#include "runtime/engine_core.hpp"

namespace genie::scheduler {

/// Devices that name no kernels get those of the run config, else the first kernels plug-in that is found. Every kernels
/// plug-in that a device names and the backend does not describe is loaded and asked; one that cannot be is an error only if
/// the device is left with none.
[[nodiscard]] runtime::Result<plan::Topology> make_topology(runtime::EngineCore& core);

}  // namespace genie::scheduler
