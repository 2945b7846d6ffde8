#include "cli/plan_source.hpp"

#include <filesystem>
#include <fstream>
#include <system_error>

#include "cli/engine_setup.hpp"
#include "genie/plan/codec.hpp"
#include "genie/plan/file.hpp"
#include "genie/plan/json.hpp"
#include "runtime/job.hpp"

namespace genie::cli {

namespace {

using runtime::Category;
using runtime::failure;

/// The first character that is no blank: '{' begins a document, everything else is a model's.
bool looks_like_json(const std::string& file) {
  std::ifstream stream(file, std::ios::binary);
  char c = 0;
  while (stream.get(c))
    if (c != ' ' && c != '\t' && c != '\r' && c != '\n') return c == '{' || c == '/';  // '/' begins a comment
  return false;
}

bool is_run_config(const std::string& text) {
  const auto document = plan::json::Document::parse(text, {.comments = true, .limits = {}});
  if (!document || !document->root().is(plan::json::Kind::object)) return false;
  const auto schema = document->root().find("schema");
  // A config may leave out what it is; then it is known by what it is about.
  if (!schema) return document->root().find("source").has_value();
  return schema->is(plan::json::Kind::string) && schema->string() == "genie.run";
}

runtime::Result<LoadedPlan> capture(const Common& common, config::RunConfig config, Progress& progress) {
  auto options = engine_options(common, progress);
  if (!options) return failure(Category::config, std::move(options).errors());
  auto engine = runtime::Engine::create(std::move(config), std::move(*options));
  if (!engine) return std::move(engine).failure();
  if (auto captured = engine->capture(); !captured) return std::move(captured).failure();
  progress.clear();
  plan::Plan plan = engine->scheduled() != nullptr ? *engine->scheduled() : *engine->captured();
  return LoadedPlan{std::move(plan), std::move(*engine), std::nullopt};
}

}  // namespace

bool is_run_config_file(const std::string& file) {
  if (!looks_like_json(file)) return false;
  const auto text = plan::read_file(file);
  return text && is_run_config(*text);
}

runtime::Result<LoadedPlan> load_scheduled(const Common& common, const ScheduleRequest& request,
                                           Progress& progress) {
  auto text = read_text(request.file);
  if (!text) return std::move(text).failure();
  if (!is_run_config_file(request.file)) {
    runtime::Failure other =
        failure(Category::config, GENIE_INVALID_ARGUMENT, "GE0021", request.file + " is not a run config",
                "name the config of the run: it says on which devices to place what; "
                "`genie-host run --help` shows one");
    other.diagnostics.front().file = request.file;
    return other;
  }
  auto config = config::read_run(request.file, request.edits);
  if (!config) return failure(Category::config, std::move(config).errors());
  auto options = engine_options(common, progress);
  if (!options) return failure(Category::config, std::move(options).errors());
  options->reschedule = request.reschedule;
  options->set_environment = request.first;
  auto engine = runtime::Engine::create(std::move(*config), std::move(*options));
  if (!engine) return std::move(engine).failure();
  auto scheduled = runtime::schedule_job(*engine);
  progress.clear();
  if (!scheduled) return std::move(scheduled).failure();
  plan::Plan plan = *engine->scheduled();
  plan::Topology topology = *engine->topology();
  return LoadedPlan{std::move(plan), std::move(*engine), std::move(topology)};
}

runtime::Result<plan::Topology> read_topology(const std::string& file) {
  auto text = read_text(file);
  if (!text) return std::move(text).failure();
  auto decoded = plan::decode_topology(*text, {.comments = true, .limits = {}}, file);
  if (!decoded) return failure(Category::config, std::move(decoded).errors());
  return std::move(decoded).value();
}

runtime::Result<LoadedPlan> load_with_topology(const Common& common, const std::string& file,
                                               const std::string& topology, Progress& progress) {
  if (is_run_config_file(file)) return load_scheduled(common, {.file = file, .edits = {}}, progress);
  auto loaded = load_plan(common, file, progress);
  if (!loaded || topology.empty()) return loaded;
  auto devices = read_topology(topology);
  if (!devices) return std::move(devices).failure();
  const std::string present = plan::topology_id(*devices);
  if (loaded->plan.schedule && loaded->plan.schedule->topology != present) {
    runtime::Failure other =
        failure(Category::invalid_plan, GENIE_FAILED_PRECONDITION, "GE0581",
                "the plan was scheduled for topology " + loaded->plan.schedule->topology + ", " + topology +
                    " is " + present,
                "name the topology it was scheduled for, or the run config, which schedules it");
    other.diagnostics.front().file = file;
    other.diagnostics.front().pointer = "/schedule/topology";
    return other;
  }
  loaded->topology = std::move(devices).value();
  return loaded;
}

runtime::Result<std::string> read_text(const std::string& file) {
  auto text = plan::read_file(file);
  if (!text) return failure(Category::config, std::move(text).errors(), GENIE_NOT_FOUND);
  return std::move(text).value();
}

runtime::Result<LoadedPlan> load_plan(const Common& common, const std::string& file, Progress& progress) {
  std::error_code error;
  if (std::filesystem::is_regular_file(file, error) && !looks_like_json(file)) {
    config::RunConfig config;
    config.file = file;
    config.folder = std::filesystem::absolute(file, error).parent_path();
    config.source.uri = std::filesystem::absolute(file, error).string();
    config.run.steps.emplace_back();
    return capture(common, std::move(config), progress);
  }
  auto text = read_text(file);
  if (!text) return std::move(text).failure();
  if (is_run_config(*text)) {
    auto config = config::read_run(file);
    if (!config) return failure(Category::config, std::move(config).errors());
    return capture(common, std::move(*config), progress);
  }
  auto decoded = plan::decode(*text, {}, file);
  if (!decoded) return failure(Category::invalid_plan, std::move(decoded).errors());
  return LoadedPlan{std::move(decoded).value(), std::nullopt, std::nullopt};
}

}  // namespace genie::cli
