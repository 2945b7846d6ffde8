#include "text.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <filesystem>
#include <map>

#include "advice_text.hpp"
#include "time_text.hpp"

namespace genie::report {

namespace {

constexpr std::size_t kScreenLines = 24;
constexpr std::size_t kShownOutputs = 3;
constexpr std::size_t kShownMethods = 2;
constexpr std::size_t kShownFaults = 3;
constexpr std::string_view kIndent = "  ";
using Align = Table::Align;

std::string file_name(const std::string& path) {
  return std::filesystem::path(path).filename().string();
}

/// The first digits of a digest, enough to recognise it.
std::string short_id(std::string_view id) {
  constexpr std::size_t kDigits = 12;
  if (id.starts_with("sha256:")) id.remove_prefix(7);
  return std::string(id.substr(0, kDigits));
}

/// Lines that belong together. A blank line is set before one where the screen has room.
struct Block {
  Lines lines;
  int spare = 0;    ///< which goes first when there is no room: the highest; 0: never
  bool gap = true;  ///< begins something new
};

class Screen {
 public:
  Screen(const RunReport& report, const Style& style, Detail detail)
      : report_(report), style_(style), full_(detail == Detail::full) {
    if (report.plan && report.plan->schedule) schedule_ = &*report.plan->schedule;
  }

  std::string write() {
    title();
    verification();
    if (!out_.empty()) add(split(std::exchange(out_, {})), 0, false);
    outputs();
    time();
    troubles();
    unmet_hints();
    warnings();
    costs();
    written();
    if (!full_) fit();
    std::string text;
    for (const Block& block : blocks_) {
      if (block.gap && !text.empty()) text += '\n';
      for (const std::string& line : block.lines)
        text += line + "\n";
    }
    if (full_) text += advice_text(report_, style_);
    return text;
  }

 private:
  [[nodiscard]] std::string paint(Paint colour, std::string_view text) const {
    return painted(style_, colour, text);
  }

  void add(Lines lines, int spare = 0, bool gap = true) {
    if (!lines.empty()) blocks_.push_back({std::move(lines), spare, gap});
  }

  static Lines split(std::string_view text) {
    Lines lines;
    while (!text.empty()) {
      const std::size_t end = std::min(text.find('\n'), text.size());
      lines.emplace_back(text.substr(0, end));
      text.remove_prefix(std::min(end + 1, text.size()));
    }
    return lines;
  }

  [[nodiscard]] std::size_t height() const {
    std::size_t lines = 0;
    for (const Block& block : blocks_)
      lines += block.lines.size() + (block.gap && &block != &blocks_.front() ? 1 : 0);
    return lines;
  }

  /// Leaves out blank lines from the end, then what can be spared, until it fits.
  void fit() {
    for (auto block = blocks_.rbegin(); block != blocks_.rend() && height() > kScreenLines; ++block)
      block->gap = false;
    for (int spare = 9; spare > 0; --spare)
      while (height() > kScreenLines) {
        const auto found = std::find_if(blocks_.rbegin(), blocks_.rend(), [&](const Block& block) {
          return block.spare == spare && !block.lines.empty();
        });
        if (found == blocks_.rend()) break;
        found->lines.pop_back();
      }
    std::erase_if(blocks_, [](const Block& block) { return block.lines.empty(); });
  }

