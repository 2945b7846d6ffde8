// The sizes that a schedule assumes.
#pragma once

#include <span>

#include "genie/plan/model.hpp"
#include "runtime/engine.hpp"

namespace genie::scheduler {

/// Symbols bound by the sizes of each method's inputs, the largest where several bind one (memory is reckoned for the largest).
/// Symbols that nothing binds take their maximum, where they have one. Sizes that contradict the plan are Category::config.
[[nodiscard]] runtime::Result<plan::Bindings> assumed_sizes(const plan::Plan& plan,
                                                            std::span<const runtime::MethodSizes> sizes);

}  // namespace genie::scheduler
