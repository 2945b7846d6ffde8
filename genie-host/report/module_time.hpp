// Where time went by module of the user's model.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "genie/plan/model.hpp"
#include "genie/plan/topology.hpp"
#include "timeline.hpp"

namespace genie::report {

struct ModuleTime {
  std::string module;  ///< path without what all of them share; empty: nodes that belong to none
  std::uint64_t ns = 0;
  std::uint64_t nodes = 0;
};

/// Computing time of the calls by module, largest first. A stage's time is divided among its nodes as the cost model weighs
/// them; modules are opened until some of the largest are told apart. Empty when nodes have no modules.
[[nodiscard]] std::vector<ModuleTime> module_times(const plan::Plan& plan, const plan::Topology& topology,
                                                   std::span<const CallTimeline> calls);

}  // namespace genie::report
