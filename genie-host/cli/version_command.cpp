// genie-host --version: everything that takes part, with its version.
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <spdlog/version.h>
#include <boost/version.hpp>

#include "cli/cli11_version.hpp"
#include "cli/commands.hpp"
#include "cli/console.hpp"
#include "genie/abi.h"
#include "genie/plan/json.hpp"
#include "genie/plan/model.hpp"
#include "genie/plan/opset.hpp"
#include "host_version.hpp"
#include "plugin/catalogue.hpp"
#include "runtime/engine.hpp"

namespace genie::cli {

namespace {

std::vector<std::pair<std::string, std::string>> components() {
  std::vector<std::pair<std::string, std::string>> rows;
  rows.emplace_back("ABI", fmt::format("{}.{}", GENIE_ABI_MAJOR, GENIE_ABI_MINOR));
  rows.emplace_back("plan schema", fmt::format("{}.{}", plan::kSchemaMajor, plan::kSchemaMinor));
  if (const plan::OpTable* aten = plan::OpTable::find("aten", 1))
    rows.emplace_back("op set", fmt::format("aten 1 ({} operators)", aten->size()));
  rows.emplace_back("compiler", std::string(kCompiler));
  rows.emplace_back("Boost", fmt::format("{}.{}.{}", BOOST_VERSION / 100000, BOOST_VERSION / 100 % 1000,
                                         BOOST_VERSION % 100));
  rows.emplace_back("fmt",
                    fmt::format("{}.{}.{}", FMT_VERSION / 10000, FMT_VERSION / 100 % 100, FMT_VERSION % 100));
  rows.emplace_back("spdlog", fmt::format("{}.{}.{}", SPDLOG_VER_MAJOR, SPDLOG_VER_MINOR, SPDLOG_VER_PATCH));
  rows.emplace_back("CLI11", cli11_version());
  return rows;
}

}  // namespace

int version(const Common& common) {
  const Console console(common.json);
  plugin::CatalogueOptions options;
  options.paths = common.plugins;
  options.host_executable = runtime::find_host_executable();
  plugin::Catalogue catalogue = plugin::Catalogue::discover(std::move(options));
  catalogue
      .probe_all();  // in child processes, and remembered: what a plug-in was built with only the plug-in can say
  if (console.json()) {
    plan::json::Writer writer(2);
    writer.begin_object().key("host").value(kHostVersion);
    for (const auto& [name, value] : components())
      writer.key(name).value(value);
    writer.key("plugins").begin_object();
    for (const plugin::Candidate& candidate : catalogue.candidates())
      if (candidate.state == plugin::Candidate::State::usable)
        writer.key(candidate.manifest.id)
            .begin_object()
            .key("version")
            .value(candidate.manifest.version)
            .key("build")
            .value(candidate.build)
            .end_object();
    writer.end_object().end_object();
    console.print(writer.take() + "\n");
    return 0;
  }
  std::string text = fmt::format("genie-host {}\n", kHostVersion);
  using Align = report::Table::Align;
  report::Table table({Align::left, Align::left});
  for (const auto& [name, value] : components())
    table.row({name, value});
  text += table.text("  ");
  report::Table found({Align::left, Align::left, Align::left});
  for (const plugin::Candidate& candidate : catalogue.candidates())
    if (!candidate.manifest.id.empty() && candidate.state != plugin::Candidate::State::skipped)
      found.row({candidate.manifest.id, candidate.manifest.version,
                 candidate.state == plugin::Candidate::State::usable
                     ? candidate.build
                     : std::string(plugin::name(candidate.state))});
  text += "plug-ins\n";
  const std::string list = found.text("  ");
  text += list.empty() ? "  none found\n" : list;
  console.print(text);
  return 0;
}

}  // namespace genie::cli
