// Small placement problems: random ones of several shapes, and ones cut out of real plans.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "drawing.hpp"

namespace genie::bench {

struct Problem {
  std::string family;  ///< "chain", "layers", "fork", "tree", "random", "model"
  policy::testing::Drawing drawing;
};

/// The `number`-th problem: 8 to 12 nodes, 2 to 4 devices of unequal speed and tight memory, equal on every machine.
[[nodiscard]] Problem random_problem(std::uint64_t number);

/// The nodes of a captured plan's first method gathered, in document order, into 8 to 12 runs of about equal work; the devices
/// are drawn as above. Nothing when the plan has fewer nodes.
[[nodiscard]] std::vector<Problem> problems_of_plan(const plan::Plan& plan, std::uint64_t number, int count);

}  // namespace genie::bench
