#include "plan_text.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <map>

#include "decision_text.hpp"
#include "plan_summary.hpp"

namespace genie::report {

namespace {

using Align = Table::Align;
constexpr std::string_view kIndent = "  ";
// Rows that together fit a screen.
constexpr std::size_t kShownPorts = 4;
constexpr std::size_t kShownStages = 8;
constexpr std::size_t kShownWeights = 4;
constexpr std::size_t kShownDecisions = 4;
constexpr std::size_t kShownNodes = 40;
constexpr std::size_t kShownMethods = 3;
constexpr std::size_t kRowsOfOneOfSeveral = 3;  ///< of the ports and stages of a method that is not alone
constexpr std::size_t kModuleColumns = 44;  ///< module paths, the widest column, leave room for the others
constexpr std::size_t kNodeColumns = 24;
constexpr std::size_t kOpColumns = 30;

class PlanText {
 public:
  PlanText(const plan::Plan& plan, const PlanSummary& summary, const PlanView& view, const Style& style)
      : plan_(plan), summary_(summary), view_(view), style_(style) {}

  std::string write() {
    title();
    if (!summary_.nodes.empty()) {
      nodes();
      return std::move(out_);
    }
    header();
    const std::size_t methods = shown(summary_.methods.size(), kShownMethods);
    for (std::size_t i = 0; i < methods; ++i)
      write_method(summary_.methods[i]);
    if (methods < summary_.methods.size()) {
      out_ += '\n';
      more(summary_.methods.size(), methods, "--method NAME shows one");
    }
    weights();
    decisions();
    return std::move(out_);
  }

 private:
  [[nodiscard]] std::string paint(Paint colour, std::string_view text) const {
    return painted(style_, colour, text);
  }
  /// How many of the rows: as many as were asked for, or as fit.
  [[nodiscard]] std::size_t shown(std::size_t rows, std::size_t fitting) const {
    const std::size_t limit = view_.limit.value_or(fitting);
    return limit == 0 ? rows : std::min(rows, limit);
  }
  /// The same for tables that every method has.
  [[nodiscard]] std::size_t shown_of_method(std::size_t rows, std::size_t fitting) const {
    return shown(rows, summary_.methods.size() > 1 ? std::min(fitting, kRowsOfOneOfSeveral) : fitting);
  }

  void lines(const std::string& text) {
    std::string_view rest = text;
    while (!rest.empty()) {
      const std::size_t end = std::min(rest.find('\n'), rest.size());
      out_ += fitted(rest.substr(0, end), style_.width) + "\n";
      rest.remove_prefix(std::min(end + 1, rest.size()));
    }
  }
  void more(std::size_t rows, std::size_t shown_rows, std::string_view how = "--limit 0 shows all") {
    if (rows > shown_rows)
      out_ += fmt::format("{}{}\n", kIndent,
                          paint(Paint::dim, fmt::format("… {} more ({})", rows - shown_rows, how)));
  }

  void title() {
    out_ +=
        fmt::format("{} · {} · genie.plan {}.{}\n", paint(Paint::bold, "plan " + summary_.id.substr(0, 19)),
                    plan_.stage, plan_.version.major, plan_.version.minor);
  }

  void header() {
    Table table({Align::left, Align::left});
    const auto row = [&](std::string_view key, std::string value) {
      table.row({paint(Paint::dim, key), std::move(value)});
    };
    std::string from = fmt::format("{} {}", plan_.producer.plugin, plan_.producer.version);
    if (plan_.producer.source)
      from += fmt::format(", from {} {}", plan_.producer.source->framework,
                          plan_.producer.source->framework_version);
    row("captured by", std::move(from));
    std::vector<std::string> opsets;
    for (const auto& [domain, version] : plan_.opsets)
      opsets.push_back(fmt::format("{} {}", domain, version));
    row("op sets",
        fmt::format(
            "{}{}", fmt::join(opsets, ", "),
            plan_.required.empty() ? "" : fmt::format("   needs: {}", fmt::join(plan_.required, ", "))));
    std::string stored =
        summary_.blob_bytes < summary_.weight_bytes
            ? fmt::format(" ({} stored, as some share their bytes)", bytes_text(summary_.blob_bytes))
            : "";
    row("weights", fmt::format("{}, {}{}", counted(plan_.weights.size(), "tensor"),
                               bytes_text(summary_.weight_bytes), stored));
    if (!plan_.states.empty()) row("states", states());
    if (!summary_.symbols.empty()) row("open sizes", symbols());
    if (plan_.schedule) {
      const plan::Schedule& schedule = *plan_.schedule;
      row("scheduled by",
          fmt::format(
              "{} {}{}", schedule.policy.plugin, schedule.policy.version,
              schedule.policy.objective.empty() ? "" : fmt::format(", for {}", schedule.policy.objective)));
      if (!schedule.topology.empty()) row("topology", schedule.topology.substr(0, 19));
    }
    if (!plan_.constraints.empty())
      row("hints", counted(plan_.constraints.size(), "constraint") + " of the plan itself");
    lines(table.text(kIndent));
  }

