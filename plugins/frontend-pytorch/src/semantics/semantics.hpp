// What the parts of a plan mean: role, phase and modality of nodes, role of states, residency of values.
//
// The rules are data (data/semantics.json, embedded at build time); this code only applies them. Every annotation says that
// it was inferred, and how surely.
#pragma once

#include "genie/plan/model.hpp"

namespace genie::pytorch {

/// Fills semantics, state roles and residencies that are still empty. Deterministic.
void annotate(plan::Plan& plan);

}  // namespace genie::pytorch
