// Chrome's trace-event format ("Trace Event Format", the Chromium project's document): what chrome://tracing and Perfetto open.
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <tuple>

#include "genie/plan/json.hpp"
#include "report.hpp"

namespace genie::report {

using plan::json::Writer;
using services::TraceEvent;

namespace {

/// What a plan knows about the name of an event: a stage, a transfer or a node.
struct Subject {
  const plan::Node* node = nullptr;
  const plan::Stage* stage = nullptr;
  const plan::Transfer* transfer = nullptr;
  std::string scope;
};

/// The deepest module path that all nodes of a stage share, and how many nodes it has.
std::string common_scope(const plan::Method& method, const plan::Stage& stage) {
  std::map<std::string_view, const plan::Node*> nodes;
  for (const plan::Node& node : method.nodes)
    nodes.emplace(node.id, &node);
  std::string common;
  bool first = true;
  for (const std::string& id : stage.nodes) {
    const auto found = nodes.find(id);
    if (found == nodes.end() || found->second->scope.empty()) continue;
    const std::string& scope = found->second->scope;
    if (std::exchange(first, false)) {
      common = scope;
      continue;
    }
    while (!common.empty() && scope != common && !scope.starts_with(common + ".")) {
      const std::size_t dot = common.rfind('.');
      common.resize(dot == std::string::npos ? 0 : dot);
    }
  }
  return common;
}

std::map<std::string, Subject, std::less<>> subjects_of(const plan::Plan* plan) {
  std::map<std::string, Subject, std::less<>> subjects;
  if (plan == nullptr) return subjects;
  for (const auto& [name, method] : plan->methods) {
    for (const plan::Node& node : method.nodes)
      subjects[node.id] = {&node, nullptr, nullptr, node.scope};
    if (!plan->schedule) continue;
    const auto scheduled = plan->schedule->methods.find(name);
    if (scheduled == plan->schedule->methods.end()) continue;
    for (const plan::Stage& stage : scheduled->second.stages)
      subjects[stage.id] = {nullptr, &stage, nullptr, common_scope(method, stage)};
    for (const plan::Transfer& transfer : scheduled->second.transfers)
      subjects[transfer.id] = {nullptr, nullptr, &transfer, {}};
  }
  return subjects;
}

class TraceWriter {
 public:
  explicit TraceWriter(const plan::Plan* plan) : subjects_(subjects_of(plan)) {}

  std::string write(std::span<const TraceEvent> events) {
    // Threads report in any order; the file is a function of what happened.
    std::vector<const TraceEvent*> ordered;
    for (const TraceEvent& event : events)
      ordered.push_back(&event);
    std::stable_sort(ordered.begin(), ordered.end(), [](const TraceEvent* a, const TraceEvent* b) {
      return std::tie(a->t_ns, a->process, a->queue, a->kind, a->name, a->flow) <
             std::tie(b->t_ns, b->process, b->queue, b->kind, b->name, b->flow);
    });
    number_rows(ordered);
    writer_.begin_object();
    writer_.key("displayTimeUnit").value("ns");
    writer_.key("traceEvents").begin_array();
    name_rows();
    for (const TraceEvent* event : ordered)
      write_event(*event);
    writer_.end_array().end_object();
    return writer_.take() + "\n";
  }

 private:
  struct Process {
    std::uint64_t pid = 0;
    std::map<std::string, std::uint64_t, std::less<>> rows;
  };

  void number_rows(const std::vector<const TraceEvent*>& events) {
    for (const TraceEvent* event : events)
      processes_[event->process].rows[event->queue] = 0;
    std::uint64_t pid = 0;
    for (auto& [name, process] : processes_) {
      process.pid = ++pid;
      std::uint64_t tid = 0;
      for (auto& [queue, row] : process.rows)
        row = ++tid;
    }
  }

  void metadata(std::string_view what, std::uint64_t pid, std::uint64_t tid, std::string_view name) {
    writer_.begin_object()
        .key("ph")
        .value("M")
        .key("name")
        .value(what)
        .key("pid")
        .value(pid)
        .key("tid")
        .value(tid);
    writer_.key("args").begin_object().key("name").value(name).end_object().end_object();
  }

  void name_rows() {
    for (const auto& [name, process] : processes_) {
      metadata("process_name", process.pid, 0, name);
      for (const auto& [queue, tid] : process.rows)
        metadata("thread_name", process.pid, tid, queue);
    }
  }

  void write_event(const TraceEvent& event) {
    const Process& process = processes_.find(event.process)->second;
    writer_.begin_object();
    switch (event.kind) {
      case GENIE_TRACE_SPAN:
        writer_.key("ph").value("X");
        break;
      case GENIE_TRACE_INSTANT:
        writer_.key("ph").value("i").key("s").value("t");
        break;
      case GENIE_TRACE_FLOW_BEGIN:
        writer_.key("ph").value("s").key("cat").value("transfer").key("id").value(event.flow);
        break;
      case GENIE_TRACE_FLOW_END:
        writer_.key("ph")
            .value("f")
            .key("bp")
            .value("e")
            .key("cat")
            .value("transfer")
            .key("id")
            .value(event.flow);
        break;
      default:
        writer_.key("ph").value("C");
        break;
    }
    writer_.key("name").value(event.name);
    writer_.key("pid").value(process.pid).key("tid").value(process.rows.find(event.queue)->second);
    writer_.key("ts").value(static_cast<double>(event.t_ns) / 1e3);  // the format's unit is the microsecond
    if (event.kind == GENIE_TRACE_SPAN)
      writer_.key("dur").value(static_cast<double>(event.duration_ns) / 1e3);
    writer_.key("args").begin_object();
    if (event.kind == GENIE_TRACE_COUNTER)
      writer_.key("bytes").value(event.bytes);
    else
      write_arguments(event);
    writer_.end_object().end_object();
  }

  void write_arguments(const TraceEvent& event) {
    writer_.key("step").value(static_cast<std::uint64_t>(event.step));
    if (event.bytes > 0) writer_.key("bytes").value(event.bytes);
    const auto subject = subjects_.find(event.name);
    std::string_view scope = event.scope;
    if (subject != subjects_.end()) {
      if (scope.empty()) scope = subject->second.scope;
      write_subject(subject->second);
    }
    if (!scope.empty()) writer_.key("scope").value(scope);
  }

  void write_subject(const Subject& subject) {
    if (subject.node != nullptr) {
      writer_.key("node").value(subject.node->id).key("op").value(subject.node->op);
    } else if (subject.stage != nullptr) {
      const auto& nodes = subject.stage->nodes;
      writer_.key("nodes").value(static_cast<std::uint64_t>(nodes.size()));
      if (!nodes.empty())
        writer_.key("node").value(nodes.size() == 1 ? nodes.front() : nodes.front() + "…" + nodes.back());
    } else {
      writer_.key("value").value(subject.transfer->value);
      writer_.key("from").value(subject.transfer->from).key("to").value(subject.transfer->to);
    }
  }

  std::map<std::string, Subject, std::less<>> subjects_;
  std::map<std::string, Process, std::less<>> processes_;
  Writer writer_;
};

}  // namespace

std::string trace_json(std::span<const services::TraceEvent> events, const plan::Plan* plan) {
  return TraceWriter(plan).write(events);
}

}  // namespace genie::report
