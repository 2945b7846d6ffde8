// genie-host plan schedule | why | whatif | dot
#include <fmt/format.h>

#include <charconv>
#include <filesystem>

#include "cli/commands.hpp"
#include "cli/console.hpp"
#include "cli/plan_source.hpp"
#include "genie/plan/json.hpp"
#include "report/comparison.hpp"
#include "report/files.hpp"
#include "report/why.hpp"

namespace genie::cli {

namespace {

using plan::json::Writer;
using runtime::Category;

plan::Diagnostic malformed(std::string_view option, std::string_view text, std::string_view example) {
  plan::Diagnostic diagnostic;
  diagnostic.code = "GE0001";
  diagnostic.message = fmt::format("`{} {}` is not understood", option, text);
  diagnostic.help = fmt::format("write it like {} {}", option, example);
  return diagnostic;
}

/// Splits at the last '=': a selector may hold one.
std::optional<std::pair<std::string, std::string>> split(const std::string& text) {
  const std::size_t equals = text.rfind('=');
  if (equals == std::string::npos || equals == 0 || equals + 1 == text.size()) return std::nullopt;
  return std::pair(text.substr(0, equals), text.substr(equals + 1));
}

config::Edit hint(std::string_view kind, std::string_view select, std::string_view device,
                  std::optional<std::uint64_t> bytes = std::nullopt) {
  Writer writer(0);
  writer.begin_object().key("kind").value(kind);
  if (!select.empty()) writer.key("select").value(select);
  if (!device.empty()) writer.key("device").value(device);
  if (bytes) writer.key("bytes").value(*bytes);
  writer.end_object();
  return {"/hints/-", writer.take()};
}

plan::Result<std::vector<config::Edit>> edits_of(const ScheduleChanges& changes) {
  auto given = config::parse_edits(changes.set);
  std::vector<config::Edit> edits = given ? *std::move(given) : std::vector<config::Edit>();
  plan::Diagnostics wrong = given ? plan::Diagnostics() : std::move(given).errors();
  const auto placed = [&](std::string_view kind, const std::vector<std::string>& texts) {
    for (const std::string& text : texts) {
      const auto parts = split(text);
      if (parts)
        edits.push_back(hint(kind, parts->first, parts->second));
      else
        wrong.push_back(malformed(fmt::format("--{}", kind), text, "'encoder.layer.0.**=w1'"));
    }
  };
  placed("pin", changes.pin);
  placed("forbid", changes.forbid);
  for (const std::string& select : changes.colocate)
    edits.push_back(hint("colocate", select, ""));
  for (const std::string& text : changes.budget) {
    const auto parts = split(text);
    std::uint64_t bytes = 0;
    const char* const end = parts ? parts->second.data() + parts->second.size() : nullptr;
    if (parts && std::from_chars(parts->second.data(), end, bytes).ptr == end)
      edits.push_back(hint("budget", "", parts->first, bytes));
    else
      wrong.push_back(malformed("--budget", text, "w0=67108864"));
  }
  if (!wrong.empty()) return wrong;
  return edits;
}

plan::Diagnostics in_file(plan::Diagnostics diagnostics, const std::string& file) {
  for (plan::Diagnostic& diagnostic : diagnostics)
    if (diagnostic.file.empty()) diagnostic.file = file;
  return diagnostics;
}

}  // namespace

int plan_schedule(const Common& common, const ScheduleArguments& arguments) {
  const Console console(common.json);
  const auto edits = edits_of(arguments.changes);
  if (!edits) return console.fail(edits.errors(), Category::config);
  Progress progress(console.err_style());
  auto loaded = load_scheduled(
      common, {.file = arguments.config, .edits = *edits, .reschedule = arguments.reschedule}, progress);
  if (!loaded) return console.fail(loaded.failure());
  std::error_code ignored;
  const std::filesystem::path folder =
      arguments.output.empty() ? std::filesystem::current_path(ignored)
                               : std::filesystem::absolute(arguments.output, ignored).parent_path();
  const std::string document = loaded->engine->plan_document(folder) + "\n";
  if (arguments.output.empty()) {
    console.print(document);
    return 0;
  }
  if (auto written = report::write_file(arguments.output, document); !written)
    return console.fail(std::move(written).errors(), Category::config);
  auto text = console.json() ? report::plan_json(loaded->plan, {})
                             : report::plan_text(loaded->plan, {}, console.out_style());
  if (!text) return console.fail(std::move(text).errors(), Category::config);
  console.print(*text);
  return 0;
}

int plan_why(const Common& common, const WhyArguments& arguments) {
  const Console console(common.json);
  Progress progress(console.err_style());
  auto loaded = is_run_config_file(arguments.file)
                    ? load_scheduled(common, {.file = arguments.file, .edits = {}}, progress)
                    : load_plan(common, arguments.file, progress);
  if (!loaded) return console.fail(loaded.failure());
  auto found = report::why(loaded->plan, arguments.subject);
  if (!found) return console.fail(in_file(std::move(found).errors(), arguments.file), Category::config);
  console.print(console.json() ? report::why_json(*found)
                               : report::why_text(loaded->plan, *found, console.out_style()));
  return 0;
}

int plan_whatif(const Common& common, const WhatIfArguments& arguments) {
  const Console console(common.json);
  const auto edits = edits_of(arguments.changes);
  if (!edits) return console.fail(edits.errors(), Category::config);
  if (edits->empty()) {
    plan::Diagnostic nothing;
    nothing.code = "GE0001";
    nothing.message = "there is nothing to compare: no change was given";
    nothing.help = "add one, like --pin 'encoder.layer.0.**=w1'; see genie-host plan whatif --help";
    return console.fail({nothing}, Category::config);
  }
  Progress progress(console.err_style());
  auto now = load_scheduled(common, {.file = arguments.config, .edits = {}}, progress);
  if (!now) return console.fail(now.failure());
  auto then = load_scheduled(
      common, {.file = arguments.config, .edits = *edits, .reschedule = true, .first = false}, progress);
  if (!then) return console.fail(then.failure());
  const report::Comparison comparison = report::compare(now->plan, then->plan);
  console.print(console.json() ? report::comparison_json(comparison)
                               : report::comparison_text(comparison, console.out_style()));
  return 0;
}

int plan_dot(const Common& common, const DotArguments& arguments) {
  const Console console(common.json);
  Progress progress(console.err_style());
  auto loaded = load_plan(common, arguments.file, progress);
  if (!loaded) return console.fail(loaded.failure());
  auto text = report::plan_dot(loaded->plan, arguments.view);
  if (!text) return console.fail(in_file(std::move(text).errors(), arguments.file), Category::config);
  console.print(*text);
  return 0;
}

}  // namespace genie::cli
