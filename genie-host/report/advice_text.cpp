#include "advice_text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "decision_text.hpp"
#include "genie/plan/json.hpp"
#include "plan_summary.hpp"
#include "scopes.hpp"
#include "stage_weights.hpp"

namespace genie::report {

namespace {

constexpr std::size_t kShownDecisions = 5;
constexpr std::string_view kIndent = "  ";
using Align = Table::Align;

class Advice {
 public:
  Advice(const RunReport& report, const Style& style) : report_(report), style_(style) {
    if (report.plan && report.plan->schedule) schedule_ = &*report.plan->schedule;
  }

  std::string write() {
    if (schedule_ == nullptr) return {};
    decisions();
    how_to_change();
    return std::move(out_);
  }

 private:
  [[nodiscard]] std::string paint(Paint colour, std::string_view text) const {
    return painted(style_, colour, text);
  }
  void heading(std::string_view text) { out_ += fmt::format("\n{}\n", paint(Paint::bold, text)); }

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
          if (!report_.topology || report_.topology->device(device) == nullptr) continue;  // lost
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

  const RunReport& report_;
  const Style& style_;
  const plan::Schedule* schedule_ = nullptr;
  std::string out_;
};

}  // namespace

std::string nearby_path(const std::string& path) {
  std::error_code ignored;
  const std::string nearby =
      std::filesystem::path(path).lexically_proximate(std::filesystem::current_path(ignored)).string();
  return nearby.empty() || nearby.size() > path.size() ? path : nearby;
}

std::string advice_text(const RunReport& report, const Style& style) {
  return Advice(report, style).write();
}

}  // namespace genie::report
