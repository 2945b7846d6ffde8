#include "format.hpp"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cmath>
#include <cstdlib>

namespace genie::report {

namespace {

constexpr std::size_t kMinWidth = 80;
constexpr std::size_t kMaxWidth = 100;

/// Three digits that matter: 1.23, 12.3, 123.
std::string three_digits(double value) {
  const int decimals = value >= 99.95 ? 0 : value >= 9.995 ? 1 : 2;
  return fmt::format("{:.{}f}", value, decimals);
}

bool continues(char c) {
  return (static_cast<unsigned char>(c) & 0xc0u) == 0x80u;
}

/// Bytes of a colour code that starts here, or 0.
std::size_t escape_length(std::string_view text) {
  if (!text.starts_with("\x1b[")) return 0;
  const std::size_t end = text.find('m');
  return end == std::string_view::npos ? 0 : end + 1;
}

/// The locale's variables in their order of precedence; the first that is set counts.
bool locale_lacks_utf8() {
  for (const char* name : {"LC_ALL", "LC_CTYPE", "LANG"}) {
    const char* value = std::getenv(name);
    if (value == nullptr || *value == '\0') continue;
    std::string lower;
    for (const char c : std::string_view(value))
      lower += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    return lower.find("utf-8") == std::string::npos && lower.find("utf8") == std::string::npos;
  }
  return false;
}

}  // namespace

Style style_of(int file_descriptor) {
  Style style;
  const bool terminal = ::isatty(file_descriptor) == 1;
  const char* no_color = std::getenv("NO_COLOR");
  const char* term = std::getenv("TERM");
  style.colour = terminal && (no_color == nullptr || *no_color == '\0') &&
                 (term == nullptr || std::string_view(term) != "dumb");
  style.ascii = locale_lacks_utf8();
  winsize size{};
  if (terminal && ::ioctl(file_descriptor, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
    style.width = std::clamp<std::size_t>(size.ws_col, kMinWidth, kMaxWidth);
  return style;
}

std::string painted(const Style& style, Paint paint, std::string_view text) {
  if (!style.colour || text.empty()) return std::string(text);
  constexpr std::array<std::string_view, 6> kCodes = {"1", "2", "31", "32", "33", "36"};
  return fmt::format("\x1b[{}m{}\x1b[0m", kCodes[static_cast<std::size_t>(paint)], text);
}

std::string bytes_text(std::uint64_t bytes) {
  constexpr std::array<std::string_view, 6> kUnits = {"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
  if (bytes < 1024) return fmt::format("{} B", bytes);
  double value = static_cast<double>(bytes) / 1024;
  std::size_t unit = 0;
  while (value >= 1023.5 && unit + 1 < kUnits.size()) {
    value /= 1024;
    ++unit;
  }
  return fmt::format("{} {}", three_digits(value), kUnits[unit]);
}

std::string duration_text(std::uint64_t ns) {
  if (ns < 1000) return fmt::format("{} ns", ns);
  const auto value = static_cast<double>(ns);
  if (value < 999.5e3) return three_digits(value / 1e3) + " µs";
  if (value < 999.5e6) return three_digits(value / 1e6) + " ms";
  if (value < 99.5e9) return three_digits(value / 1e9) + " s";
  const std::uint64_t seconds = (ns + 500'000'000) / 1'000'000'000;
  if (seconds < 3600) return fmt::format("{} min {} s", seconds / 60, seconds % 60);
  return fmt::format("{} h {} min", seconds / 3600, seconds % 3600 / 60);
}

std::string count_text(std::uint64_t count) {
  const std::string digits = fmt::format("{}", count);
  std::string text;
  for (std::size_t i = 0; i < digits.size(); ++i) {
    if (i > 0 && (digits.size() - i) % 3 == 0) text += ',';
    text += digits[i];
  }
  return text;
}

std::string counted(std::uint64_t count, std::string_view singular) {
  return fmt::format("{} {}{}", count_text(count), singular, count == 1 ? "" : "s");
}

std::string percent_text(double fraction, bool sign) {
  const double percent = fraction * 100;
  if (!std::isfinite(percent)) return "–";
  if (std::fabs(percent) < 0.05) return "0 %";
  const int decimals = std::fabs(percent) < 9.95 ? 1 : 0;
  return sign ? fmt::format("{:+.{}f} %", percent, decimals) : fmt::format("{:.{}f} %", percent, decimals);
}

std::string bar(double fraction, std::size_t width) {
  constexpr std::array<std::string_view, 9> kEighths = {"", "▏", "▎", "▍", "▌", "▋", "▊", "▉", "█"};
  const double bounded = std::isfinite(fraction) ? std::clamp(fraction, 0.0, 1.0) : 0.0;
  auto eighths = static_cast<std::size_t>(std::lround(bounded * static_cast<double>(width) * 8));
  if (eighths == 0 && bounded > 0) eighths = 1;
  std::string text;
  for (std::size_t cell = 0; cell < width; ++cell) {
    const std::size_t filled = std::min<std::size_t>(eighths, 8);
    eighths -= filled;
    text += filled == 0 ? std::string_view("·") : kEighths[filled];
  }
  return text;
}

std::string in_charset(const Style& style, std::string text) {
  if (!style.ascii) return text;
  static constexpr std::array<std::pair<std::string_view, char>, 29> kSigns = {
      {{"█", '#'}, {"▉", '#'}, {"▊", '#'}, {"▋", '#'}, {"▌", '='}, {"▍", '='}, {"▎", '='}, {"▏", '='},
       {"▇", '#'}, {"▆", '#'}, {"▅", '#'}, {"▄", '='}, {"▃", '='}, {"▂", '='}, {"▁", '='}, {"░", '~'},
       {"·", '.'}, {"…", '~'}, {"→", '>'}, {"←", '<'}, {"↔", '-'}, {"µ", 'u'}, {"✓", '+'}, {"✗", 'x'},
       {"–", '-'}, {"×", 'x'}, {"≥", '>'}, {"│", '|'}, {"─", '-'}}};
  std::string out;
  for (std::size_t i = 0; i < text.size();) {
    const auto* const sign = std::ranges::find_if(
        kSigns, [&](const auto& known) { return std::string_view(text).substr(i).starts_with(known.first); });
    if (sign == kSigns.end()) {
      out += text[i++];
    } else {
      out += sign->second;
      i += sign->first.size();
    }
  }
  return out;
}

std::size_t columns(std::string_view text) {
  std::size_t count = 0;
  for (std::size_t i = 0; i < text.size();) {
    if (const std::size_t escape = escape_length(text.substr(i))) {
      i += escape;
      continue;
    }
    if (!continues(text[i])) ++count;
    ++i;
  }
  return count;
}

std::string fitted(std::string_view text, std::size_t width) {
  if (columns(text) <= width) return std::string(text);
  std::string result;
  std::size_t used = 0;
  for (std::size_t i = 0; i < text.size();) {
    std::size_t length = escape_length(text.substr(i));
    if (length == 0) {
      if (used + 1 >= width) break;
      length = 1;
      while (i + length < text.size() && continues(text[i + length]))
        ++length;
      ++used;
    }
    result += text.substr(i, length);
    i += length;
  }
  result += "…";
  if (text.find('\x1b') != std::string_view::npos) result += "\x1b[0m";
  return result;
}

std::string fitted_end(std::string_view text, std::size_t width) {
  std::size_t surplus = columns(text);
  if (surplus <= width) return std::string(text);
  surplus -= width > 0 ? width - 1 : 0;
  std::size_t at = 0;
  while (at < text.size() && (surplus > 0 || continues(text[at]))) {
    if (!continues(text[at])) --surplus;
    ++at;
  }
  return "…" + std::string(text.substr(at));
}

std::vector<std::string> wrapped(std::string_view text, std::size_t width) {
  std::vector<std::string> lines;
  std::string line;
  std::size_t used = 0;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find(' '), text.size());
    const std::string_view word = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (!line.empty() && used + 1 + columns(word) > width) {
      lines.push_back(std::move(line));
      line.clear();
      used = 0;
    }
    if (!line.empty()) {
      line += ' ';
      ++used;
    }
    line += word;
    used += columns(word);
  }
  if (!line.empty() || lines.empty()) lines.push_back(std::move(line));
  return lines;
}

void Table::row(std::vector<std::string> cells) {
  rows_.push_back(std::move(cells));
}

std::string Table::text(std::string_view indent) const {
  std::vector<std::size_t> widths(alignments_.size(), 0);
  for (const auto& row : rows_)
    for (std::size_t i = 0; i < row.size() && i < widths.size(); ++i)
      widths[i] = std::max(widths[i], columns(row[i]));
  std::string text;
  for (const auto& row : rows_) {
    std::string line;
    for (std::size_t i = 0; i < row.size() && i < widths.size(); ++i) {
      const std::string padding(widths[i] - columns(row[i]), ' ');
      if (i > 0) line += "  ";
      line += alignments_[i] == Align::right ? padding + row[i] : row[i] + padding;
    }
    while (line.ends_with(' '))
      line.pop_back();
    if (!line.empty()) text.append(indent).append(line);
    text += '\n';
  }
  return text;
}

}  // namespace genie::report
