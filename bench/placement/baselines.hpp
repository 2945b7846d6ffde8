// Schedules that others would make: HEFT, round robin, everything on one device.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "drawing.hpp"
#include "small.hpp"

namespace genie::bench {

/// Heterogeneous earliest finish time (Topcuoglu, Hariri, Wu 2002): nodes by upward rank over mean costs, each into the
/// earliest gap of the device where it ends first. Memory plays no part. `order`: nodes by start time.
struct Heft {
  std::vector<std::size_t> device;  ///< per node
  std::vector<std::size_t> order;
  std::uint64_t makespan_ns =
      0;  ///< by HEFT's own model: no contention, nothing travels to or from the client
};
[[nodiscard]] Heft heft(const Small& problem);

/// The makespan of a placement by the event simulator, if it passes V4: every node a stage of its own, in `order`.
[[nodiscard]] std::optional<std::uint64_t> judged(const policy::testing::Drawing& drawing,
                                                  const std::vector<std::size_t>& device,
                                                  const std::vector<std::size_t>& order);

}  // namespace genie::bench
