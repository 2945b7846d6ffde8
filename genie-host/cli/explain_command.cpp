// genie-host explain: the long story behind a diagnostic code, and the page docs/diagnostics.md.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>

#include "cli/commands.hpp"
#include "cli/console.hpp"
#include "genie/plan/codes.hpp"
#include "genie/plan/json.hpp"

namespace genie::cli {

namespace {

struct Range {
  std::string_view prefix;
  std::string_view title;
};
constexpr std::array kRanges = {
    Range{"GE00", "Usage and configuration"},
    Range{"GE01", "Plug-ins"},
    Range{"GE02", "Sources and archives"},
    Range{"GE03", "Plans: bytes, schema, structure"},
    Range{"GE04", "Plans: types"},
    Range{"GE05", "Scheduling"},
    Range{"GE06", "Execution"},
    Range{"GE07", "Tensors and verification"},
    Range{"GE08", "Remote workers"},
    Range{"GE09", "Bugs in Genie"},
};

constexpr std::string_view kIntroduction =
    "# Diagnostics\n"
    "\n"
    "Everything that Genie finds wrong has a code that keeps its meaning for ever. `genie-host explain CODE` "
    "prints what is\n"
    "below; `genie-host explain --all` writes this page. With `--json`, and in reports, a diagnostic is an "
    "object with `code`,\n"
    "`severity` (`error`, `warning`, `note`), `message`, and where they are known `file`, `pointer` (RFC "
    "6901, into that file),\n"
    "`node` (of the plan), `scope` (your module's path), `source` (your source line) and `help`.\n"
    "\n"
    "```\n"
    "error[GE0010]: unknown key `stpes`\n"
    "  --> run.json at /run/stpes\n"
    "   = help: did you mean `steps`?\n"
    "```\n";

std::string page() {
  std::string text(kIntroduction);
  for (const Range& range : kRanges) {
    bool any = false;
    for (const plan::CodeInfo& info : plan::all_codes()) {
      if (!info.code.starts_with(range.prefix)) continue;
      if (!any) text += fmt::format("\n## {}\n", range.title);
      any = true;
      text += fmt::format("\n### {}: {}\n\n{}", info.code, info.title, info.explanation);
      if (!info.explanation.ends_with('\n')) text += '\n';
    }
  }
  return text;
}

std::string as_json(const plan::CodeInfo& info) {
  plan::json::Writer writer(2);
  writer.begin_object()
      .key("code")
      .value(info.code)
      .key("title")
      .value(info.title)
      .key("explanation")
      .value(info.explanation)
      .end_object();
  return writer.take();
}

}  // namespace

int explain(const Common& common, const ExplainArguments& arguments) {
  const Console console(common.json);
  if (arguments.all && !console.json()) {
    console.print(page());
    return 0;
  }
  if (arguments.code.empty()) {
    std::string text;
    if (console.json()) {
      text = "[";
      for (const plan::CodeInfo& info : plan::all_codes())
        text += (text.size() > 1 ? ",\n" : "\n") + as_json(info);
      text += "\n]\n";
    } else {
      for (const plan::CodeInfo& info : plan::all_codes())
        text += fmt::format("{}  {}\n", report::painted(console.out_style(), report::Paint::cyan, info.code),
                            info.title);
    }
    console.print(text);
    return 0;
  }
  std::string code = arguments.code;
  std::transform(code.begin(), code.end(), code.begin(),
                 [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
  const plan::CodeInfo* info = plan::find_code(code);
  if (info == nullptr) {
    std::vector<std::string_view> known;
    for (const plan::CodeInfo& one : plan::all_codes())
      known.push_back(one.code);
    const std::string_view near = plan::json::nearest(code, known);
    return console.fail(runtime::failure(
        runtime::Category::config, GENIE_NOT_FOUND, "GE0020", fmt::format("there is no diagnostic {}", code),
        near.empty() ? "`genie-host explain` lists all codes"
                     : fmt::format("did you mean {}? `genie-host explain` lists all codes", near)));
  }
  if (console.json())
    console.print(as_json(*info) + "\n");
  else
    console.print(fmt::format("{}: {}\n\n{}",
                              report::painted(console.out_style(), report::Paint::bold, info->code),
                              info->title, info->explanation));
  return 0;
}

}  // namespace genie::cli
