// A plan as a page to look at: graph, timeline, memory and decisions in one file that needs no network. page/ holds its sources.
#pragma once

#include <span>
#include <string>

#include "genie/plan/model.hpp"
#include "genie/plan/topology.hpp"
#include "timeline.hpp"

namespace genie::report {

struct PageView {
  std::string title;                         ///< of the page
  const plan::Topology* topology = nullptr;  ///< without it nothing is foreseen: no timeline, no memory
  std::span<const CallTimeline> observed;    ///< of each method the slowest is shown
};

/// Linear in the plan. Texts of the plan are data of the page, never markup.
[[nodiscard]] std::string plan_html(const plan::Plan& plan, const PageView& view);

}  // namespace genie::report
