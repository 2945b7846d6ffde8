#include "time_text.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <numeric>

#include "module_time.hpp"
#include "scopes.hpp"
#include "timeline_text.hpp"
#include "waits.hpp"

namespace genie::report {

namespace {

using Align = Table::Align;

double share(std::uint64_t part, std::uint64_t whole) {
  return whole == 0 ? 0.0 : static_cast<double>(part) / static_cast<double>(whole);
}

/// What a device did in all calls together.
struct Sum {
  std::string device;
  std::uint64_t compute_ns = 0, transfer_ns = 0, idle_ns = 0;
  bool split = false;  ///< what was not computing is told apart
};

const plan::MethodSchedule* schedule_of(const plan::Plan& plan, const std::string& method) {
  if (!plan.schedule) return nullptr;
  const auto found = plan.schedule->methods.find(method);
  return found == plan.schedule->methods.end() ? nullptr : &found->second;
}

/// Sums over the calls, in the topology's order. Without calls only what the backend counted is known.
std::vector<Sum> sums_of(const RunReport& report, std::uint64_t elapsed_ns) {
  std::map<std::string, Sum, std::less<>> by_device;
  std::uint64_t seen_ns = 0;
  for (const CallTimeline& call : report.calls)
    if (const plan::MethodSchedule* scheduled = schedule_of(*report.plan, call.method)) {
      seen_ns += call.duration_ns;
      for (const DeviceTime& time : analyse(call, *scheduled).devices) {
        Sum& sum = by_device[time.device];
        sum.split = true;
        sum.compute_ns += time.compute_ns;
        sum.transfer_ns += time.transfer_ns;
      }
    }
  std::vector<Sum> sums;
  for (const plan::Device& device : report.topology->devices) {
    Sum& sum = sums.emplace_back(by_device[device.id]);
    sum.device = device.id;
    if (report.calls.empty())
      if (const auto use = report.stats.devices.find(device.id); use != report.stats.devices.end())
        sum.compute_ns = use->second.busy_ns;
    const std::uint64_t whole = report.calls.empty() ? elapsed_ns : seen_ns;
    const std::uint64_t used = sum.compute_ns + sum.transfer_ns;
    sum.idle_ns = whole > used ? whole - used : 0;
  }
  return sums;
}

/// What a device's stages compute, in few words.
std::string modules_on(const RunReport& report, const std::string& device) {
  for (const auto& [name, method] : report.plan->schedule->methods) {
    const auto graph = report.plan->methods.find(name);
    if (graph == report.plan->methods.end()) continue;
    std::vector<std::string> nodes;
    for (const plan::Stage& stage : method.stages)
      if (stage.device == device) nodes.insert(nodes.end(), stage.nodes.begin(), stage.nodes.end());
    if (std::string modules = Scopes(graph->second).describe(nodes); !modules.empty()) return modules;
  }
  return {};
}

/// "45.6 of 48.0 MiB", or both with their units when these differ.
std::string of_text(std::uint64_t part, std::uint64_t whole) {
  std::string first = bytes_text(part);
  const std::string second = bytes_text(whole);
  const auto unit = [](const std::string& text) { return text.substr(text.rfind(' ')); };
  if (unit(first) == unit(second)) first.resize(first.rfind(' '));
  return fmt::format("{} of {}", first, second);
}

std::string part_text(std::uint64_t ns, std::uint64_t whole) {
  return fmt::format("{} {:>4}", duration_text(ns), fmt::format("{:.0f}%", share(ns, whole) * 100));
}

Lines table_lines(const RunReport& report, std::uint64_t elapsed_ns, std::size_t shown, const Style& style) {
  const std::vector<Sum> sums = sums_of(report, elapsed_ns);
  std::vector<std::size_t> order(sums.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  const bool cut = shown > 0 && sums.size() > shown;
  if (cut) {
    std::ranges::stable_sort(order, std::greater<>(), [&](std::size_t i) { return sums[i].compute_ns; });
    order.resize(shown - 1);
    std::ranges::sort(order);
  }
  const auto dim = [&](std::string_view text) { return painted(style, Paint::dim, text); };
  Table table(
      {Align::left, Align::right, Align::right, Align::right, Align::right, Align::left, Align::left});
  table.row({painted(style, Paint::bold, "where time went"), dim("compute"), dim("transfer"), dim("idle"),
             dim("memory"), "", dim("modules")});
  for (const std::size_t i : order) {
    const Sum& sum = sums[i];
    const std::uint64_t whole = sum.compute_ns + sum.transfer_ns + sum.idle_ns;
    DeviceUse use;
    if (const auto found = report.stats.devices.find(sum.device); found != report.stats.devices.end())
      use = found->second;
    else
      use.memory_bytes = report.topology->device(sum.device)->memory_bytes;
    const double full = share(use.peak_bytes, use.memory_bytes);
    constexpr std::size_t kBarCells = 6;
    table.row({"  " + painted(style, Paint::cyan, sum.device), part_text(sum.compute_ns, whole),
               sum.split ? duration_text(sum.transfer_ns) : "", duration_text(sum.idle_ns),
               of_text(use.peak_bytes, use.memory_bytes),
               painted(style, full > 0.95 ? Paint::yellow : Paint::bold, bar(full, kBarCells)),
               dim(modules_on(report, sum.device))});
  }
  Lines lines;
  std::string text = table.text("");
  for (std::size_t begin = 0, end = 0; (end = text.find('\n', begin)) != std::string::npos; begin = end + 1)
    lines.push_back(fitted(std::string_view(text).substr(begin, end - begin), style.width));
  if (cut) {
    const std::uint64_t left =
        std::accumulate(sums.begin(), sums.end(), std::uint64_t{0},
                        [](std::uint64_t ns, const Sum& sum) { return ns + sum.compute_ns; }) -
        std::accumulate(order.begin(), order.end(), std::uint64_t{0},
                        [&](std::uint64_t ns, std::size_t i) { return ns + sums[i].compute_ns; });
    lines.push_back("  " + dim(fmt::format("… and {} more devices, which computed for {} together",
                                           count_text(sums.size() - order.size()), duration_text(left))));
  }
  return lines;
}

Lines module_lines(const RunReport& report, std::size_t shown, const Style& style) {
  const std::vector<ModuleTime> modules = module_times(*report.plan, *report.topology, report.calls);
  if (modules.empty()) return {};
  std::uint64_t whole = 0;
  for (const ModuleTime& module : modules)
    whole += module.ns;
  const auto told = [&](std::size_t count) {
    std::vector<std::string> parts;
    std::uint64_t rest = whole;
    for (std::size_t i = 0; i < count; ++i) {
      rest -= std::min(rest, modules[i].ns);
      parts.push_back(fmt::format("{} {} {:.0f}%",
                                  modules[i].module.empty() ? "(no module)" : modules[i].module,
                                  duration_text(modules[i].ns), share(modules[i].ns, whole) * 100));
    }
    if (count < modules.size())
      parts.push_back(fmt::format("{} more {}", modules.size() - count, duration_text(rest)));
    return fmt::format("{}", fmt::join(parts, " · "));
  };
  const std::size_t width = style.width - kLabelColumns - 2;
  if (shown > 0) {
    std::size_t count = std::min(shown, modules.size());
    while (count > 1 && columns(told(count)) > width)
      --count;
    return {labelled(style, "modules", told(count))};
  }
  Lines lines;
  std::string label = "modules";
  for (const std::string& line : wrapped(told(modules.size()), width)) {
    lines.push_back(labelled(style, label, line));
    label.clear();
  }
  return lines;
}

/// The chain in order; what took least is left out when there is no room.
std::string path_text(const CallAnalysis& analysis, std::size_t width) {
  const std::vector<Critical>& path = analysis.path;
  const std::uint64_t whole = analysis.path_compute_ns + analysis.path_transfer_ns;
  const std::string end = fmt::format("  {:.0f}% compute", share(analysis.path_compute_ns, whole) * 100);
  std::vector<std::size_t> by_length(path.size());
  std::iota(by_length.begin(), by_length.end(), std::size_t{0});
  std::ranges::stable_sort(by_length, std::greater<>(),
                           [&](std::size_t i) { return path[i].end_ns - path[i].start_ns; });
  constexpr std::size_t kMost = 12;
  for (std::size_t kept = std::min(path.size(), kMost); kept > 0; --kept) {
    std::vector<std::size_t> chosen(by_length.begin(), by_length.begin() + static_cast<std::ptrdiff_t>(kept));
    std::ranges::sort(chosen);
    std::vector<std::string> parts;
    std::size_t next = 0;
    for (const std::size_t i : chosen) {
      if (i > next) parts.push_back("…");
      const Critical& link = path[i];
      const std::string lasted = duration_text(link.end_ns - link.start_ns);
      parts.push_back(link.is_transfer
                          ? fmt::format("{} {}", link.place.empty() ? link.id : link.place, lasted)
                          : fmt::format("{} on {} {}", link.id, link.place, lasted));
      next = i + 1;
    }
    if (next < path.size()) parts.push_back("…");
    std::string text = fmt::format("{}{}", fmt::join(parts, " → "), end);
    if (columns(text) <= width || kept == 1) return fitted(text, width);
  }
  return {};
}

}  // namespace

std::string labelled(const Style& style, std::string_view label, std::string_view text) {
  std::string line = "  " + painted(style, Paint::dim, label);
  if (columns(label) < kLabelColumns) line += std::string(kLabelColumns - columns(label), ' ');
  return fitted(line.append(text), style.width);
}

Lines wait_lines(const CallTimeline& call, const plan::Plan& plan, std::size_t shown, const Style& style) {
  const plan::MethodSchedule* scheduled = schedule_of(plan, call.method);
  if (scheduled == nullptr) return {};
  const CallAnalysis analysis = analyse(call, *scheduled);
  Lines lines;
  if (!analysis.path.empty())
    lines.push_back(labelled(style, "path", path_text(analysis, style.width - kLabelColumns - 2)));
  std::map<std::string_view, const plan::Transfer*> transfers;
  for (const plan::Transfer& transfer : scheduled->transfers)
    transfers.emplace(transfer.id, &transfer);
  std::string label = "waits";
  std::size_t count = 0;
  for (const Wait& wait : analysis.waits) {
    if (shown > 0 && count++ == shown) break;
    const std::uint64_t whole = wait.end_ns - wait.start_ns;
    const auto carried = transfers.find(wait.transfer);
    const std::string value = carried == transfers.end() ? wait.transfer : carried->second->value;
    std::string text = fmt::format("{} {} before {}: ", wait.device, duration_text(whole), wait.stage);
    if (whole > wait.transfer_ns)
      text += wait.from.empty() ? std::string("for the client")
                                : fmt::format("for {} on {}", wait.from, wait.from_device);
    if (wait.transfer_ns > 0)
      text += fmt::format("{}{} over {}{}", whole > wait.transfer_ns ? ", then " : "for ", value,
                          wait.link.empty() ? "no link" : wait.link,
                          whole > wait.transfer_ns ? " " + duration_text(wait.transfer_ns) : "");
    lines.push_back(labelled(style, label, text));
    label.clear();
  }
  return lines;
}

Lines link_lines(const RunReport& report, std::size_t shown, const Style& style) {
  std::vector<std::pair<std::string, LinkUse>> links(report.stats.links.begin(), report.stats.links.end());
  std::erase_if(links, [](const auto& link) { return link.second.messages == 0 && link.second.bytes == 0; });
  std::ranges::stable_sort(links, std::greater<>(), [](const auto& link) { return link.second.bytes; });
  Lines lines;
  std::string label = "links";
  for (std::size_t i = 0; i < links.size(); ++i) {
    if (shown > 0 && i + 1 == shown && links.size() > shown) {
      lines.push_back(
          labelled(style, label, fmt::format("… and {} more links", count_text(links.size() - i))));
      break;
    }
    const auto& [id, use] = links[i];
    lines.push_back(labelled(style, label,
                             fmt::format("{} {} in {}, busy {}", id, bytes_text(use.bytes),
                                         counted(use.messages, "message"), duration_text(use.busy_ns))));
    label.clear();
  }
  return lines;
}

TimeText time_text(const RunReport& report, std::uint64_t elapsed_ns, const TimeRows& rows,
                   const Style& style) {
  TimeText text;
  if (!report.plan || !report.plan->schedule || !report.topology || report.steps.empty()) return text;
  text.table = table_lines(report, elapsed_ns, rows.devices, style);
  text.modules = module_lines(report, rows.modules, style);
  const CallTimeline* call = slowest(report.calls);
  if (call == nullptr) return text;
  const plan::MethodSchedule* scheduled = schedule_of(*report.plan, call->method);
  if (scheduled == nullptr) return text;
  TimelineView view;
  const std::string title =
      report.steps.size() > 1 ? fmt::format("step {}", call->step) : std::string("timeline");
  view.title = title;
  view.shown_devices = rows.devices;
  view.shown_links = rows.links;
  for (const plan::Device& device : report.topology->devices)
    view.devices.push_back(device.id);
  text.timeline = timeline_lines(*call, *scheduled, view, style);
  text.legend = {"  " + timeline_legend(style)};
  text.waits = wait_lines(*call, *report.plan, rows.waits, style);
  return text;
}

plan::Result<std::string> predicted_text(const plan::Plan& plan, const plan::Topology& topology,
                                         const std::string& method, const Style& style) {
  constexpr std::size_t kShownWaits = 8;
  std::string text;
  for (const auto& [name, scheduled] : plan.schedule->methods) {
    if (!method.empty() && name != method) continue;
    auto call = predicted_call(plan, name, topology);
    if (!call) return std::move(call).errors();
    TimelineView view;
    for (const plan::Device& device : topology.devices)
      view.devices.push_back(device.id);
    const auto add = [&text](const Lines& lines) {
      for (const std::string& line : lines)
        text += line + "\n";
    };
    text += fmt::format("{}{} · {} foreseen · {}, {}\n\n", text.empty() ? "" : "\n",
                        painted(style, Paint::bold, "method " + name), duration_text(call->duration_ns),
                        counted(scheduled.stages.size(), "stage"),
                        counted(scheduled.transfers.size(), "transfer"));
    add(timeline_lines(*call, scheduled, view, style));
    text += "\n";
    add(wait_lines(*call, plan, kShownWaits, style));
  }
  if (!text.empty()) text += "\n  " + timeline_legend(style) + "\n";
  return in_charset(style, std::move(text));
}

}  // namespace genie::report