  void title() {
    std::vector<std::string> methods;
    for (const StepTime& step : report_.steps)
      if (std::find(methods.begin(), methods.end(), step.method) == methods.end())
        methods.push_back(step.method);
    std::string line = paint(Paint::bold, file_name(report_.source));
    if (!methods.empty()) line += fmt::format(" · {}", fmt::join(methods, ", "));
    if (report_.topology)
      line += fmt::format(" · {}{}", counted(report_.topology->devices.size(), "device"),
                          is_virtual() ? " on the emulated clock" : "");
    if (report_.steps.size() > 1) line += fmt::format(" · {}", counted(report_.steps.size(), "step"));
    line += paint(Paint::dim, fmt::format(" · plan {}", short_id(report_.plan_id)));
    add({fitted(line, style_.width)}, 0, false);
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
        "{} {}\n", verify.passed ? paint(Paint::green, "✓ verified") : paint(Paint::red, "✗ not as expected"),
        line);
    if (verify.elements == 0) return mismatches();
    std::string largest = fmt::format("largest difference {:.3g}", verify.max_abs);
    if (verify.worst && !(verify.passed && verify.equal_bits)) {
      if (verify.max_rel > 0) largest += fmt::format(" (relative {:.2g})", verify.max_rel);
      out_ += fmt::format("{}{}\n", kIndent, largest);
      out_ += fmt::format("{}worst: `{}` at [{}] is {}, expected {}\n", kIndent, verify.worst->output,
                          fmt::join(verify.worst->index, ", "), verify.worst->actual, verify.worst->expected);
    } else if (!verify.equal_bits) {
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
    Lines lines;
    std::string label = "outputs";
    for (std::size_t i = 0; i < report_.outputs.size() && (full_ || i < kShownOutputs); ++i) {
      const OutputSummary& output = report_.outputs[i];
      const bool last = !full_ && i + 1 == kShownOutputs && report_.outputs.size() > kShownOutputs;
      lines.push_back(labelled(
          style_, label,
          last ? fmt::format("and {} more", report_.outputs.size() - i)
               : fmt::format("{}  {}  {}", output.name, output.type, paint(Paint::dim, output.preview))));
      label.clear();
    }
    add(std::move(lines), 0, false);
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

  void time() {
    TimeRows rows;
    if (full_) rows = {0, 0, 0, 0};
    TimeText text = time_text(report_, elapsed_ns(), rows, style_);
    const bool drawn = !text.timeline.empty();
    add(std::move(text.table));
    add(std::move(text.modules), 3, false);
    add(std::move(text.timeline));
    if (full_) add(std::move(text.legend), 0, false);
    add(std::move(text.waits), 4);
    add(pipelines(), 2, false);
    if (!drawn || full_) add(link_lines(report_, full_ ? 0 : 3, style_), 5, false);
    if (report_.trace_dropped > 0)
      add({labelled(style_, "traced",
                    fmt::format("{} of {}; of the others there is no timeline",
                                count_text(report_.calls.size()), counted(report_.steps.size(), "step")))},
          0, false);
  }

  /// Predicted and observed, one line of each; of several methods a line each, as only their times are told apart.
  void costs() {
    if (report_.steps.empty()) return;
    const plan::Table<Use> predicted = predicted_use(report_);
    Lines lines;
    const bool one = report_.observed.size() == 1;
    std::size_t methods = 0;
    for (const auto& [method, seen] : report_.observed) {
      const auto known = predicted.find(method);
      if (known == predicted.end()) continue;
      if (!full_ && methods++ == kShownMethods) break;
      one ? compare(known->second, seen, lines) : compare_times(method, known->second, seen, lines);
    }
    std::uint64_t wall = 0;
    for (const StepTime& step : report_.steps)
      wall += step.wall_ns;
    const PhaseTimes& time = report_.time;
    add(std::move(lines));
    const std::vector<std::pair<std::string_view, std::uint64_t>> phases = {
        {"load", time.load_plugins_ns}, {"capture", time.capture_ns}, {"check", time.validate_ns},
        {"schedule", time.schedule_ns}, {"prepare", time.prepare_ns}, {"run", wall}};
    add({labelled(style_, "wall clock", phases_text(phases))}, 7, false);
    const std::uint64_t fused = count_of("fused_nodes"), packed = count_of("packed_weights");
    if (fused + packed > 0)
      add({labelled(style_, "kernels",
                    fmt::format("close results: {} fused, {} packed into {}", counted(fused, "node"),
                                counted(packed, "weight"), bytes_text(count_of("packed_bytes"))))},
          7, false);
  }

  /// What overlapping gained: of each method whose calls carried several steps.
  [[nodiscard]] Lines pipelines() const {
    std::map<std::string, std::pair<std::uint64_t, std::uint64_t>> carried;  // method → steps, time
    std::map<std::string, std::uint32_t> most;
    for (const StepTime& step : report_.steps) {
      auto& [steps, ns] = carried[step.method];
      steps += step.micro_batches;
      ns += step.virtual_ns.value_or(step.wall_ns);
      most[step.method] = std::max(most[step.method], step.micro_batches);
    }
    Lines lines;
    for (const auto& [method, sum] : carried)
      if (most[method] > 1 && sum.second > 0)
        lines.push_back(
            labelled(style_, lines.empty() ? "pipeline" : "",
                     fmt::format("{}, up to {} micro-batches a call: {:.1f} a second, one every {}",
                                 counted(sum.first, "step"), most[method],
                                 static_cast<double>(sum.first) * 1e9 / static_cast<double>(sum.second),
                                 duration_text(sum.second / sum.first))));
    return lines;
  }

  [[nodiscard]] std::uint64_t count_of(std::string_view name) const {
    const auto found = report_.stats.counters.find(name);
    return found == report_.stats.counters.end() ? 0 : found->second;
  }

  /// The phases in order; the shortest are left out when there is no room for all.
  [[nodiscard]] std::string phases_text(
      std::vector<std::pair<std::string_view, std::uint64_t>> phases) const {
    for (bool cut = false;; cut = true) {
      std::vector<std::string> parts;
      for (const auto& [phase, ns] : phases)
        parts.push_back(fmt::format("{} {}", phase, duration_text(ns)));
      if (cut) parts.emplace_back("…");
      std::string text = fmt::format("{}", fmt::join(parts, ", "));
      if (phases.size() == 1 || columns(text) + kIndent.size() + kLabelColumns <= style_.width) return text;
      phases.erase(std::ranges::min_element(phases, {}, [](const auto& phase) { return phase.second; }));
    }
  }

  static std::uint64_t largest(const plan::Table<std::uint64_t>& table) {
    std::uint64_t most = 0;
    for (const auto& [device, bytes] : table)
      most = std::max(most, bytes);
    return most;
  }

  static std::string off(std::uint64_t predicted, std::uint64_t observed) {
    const auto error = prediction_error(predicted, observed);
    return error ? fmt::format(" ({})",
                               *error == 0.0 ? "as predicted" : "predicted " + percent_text(*error, true))
                 : std::string();
  }

  void compare(const Use& planned, const Use& seen, Lines& lines) const {
    const std::uint64_t planned_peak = largest(planned.peak_bytes), seen_peak = largest(seen.peak_bytes);
    lines.push_back(
        labelled(style_, "predicted",
                 fmt::format("{} a call · {} over links · memory peak {}", duration_text(planned.makespan_ns),
                             bytes_text(planned.wire_bytes), bytes_text(planned_peak))));
    lines.push_back(
        labelled(style_, "observed",
                 fmt::format("{} a call{} · {}{} · {}{}", duration_text(seen.makespan_ns),
                             off(planned.makespan_ns, seen.makespan_ns), bytes_text(seen.wire_bytes),
                             off(planned.wire_bytes, seen.wire_bytes), bytes_text(seen_peak),
                             off(planned_peak, seen_peak))));
  }

  void compare_times(const std::string& method, const Use& planned, const Use& seen, Lines& lines) const {
    lines.push_back(labelled(style_, lines.empty() ? "calls" : "",
                             fmt::format("{} {}{}", method, duration_text(seen.makespan_ns),
                                         off(planned.makespan_ns, seen.makespan_ns))));
  }

  /// Faults that struck, and losses that the run survived.
  void troubles() {
    std::vector<const FaultUse*> struck;
    for (const FaultUse& fault : report_.stats.faults)
      if (fault.hits > 0) struck.push_back(&fault);
    const std::size_t idle = report_.stats.faults.size() - struck.size();
    Lines lines;
    const auto say = [&](std::string_view label, const std::string& text) {
      lines.push_back(labelled(style_, label, fitted(text, style_.width - kLabelColumns - kIndent.size())));
    };
    for (const FaultUse* fault : struck) {
      if (!full_ && lines.size() == kShownFaults) {
        say("", fmt::format("and {} more: --details", counted(struck.size() - lines.size(), "fault")));
        break;
      }
      say(lines.empty() ? "faults" : "",
          fmt::format("{} struck {} {}, first in step {} at {}", fault->id, fmt::join(fault->places, ", "),
                      fault->hits == 1 ? "once" : fmt::format("{} times", fault->hits), fault->first_step,
                      duration_text(fault->first_ns)));
    }
    if (idle > 0)
      say(lines.empty() ? "faults" : "",
          fmt::format("{} of the script never struck", counted(idle, "fault")));
    std::string label = "went on";
    for (const Recovery& recovery : report_.recoveries) {
      say(label,
          fmt::format("without {} on {} from step {}; {} repeated{}", recovery.text,
                      fmt::join(recovery.left, ", "), recovery.step,
                      counted(recovery.replayed, "earlier step"),
                      recovery.virtual_ns ? fmt::format(", {} lost", duration_text(*recovery.virtual_ns))
                                          : std::string()));
      label.clear();
    }
    add(std::move(lines), 0, false);
  }

  /// A wish that was passed over is said, not left to be found. With all details the reasons say it.
  void unmet_hints() {
    if (schedule_ == nullptr || full_) return;
    constexpr std::size_t kShown = 2;
    Lines lines;
    std::size_t count = 0;
    for (const plan::Decision& decision : schedule_->decisions)
      if (decision.because == "hint-not-met" && count++ < kShown)
        lines.push_back(labelled(style_, lines.empty() ? "not met" : "",
                                 fitted(decision.detail, style_.width - kLabelColumns - 2)));
    if (count > kShown)
      lines.push_back(labelled(style_, "", fmt::format("and {} more hints: --details", count - kShown)));
    add(std::move(lines), 0, false);
  }

  void warnings() {
    std::vector<const plan::Diagnostic*> list;
    for (const plan::Diagnostic& warning : report_.warnings)
      if (warning.severity != plan::Severity::note) list.push_back(&warning);
    if (list.empty()) return;
    Lines lines;
    std::string label = "warnings";
    for (const plan::Diagnostic* warning : list) {
      if (!full_ && lines.size() == 1) break;
      std::string more = !full_ && list.size() > 1 ? fmt::format(" (and {} more: --details)", list.size() - 1)
                                                   : std::string();
      const std::string text = fmt::format("{} {}", paint(Paint::yellow, warning->code), warning->message);
      lines.push_back(
          labelled(style_, label, fitted(text, style_.width - kLabelColumns - 2 - columns(more)) + more));
      label.clear();
    }
    add(std::move(lines), 0, false);
  }

  static std::string folder_text(const std::filesystem::path& folder) {
    const std::string nearby = nearby_path(folder.string());
    return nearby == "." ? "this folder" : nearby;
  }

  /// Where the files are: once the folder, if they share one.
  void written() {
    Lines lines;
    if (!report_.written.empty()) {
      std::vector<std::string> names, paths;
      std::filesystem::path folder = std::filesystem::path(report_.written.front().second).parent_path();
      bool together = report_.written.size() > 1 && !folder.empty();
      for (const auto& [what, path] : report_.written) {
        names.push_back(std::filesystem::path(path).filename().string());
        paths.push_back(nearby_path(path));
        together = together && std::filesystem::path(path).parent_path() == folder;
      }
      const std::string text = together ? fmt::format("{} in {}", fmt::join(names, ", "), folder_text(folder))
                                        : fmt::format("{}", fmt::join(paths, ", "));
      std::string label = "written";
      for (const std::string& line : full_ ? wrapped(text, style_.width - kLabelColumns - 2) : Lines{text}) {
        lines.push_back(labelled(style_, label, line));
        label.clear();
      }
    }
    add(std::move(lines), 0, false);
    if (!full_ && schedule_ != nullptr && !report_.steps.empty())
      add({labelled(
              style_, "more",
              paint(Paint::dim,
                    "--details: why, and how to change it; --html page.html: graph, timeline, memory"))},
          8, false);
  }

  const RunReport& report_;
  const Style& style_;
  bool full_;
  const plan::Schedule* schedule_ = nullptr;
  std::string out_;
  std::vector<Block> blocks_;
};

}  // namespace

std::string to_text(const RunReport& report, const Style& style, Detail detail) {
  return in_charset(style, Screen(report, style, detail).write());
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
