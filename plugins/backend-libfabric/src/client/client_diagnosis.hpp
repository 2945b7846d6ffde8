// What a client with these options would find: itself, and each of its workers.
#pragma once

#include <string>
#include <string_view>

#include "genie/cpp/core.hpp"

namespace genie::remote {

/// Of the options of a backend, or, without any, of this machine. Reaches out to the workers, and waits for them as a run would.
[[nodiscard]] genie::Expected<std::string> diagnose_client(const genie::Call& call, std::string_view options);

}  // namespace genie::remote
