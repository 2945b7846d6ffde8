// The report for a person: one screen that says whether the outputs are right, what went where, why, what it cost, and how to
// change it.
#pragma once

#include <string>

#include "format.hpp"
#include "report.hpp"

namespace genie::report {

[[nodiscard]] std::string to_text(const RunReport& report, const Style& style);

/// Diagnostics as rustc prints them, coloured: code and message, place, source, help. A blank line between two.
[[nodiscard]] std::string diagnostics_text(const plan::Diagnostics& diagnostics, const Style& style);

}  // namespace genie::report
