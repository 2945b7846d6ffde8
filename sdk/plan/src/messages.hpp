// Small pieces of diagnostic texts.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "utf8.hpp"

namespace genie::plan::detail {

inline constexpr std::size_t kShownBytes = 60;

/// Cut to what a terminal line bears, at a character's end.
[[nodiscard]] inline std::string shortened(std::string_view text) {
  return text.size() <= kShownBytes ? std::string(text) : valid_prefix(text.substr(0, kShownBytes)) + "…";
}
[[nodiscard]] inline std::string quoted(std::string_view text) {
  return "\"" + shortened(text) + "\"";
}
/// Of JSON text.
[[nodiscard]] inline std::string quoted_value(std::string_view json) {
  return json.size() <= kShownBytes ? std::string(json) : shortened(json);
}

/// "a, b, c".
template <class Range>
[[nodiscard]] std::string joined(const Range& items) {
  std::string text;
  for (const auto& item : items) {
    if (!text.empty()) text += ", ";
    text += item;
  }
  return text;
}

}  // namespace genie::plan::detail
