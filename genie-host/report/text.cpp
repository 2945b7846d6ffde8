#include "text.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <filesystem>
#include <map>

#include "genie/plan/json.hpp"
#include "plan_summary.hpp"
#include "scopes.hpp"
#include "stage_weights.hpp"

namespace genie::report {

namespace {

constexpr std::size_t kBarCells = 10;
constexpr std::size_t kShownDecisions = 5;
constexpr std::size_t kShownOutputs = 4;
constexpr std::size_t kShownTransfers = 5;
constexpr std::size_t kShownWarnings = 3;
constexpr std::string_view kIndent = "  ";
using Align = Table::Align;

std::string file_name(const std::string& path) {
  return std::filesystem::path(path).filename().string();
}

/// A path as one would type it here: the shorter of its two spellings.
std::string nearby_path(const std::string& path) {
  std::error_code ignored;
  const std::string nearby =
      std::filesystem::path(path).lexically_proximate(std::filesystem::current_path(ignored)).string();
  return nearby.empty() || nearby.size() > path.size() ? path : nearby;
}

/// The first digits of a digest, enough to recognise it.
std::string short_id(std::string_view id) {
  constexpr std::size_t kDigits = 12;
  if (id.starts_with("sha256:")) id.remove_prefix(7);
  return std::string(id.substr(0, kDigits));
}

class Text {
 public:
  Text(const RunReport& report, const Style& style) : report_(report), style_(style) {
    if (report.plan && report.plan->schedule) schedule_ = &*report.plan->schedule;
  }

  std::string write() {
    title();
    verification();
    outputs();
    devices();
    moved();
    cost();
    decisions();
    warnings();
    how_to_change();
    written();
    return std::move(out_);
  }

 private:
  [[nodiscard]] std::string paint(Paint colour, std::string_view text) const {
    return painted(style_, colour, text);
  }
  void heading(std::string_view text) { out_ += fmt::format("\n{}\n", paint(Paint::bold, text)); }

  void title() {
    std::vector<std::string> methods;
    for (const StepTime& step : report_.steps)
      if (std::find(methods.begin(), methods.end(), step.method) == methods.end())
        methods.push_back(step.method);
    std::string line = paint(Paint::bold, file_name(report_.source));
    if (!methods.empty()) line += fmt::format(" · {}", fmt::join(methods, ", "));
    if (report_.topology) line += fmt::format(" · {}", counted(report_.topology->devices.size(), "device"));
    if (report_.steps.size() > 1) line += fmt::format(" · {}", counted(report_.steps.size(), "step"));
    line += paint(Paint::dim, fmt::format(" · plan {}", short_id(report_.plan_id)));
    out_ += line + "\n";
  }

  void verification() {
    if (!report_.verify) return;
    const Verification& verify = *report_.verify;
    std::string line;
    if (verify.passed && verify.equal_bits)
      line = fmt::format("{}, {}: every bit as expected", counted(verify.outputs, "output"),
                         counted(verify.elements, "number"));
    else if (verify.passed)
      line = fmt::format("{}, {}: within rtol {} and atol {}", counted(verify.outputs, "output"),
                         counted(verify.elements, "number"), verify.rtol, verify.atol);
    else if (verify.elements == 0)
      line = "there was nothing to compare";
    else
      line = fmt::format("{} of {} beyond rtol {} and atol {}", count_text(verify.beyond),
                         counted(verify.elements, "number"), verify.rtol, verify.atol);
    out_ += fmt::format(
        "\n{} {}\n",
        verify.passed ? paint(Paint::green, "✓ verified") : paint(Paint::red, "✗ not as expected"), line);
    if (verify.elements == 0) return mismatches();
    std::string largest = fmt::format("largest difference {:.3g}", verify.max_abs);
    if (verify.worst && !(verify.passed && verify.equal_bits)) {
      if (verify.max_rel > 0) largest += fmt::format(" (relative {:.2g})", verify.max_rel);
      out_ += fmt::format("{}{}\n", kIndent, largest);
      out_ += fmt::format("{}worst: `{}` at [{}] is {}, expected {}\n", kIndent, verify.worst->output,
                          fmt::join(verify.worst->index, ", "), verify.worst->actual, verify.worst->expected);
    } else {
      out_ += fmt::format("{}{}\n", kIndent, paint(Paint::dim, largest));
    }
    mismatches();
  }

