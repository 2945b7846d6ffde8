// Options of the run config's `policy.options`.
#pragma once

#include <string_view>

#include "chain.hpp"
#include "genie/plan/result.hpp"

namespace genie::policy {

struct Options {
  Objective objective = Objective::latency;
  std::uint32_t micro_batches = 1;  ///< of a call, at most; more than one with throughput
};

/// Errors name the option, what is known, and the nearest known name.
[[nodiscard]] plan::Result<Options> read_options(std::string_view json);

/// "latency", "throughput", "memory", "bytes".
[[nodiscard]] std::string_view name(Objective objective);

}  // namespace genie::policy
