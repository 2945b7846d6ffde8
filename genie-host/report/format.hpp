// Numbers, colours and tables as a person reads them on a terminal.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace genie::report {

/// How to write for one stream.
struct Style {
  bool colour = false;
  std::size_t width = 100;  ///< columns to stay within
  bool ascii = false;       ///< the reader's character set lacks the signs that texts are drawn with
};

/// Colour on a terminal unless NO_COLOR is set or TERM is dumb; the terminal's width within 80 and 100 columns; ASCII when
/// the locale names another character set than UTF-8 (none at all says nothing).
[[nodiscard]] Style style_of(int file_descriptor);

enum class Paint : std::uint8_t { bold, dim, red, green, yellow, cyan };
/// The text in a colour, or as it is when the style has none.
[[nodiscard]] std::string painted(const Style& style, Paint paint, std::string_view text);

/// "87.5 MiB", "512 B".
[[nodiscard]] std::string bytes_text(std::uint64_t bytes);
/// "8.12 ms", "350 ns", "2 min 5 s".
[[nodiscard]] std::string duration_text(std::uint64_t ns);
/// "1,152"
[[nodiscard]] std::string count_text(std::uint64_t count);
/// "1 stage", "3 stages".
[[nodiscard]] std::string counted(std::uint64_t count, std::string_view singular);
/// "+2.1 %", "0 %".
[[nodiscard]] std::string percent_text(double fraction, bool sign);
/// A bar of `width` cells, filled to `fraction` (0…1), in eighths of a cell.
[[nodiscard]] std::string bar(double fraction, std::size_t width);

/// The text with the signs that Genie draws with, each one column wide, replaced by ASCII when the style asks for it. What
/// else is not ASCII, such as names of the user's, stays.
[[nodiscard]] std::string in_charset(const Style& style, std::string text);

/// Columns a text takes on a terminal: code points, without colour codes.
[[nodiscard]] std::size_t columns(std::string_view text);
/// Cut to at most `width` columns, the last one "…" when something is missing.
[[nodiscard]] std::string fitted(std::string_view text, std::size_t width);
/// The same, but the beginning is what is cut: for paths, whose end says most. The text is not painted.
[[nodiscard]] std::string fitted_end(std::string_view text, std::size_t width);
/// Broken at blanks into lines of at most `width` columns.
[[nodiscard]] std::vector<std::string> wrapped(std::string_view text, std::size_t width);

/// Rows of cells in aligned columns. Cells may be painted.
class Table {
 public:
  enum class Align : std::uint8_t { left, right };
  explicit Table(std::vector<Align> columns) : alignments_(std::move(columns)) {}
  void row(std::vector<std::string> cells);
  /// Each line begins with `indent` and has no trailing blanks.
  [[nodiscard]] std::string text(std::string_view indent = "  ") const;

 private:
  std::vector<Align> alignments_;
  std::vector<std::vector<std::string>> rows_;
};

}  // namespace genie::report