  /// What was not compared number by number.
  void mismatches() {
    const Verification& verify = *report_.verify;
    for (const std::string& sentence : verify.mismatched)
      out_ += fmt::format("{}{}\n", kIndent, sentence);
    if (!verify.missing.empty())
      out_ += fmt::format("{}missing: {}\n", kIndent, fmt::join(verify.missing, ", "));
    if (!verify.not_compared.empty())
      out_ += fitted(fmt::format("{}not compared, nothing is expected of them: {}", kIndent,
                                 fmt::join(verify.not_compared, ", ")),
                     style_.width) +
              "\n";
  }

  void outputs() {
    if (report_.outputs.empty() || report_.verify) return;  // verified outputs need no looking at
    heading("outputs");
    Table table({Align::left, Align::left, Align::left});
    for (std::size_t i = 0; i < report_.outputs.size() && i < kShownOutputs; ++i) {
      const OutputSummary& output = report_.outputs[i];
      table.row({output.name, output.type, paint(Paint::dim, output.preview)});
    }
    out_ += table.text(kIndent);
    if (report_.outputs.size() > kShownOutputs)
      out_ += fmt::format("{}and {} more\n", kIndent, report_.outputs.size() - kShownOutputs);
  }

  [[nodiscard]] std::uint64_t elapsed_ns() const {
    std::uint64_t sum = 0;
    for (const StepTime& step : report_.steps)
      sum += step.virtual_ns.value_or(step.wall_ns);
    return sum;
  }
  [[nodiscard]] bool is_virtual() const {
    return !report_.steps.empty() && report_.steps.front().virtual_ns.has_value();
  }

  /// Stages of all methods on a device, and what they hold in words.
  void stages_of(const std::string& device, std::vector<std::string>& ids, std::string& modules) const {
    for (const auto& [name, method] : schedule_->methods) {
      const auto graph = report_.plan->methods.find(name);
      std::vector<std::string> nodes;
      for (const plan::Stage& stage : method.stages) {
        if (stage.device != device) continue;
        ids.push_back(schedule_->methods.size() > 1 ? fmt::format("{}:{}", name, stage.id) : stage.id);
        nodes.insert(nodes.end(), stage.nodes.begin(), stage.nodes.end());
      }
      if (modules.empty() && graph != report_.plan->methods.end())
        modules = Scopes(graph->second).describe(nodes);
    }
  }

  void devices() {
    if (report_.stats.devices.empty() || !report_.topology || schedule_ == nullptr) return;
    const std::uint64_t elapsed = elapsed_ns();
    heading("what went where");
    Table table(
        {Align::left, Align::left, Align::right, Align::left, Align::right, Align::left, Align::left});
    table.row({paint(Paint::dim, "device"), paint(Paint::dim, "stages"), paint(Paint::dim, "busy"), "",
               paint(Paint::dim, "memory"), "", paint(Paint::dim, "modules")});
    for (const plan::Device& device : report_.topology->devices) {
      const auto found = report_.stats.devices.find(device.id);
      const DeviceUse use =
          found == report_.stats.devices.end() ? DeviceUse{0, 0, device.memory_bytes} : found->second;
      std::vector<std::string> stages;
      std::string modules;
      stages_of(device.id, stages, modules);
      const double busy = elapsed > 0 ? static_cast<double>(use.busy_ns) / static_cast<double>(elapsed) : 0;
      const double full = use.memory_bytes > 0
                              ? static_cast<double>(use.peak_bytes) / static_cast<double>(use.memory_bytes)
                              : 0;
      const std::string shown =
          stages.size() <= 3 ? fmt::format("{}", fmt::join(stages, ", "))
                             : fmt::format("{} … {} ({})", stages.front(), stages.back(), stages.size());
      table.row({paint(Paint::cyan, device.id), stages.empty() ? paint(Paint::dim, "–") : shown,
                 duration_text(use.busy_ns), bar(busy, kBarCells),
                 fmt::format("{} of {}", bytes_text(use.peak_bytes), bytes_text(use.memory_bytes)),
                 paint(full > 0.95 ? Paint::yellow : Paint::bold, bar(full, kBarCells)),
                 paint(Paint::dim, modules)});
    }
    for (const std::string& line : lines_of(table.text(kIndent)))
      out_ += fitted(line, style_.width) + "\n";
  }

