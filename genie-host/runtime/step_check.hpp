// What can be known before a step starts: its inputs are those of the method, they fit the plan, and so do their sizes.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "genie/plan/model.hpp"
#include "genie/plan/topology.hpp"
#include "genie/plan/validate.hpp"
#include "genie/tensor.h"
#include "runtime/engine.hpp"

namespace genie::runtime {

/// What is known of an input: a tensor, or the shape of a kept value (nothing when its data decided it).
struct KnownShape {
  std::string name;
  const genie_tensor_view* tensor = nullptr;
  std::optional<std::vector<std::int64_t>> kept_shape;
};

/// GE0651 unknown method, GE0652 unknown or missing input, GE0654 wrong element type or device, GE0655 unknown output,
/// GE0664 another number than the one that the export fixed; bounds, guards and memory by the plan library. All of Category::config but memory, which is Category::execution. The bindings are
/// as complete as the inputs allow.
[[nodiscard]] Result<plan::Bindings> check_step(const plan::Plan& plan, const plan::Topology& topology,
                                                const StepRequest& request,
                                                const std::vector<KnownShape>& inputs);

/// The inputs of a method as the plan library wants them, completed by what the plan fixes. Nothing when one stays unknown.
[[nodiscard]] std::optional<std::vector<plan::InputShape>> complete_shapes(
    const plan::Method& method, const std::vector<plan::InputShape>& given);

/// The shape that an output has at these sizes; nothing when it cannot be known.
[[nodiscard]] std::optional<std::vector<std::int64_t>> output_shape(const plan::Plan& plan,
                                                                    std::string_view method,
                                                                    std::string_view output,
                                                                    const plan::Bindings& sizes);

}  // namespace genie::runtime
