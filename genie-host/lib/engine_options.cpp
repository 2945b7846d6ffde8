#include "lib/engine_options.hpp"

#include <filesystem>
#include <system_error>
#include <utility>

#include "services/status.hpp"

namespace genie::lib {
namespace {

using runtime::Category;

// The folder that relative paths of the config are relative to.
std::filesystem::path folder_of(const genie_engine_options& options) {
  std::error_code error;
  if (options.base_folder) return std::filesystem::absolute(options.base_folder, error);
  if (options.config_file) return std::filesystem::absolute(options.config_file, error).parent_path();
  return std::filesystem::current_path(error);
}

runtime::Result<config::RunConfig> read_config(const genie_engine_options& options) {
  const std::vector<std::string> overrides(options.overrides, options.overrides + options.override_count);
  const auto edits = config::parse_edits(overrides);
  if (!edits) return runtime::failure(Category::config, edits.errors());
  auto config =
      options.config
          ? config::decode_run(options.config, options.config_file ? options.config_file : "the run config",
                               folder_of(options), *edits)
          : config::read_run(options.config_file, *edits);
  if (!config) return runtime::failure(Category::config, std::move(config).errors());
  return std::move(config).value();
}

}  // namespace

runtime::Result<EngineArguments> engine_arguments(const genie_engine_options& given) {
  auto config = read_config(given);
  if (!config) return std::move(config).failure();
  runtime::EngineOptions options;
  options.log.level = given.log_level;
  void* const ctx = given.ctx;
  if (const genie_log_fn log = given.log)
    options.log.write = [log, ctx](const services::LogLine& line) {
      log(ctx, line.level, services::str(line.component), services::str(line.text), line.values,
          line.value_count);
    };
  if (const genie_progress_fn progress = given.progress)
    options.progress = [progress, ctx](std::uint64_t done, std::uint64_t total, std::string_view what) {
      progress(ctx, done, total, services::str(what));
    };
  for (std::uint64_t i = 0; i < given.plugin_path_count; ++i)
    options.plugin_paths.emplace_back(given.plugin_paths[i]);
  if (given.host_executable) options.host_executable = given.host_executable;
  options.rescan = (given.flags & GENIE_ENGINE_RESCAN) != 0;
  options.verify_blobs = (given.flags & GENIE_ENGINE_VERIFY_BLOBS) != 0;
  options.reschedule = (given.flags & GENIE_ENGINE_RESCHEDULE) != 0;
  options.trace = (given.flags & GENIE_ENGINE_TRACE) != 0;
  options.set_environment = (given.flags & GENIE_ENGINE_SET_ENVIRONMENT) != 0;
  return EngineArguments{*std::move(config), std::move(options)};
}

}  // namespace genie::lib
