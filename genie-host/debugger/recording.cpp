#include "debugger/recording.hpp"

#include <fmt/format.h>

#include "genie/plan/file.hpp"
#include "genie/plan/json.hpp"
#include "report/files.hpp"
#include "runtime/job_steps.hpp"
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

/// The durations that a run with measured costs had, as the option that repeats them: per step, stage → ns.
void write_durations(Writer& writer, const report::RunReport& report) {
  writer.begin_array();
  for (const report::CallTimeline& call : report.calls) {
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

runtime::Result<Recording> Recording::begin(runtime::Engine& engine, const std::filesystem::path& folder) {
  if (auto scheduled = runtime::schedule_job(engine); !scheduled) return std::move(scheduled).failure();
  std::error_code error;
  Recording out(engine, std::filesystem::absolute(folder, error));
  out.plan_ = engine.plan_document(out.folder_);
  auto steps = runtime::prepare_steps(engine.config(), *engine.captured(), {});
  if (!steps) return failure(Category::config, std::move(steps).errors());
  for (std::size_t i = 0; i < steps->size(); ++i)
    for (const auto& [name, tensor] : (*steps)[i].inputs.tensors)
      out.inputs_.emplace_back(fmt::format("{}/{}", i, name), tensor);
  return out;
}

std::string Recording::backend_options(const runtime::JobOutcome& outcome) const {
  const auto given = Document::parse(config_.backend.options);
  Writer writer;
  writer.begin_object();
  bool measured = false;
  if (given)
    for (const auto& [key, value] : given->root().items()) {
      const bool names_file = is_document(key) && value.is(Kind::string);
      const auto text =
          names_file ? plan::read_file(std::string(value.string())) : plan::Result<std::string>("");
      const auto document = names_file && text
                                ? std::optional(Document::parse(*text, {.comments = true, .limits = {}}))
                                : std::nullopt;
      measured = measured || (key == "costs" && value.is(Kind::string) && value.string() == "measured");
      if (key == "costs" && measured) continue;
      writer.key(key).raw(document && *document ? (*document)->root().canonical() : value.canonical());
    }
  if (measured) {
    writer.key("costs").value("recorded").key("durations");
    write_durations(writer, outcome.report);
  }
  writer.end_object();
  return writer.take();
}

std::string Recording::run_config(const runtime::JobOutcome& outcome) const {
  Writer writer(2);
  writer.begin_object().key("schema").value("genie.run");
  writer.key("version").begin_object().key("major").value(0).key("minor").value(1).end_object();
  writer.key("source").begin_object().key("plan").value(kPlan).end_object();
  if (!config_.plugins.paths.empty()) {
    writer.key("plugins").begin_object().key("paths").begin_array();
    for (const std::string& path : config_.plugins.paths)
      writer.value(path);
    writer.end_array().end_object();
  }
  writer.key("policy");
  write_plugin(writer, config_.policy);
  if (!config_.kernels.empty()) {
    writer.key("kernels").begin_array();
    for (const config::PluginUse& use : config_.kernels)
      write_plugin(writer, use);
    writer.end_array();
  }
  writer.key("backend").begin_object().key("plugin").value(config_.backend.plugin);
  writer.key("options").raw(backend_options(outcome)).end_object();

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

}  // namespace genie::debugger
