// genie-host doctor [--config run.json|worker.json]
#include "doctor/doctor.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "cli/commands.hpp"
#include "cli/console.hpp"
#include "cli/engine_setup.hpp"
#include "cli/interrupt.hpp"
#include "genie/plan/file.hpp"
#include "genie/plan/json.hpp"
#include "runtime/engine.hpp"

namespace genie::cli {

namespace {

using doctor::Examination;
using doctor::Finding;
using doctor::State;
using report::Paint;

constexpr std::size_t kMarkColumns = 9;
constexpr std::size_t kWidestSubject = 30;

/// How a person sees a state at once.
std::string mark(const report::Style& style, State state) {
  constexpr Paint kPaints[] = {Paint::green, Paint::dim, Paint::yellow, Paint::red};
  const std::string_view word = state == State::absent ? "-" : doctor::name(state);
  return painted(style, kPaints[static_cast<std::size_t>(state)], word) +
         std::string(kMarkColumns - word.size(), ' ');
}

std::string block(const report::Style& style, const Finding& finding, std::size_t subject_columns) {
  const std::size_t column = 2 + kMarkColumns + subject_columns + 2;
  const std::size_t room = style.width > column + 20 ? style.width - column : 20;
  const std::string indent(column, ' ');
  std::string text = "  " + mark(style, finding.state) + painted(style, Paint::cyan, finding.subject);
  const std::size_t used = report::columns(finding.subject);
  if (used > subject_columns)
    text += "\n" + indent;
  else
    text += std::string(subject_columns + 2 - used, ' ');
  const std::string code = finding.code.empty() ? "" : finding.code + ": ";
  bool first = true;
  for (const std::string& line : report::wrapped(code + finding.detail, room)) {
    text += (first ? "" : indent) +
            (finding.state == State::absent ? painted(style, Paint::dim, line) : line) + "\n";
    first = false;
  }
  if (!finding.help.empty())
    for (const std::string& line : report::wrapped("help: " + finding.help, room))
      text += indent + line + "\n";
  return text;
}

std::string listing(const Examination& examination, const report::Style& style) {
  std::string text;
  std::vector<std::string> groups;
  for (const Finding& finding : examination.findings)
    if (std::ranges::find(groups, finding.about) == groups.end()) groups.push_back(finding.about);
  for (const std::string& group : groups) {
    std::size_t widest = 0;
    for (const Finding& finding : examination.findings)
      if (finding.about == group) widest = std::max(widest, report::columns(finding.subject));
    widest = std::min(widest, kWidestSubject);
    text += (text.empty() ? "" : "\n") + painted(style, Paint::bold, group) + "\n";
    for (const Finding& finding : examination.findings)
      if (finding.about == group) text += block(style, finding, widest);
  }
  return text;
}

std::string verdict(const Examination& examination, const std::string& config, const report::Style& style) {
  const auto count = [&](State state) {
    return static_cast<std::uint64_t>(std::ranges::count(examination.findings, state, &Finding::state));
  };
  const std::uint64_t faults = count(State::fault), warnings = count(State::warning);
  const std::string besides = warnings == 0 ? "" : ", " + report::counted(warnings, "warning");
  if (config.empty())
    return fmt::format("\n{}{}; name a config with --config to have it examined, too\n",
                       faults == 0 ? "no faults" : report::counted(faults, "fault"), besides);
  if (!examination.fails)
    return fmt::format("\n{} {}{}\n", config, painted(style, Paint::green, "can run"), besides);
  return fmt::format("\n{} {}: {}{}\n", config, painted(style, Paint::red, "cannot run"),
                     report::counted(faults, "fault"), besides);
}

/// Whether the file says that it is a worker config. What is no JSON is told by whoever reads it as a run config.
bool is_worker_config(const std::string& file) {
  const auto bytes = plan::read_file(file);
  if (!bytes) return false;
  const auto document = plan::json::Document::parse(*bytes, {.comments = true, .limits = {}}, file);
  if (!document || !document->root().is(plan::json::Kind::object)) return false;
  const auto schema = document->root().find("schema");
  return schema && schema->is(plan::json::Kind::string) && schema->string() == "genie.worker";
}

}  // namespace

int doctor(const Common& common, const DoctorArguments& arguments) {
  const Console console(common.json);
  const auto edits = config::parse_edits(arguments.set);
  if (!edits) return console.fail(edits.errors(), runtime::Category::config);
  auto log = open_log(common);
  if (!log) return console.fail(log.errors(), runtime::Category::config);
  // What is wrong is this command's result: the log need not say it too.
  if (common.log_file.empty() && log->level >= GENIE_LOG_WARNING) log->write = nullptr;

  genie::doctor::Options options;
  options.log = *std::move(log);
  options.plugin_paths = common.plugins;
  options.host_executable = runtime::find_host_executable();
  options.stop = std::make_shared<runtime::CancelToken>();
  const InterruptGuard guard(options.stop);
  Examination examination;
  if (arguments.config.empty()) {
    examination = genie::doctor::examine_machine(options);
  } else if (is_worker_config(arguments.config)) {
    const auto config = config::read_worker(arguments.config, *edits);
    if (!config) return console.fail(config.errors(), runtime::Category::config);
    examination = genie::doctor::examine(*config, options);
  } else {
    const auto config = config::read_run(arguments.config, *edits);
    if (!config) return console.fail(config.errors(), runtime::Category::config);
    examination = genie::doctor::examine(*config, options);
  }
  console.print(console.json()
                    ? genie::doctor::to_json(examination)
                    : report::in_charset(console.out_style(),
                                         listing(examination, console.out_style()) +
                                             verdict(examination, arguments.config, console.out_style())));
  return examination.fails ? static_cast<int>(*examination.fails) : 0;
}

}  // namespace genie::cli
