#include "timeline_text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <map>

#include "waits.hpp"

namespace genie::report {

namespace {

constexpr std::size_t kIndent = 2;
constexpr std::size_t kMinLabel = 8;  ///< "timeline" stands in the column of labels
constexpr std::size_t kMaxLabel = 18;
constexpr std::size_t kTail = 9;  ///< "1023 KiB", and a blank
constexpr std::size_t kMinCells = 20;

/// Shares of slices of time.
class Slices {
 public:
  Slices(std::size_t cells, std::uint64_t duration_ns)
      : share_(cells, 0.0),
        cell_ns_(static_cast<double>(std::max<std::uint64_t>(duration_ns, 1)) / static_cast<double>(cells)) {}

  [[nodiscard]] std::size_t cell_of(std::uint64_t at_ns) const {
    const auto cell = static_cast<std::size_t>(static_cast<double>(at_ns) / cell_ns_);
    return std::min(cell, share_.size() - 1);
  }
  void add(std::uint64_t begin_ns, std::uint64_t end_ns) {
    if (end_ns <= begin_ns) return;
    const auto begin = static_cast<double>(begin_ns), end = static_cast<double>(end_ns);
    for (std::size_t cell = cell_of(begin_ns); cell < share_.size(); ++cell) {
      const double from = static_cast<double>(cell) * cell_ns_;
      if (from >= end) break;
      share_[cell] += std::max(0.0, std::min(end, from + cell_ns_) - std::max(begin, from)) / cell_ns_;
    }
  }
  [[nodiscard]] double operator[](std::size_t cell) const { return share_[cell]; }
  [[nodiscard]] std::size_t size() const { return share_.size(); }

