// Hints of the run config, put into the plan as constraints and corrections.
#pragma once

#include <string>
#include <vector>

#include "genie/plan/model.hpp"
#include "genie/plan/result.hpp"
#include "genie/plan/topology.hpp"

namespace genie::scheduler {

/// Adds the hints to the plan's constraints (an id that is taken gets a suffix). Hints of kind phase, role and modality correct
/// the annotations they select, by the user. Errors: a selector that matches nothing (with near misses), a device that the
/// topology does not have (GE0580); file and pointer are those of the hint's origin.
[[nodiscard]] plan::Status apply_hints(plan::Plan& plan, const std::vector<plan::Constraint>& hints,
                                       const plan::Topology& topology);

}  // namespace genie::scheduler