  std::string states() const {
    std::map<std::string, std::size_t> roles;
    for (const auto& [name, state] : plan_.states)
      ++roles[state.role.empty() ? "state" : state.role];
    std::vector<std::string> parts;
    for (const auto& [role, count] : roles)
      parts.push_back(fmt::format("{} {}", count, role));
    return fmt::format("{}, {} ({})", counted(plan_.states.size(), "tensor"),
                       bytes_text(summary_.state_bytes), fmt::join(parts, ", "));
  }

  std::string symbols() const {
    std::vector<std::string> parts;
    for (const SymbolSummary& symbol : summary_.symbols)
      parts.push_back(fmt::format("{}: {}{}", symbol.name, symbol.bounds,
                                  symbol.assumed ? fmt::format(" (scheduled for {})", *symbol.assumed) : ""));
    return fmt::format("{}", fmt::join(parts, " · "));
  }

  void write_method(const MethodSummary& method) {
    out_ += fmt::format("\n{} · {}\n", paint(Paint::bold, "method " + method.name),
                        counted(method.nodes, "node"));
    Table table({Align::left, Align::left, Align::left});
    const auto add = [&](std::string_view label, const std::vector<PortSummary>& ports) {
      const std::size_t count = shown_of_method(ports.size(), kShownPorts);
      for (std::size_t i = 0; i < count; ++i)
        table.row({paint(Paint::dim, i == 0 ? label : ""), paint(Paint::cyan, ports[i].name), ports[i].type});
      if (count < ports.size())
        table.row({"", paint(Paint::dim, fmt::format("… {} more", ports.size() - count)), ""});
    };
    add("in", method.inputs);
    add("out", method.outputs);
    lines(table.text(kIndent));
    if (!method.writes.empty())
      out_ += fitted(fmt::format("{}{}  {}", kIndent, paint(Paint::dim, "writes"),
                                 fmt::join(method.writes, ", ")),
                     style_.width) +
              "\n";
    stages(method);
    transfers(method);
  }

  void stages(const MethodSummary& method) {
    if (method.stages.empty()) return;
    // A column that says the same everywhere is said once.
    const bool one_kind = std::all_of(
        method.stages.begin(), method.stages.end(),
        [&](const StageSummary& stage) { return stage.kernels == method.stages.front().kernels; });
    Table table({Align::left, Align::left, Align::right, Align::right, Align::left, Align::left});
    table.row({paint(Paint::dim, "stage"), paint(Paint::dim, "device"), paint(Paint::dim, "nodes"),
               paint(Paint::dim, "weights"), paint(Paint::dim, "modules"),
               one_kind ? "" : paint(Paint::dim, "kernels")});
    const std::size_t count = shown_of_method(method.stages.size(), kShownStages);
    for (std::size_t i = 0; i < count; ++i) {
      const StageSummary& stage = method.stages[i];
      const std::string again = stage.recomputed > 0 ? fmt::format("+{}", stage.recomputed) : "";
      table.row({stage.id, paint(Paint::cyan, stage.device), count_text(stage.nodes) + again,
                 bytes_text(stage.weight_bytes), fitted(stage.modules, kModuleColumns),
                 one_kind ? "" : paint(Paint::dim, stage.kernels)});
    }
    out_ += '\n';
    lines(table.text(kIndent));
    more(method.stages.size(), count);
    if (one_kind)
      out_ +=
          fmt::format("{}{}  {}\n", kIndent, paint(Paint::dim, "computed by"), method.stages.front().kernels);
  }

