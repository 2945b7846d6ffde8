// Where a node comes from in the user's program, out of the texts that torch keeps with it.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "genie/plan/model.hpp"

namespace genie::pytorch {

/// The innermost module's path of an nn_module_stack ("encoder.layer.0.attention"); empty at the root or if unknown.
[[nodiscard]] std::string module_scope(std::string_view nn_module_stack);

/// The innermost frame of a stack_trace that is not inside PyTorch. Files of installed packages are named from the
/// package on, others by their name alone: a plan must not depend on where somebody keeps the code.
[[nodiscard]] std::optional<plan::SourceLine> source_line(std::string_view stack_trace);

}  // namespace genie::pytorch
