// genie-host: the command line, and the child that tries plug-ins out.
#include <cstdio>
#include <exception>
#include <string_view>

#include "cli/command_line.hpp"
#include "plugin/probe.hpp"

int main(int argc, char** argv) {
  constexpr int kBugExitCode = 70;
  try {
    if (argc > 1 && argv[1] == genie::plugin::kProbeCommand)
      return genie::plugin::probe_main(argc - 2, argv + 2);
    return genie::cli::main(argc, argv);
  } catch (const std::exception& error) {
    std::fprintf(stderr,
                 "error[GE0901]: a bug in Genie: %s\n   = help: run again with --log-level debug --log-file "
                 "genie.log and report it\n",
                 error.what());
    return kBugExitCode;
  }
}
