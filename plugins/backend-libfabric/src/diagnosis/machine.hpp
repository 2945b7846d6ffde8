// What this machine has for data paths, whoever the peer is.
#pragma once

#include <string_view>

#include "diagnosis/findings.hpp"

namespace genie::remote {

/// libfabric, RDMA devices and their needs, shared memory, and every data path with the reason for and against it. `provider`: the one
/// that the options force, whose lack is a fault; "auto" or "none" for no such.
[[nodiscard]] Findings look_at_machine(std::string_view provider);

}  // namespace genie::remote
