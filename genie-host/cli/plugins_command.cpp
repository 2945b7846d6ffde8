// genie-host plugins [list | check]
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "cli/commands.hpp"
#include "cli/console.hpp"
#include "cli/engine_setup.hpp"
#include "genie/plan/json.hpp"
#include "plugin/catalogue.hpp"
#include "report/text.hpp"

namespace genie::cli {

namespace {

using plan::json::Writer;
using plugin::Candidate;
using report::Paint;
using report::Table;

plan::Result<plugin::Catalogue> discover(const Common& common, const PluginsArguments& arguments) {
  plugin::CatalogueOptions options;
  options.paths = common.plugins;
  options.rescan = arguments.rescan;
  options.host_executable = runtime::find_host_executable();
  if (!arguments.config.empty()) {
    auto config = config::read_run(arguments.config);
    if (!config) return std::move(config).errors();
    options.config_paths = config->plugins.paths;
    options.allow = config->plugins.allow;
  }
  // `check` is about the named plug-ins: they are found first, and so not hidden by others of the same id.
  options.paths.insert(options.paths.begin(), arguments.paths.begin(), arguments.paths.end());
  auto log = open_log(common);
  if (!log) return std::move(log).errors();
  // What is wrong with a plug-in is this command's result: the log need not say it too.
  if (common.log_file.empty() && log->level >= GENIE_LOG_WARNING) log->write = nullptr;
  plugin::Catalogue catalogue = plugin::Catalogue::discover(std::move(options), std::move(*log));
  catalogue.probe_all();
  return catalogue;
}

Paint colour_of(Candidate::State state) {
  switch (state) {
    case Candidate::State::usable:
    case Candidate::State::loaded:
      return Paint::green;
    case Candidate::State::failed:
    case Candidate::State::refused:
    case Candidate::State::quarantined:
      return Paint::red;
    default:
      return Paint::dim;
  }
}

std::string title_of(const Candidate& candidate) {
  return candidate.manifest.id.empty() ? candidate.manifest_path.string() : candidate.manifest.id;
}

std::string listing(std::span<const Candidate> candidates, const report::Style& style, bool explain) {
  if (candidates.empty())
    return "no plug-ins were found; they are searched in --plugin, the run config's /plugins/paths, "
           "GENIE_PLUGIN_PATH and the install folder\n";
  Table table(
      {Table::Align::left, Table::Align::left, Table::Align::left, Table::Align::left, Table::Align::left});
  table.row({painted(style, Paint::dim, "plug-in"), painted(style, Paint::dim, "version"),
             painted(style, Paint::dim, "kind"), painted(style, Paint::dim, "state"),
             painted(style, Paint::dim, "built with")});
  for (const Candidate& candidate : candidates)
    table.row({painted(style, Paint::cyan, title_of(candidate)), candidate.manifest.version,
               fmt::format("{}", fmt::join(candidate.manifest.kinds, ", ")),
               painted(style, colour_of(candidate.state), plugin::name(candidate.state)),
               painted(style, Paint::dim, candidate.build)});
  std::string text = table.text("");
  for (const Candidate& candidate : candidates) {
    const bool trouble = !candidate.diagnostics.empty();
    if (!explain && !trouble) continue;
    text += fmt::format("\n{}: {}\n", title_of(candidate), plugin::name(candidate.state));
    text +=
        fmt::format("  {} (through {}{})\n",
                    candidate.library.empty() ? candidate.manifest_path.string() : candidate.library.string(),
                    candidate.through, candidate.remembered ? ", probe remembered" : "");
    if (explain && !candidate.manifest.sha256.empty())
      text += fmt::format("  ABI {}.{} · {} · sha256 {}\n", candidate.manifest.abi_major,
                          candidate.manifest.abi_minor, fmt::join(candidate.manifest.interfaces, ", "),
                          candidate.manifest.sha256);
    for (const plan::Diagnostic& diagnostic : candidate.diagnostics) {
      text += fmt::format("  {} {}\n", painted(style, colour_of(candidate.state), diagnostic.code),
                          diagnostic.message);
      if (!diagnostic.help.empty()) text += fmt::format("    help: {}\n", diagnostic.help);
    }
  }
  return text;
}

std::string as_json(std::span<const Candidate> candidates) {
  Writer writer(2);
  writer.begin_object().key("plugins").begin_array();
  for (const Candidate& candidate : candidates) {
    const plugin::Manifest& manifest = candidate.manifest;
    writer.begin_object()
        .key("id")
        .value(manifest.id)
        .key("version")
        .value(manifest.version)
        .key("state")
        .value(plugin::name(candidate.state));
    writer.key("kinds").begin_array();
    for (const std::string& kind : manifest.kinds)
      writer.value(kind);
    writer.end_array().key("interfaces").begin_array();
    for (const std::string& interface : manifest.interfaces)
      writer.value(interface);
    writer.end_array()
        .key("library")
        .value(candidate.library.string())
        .key("manifest")
        .value(candidate.manifest_path.string());
    writer.key("through")
        .value(candidate.through)
        .key("sha256")
        .value(manifest.sha256)
        .key("build")
        .value(candidate.build);
    writer.key("diagnostics").raw(plan::to_json(candidate.diagnostics)).end_object();
  }
  writer.end_array().end_object();
  return writer.take() + "\n";
}

bool broken(const Candidate& candidate) {
  return candidate.state == Candidate::State::failed || candidate.state == Candidate::State::refused ||
         candidate.state == Candidate::State::quarantined;
}

}  // namespace

int plugins_list(const Common& common, const PluginsArguments& arguments) {
  const Console console(common.json);
  auto catalogue = discover(common, arguments);
  if (!catalogue) return console.fail(std::move(catalogue).errors(), runtime::Category::config);
  console.print(console.json() ? as_json(catalogue->candidates())
                               : listing(catalogue->candidates(), console.out_style(), arguments.explain));
  return 0;
}

int plugins_check(const Common& common, const PluginsArguments& arguments) {
  const Console console(common.json);
  auto catalogue = discover(common, arguments);
  if (!catalogue) return console.fail(std::move(catalogue).errors(), runtime::Category::config);
  std::vector<Candidate> named;
  bool bad = false;
  for (const Candidate& candidate : catalogue->candidates()) {
    if (candidate.through != plugin::kThroughOption) continue;
    bad = bad || broken(candidate);
    named.push_back(candidate);
  }
  console.print(console.json() ? as_json(named) : listing(named, console.out_style(), true));
  return bad || named.empty() ? static_cast<int>(runtime::Category::plugin) : 0;
}

}  // namespace genie::cli
