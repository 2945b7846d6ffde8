// What the debugger shows: values, places, memory, times.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "debugger/debugger.hpp"
#include "genie/plan/index.hpp"
#include "genie/plan/json.hpp"
#include "report/format.hpp"

namespace genie::debugger {

using plan::json::View;
using report::bytes_text;
using report::duration_text;
using report::Table;
using runtime::StepEvent;

namespace {

constexpr std::size_t kNamedHoldings = 4;
constexpr std::size_t kNamedQueue = 6;

std::uint64_t number(View object, std::string_view key) {
  const auto value = object.find(key);
  return value && value->is(plan::json::Kind::integer) ? static_cast<std::uint64_t>(value->integer()) : 0;
}

std::string text(View object, std::string_view key) {
  const auto value = object.find(key);
  return value && value->is(plan::json::Kind::string) ? std::string(value->string()) : std::string();
}

/// The backend's answer, as long as it is used.
plan::Result<plan::json::Document> devices_of(const runtime::StepView& view) {
  auto json = view.describe();
  if (!json) return json.failure().diagnostics;
  return plan::json::Document::parse(*json);
}

}  // namespace

std::optional<tensors::Tensor> Debugger::read_value(const Now& now, const std::string& value) {
  std::vector<std::string> devices{std::string(now.event.device)};
  if (const Placed* maker = nodes_.maker(now.event.method, value)) devices.push_back(maker->stage->device);
  for (const plan::Stage& stage : nodes_.plan().schedule->methods.find(now.event.method)->second.stages)
    if (std::ranges::find(devices, stage.device) == devices.end()) devices.push_back(stage.device);
  for (const std::string& device : devices) {
    auto read = now.view.value(device, value);
    if (!read) {
      complain(read.failure().diagnostics);
      return std::nullopt;
    }
    if (*read) return **std::move(read);
  }
  return std::nullopt;
}

void Debugger::print_tensor(const std::string& name, const tensors::Tensor& tensor,
                            const tensors::Slice* slice) {
  say(fmt::format("  {} = {}  {}\n", name, tensor.type_text(),
                  tensors::statistics_text(tensors::statistics(tensor))));
  if (slice == nullptr) return;
  auto shown = tensors::tensor_text(tensor, *slice);
  if (!shown) return complain(shown.errors());
  std::string line;
  for (const char c : *shown + "\n") {
    if (line.empty()) line = "    ";
    line += c;
    if (c == '\n') say(std::exchange(line, {}));
  }
}

void Debugger::print_value(const Now& now, const std::string& value, const tensors::Slice* slice) {
  if (const auto tensor = read_value(now, value)) return print_tensor(value, *tensor, slice);
  const Placed* maker = nodes_.maker(now.event.method, value);
  say(fmt::format("  {} is not there now{}\n", value,
                  maker != nullptr
                      ? fmt::format(": {} makes it, and its last user frees it", maker->stage->id)
                      : std::string()));
}

void Debugger::print_state(const Now& now, const std::string& name, const tensors::Slice* slice) {
  auto tensor = now.view.state(name);
  if (!tensor) return complain(tensor.failure().diagnostics);
  print_tensor("state:" + name, *tensor, slice);
}

void Debugger::print(const Now& now, const Words& words) {
  std::optional<tensors::Slice> slice;
  if (words.size() > 2) {
    std::string text;
    for (std::size_t i = 2; i < words.size(); ++i)
      text += words[i];
    auto parsed = tensors::parse_slice(text);
    if (!parsed) return complain(parsed.errors());
    slice = *std::move(parsed);
  }
  const tensors::Slice whole;
  if (words.size() < 2) {
    if (now.event.kind == StepEvent::Kind::transfer)
      return print_value(now, std::string(now.event.value), &whole);
    if (now.placed == nullptr || now.placed->node == nullptr) return;
    const auto values = now.event.kind == StepEvent::Kind::stage_begin ? Nodes::takes(*now.placed->node)
                                                                       : Nodes::makes(*now.placed->node);
    if (values.empty()) say("  nothing\n");
    for (const std::string& value : values)
      print_value(now, value, nullptr);
    return;
  }
  const tensors::Slice& part = slice ? *slice : whole;
  const std::string& what = words[1];
  if (what.starts_with("state:")) return print_state(now, what.substr(6), &part);
  const plan::Method& method = nodes_.plan().methods.find(now.event.method)->second;
  if (method.values.contains(what)) return print_value(now, what, &part);
  if (const Placed* node = nodes_.find(now.event.method, what); node != nullptr && node->node != nullptr) {
    for (const std::string& value : Nodes::makes(*node->node))
      print_value(now, value, &part);
    return;
  }
  if (nodes_.plan().states.contains(what)) return print_state(now, what, &part);
  std::vector<std::string_view> known;
  for (const auto& [id, value] : method.values)
    known.push_back(id);
  const std::string_view near = plan::json::nearest(what, known);
  say(fmt::format("  no value, node or state `{}`{}\n", what,
                  near.empty() ? std::string() : fmt::format("; did you mean {}?", near)));
}

void Debugger::where(const Now& now) {
  say("  " + place(now) + "\n");
  if (now.placed == nullptr || now.placed->node == nullptr) return;
  const plan::Node& node = *now.placed->node;
  if (node.source) say(fmt::format("  from {}:{}\n", node.source->file, node.source->line));
  const auto meaning = [&](std::string_view kind, const plan::Boxed<plan::Annotation>& annotation) {
    if (annotation) say(fmt::format("  {} {} ({})\n", kind, annotation->is, annotation->by));
  };
  meaning("phase", node.semantics.phase);
  meaning("role", node.semantics.role);
  meaning("modality", node.semantics.modality);
  const auto list = [](const std::vector<std::string>& names) {
    return names.empty() ? std::string("nothing") : fmt::format("{}", fmt::join(names, ", "));
  };
  say(fmt::format("  takes {}; gives {}\n", list(Nodes::takes(node)), list(Nodes::makes(node))));
}

void Debugger::list(const Now& now, std::size_t around) {
  const auto& stages = nodes_.plan().schedule->methods.find(now.event.method)->second.stages;
  std::size_t at = now.placed != nullptr ? now.placed->place : 0;
  const std::size_t first = at - std::min(at, around);
  const std::size_t last = std::min(stages.size(), at + around + 1);
  for (std::size_t i = first; i < last; ++i)
    if (const Placed* placed = nodes_.find(now.event.method, stages[i].id))
      say(fmt::format("{} {}\n", i == at && now.placed != nullptr ? "->" : "  ", Nodes::text(*placed)));
}

void Debugger::memory(const Now& now, const std::string& device) {
  const auto document = devices_of(now.view);
  if (!document) return complain(document.errors());
  bool known = device.empty();
  const auto devices = document->root().find("devices");
  if (!devices) return;
  for (const auto& [id, of] : devices->items()) {
    if (!device.empty() && id != device) continue;
    known = true;
    const std::uint64_t used = number(of, "used_bytes");
    const std::uint64_t limit = number(of, "limit_bytes");
    say(fmt::format("  {}  {} of {} used\n", id, bytes_text(used), bytes_text(limit)));
    std::vector<std::pair<std::uint64_t, std::string>> holds;
    if (const auto held = of.find("holds"))
      for (const auto& [index, entry] : held->items())
        holds.emplace_back(number(entry, "bytes"), text(entry, "name"));
    std::ranges::stable_sort(holds, std::ranges::greater{}, [](const auto& entry) { return entry.first; });
    const std::size_t shown = device.empty() ? std::min(holds.size(), kNamedHoldings) : holds.size();
    for (std::size_t i = 0; i < shown; ++i)
      say(fmt::format("    {:>10}  {}\n", bytes_text(holds[i].first), holds[i].second));
    if (shown < holds.size())
      say(fmt::format("    and {} more; `memory {}` shows all\n", holds.size() - shown, id));
  }
  if (!known) say(fmt::format("  no device `{}`\n", device));
}

void Debugger::clock(const Now& now) {
  say(now.event.t_ns
          ? fmt::format("  step {}: {} since it began\n", now.event.step, duration_text(*now.event.t_ns))
          : std::string("  times are known when the step is done: it is measured while it runs\n"));
  const auto document = devices_of(now.view);
  if (!document) return complain(document.errors());
  const auto devices = document->root().find("devices");
  if (!devices) return;
  for (const auto& [id, of] : devices->items()) {
    if (of.find("runs"))
      say(fmt::format("  {} runs {}\n", id, text(of, "runs")));
    else if (of.find("idle_since_ns"))
      say(fmt::format("  {} has been idle since {}\n", id, duration_text(number(of, "idle_since_ns"))));
    else
      say(fmt::format("  {} has not begun\n", id));
  }
}

void Debugger::queues(const Now& now) {
  const auto document = devices_of(now.view);
  if (!document) return complain(document.errors());
  const auto devices = document->root().find("devices");
  if (!devices) return;
  for (const auto& [id, of] : devices->items()) {
    std::vector<std::string> names;
    std::size_t count = 0;
    if (const auto queue = of.find("queue"))
      for (const auto& [index, stage] : queue->items())
        if (count++ < kNamedQueue) names.emplace_back(stage.string());
    say(count == 0 ? fmt::format("  {}: nothing left\n", id)
                   : fmt::format("  {}: {} to run: {}{}\n", id, count, fmt::join(names, ", "),
                                 count > names.size() ? ", …" : ""));
  }
}

}  // namespace genie::debugger