  static std::vector<std::string> lines_of(std::string_view text) {
    std::vector<std::string> lines;
    while (!text.empty()) {
      const std::size_t end = std::min(text.find('\n'), text.size());
      lines.emplace_back(text.substr(0, end));
      text.remove_prefix(std::min(end + 1, text.size()));
    }
    return lines;
  }

  /// Where an end of a transfer is: the device of a stage, or the client.
  static std::string place(const plan::MethodSchedule& method, std::string_view end) {
    if (end.find(':') != std::string_view::npos) return "client";
    for (const plan::Stage& stage : method.stages)
      if (stage.id == end) return stage.device;
    return std::string(end);
  }

  void moved() {
    if (schedule_ == nullptr) return;
    std::map<std::pair<std::string, std::string>, std::pair<std::uint64_t, std::uint64_t>>
        flows;  // ends → count, bytes
    for (const auto& [name, method] : schedule_->methods)
      for (const plan::Transfer& transfer : method.transfers) {
        auto& [count, bytes] = flows[{place(method, transfer.from), place(method, transfer.to)}];
        ++count;
        bytes += transfer.size_bytes;
      }
    if (flows.empty()) return;
    std::vector<std::pair<std::pair<std::string, std::string>, std::pair<std::uint64_t, std::uint64_t>>>
        ordered(flows.begin(), flows.end());
    std::stable_sort(ordered.begin(), ordered.end(),
                     [](const auto& a, const auto& b) { return a.second.second > b.second.second; });
    std::vector<std::string> parts;
    for (std::size_t i = 0; i < ordered.size() && i < kShownTransfers; ++i)
      parts.push_back(fmt::format("{} → {} {}", ordered[i].first.first, ordered[i].first.second,
                                  bytes_text(ordered[i].second.second)));
    if (ordered.size() > kShownTransfers)
      parts.push_back(fmt::format("{} more", ordered.size() - kShownTransfers));
    const std::string text = fmt::format("{}", fmt::join(parts, " · "));
    heading(schedule_->methods.size() > 1 ? "what moves in one call of each method"
                                          : "what moves in one call");
    for (const std::string& line : wrapped(text, style_.width - kIndent.size()))
      out_ += fmt::format("{}{}\n", kIndent, line);
  }

  void cost() {
    if (report_.steps.empty()) return;
    heading("what it cost");
    const plan::Table<Use> predicted = predicted_use(report_);
    Table table({Align::left, Align::right, Align::right, Align::right, Align::left});
    table.row(
        {"", paint(Paint::dim, "predicted"), paint(Paint::dim, "observed"), paint(Paint::dim, "off by"), ""});
    const auto row = [&](const std::string& what, std::string planned, std::string seen,
                         std::optional<double> error, std::string_view note) {
      table.row({what, std::move(planned), std::move(seen), error ? percent_text(*error, true) : "–",
                 paint(Paint::dim, note)});
    };
    for (const auto& [method, seen] : report_.observed) {
      const auto known = predicted.find(method);
      if (known == predicted.end()) continue;
      const Use& planned = known->second;
      const std::string suffix = report_.observed.size() > 1 ? " of " + method : "";
      row("time of a call" + suffix, duration_text(planned.makespan_ns), duration_text(seen.makespan_ns),
          prediction_error(planned.makespan_ns, seen.makespan_ns),
          is_virtual() ? "on the emulated clock" : "");
      if (report_.observed.size() > 1) continue;
      row("sent over links", bytes_text(planned.wire_bytes), bytes_text(seen.wire_bytes),
          prediction_error(planned.wire_bytes, seen.wire_bytes), "");
      std::uint64_t planned_peak = 0;
      std::uint64_t seen_peak = 0;
      for (const auto& [device, bytes] : planned.peak_bytes)
        planned_peak = std::max(planned_peak, bytes);
      for (const auto& [device, bytes] : seen.peak_bytes)
        seen_peak = std::max(seen_peak, bytes);
      row("largest memory peak", bytes_text(planned_peak), bytes_text(seen_peak),
          prediction_error(planned_peak, seen_peak), "");
    }
    out_ += table.text(kIndent);
    std::uint64_t wall = 0;
    for (const StepTime& step : report_.steps)
      wall += step.wall_ns;
    const PhaseTimes& time = report_.time;
    const std::string here = fmt::format(
        "wall: load {}, capture {}, check {}, schedule {}, prepare {}, run {}",
        duration_text(time.load_plugins_ns), duration_text(time.capture_ns), duration_text(time.validate_ns),
        duration_text(time.schedule_ns), duration_text(time.prepare_ns), duration_text(wall));
    for (const std::string& line : wrapped(here, style_.width - kIndent.size()))
      out_ += fmt::format("{}{}\n", kIndent, paint(Paint::dim, line));
  }

