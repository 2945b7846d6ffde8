// Apart, so that only command_line.cpp includes CLI11's headers.
#pragma once

#include <string>

namespace genie::cli {

/// "2.1.2"
[[nodiscard]] std::string cli11_version();

}  // namespace genie::cli
