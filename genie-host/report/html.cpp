#include "html.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>
#include <unordered_map>

#include "genie/plan/codec.hpp"
#include "genie/plan/index.hpp"
#include "genie/plan/json.hpp"
#include "genie/plan/validate.hpp"
#include "page.hpp"
#include "scopes.hpp"
#include "stage_weights.hpp"
#include "tensors/inputs.hpp"

namespace genie::report {

namespace {

using plan::json::Writer;

/// Texts that occur often, each once.
class Texts {
 public:
  std::uint64_t number(std::string_view text) {
    const auto [at, added] = numbers_.try_emplace(std::string(text), numbers_.size());
    if (added) texts_.push_back(at->first);
    return at->second;
  }
  void write(Writer& writer, std::string_view key) const {
    writer.key(key).begin_array();
    for (const std::string& text : texts_)
      writer.value(text);
    writer.end_array();
  }

 private:
  std::unordered_map<std::string, std::uint64_t> numbers_;
  std::vector<std::string> texts_;
};

class Page {
 public:
  Page(const plan::Plan& plan, const PageView& view) : plan_(plan), view_(view) {}

  /// The document that page/model.js reads.
  std::string data() {
    writer_.begin_object().key("title").value(view_.title).key("id").value(plan::plan_id(plan_));
    const plan::Schedule* schedule = plan_.schedule ? &*plan_.schedule : nullptr;
    writer_.key("policy").value(
        schedule ? fmt::format("{} {}", schedule->policy.plugin, schedule->policy.version) : std::string());
    writer_.key("objective").value(schedule ? schedule->policy.objective : std::string());
    writer_.key("topology").value(schedule ? schedule->topology.substr(0, 19) : std::string());
    writer_.key("note").value(note());
    std::uint64_t weight_bytes = 0;
    for (const auto& [name, weight] : plan_.weights)
      weight_bytes += plan::weight_bytes(weight);
    writer_.key("weight_bytes").value(weight_bytes);
    write_devices();
    writer_.key("methods").begin_array();
    for (const auto& [name, method] : plan_.methods)
      write_method(name, method);
    writer_.end_array();
    write_decisions();
    writer_.end_object();
    return writer_.take();
  }

 private:
  [[nodiscard]] std::string note() const {
    if (!plan_.schedule) return "The plan is captured, not scheduled: it has no devices and no timeline yet.";
    if (view_.topology == nullptr)
      return "Timeline and memory need the devices: name the run config, or add --topology.";
    return {};
  }

  void write_devices() {
    std::vector<plan::Device> devices;
    if (view_.topology != nullptr) devices = view_.topology->devices;
    // A schedule without its topology names devices at least.
    if (plan_.schedule && view_.topology == nullptr) {
      std::set<std::string> ids;
      for (const auto& [name, method] : plan_.schedule->methods)
        for (const plan::Stage& stage : method.stages)
          ids.insert(stage.device);
      for (const std::string& id : ids)
        devices.emplace_back().id = id;
    }
    writer_.key("devices").begin_array();
    for (const plan::Device& device : devices) {
      device_number_.emplace(device.id, static_cast<std::int64_t>(device_number_.size()));
      writer_.begin_object().key("id").value(device.id).key("kind").value(device.kind).key("host");
      writer_.value(device.host).key("memory").value(device.memory_bytes);
      writer_.key("speed").value(fmt::format("{}", device.speed)).end_object();
    }
    writer_.end_array();
  }

  void write_method(const std::string& name, const plan::Method& method) {
    const plan::GraphIndex index(method);
    const plan::MethodSchedule* scheduled = nullptr;
    if (plan_.schedule)
      if (const auto found = plan_.schedule->methods.find(name); found != plan_.schedule->methods.end())
        scheduled = &found->second;
    writer_.begin_object().key("name").value(name);
    write_nodes(method);
    write_edges(index, method.nodes.size());
    write_schedule(method, index, scheduled);
    if (scheduled != nullptr) write_calls(name, *scheduled);
    writer_.end_object();
  }

  void write_nodes(const plan::Method& method) {
    Texts ops, scopes, sources, types;
    const auto column = [&](std::string_view key, auto&& of) {
      writer_.key(key).begin_array();
      for (const plan::Node& node : method.nodes)
        writer_.value(of(node));
      writer_.end_array();
    };
    writer_.key("nodes").begin_object();
    column("id", [](const plan::Node& node) { return std::string_view(node.id); });
    column("op", [&](const plan::Node& node) { return ops.number(node.op); });
    column("scope", [&](const plan::Node& node) { return scopes.number(node.scope); });
    column("source", [&](const plan::Node& node) {
      return sources.number(node.source ? fmt::format("{}:{}", node.source->file, node.source->line)
                                        : std::string());
    });
    column("type", [&](const plan::Node& node) {
      std::string text;
      for (const std::string& result : node.results)
        if (const auto value = method.values.find(result); value != method.values.end())
          text += (text.empty() ? "" : ", ") + tensors::declared_type_text(plan_, value->second);
      return types.number(text);
    });
    writer_.end_object();
    ops.write(writer_, "ops");
    scopes.write(writer_, "scopes");
    sources.write(writer_, "sources");
    types.write(writer_, "types");
  }

  void write_edges(const plan::GraphIndex& index, std::size_t nodes) {
    writer_.key("edges").begin_array();
    for (std::uint32_t node = 0; node < nodes; ++node)
      for (const std::uint32_t before : index.predecessors(node))
        if (before != plan::kNone) {
          writer_.value(std::uint64_t{before});
          writer_.value(std::uint64_t{node});
        }
    writer_.end_array();
  }

