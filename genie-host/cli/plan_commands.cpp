// genie-host plan show | validate | diff | convert
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <filesystem>

#include "cli/commands.hpp"
#include "cli/console.hpp"
#include "cli/plan_source.hpp"
#include "genie/plan/codec.hpp"
#include "genie/plan/diff.hpp"
#include "genie/plan/json.hpp"
#include "genie/plan/topology.hpp"
#include "genie/plan/validate.hpp"
#include "report/files.hpp"
#include "report/text.hpp"

namespace genie::cli {

namespace {

using plan::json::Writer;
using report::Paint;
using runtime::Category;

plan::Diagnostics with_file(plan::Diagnostics diagnostics, const std::string& file) {
  for (plan::Diagnostic& diagnostic : diagnostics)
    if (diagnostic.file.empty()) diagnostic.file = file;
  return diagnostics;
}

/// What V3 has no rule for, most frequent first.
std::string unchecked_text(const plan::Unchecked& unchecked) {
  std::vector<std::pair<std::string, std::uint64_t>> ops(unchecked.ops.begin(), unchecked.ops.end());
  std::stable_sort(ops.begin(), ops.end(), [](const auto& a, const auto& b) { return a.second > b.second; });
  constexpr std::size_t kShown = 6;
  std::vector<std::string> parts;
  std::uint64_t nodes = 0;
  for (const auto& [op, count] : ops) {
    nodes += count;
    if (parts.size() < kShown) parts.push_back(count == 1 ? op : fmt::format("{} ×{}", op, count));
  }
  if (ops.size() > kShown) parts.push_back(fmt::format("{} more", ops.size() - kShown));
  return fmt::format("types of {} were not checked, no rule is known: {}", report::counted(nodes, "node"),
                     fmt::join(parts, ", "));
}

/// Devices as the schedule itself names them, of any size and all connected: with these, V4 and V5 check everything but memory,
/// kernels and links.
plan::Topology assumed_topology(const plan::Schedule& schedule) {
  plan::Topology topology;
  const auto device = [&](const std::string& id) -> plan::Device& {
    for (plan::Device& known : topology.devices)
      if (known.id == id) return known;
    plan::Device& added = topology.devices.emplace_back();
    added.id = id;
    added.kind = "cpu";
    added.host = "assumed";
    added.memory_bytes = std::uint64_t{1} << 52;
    added.compute = {1e12, 1e12, 0};
    return added;
  };
  for (const auto& [method, scheduled] : schedule.methods)
    for (const plan::Stage& stage : scheduled.stages) {
      plan::Device& used = device(stage.device);
      if (std::find(used.kernels.begin(), used.kernels.end(), stage.kernels) == used.kernels.end())
        used.kernels.push_back(stage.kernels);
    }
  for (const auto& [weight, devices] : schedule.residence.weights)
    for (const std::string& id : devices)
      (void)device(id);
  for (const auto& [state, id] : schedule.residence.states)
    (void)device(id);
  return topology;
}

}  // namespace

int plan_show(const Common& common, const ShowArguments& arguments) {
  if (arguments.timeline) return plan_timeline(common, arguments);
  const Console console(common.json);
  Progress progress(console.err_style());
  auto loaded = load_plan(common, arguments.file, progress);
  if (!loaded) return console.fail(loaded.failure());
  auto text = console.json() ? report::plan_json(loaded->plan, arguments.view)
                             : report::plan_text(loaded->plan, arguments.view, console.out_style());
  if (!text) return console.fail(with_file(std::move(text).errors(), arguments.file), Category::config);
  console.print(*text);
  return 0;
}

int plan_validate(const Common& common, const ValidateArguments& arguments) {
  const Console console(common.json);
  Progress progress(console.err_style());
  auto loaded = load_plan(common, arguments.file, progress);
  if (!loaded) return console.fail(loaded.failure());
  std::optional<plan::Topology> topology;
  if (!arguments.topology.empty()) {
    auto decoded = read_topology(arguments.topology);
    if (!decoded) return console.fail(decoded.failure());
    topology = std::move(*decoded);
  }
  const bool assumed = !topology && loaded->plan.schedule.has_value();
  const std::string id = plan::plan_id(loaded->plan);
  if (assumed) {
    topology = assumed_topology(*loaded->plan.schedule);
    loaded->plan.schedule->topology = plan::topology_id(*topology);
  }
  plan::ValidateContext context;
  context.up_to = topology ? plan::Level::v5 : plan::Level::v3;
  context.topology = topology ? &*topology : nullptr;
  plan::Validation validation = plan::validate(loaded->plan, context);
  plan::Diagnostics diagnostics = with_file(std::move(validation.diagnostics), arguments.file);
  const bool ok = !plan::has_errors(diagnostics);
  if (console.json()) {
    Writer writer(2);
    writer.begin_object()
        .key("plan")
        .value(id)
        .key("topology")
        .value(assumed    ? "assumed"
               : topology ? arguments.topology
                          : "")
        .key("valid")
        .value(ok);
    writer.key("level").value(fmt::format("V{}", static_cast<int>(validation.reached)));
    writer.key("diagnostics").raw(plan::to_json(diagnostics));
    writer.key("unchecked").begin_object();
    for (const auto& [op, count] : validation.unchecked.ops)
      writer.key(op).value(count);
    writer.end_object().end_object();
    console.print(writer.take() + "\n");
  }
  if (!diagnostics.empty()) console.say(diagnostics);
  if (!ok) return static_cast<int>(Category::invalid_plan);
  if (console.json()) return 0;
  std::string text = fmt::format("{} {} · {} · valid up to level V{}\n",
                                 report::painted(console.out_style(), Paint::green, "✓"), arguments.file,
                                 id.substr(0, 19), static_cast<int>(validation.reached));
  if (!validation.unchecked.ops.empty())
    for (const std::string& line :
         report::wrapped(unchecked_text(validation.unchecked), console.out_style().width - 2))
      text += "  " + line + "\n";
  if (assumed)
    text += "  memory, kernels and links were not checked: that needs the devices, --topology cluster.json\n";
  console.print(text);
  return 0;
}

int plan_diff(const Common& common, const DiffArguments& arguments) {
  const Console console(common.json);
  Progress progress(console.err_style());
  auto before = load_plan(common, arguments.before, progress);
  if (!before) return console.fail(before.failure());
  auto after = load_plan(common, arguments.after, progress);
  if (!after) return console.fail(after.failure());
  const std::vector<plan::Change> changes = plan::diff(before->plan, after->plan);
  if (console.json()) {
    Writer writer(2);
    writer.begin_object()
        .key("before")
        .value(plan::plan_id(before->plan))
        .key("after")
        .value(plan::plan_id(after->plan));
    writer.key("changes").begin_array();
    for (const plan::Change& change : changes) {
      writer.begin_object().key("kind").value(change.kind).key("subject").value(change.subject);
      writer.key("before")
          .value(change.before)
          .key("after")
          .value(change.after)
          .key("text")
          .value(change.text)
          .end_object();
    }
    writer.end_array().end_object();
    console.print(writer.take() + "\n");
  } else if (changes.empty()) {
    console.print(fmt::format("equal: both are {}\n", plan::plan_id(before->plan)));
  } else {
    std::string text;
    for (const plan::Change& change : changes)
      text += change.text + "\n";
    text += fmt::format(
        "{}\n", report::painted(console.out_style(), Paint::dim, report::counted(changes.size(), "change")));
    console.print(text);
  }
  return arguments.exit_code && !changes.empty() ? 1 : 0;
}

int plan_convert(const Common& common, const ConvertArguments& arguments) {
  const Console console(common.json);
  const std::string current = fmt::format("{}.{}", plan::kSchemaMajor, plan::kSchemaMinor);
  if (arguments.to != current)
    return console.fail(
        runtime::failure(Category::config, GENIE_UNIMPLEMENTED, "GE0018",
                         fmt::format("plans of version {} cannot be written", arguments.to),
                         fmt::format("this host reads and writes version {}: --to {}", current, current)));
  Progress progress(console.err_style());
  auto loaded = load_plan(common, arguments.file, progress);
  if (!loaded) return console.fail(loaded.failure());
  std::error_code ignored;
  const std::filesystem::path into = arguments.output.empty()
                                         ? std::filesystem::current_path(ignored)
                                         : std::filesystem::absolute(arguments.output, ignored).parent_path();
  if (!loaded->engine) {
    // Locations are relative to the document that holds them: seen from another folder they are other paths.
    const std::filesystem::path from = std::filesystem::absolute(arguments.file, ignored).parent_path();
    if (from != into)
      for (auto& [digest, location] : loaded->plan.locations)
        location.uri = std::filesystem::path(config::resolve_path(location.uri, from))
                           .lexically_proximate(into)
                           .string();
  }
  plan::EncodeOptions options;
  options.locations = true;
  options.indent = arguments.indent ? 2 : 0;
  std::string text = plan::encode(loaded->plan, options);
  if (loaded->engine) {
    // The engine says where the blobs lie, seen from there.
    text = loaded->engine->plan_document(into);
    if (!arguments.indent)
      if (auto canonical = plan::json::canonicalize(text)) text = std::move(*canonical);
  }
  text += "\n";
  if (arguments.output.empty()) {
    console.print(text);
    return 0;
  }
  auto written = report::write_file(arguments.output, text);
  return written ? 0 : console.fail(std::move(written).errors(), Category::config);
}

}  // namespace genie::cli
