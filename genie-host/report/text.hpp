// The report for a person: one screen that says whether the outputs are right, where time and bytes went, what was waited for,
// and how that compares with what was predicted. docs/run-report.md shows how to read it.
#pragma once

#include <cstdint>
#include <string>

#include "format.hpp"
#include "report.hpp"

namespace genie::report {

/// How much: what fits a screen of 24 lines, or everything.
enum class Detail : std::uint8_t { screen, full };

[[nodiscard]] std::string to_text(const RunReport& report, const Style& style,
                                  Detail detail = Detail::screen);

/// Diagnostics as rustc prints them, coloured: code and message, place, source, help. A blank line between two.
[[nodiscard]] std::string diagnostics_text(const plan::Diagnostics& diagnostics, const Style& style);

}  // namespace genie::report
