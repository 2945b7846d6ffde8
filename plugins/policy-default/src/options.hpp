// Options of the run config's `policy.options`.
#pragma once

#include <string_view>

#include "chain.hpp"
#include "genie/plan/result.hpp"

namespace genie::policy {

struct Options {
  Objective objective = Objective::latency;
};

/// Errors name the option, what is known, and the nearest known name.
[[nodiscard]] plan::Result<Options> read_options(std::string_view json);

/// "latency", "memory", "bytes".
[[nodiscard]] std::string_view name(Objective objective);

}  // namespace genie::policy
