#include "cli/engine_setup.hpp"

#include "log/log.hpp"

namespace genie::cli {

plan::Result<services::LogSink> open_log(const Common& common) {
  log::Options options;
  const auto level = log::level_from_name(common.log_level);
  if (!level) {
    plan::Diagnostic diagnostic;
    diagnostic.code = "GE0001";
    diagnostic.message = "`" + common.log_level + "` is no log level";
    diagnostic.help = "write --log-level with trace, debug, info, warning or error";
    return diagnostic;
  }
  options.level = *level;
  options.file = common.log_file;
  return log::open(options);
}

plan::Result<runtime::EngineOptions> engine_options(const Common& common, Progress& progress) {
  auto log = open_log(common);
  if (!log) return std::move(log).errors();
  runtime::EngineOptions options;
  options.log = std::move(*log);
  options.progress = [&progress](std::uint64_t done, std::uint64_t total, std::string_view what) {
    progress.update(done, total, what);
  };
  options.cancel = std::make_shared<runtime::CancelToken>();
  options.plugin_paths = common.plugins;
  options.set_environment = true;
  return options;
}

}  // namespace genie::cli
