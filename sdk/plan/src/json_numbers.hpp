// Numbers between text and memory.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace genie::plan::json {

/// Integers that every reader of JSON keeps exactly: |n| < 2^53.
inline constexpr std::int64_t kLargestInteger = (std::int64_t{1} << 53) - 1;

/// Appends a finite number as ECMAScript's Number::toString writes it (ECMA-262, 6.1.6.1.20), which RFC 8785 prescribes.
void append_number(std::string& out, double value);

/// What a literal of JSON's grammar stands for.
struct Number {
  enum class Kind : std::uint8_t { integer, real, too_large_integer, too_large_real };
  Kind kind;
  std::int64_t integer = 0;
  double real = 0;
};

/// A literal without fraction and exponent is an integer. One of 2^53 or more is a real when it is the canonical spelling of
/// a double, as a large float of a canonical document is; else no reader would keep it, and it is too large.
[[nodiscard]] Number read_number(std::string_view literal);

}  // namespace genie::plan::json
