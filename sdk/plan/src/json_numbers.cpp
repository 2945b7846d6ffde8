#include "json_numbers.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <system_error>

namespace genie::plan::json {
namespace {

/// Whether a non-zero literal's magnitude is below 1.
bool below_one(std::string_view literal) {
  const std::size_t e = std::min(literal.find_first_of("eE"), literal.size());
  std::int64_t exponent = 0;
  if (e < literal.size()) {
    const std::size_t sign = literal[e + 1] == '+' ? 2 : 1;  // from_chars takes no plus
    const char* const first = literal.data() + e + sign;
    if (std::from_chars(first, literal.data() + literal.size(), exponent).ec != std::errc{})
      return *first == '-';
  }
  const std::size_t point = std::min(literal.substr(0, e).find('.'), e);
  const std::size_t digit = literal.find_first_of("123456789");
  const auto digits_before_point = static_cast<std::int64_t>(point) - static_cast<std::int64_t>(digit);
  return exponent + digits_before_point < 0;
}

}  // namespace

void append_number(std::string& out, double value) {
  if (value == 0) {
    out += '0';  // negative zero too
    return;
  }
  // The shortest digits that read back as the same double, "d.ddde±xx"; only the layout is ours.
  char buffer[32];
  const auto [last, error] =
      std::to_chars(buffer, buffer + sizeof buffer, std::abs(value), std::chars_format::scientific);
  static_cast<void>(error);  // 32 characters hold every double
  const std::string_view text(buffer, static_cast<std::size_t>(last - buffer));
  const std::size_t e = text.find('e');
  std::string digits(1, text[0]);
  if (e > 2) digits += text.substr(2, e - 2);
  int exponent = 0;
  const std::size_t sign = text[e + 1] == '+' ? 2 : 1;  // from_chars takes no plus
  std::from_chars(text.data() + e + sign, text.data() + text.size(), exponent);

  const int count = static_cast<int>(digits.size());
  const int point = exponent + 1;  // digits before the decimal point
  if (value < 0) out += '-';
  if (count <= point && point <= 21) {
    out += digits;
    out.append(static_cast<std::size_t>(point - count), '0');
  } else if (0 < point && point <= 21) {
    out.append(digits, 0, static_cast<std::size_t>(point));
    out += '.';
    out.append(digits, static_cast<std::size_t>(point));
  } else if (-6 < point && point <= 0) {
    out += "0.";
    out.append(static_cast<std::size_t>(-point), '0');
    out += digits;
  } else {
    out += digits[0];
    if (count > 1) {
      out += '.';
      out.append(digits, 1);
    }
    out += point > 0 ? "e+" : "e-";
    out += std::to_string(std::abs(point - 1));
  }
}

Number read_number(std::string_view literal) {
  const char* const first = literal.data();
  const char* const last = first + literal.size();
  Number number{Number::Kind::integer};
  const bool whole = literal.find_first_of(".eE") == std::string_view::npos;
  if (whole) {
    const auto [end, error] = std::from_chars(first, last, number.integer);
    if (error == std::errc{} && end == last && std::abs(number.integer) <= kLargestInteger) return number;
    number.integer = 0;
  }
  const auto [end, error] = std::from_chars(first, last, number.real);
  if (error == std::errc::result_out_of_range && below_one(literal)) {
    number.kind = Number::Kind::real;  // closer to 0 than to any other double
    number.real = 0;
    return number;
  }
  if (error != std::errc{} || end != last) {
    number.kind = whole ? Number::Kind::too_large_integer : Number::Kind::too_large_real;
    return number;
  }
  number.kind = Number::Kind::real;
  if (number.real == 0) number.real = 0;  // JSON text keeps no sign of zero (RFC 8785)
  if (whole) {
    std::string canonical;
    append_number(canonical, number.real);
    if (canonical != literal) number.kind = Number::Kind::too_large_integer;
  }
  return number;
}

}  // namespace genie::plan::json
