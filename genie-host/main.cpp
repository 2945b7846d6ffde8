// genie-host: the command line, and the child that tries plug-ins out.
#include <cstdio>
#include <exception>
#include <string_view>

#include "cli/command_line.hpp"
#include "plugin/probe.hpp"

#ifdef __GLIBC__
#include <malloc.h>
#endif

namespace {

/// Kernels make and free tensors of the same sizes in every step. The C library would give memory of more than 128 KiB back to the
/// system each time, and the system would clear it again page by page, which takes longer than small convolutions do: a step would
/// take one time or twice that, by what the process happened to free before. These are the bounds that it arrives at by itself once
/// a block of 32 MiB was freed.
void keep_freed_memory() {
#ifdef __GLIBC__
  constexpr int kBlock = 32 << 20;
  ::mallopt(M_MMAP_THRESHOLD, kBlock);
  ::mallopt(M_TRIM_THRESHOLD, 2 * kBlock);
#endif
}

}  // namespace

int main(int argc, char** argv) {
  constexpr int kBugExitCode = 70;
  try {
    if (argc > 1 && argv[1] == genie::plugin::kProbeCommand)
      return genie::plugin::probe_main(argc - 2, argv + 2);
    keep_freed_memory();
    return genie::cli::main(argc, argv);
  } catch (const std::exception& error) {
    std::fprintf(stderr,
                 "error[GE0901]: a bug in Genie: %s\n   = help: run again with --log-level debug --log-file "
                 "genie.log and report it\n",
                 error.what());
    return kBugExitCode;
  }
}
