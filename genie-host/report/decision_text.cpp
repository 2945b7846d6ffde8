#include "decision_text.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "plan_summary.hpp"

namespace genie::report {

std::string reason_text(const plan::Decision& decision) {
  std::string reason = decision.because;
  if (!decision.detail.empty()) reason += (reason.empty() ? "" : ": ") + decision.detail;
  if (!decision.honours.empty()) reason += fmt::format(" (honours {})", fmt::join(decision.honours, ", "));
  return reason;
}

std::string alternative_text(const plan::Alternative& alternative) {
  std::string text = alternative.refused.empty() ? "" : "refused: " + alternative.refused;
  const auto add = [&text](const std::string& more) { text += (text.empty() ? "" : ", ") + more; };
  if (alternative.makespan_ns) add("would take " + duration_text(*alternative.makespan_ns));
  if (!alternative.detail.empty()) add(alternative.detail);
  return text;
}

std::string decision_text(const plan::Decision& decision, const Style& style) {
  constexpr std::size_t kIndent = 2;
  const std::string head = headline(decision);
  const std::string reason = reason_text(decision);
  const std::string who = std::string(kIndent, ' ') + painted(style, Paint::cyan, head);
  std::string text;
  if (reason.empty()) {
    text = who + "\n";
  } else {
    const std::size_t column = kIndent + columns(head) + 2;
    const std::size_t width = style.width > column + kIndent ? style.width - column : style.width;
    std::string before = who + "  ";
    for (const std::string& line : wrapped(reason, width)) {
      text += before + line + "\n";
      before.assign(column, ' ');
    }
  }
  for (const plan::Alternative& alternative : decision.alternatives)
    text += fitted(fmt::format("{}    {} {}", std::string(kIndent, ' '),
                               painted(style, Paint::dim, "instead of " + alternative.device),
                               alternative_text(alternative)),
                   style.width) +
            "\n";
  return text;
}

}  // namespace genie::report