  /// The decisions that say most: those that a hint, then memory forced, then the rest; shown in the plan's order.
  [[nodiscard]] std::vector<const plan::Decision*> telling_decisions() const {
    const auto rank = [](const plan::Decision& decision) {
      return !decision.honours.empty() ? 0 : decision.because == "makespan" ? 2 : 1;
    };
    std::vector<const plan::Decision*> chosen;
    for (int wanted = 0; wanted <= 2; ++wanted)
      for (const plan::Decision& decision : schedule_->decisions)
        if (rank(decision) == wanted && chosen.size() < kShownDecisions) chosen.push_back(&decision);
    std::sort(chosen.begin(), chosen.end());  // they are elements of one array
    return chosen;
  }

  void decisions() {
    if (schedule_ == nullptr || schedule_->decisions.empty()) return;
    heading("why");
    const std::vector<const plan::Decision*> shown = telling_decisions();
    std::size_t widest = 0;
    for (const plan::Decision* decision : shown)
      widest = std::max(widest, columns(headline(*decision)));
    const std::size_t indent = kIndent.size() + widest + 2;
    for (const plan::Decision* decision : shown) {
      const std::string head = headline(*decision);
      std::string reason = decision->because;
      if (!decision->detail.empty()) reason += (reason.empty() ? "" : ": ") + decision->detail;
      if (const std::string modules = modules_of(*decision); !modules.empty())
        reason = modules + " · " + reason;
      std::string begin =
          kIndent.data() + paint(Paint::cyan, head) + std::string(widest - columns(head) + 2, ' ');
      for (const std::string& line : wrapped(reason, style_.width - indent)) {
        out_ += begin + line + "\n";
        begin = std::string(indent, ' ');
      }
    }
    if (schedule_->decisions.size() > shown.size())
      out_ += fmt::format(
          "{}{}\n", kIndent,
          paint(Paint::dim, fmt::format("and {} more: genie-host plan show {} --decisions",
                                        counted(schedule_->decisions.size() - shown.size(), "decision"),
                                        written_plan("plan.json"))));
  }

  /// The modules of the stage that a decision is about; empty when it is about something else.
  [[nodiscard]] std::string modules_of(const plan::Decision& decision) const {
    for (const auto& [name, method] : schedule_->methods)
      for (const plan::Stage& stage : method.stages)
        if (stage.id == decision.subject)
          if (const auto graph = report_.plan->methods.find(name); graph != report_.plan->methods.end())
            return Scopes(graph->second).describe(stage.nodes);
    return {};
  }

  void warnings() {
    std::size_t shown = 0;
    std::size_t all = 0;
    for (const plan::Diagnostic& warning : report_.warnings) {
      if (warning.severity == plan::Severity::note) continue;
      ++all;
      if (shown == kShownWarnings) continue;
      if (shown++ == 0) heading("worth knowing");
      out_ += fitted(fmt::format("{}{} {}", kIndent, paint(Paint::yellow, warning.code), warning.message),
                     style_.width) +
              "\n";
    }
    if (all > shown) out_ += fmt::format("{}and {} more, in the report\n", kIndent, all - shown);
  }

