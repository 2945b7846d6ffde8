// The validation ladder as a service (genie_host.plan_check).
#pragma once

#include <cstdint>
#include <string_view>

#include "genie/host.h"

namespace genie::services {

/// As host.h says. topology may be empty below V4. The status is null or owned by the caller.
[[nodiscard]] genie_status* plan_check(std::string_view plan, std::string_view topology, std::uint32_t level,
                                       genie_sink diagnostics) noexcept;

}  // namespace genie::services
