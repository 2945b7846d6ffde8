// From an archive of torch.export.save to a captured ExecutionPlan.
#pragma once

#include <string>

#include "capture/options.hpp"
#include "capture/weights.hpp"
#include "error.hpp"
#include "genie/plan/model.hpp"

namespace genie::pytorch {

inline constexpr const char* kPluginId = "org.genie.frontend-pytorch";
inline constexpr const char* kPluginVersion = "0.1.0";

struct Capture {
  plan::Plan plan;       ///< with locations
  Diagnostics warnings;  ///< of code GE02xx
};

/// Reads the archive at `path`. All refusals of one stage (reading, then translating) are reported together. progress may be
/// empty; `stopped` tells that it asked to stop. The locations' uri is `path` as given. Deterministic: the same file and
/// options give the same plan.
[[nodiscard]] Result<Capture> capture(const std::string& path, const Options& options,
                                      const Progress& progress, bool& stopped);

}  // namespace genie::pytorch
