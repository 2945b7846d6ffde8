// Higher-order operators that only say how others run: a mode, or an order of effects. What they wrap becomes part of the graph.
#pragma once

#include "torch/program.hpp"

namespace genie::pytorch {

/// Replaces wrap_with_set_grad_enabled and wrap_with_autocast by the nodes they wrap, and writes out the conversions that
/// autocast makes; replaces with_effects by the operator it names. Names stay unique within each graph, and the signature follows.
void inline_modes(Program& program);

}  // namespace genie::pytorch