  void transfers(const MethodSummary& method) {
    if (method.predicted) {
      const plan::Predicted& predicted = *method.predicted;
      std::vector<std::string> peaks;
      for (const auto& [device, bytes] : predicted.peak_bytes)
        peaks.push_back(fmt::format("{} {}", device, bytes_text(bytes)));
      out_ += fitted(fmt::format("{}{}  {} a call, {} over links in {}; peaks {}", kIndent,
                                 paint(Paint::dim, "predicted"), duration_text(predicted.makespan_ns),
                                 bytes_text(predicted.wire_bytes),
                                 counted(method.transfers.size(), "transfer"), fmt::join(peaks, ", ")),
                     style_.width) +
              "\n";
    }
  }

  void nodes() {
    out_ += fmt::format("\n{}\n", paint(Paint::bold, counted(summary_.nodes.size(), "node")));
    const std::size_t count = shown(summary_.nodes.size(), kShownNodes);
    // The module takes what the other columns leave.
    std::size_t widest[4] = {};
    const auto cells = [&](const NodeSummary& node) {
      return std::array{fitted(node.id, kNodeColumns), fitted(node.op, kOpColumns),
                        node.stage.empty() ? std::string() : node.stage + " " + node.device,
                        fitted(node.types, kNodeColumns)};
    };
    for (std::size_t i = 0; i < count; ++i) {
      const auto row = cells(summary_.nodes[i]);
      for (std::size_t k = 0; k < row.size(); ++k)
        widest[k] = std::max(widest[k], columns(row[k]));
    }
    const std::size_t used = kIndent.size() + widest[0] + widest[1] + widest[2] + widest[3] + 8;
    const std::size_t left = style_.width > used + kNodeColumns ? style_.width - used : kNodeColumns;
    Table table({Align::left, Align::left, Align::left, Align::left, Align::left});
    for (std::size_t i = 0; i < count; ++i) {
      const NodeSummary& node = summary_.nodes[i];
      const auto row = cells(node);
      const std::string where = node.scope + (node.source.empty() ? "" : " " + node.source);
      table.row(
          {paint(Paint::cyan, row[0]), row[1], row[2], row[3], paint(Paint::dim, fitted_end(where, left))});
    }
    lines(table.text(kIndent));
    more(summary_.nodes.size(), count);
  }

  void weights() {
    if (summary_.weights.empty()) return;
    const std::size_t count = shown(summary_.weights.size(), kShownWeights);
    out_ += fmt::format("\n{}\n", paint(Paint::bold, "largest weights"));
    Table table({Align::left, Align::left, Align::right, Align::left});
    for (std::size_t i = 0; i < count; ++i) {
      const WeightSummary& weight = summary_.weights[i];
      table.row({weight.name, weight.type, bytes_text(weight.bytes),
                 paint(Paint::cyan, fmt::format("{}", fmt::join(weight.devices, ", ")))});
    }
    lines(table.text(kIndent));
  }

  void decisions() {
    if (!plan_.schedule || plan_.schedule->decisions.empty()) return;
    const auto& all = plan_.schedule->decisions;
    out_ += fmt::format("\n{}\n", paint(Paint::bold, "decisions"));
    const std::size_t count = view_.decisions ? all.size() : shown(all.size(), kShownDecisions);
    for (std::size_t i = 0; i < count; ++i) {
      if (view_.decisions) {
        out_ += decision_text(all[i], style_);
        continue;
      }
      const std::string reason = reason_text(all[i]);
      out_ += fitted(fmt::format("{}{}{}{}", kIndent, paint(Paint::cyan, headline(all[i])),
                                 reason.empty() ? "" : "  ", reason),
                     style_.width) +
              "\n";
    }
    if (count < all.size())
      out_ += fmt::format(
          "{}{}\n", kIndent,
          paint(Paint::dim,
                fmt::format("… {} more (--decisions shows all, with the alternatives)", all.size() - count)));
  }

  const plan::Plan& plan_;
  const PlanSummary& summary_;
  const PlanView& view_;
  const Style& style_;
  std::string out_;
};

}  // namespace

plan::Result<std::string> plan_text(const plan::Plan& plan, const PlanView& view, const Style& style) {
  auto summary = summarize(plan, view);
  if (!summary) return std::move(summary).errors();
  return PlanText(plan, *summary, view, style).write();
}

}  // namespace genie::report
