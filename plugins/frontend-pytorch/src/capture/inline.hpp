// Higher-order operators that only set a mode which does not matter here: their sub-graph becomes part of the graph.
#pragma once

#include "torch/program.hpp"

namespace genie::pytorch {

/// Replaces wrap_with_set_grad_enabled, and wrap_with_autocast where it is switched off, by the nodes they wrap. Names stay
/// unique within each graph, and the signature follows.
void inline_modes(Program& program);

}  // namespace genie::pytorch
