// Why a run went as it did, and what to type to change it: the part of the report that is printed when more is asked.
#pragma once

#include <string>

#include "format.hpp"
#include "report.hpp"

namespace genie::report {

/// The decisions that say most, and commands that would change them; empty when nothing was scheduled.
[[nodiscard]] std::string advice_text(const RunReport& report, const Style& style);

/// A path as one would type it here: the shorter of its two spellings.
[[nodiscard]] std::string nearby_path(const std::string& path);

}  // namespace genie::report
