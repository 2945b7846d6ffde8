// Enumerations of torch's schema: numbers, or names as older writers put them. They are not c10's numbers.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "genie/plan/dtype.hpp"

namespace genie::pytorch {

/// ScalarType. Nothing for types that no plan has (quantised, unknown).
[[nodiscard]] std::optional<plan::DType> scalar_type(std::int64_t number);
[[nodiscard]] std::optional<plan::DType> scalar_type(std::string_view name);

/// Layout, in the plan's spelling ("strided", "sparse_coo", …).
[[nodiscard]] std::optional<std::string_view> layout(std::int64_t number);
[[nodiscard]] std::optional<std::string_view> layout(std::string_view name);

/// MemoryFormat, in the plan's spelling ("contiguous", "channels_last", …).
[[nodiscard]] std::optional<std::string_view> memory_format(std::int64_t number);
[[nodiscard]] std::optional<std::string_view> memory_format(std::string_view name);

}  // namespace genie::pytorch
