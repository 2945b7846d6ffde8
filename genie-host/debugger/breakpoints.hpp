// When a debugged run pauses.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "debugger/nodes.hpp"
#include "runtime/observer.hpp"
#include "tensors/statistics.hpp"

namespace genie::debugger {

/// A condition on one of a value's statistics: "max > 100".
struct Condition {
  enum class Of : std::uint8_t { min, max, mean, std, nan, inf, zero, elements };
  enum class Is : std::uint8_t { less, less_equal, greater, greater_equal, equal, unequal };
  Of of = Of::max;
  Is is = Is::greater;
  double than = 0;
  /// Nothing to compare (no finite element) holds never.
  [[nodiscard]] bool holds(const tensors::Statistics& statistics) const;
};

struct Breakpoint {
  enum class Kind : std::uint8_t {
    node,        ///< before a node runs
    transfer,    ///< after a value has arrived at a device
    value,       ///< after a node one of whose results meets the condition
    difference,  ///< after a node whose results differ from the reference's
  };
  int number = 0;
  Kind kind = Kind::node;
  std::string text;              ///< as it was asked for
  std::optional<NodeSet> nodes;  ///< node, value: only these; absent: all
  std::string place;             ///< transfer: a device or a value, either end; empty: any
  Condition condition;
  std::uint64_t hits = 0;
};

/// What follows `break`: a node or selector; `transfer [DEVICE|VALUE]`; `nan [SELECTOR]`; `inf [SELECTOR]`;
/// `when STATISTIC OPERATOR NUMBER [in SELECTOR]`. GE0665 when it is none of these; the selector's own error.
[[nodiscard]] plan::Result<Breakpoint> parse_breakpoint(const plan::Plan& plan, std::string_view text);

}  // namespace genie::debugger
