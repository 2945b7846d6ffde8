// genie-host --config run.json
#include <fmt/format.h>

#include <filesystem>
#include <optional>

#include "cli/commands.hpp"
#include "cli/console.hpp"
#include "cli/engine_setup.hpp"
#include "cli/interrupt.hpp"
#include "debugger/dump.hpp"
#include "debugger/recording.hpp"
#include "report/files.hpp"
#include "report/html.hpp"
#include "report/text.hpp"
#include "runtime/job.hpp"

namespace genie::cli {

namespace {

/// A run that ended before there was an engine to report on: the report says just that.
int fail_early(const Console& console, const runtime::Failure& failure) {
  console.say(failure.diagnostics);
  if (console.json()) {
    report::RunReport report;
    report.exit_code = failure.exit_code();
    report.failure = failure.diagnostics;
    console.print(report::to_json(report));
  }
  return failure.exit_code();
}

/// Of a run whose trace nobody asked for: some 50 MB. The text tells of the steps that these cover.
constexpr std::size_t kEventsOfText = 200'000;

/// The page of a run, also of one that failed: that is when one wants to look at it.
std::optional<runtime::Failure> write_page(const std::string& file, const report::RunReport& report) {
  report::PageView view;
  view.title = std::filesystem::path(report.source).filename().string();
  view.topology = report.topology ? &*report.topology : nullptr;
  view.observed = report.calls;
  if (auto written = report::write_file(file, report::plan_html(*report.plan, view)); !written)
    return runtime::failure(runtime::Category::config, std::move(written).errors());
  return std::nullopt;
}

}  // namespace

int run(const Common& common, const RunArguments& arguments) {
  const Console console(common.json);
  const auto usage = [&](plan::Diagnostics diagnostics) {
    return fail_early(console, runtime::failure(runtime::Category::config, std::move(diagnostics)));
  };

  const auto edits = config::parse_edits(arguments.set);
  if (!edits) return usage(edits.errors());
  auto config = config::read_run(arguments.config, *edits);
  if (!config) return usage(std::move(config).errors());

  Progress progress(console.err_style());
  auto options = engine_options(common, progress);
  if (!options) return usage(std::move(options).errors());
  options->rescan = arguments.rescan;
  options->verify_blobs = arguments.verify_blobs;
  options->reschedule = arguments.reschedule;
  if (arguments.record.empty()) options->trace_events = kEventsOfText;
  // The text tells of the timeline, and a recording of how long things took.
  options->trace = !arguments.html.empty() || !arguments.record.empty() || !common.json;
  options->one_node_stages = !arguments.dump.empty();
  const InterruptGuard guard(options->cancel);

  auto engine = runtime::Engine::create(std::move(*config), std::move(*options));
  if (!engine) {
    progress.clear();
    return fail_early(console, engine.failure());
  }
  runtime::JobOptions job;
  job.steps_done = [&progress](std::uint64_t done, std::uint64_t total) {
    progress.update(done, total, fmt::format("running {} steps", total));
  };
  std::optional<debugger::Recording> recording;
  std::shared_ptr<debugger::Recorder> recorder;
  job.scheduled =
      [&](const runtime::ScheduledJob& scheduled) -> runtime::Result<std::shared_ptr<runtime::StepObserver>> {
    if (!arguments.record.empty()) {
      auto begun = debugger::Recording::begin(scheduled, arguments.record);
      if (!begun) return std::move(begun).failure();
      recording = *std::move(begun);
    }
    if (!arguments.dump.empty()) {
      auto watching = debugger::watch(*scheduled.engine.scheduled(), arguments.dump);
      if (!watching) return std::move(watching).failure();
      recorder = *std::move(watching);
    }
    return std::shared_ptr<runtime::StepObserver>(recorder);
  };
  runtime::JobOutcome outcome = runtime::run_job(*engine, job);
  progress.clear();
  // A file that cannot be written fails a run that else would not have.
  const auto note = [&](std::string_view what, const std::string& path,
                        std::optional<runtime::Failure> unwritten) {
    if (!unwritten) {
      std::error_code ignored;
      outcome.report.written.emplace_back(what, std::filesystem::absolute(path, ignored).string());
    } else if (outcome.failure) {
      console.say(unwritten->diagnostics);
    } else {
      outcome.report.exit_code = unwritten->exit_code();
      outcome.report.failure = unwritten->diagnostics;
      outcome.failure = std::move(unwritten);
    }
  };
  if (recorder && (!outcome.failure || outcome.report.verify))
    note("dump", arguments.dump_file,
         debugger::write(*recorder, engine->config().run.has_steps, arguments.dump_file));
  if (recording) note("recording", recording->config_file(), recording->finish(outcome));
  if (!arguments.html.empty() && outcome.report.plan)
    note("page", arguments.html, write_page(arguments.html, outcome.report));

  if (console.json()) {
    console.print(report::to_json(outcome.report));
  } else if (!outcome.report.steps.empty() && (!outcome.failure || outcome.report.verify)) {
    console.print(report::to_text(outcome.report, console.out_style(),
                                  arguments.details ? report::Detail::full : report::Detail::screen));
  }
  if (!outcome.failure) return 0;
  if (!console.json() && outcome.report.verify) console.print("\n");
  console.say(outcome.failure->diagnostics);
  return outcome.failure->exit_code();
}

}  // namespace genie::cli
