// GE09xx: bugs in Genie.
#include "codes_tables.hpp"

namespace genie::plan::detail {

std::span<const CodeInfo> bug_codes() {
  static constexpr CodeInfo kCodes[] = {
      {"GE0901", "A bug in Genie",
       "Something happened that Genie's own code rules out. It is not a fault of your model, your "
       "configuration or your\n"
       "machine.\n"
       "\n"
       "What to do: run again with `--log-level debug --log-file genie.log` and report the message, the log "
       "and, if you may\n"
       "share it, the plan (`report.plan` in the run config writes it; it holds no weights).\n"},
  };
  return kCodes;
}

}  // namespace genie::plan::detail
