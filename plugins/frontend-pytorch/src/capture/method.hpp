// One exported program as a method of the plan.
#pragma once

#include <cstddef>
#include <string>

#include "capture/aliases.hpp"
#include "capture/translate.hpp"
#include "capture/weights.hpp"
#include "error.hpp"
#include "genie/plan/model.hpp"
#include "torch/program.hpp"

namespace genie::pytorch {

/// Fills `method` (inputs, nodes, values, outputs, state writes). `number` is the program's in the weight table. Refusals are
/// in context.errors: those of translate_graph, GE0242 a changed input, GE0247 gradients and tokens among the outputs.
void build_method(const Program& program, std::size_t number, const Aliases& aliases,
                  const WeightTable& weights, MethodContext& context, plan::Method& method);

}  // namespace genie::pytorch