 private:
  std::vector<double> share_;
  double cell_ns_;
};

/// A column as high as the share; something that happened is never invisible.
std::string_view height(double share) {
  constexpr std::array<std::string_view, 8> kHeights = {"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
  const auto eighths = static_cast<std::size_t>(std::lround(std::clamp(share, 0.0, 1.0) * 8));
  return kHeights[eighths == 0 ? 0 : eighths - 1];
}

/// Cells of one colour in a row, painted together.
class Row {
 public:
  explicit Row(const Style& style) : style_(style) {}
  void put(Paint paint, std::string_view sign) {
    if (paint != paint_) flush();
    paint_ = paint;
    run_ += sign;
  }
  std::string take() {
    flush();
    return std::move(out_);
  }

 private:
  void flush() {
    out_ += run_.find_first_not_of(' ') == std::string::npos ? run_ : painted(style_, paint_, run_);
    run_.clear();
  }
  const Style& style_;
  Paint paint_ = Paint::dim;
  std::string run_, out_;
};

struct DeviceRow {
  std::string id;
  std::vector<const plan::Event*> stages;
  std::uint64_t busy_ns = 0;
};

struct LinkRow {
  std::string id;
  std::vector<const plan::Event*> transfers;
  std::uint64_t bytes = 0;
};

/// Keeps the `shown` with the largest `weight`, in their order; how many were left out.
template <class Rows, class Weight>
std::size_t keep(Rows& rows, std::size_t shown, Weight weight) {
  if (shown == 0 || rows.size() <= shown) return 0;
  const std::size_t kept = shown - 1;  // one line says what is missing
  std::vector<std::size_t> order(rows.size());
  for (std::size_t i = 0; i < order.size(); ++i)
    order[i] = i;
  std::ranges::stable_sort(order,
                           [&](std::size_t a, std::size_t b) { return weight(rows[a]) > weight(rows[b]); });
  order.resize(kept);
  std::ranges::sort(order);
  Rows chosen;
  for (const std::size_t i : order)
    chosen.push_back(std::move(rows[i]));
  const std::size_t left = rows.size() - kept;
  rows = std::move(chosen);
  return left;
}

class Drawing {
 public:
  Drawing(const CallTimeline& call, const plan::MethodSchedule& scheduled, const TimelineView& view,
          const Style& style)
      : call_(call), view_(view), style_(style), analysis_(analyse(call, scheduled)) {}

  std::vector<std::string> write() {
    gather();
    const std::size_t more_devices =
        keep(devices_, view_.shown_devices, [](const DeviceRow& row) { return row.busy_ns; });
    const std::size_t more_links =
        keep(links_, view_.shown_links, [](const LinkRow& row) { return row.bytes; });
    label_ = kMinLabel;
    for (const DeviceRow& row : devices_)
      label_ = std::max(label_, std::min(kMaxLabel, columns(row.id)));
    for (const LinkRow& row : links_)
      label_ = std::max(label_, std::min(kMaxLabel, columns(row.id)));
    const std::size_t used = kIndent + label_ + 1 + kTail;
    cells_ = std::max(kMinCells, style_.width > used ? style_.width - used : 0);
    scale();
    for (const DeviceRow& row : devices_)
      draw(row);
    more(more_devices, "device");
    for (const LinkRow& row : links_)
      draw(row);
    more(more_links, "link");
    return std::move(lines_);
  }

 private:
  void gather() {
    std::map<std::string_view, std::vector<const plan::Event*>> stages, transfers;
    for (const plan::Event& event : call_.events)
      if (event.kind == plan::Event::Kind::stage)
        stages[event.place].push_back(&event);
      else if (!event.place.empty())
        transfers[event.place].push_back(&event);
    const auto add = [&](std::string_view id) {
      const auto found = stages.find(id);
      if (found == stages.end()) return;
      DeviceRow& row = devices_.emplace_back();
      row.id = id;
      row.stages = std::move(found->second);
      for (const plan::Event* stage : row.stages)
        row.busy_ns += stage->end_ns - stage->start_ns;
      stages.erase(found);
    };
    for (const std::string& id : view_.devices)
      add(id);
    while (!stages.empty())
      add(std::string(stages.begin()->first));
    for (auto& [id, list] : transfers) {
      LinkRow& row = links_.emplace_back();
      row.id = id;
      row.transfers = std::move(list);
      for (const plan::Event* transfer : row.transfers)
        row.bytes += transfer->bytes;
    }
  }

  void line(std::string_view label, std::string row, std::string_view tail, Paint paint) {
    const std::string name = fitted(label, label_);
    std::string text = std::string(kIndent, ' ') + painted(style_, paint, name) +
                       std::string(label_ - columns(name) + 1, ' ') + std::move(row);
    const std::size_t width = columns(text) + columns(tail);
    const std::size_t full = kIndent + label_ + 1 + cells_ + kTail;
    if (!tail.empty() && width < full)
      text += std::string(full - width, ' ') + painted(style_, Paint::dim, tail);
    while (text.ends_with(' '))
      text.pop_back();
    lines_.push_back(std::move(text));
  }

  /// The title, and times along the row.
  void scale() {
    std::string text;
    constexpr std::size_t kTicks = 4;
    std::size_t used = 0;
    for (std::size_t tick = 0; tick <= kTicks; ++tick) {
      const std::string label = tick == 0 ? "0" : duration_text(call_.duration_ns * tick / kTicks);
      const std::size_t at = cells_ * tick / kTicks;
      const std::size_t begin = tick == 0        ? 0
                                : tick == kTicks ? cells_ - columns(label)
                                                 : at - columns(label) / 2;
      const bool last = tick == kTicks;
      if (begin < used + (tick == 0 ? 0 : 1)) continue;
      if (!last && begin + columns(label) >= cells_ - columns(duration_text(call_.duration_ns))) continue;
      text += std::string(begin - used, ' ') + label;
      used = begin + columns(label);
    }
    std::string title = painted(style_, Paint::bold, fitted(view_.title, kIndent + label_));
    title += std::string(kIndent + label_ + 1 - std::min(kIndent + label_, columns(view_.title)), ' ');
    lines_.push_back(title + painted(style_, Paint::dim, text));
  }

  void draw(const DeviceRow& row) {
    Slices compute(cells_, call_.duration_ns), transfer(cells_, call_.duration_ns);
    std::uint64_t end = 0;
    for (const plan::Event* stage : row.stages) {
      compute.add(stage->start_ns, stage->end_ns);
      end = std::max(end, stage->end_ns);
    }
    for (const Wait& wait : analysis_.waits)
      if (wait.device == row.id && wait.transfer_ns > 0)
        transfer.add(wait.end_ns - wait.transfer_ns, wait.end_ns);
    std::vector<std::string> signs(cells_);
    std::vector<Paint> paints(cells_, Paint::dim);
    for (std::size_t cell = 0; cell < cells_; ++cell) {
      if (compute[cell] > 0) {
        signs[cell] = height(compute[cell]);
        paints[cell] = Paint::cyan;
      } else if (transfer[cell] > 0) {
        signs[cell] = "░";
        paints[cell] = Paint::yellow;
      } else {
        signs[cell] = end > 0 && cell <= compute.cell_of(end - 1) ? "·" : " ";
      }
    }
    for (const plan::Event* stage : row.stages)
      label(*stage, compute, signs, paints);
    Row drawn(style_);
    for (std::size_t cell = 0; cell < cells_; ++cell)
      drawn.put(paints[cell], signs[cell]);
    const double share = call_.duration_ns == 0
                             ? 0
                             : static_cast<double>(row.busy_ns) / static_cast<double>(call_.duration_ns);
    const bool little = share > 0 && share < 0.0005;
    line(row.id, drawn.take(), little ? "<0.1 %" : percent_text(share, false), Paint::cyan);
  }

  /// The id of a stage at its beginning, when it fits into the full cells of the stage and leaves one.
  static void label(const plan::Event& stage, const Slices& slices, std::vector<std::string>& signs,
                    std::vector<Paint>& paints) {
    std::size_t begin = slices.cell_of(stage.start_ns);
    const std::size_t end = slices.cell_of(stage.end_ns);
    if (slices[begin] < 1 && begin < end) ++begin;
    if (std::ranges::any_of(stage.id, [](char c) { return static_cast<unsigned char>(c) >= 0x80; })) return;
    if (end <= begin + stage.id.size()) return;
    for (std::size_t i = 0; i < stage.id.size(); ++i) {
      signs[begin + i] = std::string(1, stage.id[i]);
      paints[begin + i] = Paint::bold;
    }
  }

  void draw(const LinkRow& row) {
    // Messages overlap: only the time with at least one counts.
    Slices busy(cells_, call_.duration_ns);
    std::uint64_t until = 0;
    for (const plan::Event* transfer : row.transfers) {  // by start
      busy.add(std::max(until, transfer->start_ns), transfer->end_ns);
      until = std::max(until, transfer->end_ns);
    }
    Row drawn(style_);
    for (std::size_t cell = 0; cell < cells_; ++cell)
      drawn.put(Paint::yellow, busy[cell] > 0 ? height(busy[cell]) : std::string_view(" "));
    line(row.id, drawn.take(), bytes_text(row.bytes), Paint::yellow);
  }

  void more(std::size_t left, std::string_view what) {
    if (left > 0)
      lines_.push_back(std::string(kIndent, ' ') + painted(style_, Paint::dim,
                                                           fmt::format("… and {} more {}{}", count_text(left),
                                                                       what, left == 1 ? "" : "s")));
  }

  const CallTimeline& call_;
  const TimelineView& view_;
  const Style& style_;
  CallAnalysis analysis_;
  std::vector<DeviceRow> devices_;
  std::vector<LinkRow> links_;
  std::size_t label_ = kMinLabel;
  std::size_t cells_ = kMinCells;
  std::vector<std::string> lines_;
};

}  // namespace

std::vector<std::string> timeline_lines(const CallTimeline& call, const plan::MethodSchedule& scheduled,
                                        const TimelineView& view, const Style& style) {
  return Drawing(call, scheduled, view, style).write();
}

std::string timeline_legend(const Style& style) {
  return fmt::format("{} computes   {} waits for a value under way   {} waits for one that is not made yet",
                     painted(style, Paint::cyan, "█"), painted(style, Paint::yellow, "░"),
                     painted(style, Paint::dim, "·"));
}

}  // namespace genie::report
