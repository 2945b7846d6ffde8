// A plan for a person: one screen of what it is, and tables of its nodes on request.
#pragma once

#include <cstddef>
#include <optional>
#include <string>

#include "format.hpp"
#include "genie/plan/model.hpp"
#include "genie/plan/result.hpp"

namespace genie::report {

struct PlanView {
  std::string method;                ///< only this one
  std::string scope;                 ///< a selector: list the nodes it matches
  std::string stage;                 ///< list the nodes of this stage
  bool decisions = false;            ///< all of them, with alternatives
  std::optional<std::size_t> limit;  ///< rows of each table; 0: all; absent: what fits a screen
};

/// GE0019 for a method or stage the plan has not, the selector's own error for one that matches nothing.
[[nodiscard]] plan::Result<std::string> plan_text(const plan::Plan& plan, const PlanView& view,
                                                  const Style& style);

/// The same as a JSON object.
[[nodiscard]] plan::Result<std::string> plan_json(const plan::Plan& plan, const PlanView& view);

}  // namespace genie::report
