// genie-host serve --config worker.json
#include <fmt/format.h>

#include "cli/commands.hpp"
#include "cli/console.hpp"
#include "cli/engine_setup.hpp"
#include "cli/interrupt.hpp"
#include "report/files.hpp"
#include "runtime/engine.hpp"
#include "serve/serve.hpp"

namespace genie::cli {

int serve(const Common& common, const ServeArguments& arguments) {
  const Console console(common.json);
  const auto edits = config::parse_edits(arguments.set);
  if (!edits) return console.fail(edits.errors(), runtime::Category::config);
  const auto config = config::read_worker(arguments.config, *edits);
  if (!config) return console.fail(config.errors(), runtime::Category::config);
  auto log = open_log(common);
  if (!log) return console.fail(log.errors(), runtime::Category::config);

  serve::ServeOptions options;
  options.log = *std::move(log);
  options.plugin_paths = common.plugins;
  options.host_executable = runtime::find_host_executable();
  options.stop = std::make_shared<runtime::CancelToken>();
  options.set_environment = true;
  const InterruptGuard guard(options.stop);
  std::optional<plan::Diagnostics> unwritten;
  options.ready = [&](std::string_view json) {
    // The file first: whoever waits for the line may look for it.
    if (!arguments.ready_file.empty())
      if (auto written = report::write_file(arguments.ready_file, std::string(json) + "\n"); !written) {
        unwritten = written.errors();
        options.stop->cancel();
        return;
      }
    console.print(fmt::format("{}\n", json));
  };
  const auto served = serve::serve(*config, options);
  if (unwritten) return console.fail(*unwritten, runtime::Category::config);
  return served ? 0 : console.fail(served.failure());
}

}  // namespace genie::cli
