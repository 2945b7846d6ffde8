// What changed between two plans, in words a person would use.
#pragma once

#include <string>
#include <vector>

#include "genie/plan/model.hpp"

namespace genie::plan {

struct Change {
  std::string kind;     ///< "node-added", "argument-changed", "moved", "transfer-grew", …
  std::string subject;  ///< JSON pointer or id
  std::string before;
  std::string after;
  std::string text;  ///< "n4 aten.linear.default moved from w0 to w1"
};

/// Empty exactly when the canonical bytes are equal. Ordered by method, then document order.
[[nodiscard]] std::vector<Change> diff(const Plan& a, const Plan& b);

}  // namespace genie::plan
