#include "comparison.hpp"

#include <fmt/format.h>

#include <map>
#include <set>
#include <utility>

#include "genie/plan/json.hpp"
#include "scopes.hpp"

namespace genie::report {

namespace {

using plan::json::Writer;

Comparison::Side side(const plan::MethodSchedule& scheduled) {
  Comparison::Side side;
  side.stages = scheduled.stages.size();
  side.transfers = scheduled.transfers.size();
  if (scheduled.predicted) {
    side.makespan_ns = scheduled.predicted->makespan_ns;
    side.wire_bytes = scheduled.predicted->wire_bytes;
    side.peak_bytes = scheduled.predicted->peak_bytes;
  }
  return side;
}

std::map<std::string_view, std::string_view> devices(const plan::MethodSchedule& scheduled) {
  std::map<std::string_view, std::string_view> at;
  for (const plan::Stage& stage : scheduled.stages)
    for (const std::string& node : stage.nodes)
      at.emplace(node, stage.device);
  return at;
}

std::uint64_t of(const plan::Table<std::uint64_t>& table, const std::string& key) {
  const auto found = table.find(key);
  return found == table.end() ? 0 : found->second;
}

std::string change_text(std::uint64_t before, std::uint64_t after) {
  if (before == after) return "";
  if (before == 0) return "new";
  const double share =
      (static_cast<double>(after) - static_cast<double>(before)) / static_cast<double>(before);
  return percent_text(share, true);
}

std::set<std::string> devices_of(const Comparison::Method& method) {
  std::set<std::string> names;
  for (const auto* side : {&method.before, &method.after})
    for (const auto& [device, bytes] : side->peak_bytes)
      names.insert(device);
  return names;
}

void write_side(Writer& writer, std::string_view key, const Comparison::Side& side) {
  writer.key(key).begin_object().key("makespan_ns").value(side.makespan_ns);
  writer.key("wire_bytes").value(side.wire_bytes);
  writer.key("transfers").value(static_cast<std::uint64_t>(side.transfers));
  writer.key("stages").value(static_cast<std::uint64_t>(side.stages));
  writer.key("peak_bytes").begin_object();
  for (const auto& [device, bytes] : side.peak_bytes)
    writer.key(device).value(bytes);
  writer.end_object().end_object();
}

}  // namespace

Comparison compare(const plan::Plan& before, const plan::Plan& after) {
  Comparison comparison;
  for (const auto& [name, then] : after.schedule->methods) {
    const auto now = before.schedule->methods.find(name);
    if (now == before.schedule->methods.end()) continue;
    comparison.methods.push_back({name, side(now->second), side(then)});
    const auto was = devices(now->second);
    std::map<std::pair<std::string_view, std::string_view>, std::vector<std::string>> moved;
    const auto graph = after.methods.find(name);
    if (graph == after.methods.end()) continue;
    const auto is = devices(then);
    for (const plan::Node& node : graph->second.nodes) {
      const auto from = was.find(node.id), to = is.find(node.id);
      if (from != was.end() && to != is.end() && from->second != to->second)
        moved[{from->second, to->second}].push_back(node.id);
    }
    const Scopes scopes(graph->second);
    for (const auto& [ends, nodes] : moved)
      comparison.moved.push_back(
          {name, std::string(ends.first), std::string(ends.second), nodes.size(), scopes.describe(nodes)});
  }
  return comparison;
}

std::string comparison_text(const Comparison& comparison, const Style& style) {
  std::string out;
  for (const Comparison::Method& method : comparison.methods) {
    using enum Table::Align;
    Table table({left, right, right, right});
    table.row({painted(style, Paint::bold, "method " + method.name), painted(style, Paint::dim, "now"),
               painted(style, Paint::dim, "then"), ""});
    const auto row = [&](const std::string& what, auto&& text, std::uint64_t before, std::uint64_t after) {
      table.row({what, text(before), text(after), change_text(before, after)});
    };
    row("time of a call", duration_text, method.before.makespan_ns, method.after.makespan_ns);
    row("over links", bytes_text, method.before.wire_bytes, method.after.wire_bytes);
    row("transfers", count_text, method.before.transfers, method.after.transfers);
    row("stages", count_text, method.before.stages, method.after.stages);
    for (const std::string& device : devices_of(method))
      row("memory of " + device, bytes_text, of(method.before.peak_bytes, device),
          of(method.after.peak_bytes, device));
    out += table.text("");
    for (const Moved& moved : comparison.moved)
      if (moved.method == method.name)
        out += fitted(fmt::format("{} {} → {}: {}{}", painted(style, Paint::dim, "moves"),
                                  painted(style, Paint::cyan, moved.from),
                                  painted(style, Paint::cyan, moved.to), counted(moved.nodes, "node"),
                                  moved.modules.empty() ? "" : ", " + moved.modules),
                      style.width) +
               "\n";
  }
  if (comparison.moved.empty()) out += "nothing would run elsewhere\n";
  return out;
}

std::string comparison_json(const Comparison& comparison) {
  Writer writer(2);
  writer.begin_object().key("methods").begin_object();
  for (const Comparison::Method& method : comparison.methods) {
    writer.key(method.name).begin_object();
    write_side(writer, "now", method.before);
    write_side(writer, "then", method.after);
    writer.end_object();
  }
  writer.end_object().key("moved").begin_array();
  for (const Moved& moved : comparison.moved) {
    writer.begin_object().key("method").value(moved.method).key("from").value(moved.from);
    writer.key("to").value(moved.to).key("nodes").value(static_cast<std::uint64_t>(moved.nodes));
    writer.key("modules").value(moved.modules).end_object();
  }
  writer.end_array().end_object();
  return writer.take() + "\n";
}

}  // namespace genie::report
