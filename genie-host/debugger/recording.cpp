#include "debugger/recording.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <span>

#include "genie/plan/file.hpp"
#include "genie/plan/json.hpp"
#include "report/files.hpp"
#include "tensors/safetensors.hpp"

namespace genie::debugger {

namespace {

using plan::json::Document;
using plan::json::Kind;
using plan::json::View;
using plan::json::Writer;
using runtime::Category;
using runtime::failure;

constexpr std::string_view kPlan = "plan.json", kInputs = "inputs.safetensors",
                           kExpected = "expected.safetensors", kTrace = "replayed-trace.json";

/// Options whose files decide what happens are taken into the recording.
bool is_document(std::string_view key) {
  return key == "topology" || key == "faults";
}

/// The calls of the last session: those whose outputs are recorded.
std::span<const report::CallTimeline> last_calls(const report::RunReport& report, std::size_t steps) {
  return std::span(report.calls).last(std::min(steps, report.calls.size()));
}

/// What the stages took, as the option that repeats it: per step, stage → ns.
void write_durations(Writer& writer, std::span<const report::CallTimeline> calls) {
  writer.begin_array();
  for (const report::CallTimeline& call : calls) {
    writer.begin_object();
    for (const plan::Event& event : call.events)
      if (event.kind == plan::Event::Kind::stage) writer.key(event.id).value(event.end_ns - event.start_ns);
    writer.end_object();
  }
  writer.end_array();
}

void write_plugin(Writer& writer, const config::PluginUse& use) {
  writer.begin_object().key("plugin").value(use.plugin).key("options").raw(use.options).end_object();
}

}  // namespace

runtime::Result<Recording> Recording::begin(const runtime::ScheduledJob& job,
                                            const std::filesystem::path& folder) {
  std::error_code error;
  Recording out(job.engine, std::filesystem::absolute(folder, error));
  if (auto taken = out.take_options(); !taken) return std::move(taken).failure();
  out.plan_ = job.engine.plan_document(out.folder_);
  for (std::size_t i = 0; i < job.steps.size(); ++i)
    for (const auto& [name, tensor] : job.steps[i].inputs.tensors)
      out.inputs_.emplace_back(fmt::format("{}/{}", i, name), tensor);
  return out;
}

runtime::Status Recording::take_options() {
  const auto given = Document::parse(config_.backend.options);
  if (!given) return failure(Category::config, given.errors());
  for (const auto& [key, value] : given->root().items()) {
    if (key == "costs") measured_ = value.is(Kind::string) && value.string() == "measured";
    if (!is_document(key) || !value.is(Kind::string)) {
      options_.emplace_back(key, value.canonical());
      continue;
    }
    const std::string path(value.string());
    const auto text = plan::read_file(path);
    if (!text) return failure(Category::config, text.errors());
    const auto document = Document::parse(*text, {.comments = true, .limits = {}}, path);
    if (!document) return failure(Category::config, document.errors());
    options_.emplace_back(key, document->root().canonical());
  }
  return runtime::Unit{};
}

std::optional<runtime::Failure> Recording::missing_times(const report::RunReport& report) const {
  if (!measured_) return std::nullopt;
  const auto calls = last_calls(report, config_.run.step_count());
  bool whole = calls.size() == config_.run.step_count() && report.trace_dropped == 0;
  for (const report::CallTimeline& call : calls) {
    const auto seen = std::ranges::count(call.events, plan::Event::Kind::stage, &plan::Event::kind);
    const auto scheduled = report.plan->schedule->methods.find(call.method);
    whole = whole && static_cast<std::size_t>(seen) == scheduled->second.stages.size();
  }
  if (whole) return std::nullopt;
  return failure(Category::execution, GENIE_FAILED_PRECONDITION, "GE0668",
                 fmt::format("the times of {} steps were to be recorded, and not all were seen",
                             config_.run.step_count()),
                 "record fewer steps, or a run with `costs: model`, which needs no times");
}

std::string Recording::run_config(const runtime::JobOutcome& outcome) const {
  Writer writer(2);
  writer.begin_object().key("schema").value("genie.run");
  writer.key("version").begin_object().key("major").value(0).key("minor").value(1).end_object();
  writer.key("source").begin_object().key("plan").value(kPlan).end_object();
  writer.key("plugins").begin_object().key("paths").begin_array();
  for (const std::string& path : config_.plugins.paths)
    writer.value(path);
  writer.end_array();
  if (!config_.plugins.allow.empty()) {
    writer.key("allow").begin_array();
    for (const config::AllowedPlugin& allowed : config_.plugins.allow)
      writer.begin_object().key("id").value(allowed.id).key("sha256").value(allowed.sha256).end_object();
    writer.end_array();
  }
  writer.end_object();
  writer.key("policy");
  write_plugin(writer, config_.policy);
  if (!config_.kernels.empty()) {
    writer.key("kernels").begin_array();
    for (const config::PluginUse& use : config_.kernels)
      write_plugin(writer, use);
    writer.end_array();
  }
  writer.key("backend").begin_object().key("plugin").value(config_.backend.plugin);
  writer.key("options").begin_object();
  for (const auto& [key, json] : options_)
    if (!(measured_ && key == "costs")) writer.key(key).raw(json);
  if (measured_) {
    writer.key("costs").value("recorded").key("durations");
    write_durations(writer, last_calls(outcome.report, config_.run.step_count()));
  }
  writer.end_object().end_object();

  writer.key("run").begin_object().key("seed").value(config_.run.seed);
  if (config_.run.on_worker_loss == config::OnWorkerLoss::replan)
    writer.key("on_worker_loss").value("replan");
  const auto write_inputs = [&](std::size_t entry) {
    writer.key("inputs").begin_object();
    const std::string prefix = fmt::format("{}/", entry);
    for (const auto& [name, tensor] : inputs_)
      if (name.starts_with(prefix))
        writer.key(name.substr(prefix.size()))
            .begin_object()
            .key("file")
            .value(kInputs)
            .key("tensor")
            .value(name)
            .end_object();
    for (const auto& [name, input] : config_.run.steps[entry].inputs.by_name)
      if (const auto* from = std::get_if<config::OutputInput>(&input.from))
        writer.key(name)
            .begin_object()
            .key("output")
            .value(fmt::format("{}/{}", from->step, from->output))
            .end_object();
    writer.end_object();
  };
  if (config_.run.has_steps) {
    writer.key("steps").begin_array();
    for (std::size_t i = 0; i < config_.run.steps.size(); ++i) {
      writer.begin_object().key("method").value(config_.run.steps[i].method);
      write_inputs(i);
      writer.key("repeat").value(std::uint64_t{config_.run.steps[i].repeat}).end_object();
    }
    writer.end_array();
  } else {
    writer.key("method").value(config_.run.steps.front().method);
    write_inputs(0);
  }
  writer.end_object();

  if (config_.outputs.only) {
    writer.key("outputs").begin_object().key("only").begin_array();
    for (const std::string& name : *config_.outputs.only)
      writer.value(name);
    writer.end_array().end_object();
  }
  if (!outcome.outputs.empty())
    writer.key("expect")
        .begin_object()
        .key("file")
        .value(kExpected)
        .key("rtol")
        .value(0)
        .key("atol")
        .value(0)
        .end_object();
  writer.key("report").begin_object().key("trace").value(kTrace).end_object().end_object();
  return writer.take() + "\n";
}

std::optional<runtime::Failure> Recording::finish(const runtime::JobOutcome& outcome) const {
  const auto unwritten = [](plan::Diagnostics errors) {
    return failure(Category::config, std::move(errors));
  };
  if (auto missing = missing_times(outcome.report)) return missing;
  if (auto written = report::write_file(folder_ / kPlan, plan_); !written)
    return unwritten(std::move(written).errors());
  if (auto written = tensors::write_safetensors(folder_ / kInputs, inputs_); !written)
    return unwritten(std::move(written).errors());
  const std::vector<std::pair<std::string, tensors::Tensor>> outputs(outcome.outputs.begin(),
                                                                     outcome.outputs.end());
  if (!outputs.empty())
    if (auto written = tensors::write_safetensors(folder_ / kExpected, outputs); !written)
      return unwritten(std::move(written).errors());
  if (auto written = report::write_file(config_file(), run_config(outcome)); !written)
    return unwritten(std::move(written).errors());
  return std::nullopt;
}

std::string without_durations(const std::string& options) {
  const auto given = Document::parse(options);
  if (!given || !given->root().is(Kind::object) || !given->root().find("durations")) return options;
  Writer writer;
  writer.begin_object();
  for (const auto& [key, value] : given->root().items())
    if (key != "durations" && key != "costs") writer.key(key).raw(value.canonical());
  writer.key("costs").value("model").end_object();
  return writer.take();
}

}  // namespace genie::debugger
