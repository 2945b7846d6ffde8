// UTF-8, checked as RFC 3629 defines it: shortest forms only, no surrogates, nothing beyond U+10FFFF.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace genie::plan {

/// The offset of the first byte that starts no valid character; the size when there is none.
[[nodiscard]] std::size_t first_invalid_utf8(std::string_view text);
/// The text up to there.
[[nodiscard]] std::string valid_prefix(std::string_view text);
/// The text with U+FFFD in place of each byte that starts no valid character.
[[nodiscard]] std::string repaired_utf8(std::string_view text);
/// The order of UTF-16 code units, by which RFC 8785 sorts keys. Both are valid UTF-8.
[[nodiscard]] bool utf16_less(std::string_view a, std::string_view b);

}  // namespace genie::plan
