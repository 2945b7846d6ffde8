// Transfers that a placement implies. Private to the library.
#pragma once

#include <string_view>
#include <vector>

#include "genie/plan/model.hpp"
#include "placement.hpp"

namespace genie::plan::detail {

/// What schedule.hpp's derive_transfers returns, ids t0, t1, ….
[[nodiscard]] std::vector<Transfer> implied_transfers(const Placement& placement, const Bindings& assumes);

/// The device at a transfer's end; "" for the client.
[[nodiscard]] std::string_view device_of_end(const Placement& placement, const Residence* residence,
                                             std::string_view end);

}  // namespace genie::plan::detail
