// The command line of genie-host. The only file that knows CLI11 is command_line.cpp.
#pragma once

namespace genie::cli {

/// Parses, runs the command, returns the exit code (docs/run-config.md).
[[nodiscard]] int main(int argc, const char* const* argv);

}  // namespace genie::cli
