// A plan as a graph for Graphviz.
#pragma once

#include <string>

#include "genie/plan/model.hpp"
#include "genie/plan/result.hpp"

namespace genie::report {

struct DotView {
  std::string method;  ///< only this one; empty: all
  bool nodes =
      false;  ///< every node of a scheduled plan instead of its stages; a captured plan has nodes only
};

/// One cluster per device, stages or nodes in it, an edge per transfer or value, with its size. GE0019 for an unknown method.
[[nodiscard]] plan::Result<std::string> plan_dot(const plan::Plan& plan, const DotView& view);

}  // namespace genie::report
