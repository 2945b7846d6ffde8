#include "cli/console.hpp"

#include <unistd.h>

#include <cstdio>

#include "report/text.hpp"

namespace genie::cli {

namespace {

void write(std::FILE* stream, std::string_view text) {
  std::fwrite(text.data(), 1, text.size(), stream);
  std::fflush(stream);
}

}  // namespace

Console::Console(bool json)
    : json_(json), out_style_(report::style_of(STDOUT_FILENO)), err_style_(report::style_of(STDERR_FILENO)) {}

void Console::print(std::string_view text) const {
  write(stdout, text);
}

void Console::say(const plan::Diagnostics& diagnostics) const {
  std::string text = report::diagnostics_text(diagnostics, err_style_);
  for (const plan::Diagnostic& diagnostic : diagnostics) {
    if (diagnostic.severity != plan::Severity::error || diagnostic.code.empty()) continue;
    text += "\n" +
            report::painted(err_style_, report::Paint::dim,
                            "For the whole story: genie-host explain " + diagnostic.code) +
            "\n";
    break;
  }
  write(stderr, text);
}

int Console::fail(const plan::Diagnostics& diagnostics, runtime::Category category) const {
  say(diagnostics);
  if (json_) print("{\"diagnostics\":" + plan::to_json(diagnostics) + "}\n");
  return static_cast<int>(category);
}

}  // namespace genie::cli
