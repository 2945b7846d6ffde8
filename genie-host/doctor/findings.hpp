// What was found out, thing by thing: by the host itself, and by plug-ins that can tell (docs/plugin-abi.md, "Findings").
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "genie/plan/result.hpp"
#include "runtime/failure.hpp"

namespace genie::doctor {

/// ok: there, and as it should be. absent: not to be had, and nothing needs it. warning: works, but not as one may expect. fault: what
/// is in the way of a run, or of a worker.
enum class State : std::uint8_t { ok, absent, warning, fault };

[[nodiscard]] std::string_view name(State state);

struct Finding {
  std::string about;    ///< what things it is among: "plug-ins", "this machine", "worker 127.0.0.1:7000"
  std::string subject;  ///< the thing
  State state = State::ok;
  std::string detail;
  std::string help;  ///< what to do; empty where nothing need be done
  std::string code;  ///< of the diagnostic that a run would show; or empty
};

/// What a plug-in wrote. The diagnostic says which part of it is malformed.
[[nodiscard]] plan::Result<std::vector<Finding>> decode_findings(std::string_view json,
                                                                 std::string_view plugin);

/// Everything that was found, in the order in which it was looked for.
struct Examination {
  std::vector<Finding> findings;
  /// As what a run with this config would fail first; nothing: nothing is in its way.
  std::optional<runtime::Category> fails;
};

/// {"ok", "findings": [{"about", "subject", "state", "detail", "help"?, "code"?}]}
[[nodiscard]] std::string to_json(const Examination& examination);

}  // namespace genie::doctor
