#include "einsum.hpp"

#include <algorithm>

namespace genie::plan::detail {

Subscripts::Subscripts(std::string_view text) {
  for (const char c : text) {
    if (c == ' ') continue;
    if (c != '.')
      letters.push_back(c);
    else if (!before_dots)
      before_dots = letters.size();
  }
}

Equation::Equation(std::string_view text) {
  const std::size_t arrow = text.find("->");
  if (arrow != std::string_view::npos) output.emplace(text.substr(arrow + 2));
  std::string_view left = text.substr(0, arrow);
  for (;;) {
    const std::size_t comma = std::min(left.find(','), left.size());
    inputs.emplace_back(left.substr(0, comma));
    if (comma == left.size()) break;
    left.remove_prefix(comma + 1);
  }
}

}  // namespace genie::plan::detail
