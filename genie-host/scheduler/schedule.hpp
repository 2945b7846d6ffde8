// From a captured plan to a checked scheduled one.
#pragma once

#include <span>

#include "runtime/engine.hpp"
#include "runtime/engine_core.hpp"

namespace genie::scheduler {

/// Fills core.topology, core.scheduled, core.assumes and core.plan_id. A policy that finds nothing, or whose answer does not
/// pass V4 or V5, is Category::unschedulable; hints that make no sense are Category::config.
[[nodiscard]] runtime::Status schedule_plan(runtime::EngineCore& core,
                                            std::span<const runtime::MethodSizes> sizes);

/// A plan and its schedule that the host made itself, for core.topology: fills core.captured, core.scheduled and core.plan_id.
/// Where it does not fit the devices, it is Category::unschedulable.
[[nodiscard]] runtime::Status place_plan(runtime::EngineCore& core, plan::Plan captured,
                                         plan::Schedule schedule);

}  // namespace genie::scheduler
