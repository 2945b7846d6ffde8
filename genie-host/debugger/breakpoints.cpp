#include "debugger/breakpoints.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "debugger/words.hpp"
#include "genie/plan/json.hpp"

namespace genie::debugger {

namespace {

constexpr std::pair<std::string_view, Condition::Of> kStatistics[] = {
    {"min", Condition::Of::min},   {"max", Condition::Of::max},          {"mean", Condition::Of::mean},
    {"std", Condition::Of::std},   {"nan", Condition::Of::nan},          {"inf", Condition::Of::inf},
    {"zero", Condition::Of::zero}, {"elements", Condition::Of::elements}};
constexpr std::pair<std::string_view, Condition::Is> kOperators[] = {
    {"<", Condition::Is::less},           {"<=", Condition::Is::less_equal}, {">", Condition::Is::greater},
    {">=", Condition::Is::greater_equal}, {"==", Condition::Is::equal},      {"!=", Condition::Is::unequal}};

plan::Result<Condition> parse_condition(const Words& words) {
  const std::string help = "write it like `break when max > 100` or `break when nan > 0 in encoder.layer.3`";
  if (words.size() < 4)
    return not_understood("a condition needs a statistic, an operator and a number", help);
  Condition out;
  const auto of =
      std::ranges::find(kStatistics, std::string_view(words[1]), [](const auto& s) { return s.first; });
  if (of == std::end(kStatistics)) {
    std::vector<std::string_view> known;
    for (const auto& [name, statistic] : kStatistics)
      known.push_back(name);
    const std::string_view near = plan::json::nearest(words[1], known);
    return not_understood(fmt::format("`{}` is no statistic", words[1]),
                          near.empty() ? "there are min, max, mean, std, nan, inf, zero and elements"
                                       : fmt::format("did you mean {}?", near));
  }
  const auto is =
      std::ranges::find(kOperators, std::string_view(words[2]), [](const auto& o) { return o.first; });
  if (is == std::end(kOperators))
    return not_understood(fmt::format("`{}` is no operator", words[2]), "there are < <= > >= == and !=");
  const std::string& number = words[3];
  const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), out.than);
  if (error != std::errc() || end != number.data() + number.size())
    return not_understood(fmt::format("`{}` is no number", number), help);
  out.of = of->second;
  out.is = is->second;
  return out;
}

}  // namespace

bool Condition::holds(const tensors::Statistics& s) const {
  std::optional<double> value;
  switch (of) {
    case Of::min:
      value = s.min;
      break;
    case Of::max:
      value = s.max;
      break;
    case Of::mean:
      value = s.mean;
      break;
    case Of::std:
      value = s.deviation;
      break;
    case Of::nan:
      value = static_cast<double>(s.nan);
      break;
    case Of::inf:
      value = static_cast<double>(s.inf);
      break;
    case Of::zero:
      value = static_cast<double>(s.zero);
      break;
    case Of::elements:
      value = static_cast<double>(s.elements);
      break;
  }
  if (!value) return false;
  switch (is) {
    case Is::less:
      return *value < than;
    case Is::less_equal:
      return *value <= than;
    case Is::greater:
      return *value > than;
    case Is::greater_equal:
      return *value >= than;
    case Is::equal:
      return *value == than;
    case Is::unequal:
      return *value != than;
  }
  return false;
}

plan::Result<Breakpoint> parse_breakpoint(const plan::Plan& plan, std::string_view text) {
  const Words words = words_of(text);
  if (words.empty())
    return not_understood("`break` does not say where",
                          "name a node or a module, `transfer`, `nan`, `inf` or `when …`");
  Breakpoint out;
  out.text = joined(words);
  std::string selector;
  std::size_t used = 1;
  if (words[0] == "transfer") {
    out.kind = Breakpoint::Kind::transfer;
    if (words.size() > 1) out.place = words[used++];
  } else if (words[0] == "nan" || words[0] == "inf") {
    out.kind = Breakpoint::Kind::value;
    out.condition = {words[0] == "nan" ? Condition::Of::nan : Condition::Of::inf, Condition::Is::greater, 0};
    if (words.size() > 1 && words[1] == "in") ++used;
    if (words.size() > used) selector = words[used++];
  } else if (words[0] == "when") {
    out.kind = Breakpoint::Kind::value;
    auto condition = parse_condition(words);
    if (!condition) return std::move(condition).errors();
    out.condition = *condition;
    used = 4;
    if (words.size() > 5 && words[4] == "in") {
      selector = words[5];
      used = 6;
    }
  } else {
    selector = words[0];
  }
  if (used < words.size())
    return not_understood(fmt::format("`{}` is one word too many", words[used]), "see `help break`");
  if (!selector.empty()) {
    auto nodes = select_nodes(plan, selector);
    if (!nodes) return std::move(nodes).errors();
    out.nodes = *std::move(nodes);
  }
  return out;
}

}  // namespace genie::debugger
