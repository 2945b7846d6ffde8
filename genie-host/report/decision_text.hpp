// Decisions and their alternatives in words.
#pragma once

#include <string>

#include "format.hpp"
#include "genie/plan/model.hpp"

namespace genie::report {

/// "memory: w0 needs 87.5 MiB and has 64 MiB (honours h1)"; empty when the policy gave no reason.
[[nodiscard]] std::string reason_text(const plan::Decision& decision);
/// "refused: capacity", "would take 18.1 ms".
[[nodiscard]] std::string alternative_text(const plan::Alternative& alternative);
/// The decision with its reason over as many lines as it takes, and a line for each alternative.
[[nodiscard]] std::string decision_text(const plan::Decision& decision, const Style& style);

}  // namespace genie::report
