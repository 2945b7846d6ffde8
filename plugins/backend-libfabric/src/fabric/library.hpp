// libfabric itself, loaded when it is first wanted: without it there are fewer paths, and no other consequence.
#pragma once

#include <rdma/fabric.h>

#include "genie/cpp/core.hpp"

namespace genie::fabric {

/// The functions that the library exports; all others are reached through its objects.
struct Library {
  decltype(&::fi_getinfo) getinfo = nullptr;
  decltype(&::fi_freeinfo) freeinfo = nullptr;
  decltype(&::fi_dupinfo) dupinfo = nullptr;
  decltype(&::fi_fabric) fabric = nullptr;
  decltype(&::fi_strerror) strerror = nullptr;
  decltype(&::fi_version) version = nullptr;
};

/// Loads it at the first call, for the life of the process. GE0850 if it is not to be had. Signal handlers stay as they were: libraries
/// that it brings along install their own.
[[nodiscard]] const Expected<Library>& library();

}  // namespace genie::fabric
