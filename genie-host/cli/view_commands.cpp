// genie-host plan show --timeline, plan html: a plan to look at.
#include <filesystem>

#include "cli/commands.hpp"
#include "cli/console.hpp"
#include "cli/plan_source.hpp"
#include "report/files.hpp"
#include "report/html.hpp"
#include "report/time_text.hpp"
#include "tensors/inputs.hpp"

namespace genie::cli {

namespace {

using runtime::Category;

plan::Diagnostic cannot_draw(const std::string& file, std::string code, std::string message,
                             std::string help) {
  plan::Diagnostic diagnostic;
  diagnostic.code = std::move(code);
  diagnostic.file = file;
  diagnostic.message = std::move(message);
  diagnostic.help = std::move(help);
  return diagnostic;
}

}  // namespace

int plan_timeline(const Common& common, const ShowArguments& arguments) {
  const Console console(common.json);
  Progress progress(console.err_style());
  auto loaded = load_with_topology(common, arguments.file, arguments.topology, progress);
  if (!loaded) return console.fail(loaded.failure());
  if (!loaded->plan.schedule)
    return console.fail(
        {cannot_draw(arguments.file, "GE0019", "the plan is captured, not scheduled: it has no timeline yet",
                     "name the run config, which says on which devices to place it")},
        Category::config);
  if (!loaded->topology)
    return console.fail(
        {cannot_draw(arguments.file, "GE0001", "the timeline of a saved plan needs its devices",
                     "add --topology cluster.json, or name the run config")},
        Category::config);
  const std::string& method = arguments.view.method;
  if (!method.empty())
    if (auto known = tensors::find_method(loaded->plan, method); !known)
      return console.fail(std::move(known).errors(), Category::config);
  auto text = console.json()
                  ? report::predicted_json(loaded->plan, *loaded->topology, method)
                  : report::predicted_text(loaded->plan, *loaded->topology, method, console.out_style());
  if (!text) return console.fail(std::move(text).errors(), Category::invalid_plan);
  console.print(*text);
  return 0;
}

int plan_html(const Common& common, const HtmlArguments& arguments) {
  const Console console(common.json);
  Progress progress(console.err_style());
  auto loaded = load_with_topology(common, arguments.file, arguments.topology, progress);
  if (!loaded) return console.fail(loaded.failure());
  report::PageView view;
  view.title = std::filesystem::path(arguments.file).filename().string();
  view.topology = loaded->topology ? &*loaded->topology : nullptr;
  const std::string page = report::plan_html(loaded->plan, view);
  if (arguments.output.empty()) {
    console.print(page);
  } else if (auto written = report::write_file(arguments.output, page); !written) {
    return console.fail(std::move(written).errors(), Category::config);
  }
  return 0;
}

}  // namespace genie::cli
