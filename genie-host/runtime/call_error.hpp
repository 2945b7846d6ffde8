// From what a plug-in answered to what a person is told.
#pragma once

#include <string>
#include <string_view>

#include "runtime/failure.hpp"
#include "services/status.hpp"

namespace genie::runtime {

/// Which call failed, and what its failure means when the plug-in does not say better.
struct CallSite {
  std::string plugin;  ///< id
  std::string doing;   ///< "schedule the plan": completes "PLUGIN could not …"
  Category category = Category::plugin;
  std::string code = "GE0122";  ///< diagnostic code when the plug-in brought none
};

/// The plug-in's own diagnostics where it gave some, else one made of its message. A cancelled call is Category::interrupted,
/// INTERNAL and INCOMPATIBLE are Category::plugin, whatever the site says.
[[nodiscard]] Failure failure_of(const CallSite& site, const services::StatusPtr& status);

}  // namespace genie::runtime
