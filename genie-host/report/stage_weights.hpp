// The weights that a stage uses.
#pragma once

#include <cstdint>

#include "genie/plan/model.hpp"

namespace genie::report {

/// Bytes of the distinct weights that its nodes use, those it computes again included.
[[nodiscard]] std::uint64_t stage_weight_bytes(const plan::Graph& graph, const plan::Plan& plan,
                                               const plan::Stage& stage);

}  // namespace genie::report
