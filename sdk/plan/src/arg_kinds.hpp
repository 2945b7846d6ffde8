// Which arguments of a plan fit an operator's argument types. Private to the library.
#pragma once

#include <string>
#include <string_view>

#include "genie/plan/opset.hpp"

namespace genie::plan::detail {

/// Whether the argument can become a value of this schema type: "Tensor?[]", "int[2]", "ScalarType?", ….
[[nodiscard]] bool fits(const Arg& arg, std::string_view type, const TypeScope& scope);

/// For people: "float 0.5", "value v3 (f32 [2, 3])", "a list of 2".
[[nodiscard]] std::string describe(const Arg& arg, const TypeScope& scope);

}  // namespace genie::plan::detail
