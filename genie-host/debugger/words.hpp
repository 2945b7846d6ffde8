// What a person types to the debugger, in words, and the answer to what has no meaning.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "genie/plan/diagnostic.hpp"

namespace genie::debugger {

using Words = std::vector<std::string>;

/// Parted at blanks.
[[nodiscard]] Words words_of(std::string_view line);
/// From one of them on, with a blank between; empty when there are fewer.
[[nodiscard]] std::string joined(const Words& words, std::size_t from = 0);
/// GE0665.
[[nodiscard]] plan::Diagnostics not_understood(std::string message, std::string help);

}  // namespace genie::debugger
