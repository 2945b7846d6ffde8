// What a worker with these options would find.
#pragma once

#include <string>
#include <string_view>

#include "genie/cpp/core.hpp"

namespace genie::remote {

/// Of the options of a service, or, without any, of this machine.
[[nodiscard]] genie::Expected<std::string> diagnose_service(std::string_view options);

}  // namespace genie::remote
