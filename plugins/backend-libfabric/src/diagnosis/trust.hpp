// Token file and keys: there, for their owner alone, valid, and good for what they are to do.
#pragma once

#include <string>

#include "diagnosis/findings.hpp"
#include "net/tls.hpp"
#include "protocol/messages.hpp"

namespace genie::remote {

/// Those of the two that are given. `role`: who would use them.
[[nodiscard]] Findings look_at_trust(const std::string& token_file, const Keys& keys, Role role);

}  // namespace genie::remote
