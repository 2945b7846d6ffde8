// The methods of a plan as a caller needs them: names, element types, shapes.
#pragma once

#include <string>

#include "genie/plan/model.hpp"

namespace genie::lib {

/// The JSON of genie_engine_describe (libgenie.h). A size that is open is its text ("seq", "s77*2").
[[nodiscard]] std::string describe_methods(const plan::Plan& plan, const std::string& plan_id);

}  // namespace genie::lib
