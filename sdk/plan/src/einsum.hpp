// The subscripts of an einsum equation. Private to the library.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

namespace genie::plan::detail {

/// One operand's subscripts, or the result's: letters, and "..." for any number of dimensions.
struct Subscripts {
  explicit Subscripts(std::string_view text);
  std::vector<char> letters;
  std::optional<std::size_t> before_dots;  ///< letters that stand before "..."; nothing without it
};

struct Equation {
  explicit Equation(std::string_view text);
  std::vector<Subscripts> inputs;
  std::optional<Subscripts> output;
};

}  // namespace genie::plan::detail