  void write_schedule(const plan::Method& method, const plan::GraphIndex& index,
                      const plan::MethodSchedule* scheduled) {
    writer_.key("stages").begin_array();
    if (scheduled != nullptr) {
      const Scopes scopes(method);
      for (const plan::Stage& stage : scheduled->stages) {
        const auto device = device_number_.find(stage.device);
        writer_.begin_object().key("id").value(stage.id).key("device");
        writer_.value(device == device_number_.end() ? std::int64_t{-1} : device->second);
        writer_.key("kernels").value(stage.kernels).key("modules").value(scopes.describe(stage.nodes));
        writer_.key("weight_bytes").value(stage_weight_bytes(method, plan_, stage));
        writer_.key("nodes").begin_array();
        for (const std::string& id : stage.nodes)
          if (const std::uint32_t node = index.node(id); node != plan::kNone)
            writer_.value(std::uint64_t{node});
        writer_.end_array().end_object();
      }
    }
    writer_.end_array().key("transfers").begin_array();
    if (scheduled != nullptr)
      for (const plan::Transfer& transfer : scheduled->transfers) {
        writer_.begin_object().key("id").value(transfer.id).key("value").value(transfer.value);
        writer_.key("from").value(transfer.from).key("to").value(transfer.to);
        writer_.key("bytes").value(transfer.size_bytes).key("slack");
        if (transfer.slack_ns)
          writer_.value(*transfer.slack_ns);
        else
          writer_.null();
        writer_.end_object();
      }
    writer_.end_array();
  }

  void write_calls(const std::string& name, const plan::MethodSchedule& scheduled) {
    std::unordered_map<std::string_view, std::uint64_t> stages, transfers;
    for (const plan::Stage& stage : scheduled.stages)
      stages.emplace(stage.id, stages.size());
    for (const plan::Transfer& transfer : scheduled.transfers)
      transfers.emplace(transfer.id, transfers.size());
    const auto write = [&](std::string_view key, const CallTimeline& call) {
      Texts places;
      writer_.key(key).begin_object().key("duration").value(call.duration_ns).key("events").begin_array();
      for (const plan::Event& event : call.events) {
        const bool stage = event.kind == plan::Event::Kind::stage;
        const auto& numbers = stage ? stages : transfers;
        const auto number = numbers.find(event.id);
        if (number == numbers.end() || event.place.empty()) continue;  // what cost nothing is not drawn
        writer_.begin_array().value(stage ? 0 : 1).value(number->second).value(places.number(event.place));
        writer_.value(event.start_ns).value(event.end_ns).value(event.bytes).end_array();
      }
      writer_.end_array();
      places.write(writer_, "places");
      writer_.key("memory").begin_object();
      for (const auto& [device, curve] : call.memory) {
        writer_.key(device).begin_array();
        for (const plan::MemoryPoint& point : curve)
          writer_.begin_array().value(point.at_ns).value(point.most_bytes).value(point.bytes).end_array();
        writer_.end_array();
      }
      writer_.end_object().end_object();
    };
    if (view_.topology != nullptr)
      if (const auto call = predicted_call(plan_, name, *view_.topology)) write("predicted", *call);
    const CallTimeline* seen = nullptr;
    for (const CallTimeline& call : view_.observed)
      if (call.method == name && (seen == nullptr || call.duration_ns > seen->duration_ns)) seen = &call;
    if (seen != nullptr) write("observed", *seen);
  }

  void write_decisions() {
    writer_.key("decisions").begin_array();
    if (plan_.schedule)
      for (const plan::Decision& decision : plan_.schedule->decisions) {
        writer_.begin_object().key("subject").value(decision.subject).key("chose").value(decision.chose);
        writer_.key("because").value(decision.because).key("detail").value(decision.detail);
        writer_.key("honours").begin_array();
        for (const std::string& hint : decision.honours)
          writer_.value(hint);
        writer_.end_array().key("alternatives").begin_array();
        for (const plan::Alternative& other : decision.alternatives) {
          writer_.begin_object().key("device").value(other.device).key("refused").value(other.refused);
          writer_.key("makespan");
          if (other.makespan_ns)
            writer_.value(*other.makespan_ns);
          else
            writer_.null();
          writer_.key("detail").value(other.detail).end_object();
        }
        writer_.end_array().end_object();
      }
    writer_.end_array();
  }

  const plan::Plan& plan_;
  const PageView& view_;
  std::map<std::string, std::int64_t, std::less<>> device_number_;
  Writer writer_;
};

void append(std::string& page, PagePieces pieces) {
  for (const std::string_view piece : pieces)
    page += piece;
}

/// As the text of an element.
void append_text(std::string& page, std::string_view text) {
  for (const char c : text) {
    if (c == '<')
      page += "&lt;";
    else if (c == '&')
      page += "&amp;";
    else
      page += c;
  }
}

/// As JSON inside a script element, which only "</script" or "<!--" could end: '<' occurs in strings alone.
void append_data(std::string& page, std::string_view json) {
  for (const char c : json) {
    if (c == '<')
      page += "\\u003c";
    else
      page += c;
  }
}

}  // namespace

std::string plan_html(const plan::Plan& plan, const PageView& view) {
  std::string page;
  append(page, kPageBeforeTitle);
  append_text(page, view.title);
  append(page, kPageBeforeData);
  append_data(page, Page(plan, view).data());
  append(page, kPageAfterData);
  return page;
}

}  // namespace genie::report