  /// Where this run wrote its plan, as one would type it here.
  [[nodiscard]] std::string written_plan(std::string_view otherwise) const {
    for (const auto& [what, path] : report_.written)
      if (what == "plan") return nearby_path(path);
    return std::string(otherwise);
  }

  /// A pin that can be honoured: a module, and another device that has room for its weights.
  [[nodiscard]] std::optional<std::string> suggested_pin() const {
    for (const auto& [name, method] : schedule_->methods) {
      const auto graph = report_.plan->methods.find(name);
      if (graph == report_.plan->methods.end()) continue;
      const Scopes scopes(graph->second);
      std::string best_module;
      std::string best_device;
      std::uint64_t best_bytes = 0;
      for (const plan::Stage& stage : method.stages) {
        const std::string module = scopes.whole_module(stage.nodes);
        if (module.empty()) continue;
        const std::uint64_t bytes = stage_weight_bytes(graph->second, *report_.plan, stage);
        for (const auto& [device, use] : report_.stats.devices) {
          const std::uint64_t room =
              use.memory_bytes > use.peak_bytes ? use.memory_bytes - use.peak_bytes : 0;
          if (device == stage.device || bytes < best_bytes || bytes + bytes / 4 > room) continue;
          best_module = module;
          best_device = device;
          best_bytes = bytes;
        }
      }
      if (best_module.empty()) continue;
      plan::json::Writer hint;
      hint.begin_object()
          .key("kind")
          .value("pin")
          .key("select")
          .value(best_module + ".**")
          .key("device")
          .value(best_device)
          .end_object();
      return fmt::format("--set '/hints/-={}'", hint.take());
    }
    return std::nullopt;
  }

  void how_to_change() {
    if (schedule_ == nullptr || !report_.topology || report_.steps.empty()) return;
    heading("how to change it");
    Table table({Align::left, Align::left});
    if (auto pin = suggested_pin()) table.row({"pin a module", std::move(*pin)});
    if (report_.topology->devices.size() < 2)
      table.row({"use more devices", "--set /backend/options/topology=cluster.json"});
    table.row({"another policy", "--set /policy/plugin=ID   (genie-host plugins lists them)"});
    const std::string plan = written_plan("");
    table.row({"look closer", plan.empty()
                                  ? "--set /report/plan=plan.json, then: genie-host plan show plan.json"
                                  : fmt::format("genie-host plan show {}", plan)});
    out_ += table.text(kIndent);
  }

  void written() {
    if (report_.written.empty()) return;
    heading("written");
    Table table({Align::left, Align::left});
    for (const auto& [what, path] : report_.written) {
      table.row({what, nearby_path(path) +
                           (what == "trace" ? paint(Paint::dim, "   (open it at ui.perfetto.dev)") : "")});
    }
    out_ += table.text(kIndent);
  }

  const RunReport& report_;
  const Style& style_;
  const plan::Schedule* schedule_ = nullptr;
  std::string out_;
};

}  // namespace

std::string to_text(const RunReport& report, const Style& style) {
  return Text(report, style).write();
}

std::string diagnostics_text(const plan::Diagnostics& diagnostics, const Style& style) {
  std::string text;
  for (const plan::Diagnostic& diagnostic : diagnostics) {
    if (!text.empty()) text += '\n';
    const std::string plain = plan::to_text(diagnostic);
    const std::size_t colon = plain.find(": ");
    const std::size_t line = plain.find('\n');
    const Paint colour = diagnostic.severity == plan::Severity::error     ? Paint::red
                         : diagnostic.severity == plan::Severity::warning ? Paint::yellow
                                                                          : Paint::cyan;
    if (colon == std::string::npos || line == std::string::npos || colon > line) {
      text += plain;
      continue;
    }
    text += painted(style, colour, std::string_view(plain).substr(0, colon)) +
            painted(style, Paint::bold, std::string_view(plain).substr(colon, line - colon));
    text += std::string_view(plain).substr(line);
  }
  return text;
}

}  // namespace genie::report
