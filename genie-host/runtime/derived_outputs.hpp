// Outputs that the host adds to a captured plan (run.add): argmax or topk of an output, computed where the output is, so that
// a decode step sends a token instead of a vocabulary of logits.
#pragma once

#include <vector>

#include "config/run_config.hpp"
#include "genie/plan/model.hpp"
#include "genie/plan/result.hpp"

namespace genie::runtime {

/// Adds to every method that has the named output. GE0144 names what is wrong, and where the config says it.
[[nodiscard]] plan::Status add_outputs(plan::Plan& plan, const std::vector<config::AddedOutput>& added);

}  // namespace genie::runtime
