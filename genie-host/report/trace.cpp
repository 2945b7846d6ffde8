// Chrome's trace-event format ("Trace Event Format", the Chromium project's document): what chrome://tracing and Perfetto open.
//
// Its rules beyond JSON: the spans of a row nest, so what overlaps gets a row of its own; an arrow begins and ends inside a
// span, so one that leaves when a span ends leaves within its last nanosecond.
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <tuple>
#include <unordered_map>

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
std::string common_scope(const std::map<std::string_view, const plan::Node*>& nodes,
                         const plan::Stage& stage) {
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

using Subjects = std::map<std::string, Subject, std::less<>>;

Subjects subjects_of(const plan::Plan* plan) {
  Subjects subjects;
  if (plan == nullptr) return subjects;
  for (const auto& [name, method] : plan->methods) {
    for (const plan::Node& node : method.nodes)
      subjects[node.id] = {&node, nullptr, nullptr, node.scope};
    if (!plan->schedule) continue;
    const auto scheduled = plan->schedule->methods.find(name);
    if (scheduled == plan->schedule->methods.end()) continue;
    std::map<std::string_view, const plan::Node*> nodes;
    for (const plan::Node& node : method.nodes)
      nodes.emplace(node.id, &node);
    for (const plan::Stage& stage : scheduled->second.stages)
      subjects[stage.id] = {nullptr, &stage, nullptr, common_scope(nodes, stage)};
    for (const plan::Transfer& transfer : scheduled->second.transfers)
      subjects[transfer.id] = {nullptr, nullptr, &transfer, {}};
  }
  return subjects;
}

class TraceWriter {
 public:
  TraceWriter(const plan::Plan* plan, const EarlierPlans& earlier) : subjects_(subjects_of(plan)) {
    for (const auto& [job, one] : earlier)
      earlier_.emplace_back(job, subjects_of(one));
  }

  std::string write(std::span<const TraceEvent> events) {
    // Threads report in any order; the file is a function of what happened.
    std::vector<const TraceEvent*> ordered;
    for (const TraceEvent& event : events)
      ordered.push_back(&event);
    std::stable_sort(ordered.begin(), ordered.end(), [](const TraceEvent* a, const TraceEvent* b) {
      return std::tie(a->t_ns, a->process, a->queue, a->kind, a->name, a->flow) <
             std::tie(b->t_ns, b->process, b->queue, b->kind, b->name, b->flow);
    });
    place_spans(ordered);
    number_rows();
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
  struct Span {
    std::uint64_t start_ns = 0, end_ns = 0;
  };
  /// One row of a queue: spans that nest. The outermost are kept, in order of time.
  struct Row {
    std::uint64_t tid = 0;
    std::vector<Span> outermost;
    std::vector<std::uint64_t> open;  ///< ends of the spans around the present moment, the innermost last
  };
  struct Process {
    std::uint64_t pid = 0;
    bool is_link = false;
    std::map<std::string, std::vector<Row>, std::less<>> queues;
  };
  struct Place {
    std::size_t row = 0;
    std::uint64_t t_ns = 0;
  };

  /// The first row of its queue where each span nests. Of spans that begin together the longest comes first.
  void place_spans(const std::vector<const TraceEvent*>& events) {
    std::vector<const TraceEvent*> spans;
    for (const TraceEvent* event : events) {
      Process& process = processes_[event->process];
      if (process.queues[event->queue].empty()) process.queues[event->queue].emplace_back();
      if (event->kind != GENIE_TRACE_SPAN) continue;
      spans.push_back(event);
      const auto subject = subjects_.find(event->name);
      if (subject != subjects_.end() && subject->second.transfer != nullptr) process.is_link = true;
    }
    std::ranges::stable_sort(spans, [](const TraceEvent* a, const TraceEvent* b) {
      return std::tie(a->t_ns, b->duration_ns) < std::tie(b->t_ns, a->duration_ns);
    });
    for (const TraceEvent* span : spans) {
      std::vector<Row>& rows = processes_.find(span->process)->second.queues.find(span->queue)->second;
      const std::uint64_t end = span->t_ns + span->duration_ns;
      std::size_t number = 0;
      for (;; ++number) {
        if (number == rows.size()) rows.emplace_back();
        std::vector<std::uint64_t>& open = rows[number].open;
        while (!open.empty() && open.back() <= span->t_ns)
          open.pop_back();
        if (open.empty() || end <= open.back()) break;
      }
      Row& row = rows[number];
      if (row.open.empty()) row.outermost.push_back({span->t_ns, end});
      row.open.push_back(end);
      row_of_[span] = number;
    }
  }

  /// Where an event that is no span goes: an arrow to the span that it leaves or reaches.
  Place place_of(const TraceEvent& event, const std::vector<Row>& rows) const {
    if (const auto known = row_of_.find(&event); known != row_of_.end()) return {known->second, event.t_ns};
    if (event.kind != GENIE_TRACE_FLOW_BEGIN && event.kind != GENIE_TRACE_FLOW_END) return {0, event.t_ns};
    Place inside{0, event.t_ns};
    bool found = false;
    for (std::size_t number = 0; number < rows.size(); ++number) {
      const std::vector<Span>& spans = rows[number].outermost;
      auto at = std::ranges::upper_bound(spans, event.t_ns, {}, &Span::start_ns);
      for (std::size_t looked = 0; looked < 2 && at != spans.begin(); ++looked) {
        --at;
        if (event.kind == GENIE_TRACE_FLOW_BEGIN && at->end_ns == event.t_ns && at->start_ns < at->end_ns)
          return {number, event.t_ns - 1};
        if (!found && at->start_ns <= event.t_ns && event.t_ns < at->end_ns) {
          inside = {number, event.t_ns};
          found = true;
        }
      }
    }
    return inside;
  }

  /// Devices come before links.
  void number_rows() {
    std::uint64_t pid = 0;
    for (const bool links : {false, true})
      for (auto& [name, process] : processes_) {
        if (process.is_link != links) continue;
        process.pid = ++pid;
        std::uint64_t tid = 0;
        for (auto& [queue, rows] : process.queues)
          for (Row& row : rows)
            row.tid = ++tid;
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

  void sort_index(std::string_view what, std::uint64_t pid, std::uint64_t tid, std::uint64_t index) {
    writer_.begin_object().key("ph").value("M").key("name").value(what);
    writer_.key("pid").value(pid).key("tid").value(tid);
    writer_.key("args").begin_object().key("sort_index").value(index).end_object().end_object();
  }

  void name_rows() {
    for (const auto& [name, process] : processes_) {
      metadata("process_name", process.pid, 0, name);
      sort_index("process_sort_index", process.pid, 0, process.pid);
      for (const auto& [queue, rows] : process.queues)
        for (std::size_t number = 0; number < rows.size(); ++number) {
          metadata("thread_name", process.pid, rows[number].tid,
                   number == 0 ? queue : fmt::format("{} ({})", queue, number + 1));
          sort_index("thread_sort_index", process.pid, rows[number].tid, rows[number].tid);
        }
    }
  }

  void write_event(const TraceEvent& event) {
    const Process& process = processes_.find(event.process)->second;
    const std::vector<Row>& rows = process.queues.find(event.queue)->second;
    const Place place = place_of(event, rows);
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
    writer_.key("pid").value(process.pid).key("tid").value(rows[place.row].tid);
    writer_.key("ts").value(static_cast<double>(place.t_ns) / 1e3);  // the format's unit is the microsecond
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
    const Subjects& subjects = subjects_at(event.job);
    const auto subject = subjects.find(event.name);
    std::string_view scope = event.scope;
    if (subject != subjects.end()) {
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

  /// Of the plan that ran in a job.
  const Subjects& subjects_at(std::uint64_t job) const {
    for (const auto& [first, subjects] : earlier_)
      if (job < first) return subjects;
    return subjects_;
  }

  Subjects subjects_;
  std::vector<std::pair<std::uint64_t, Subjects>> earlier_;
  std::map<std::string, Process, std::less<>> processes_;
  std::unordered_map<const TraceEvent*, std::size_t> row_of_;  ///< of spans, within their queue
  Writer writer_;
};

}  // namespace

std::string trace_json(std::span<const services::TraceEvent> events, const plan::Plan* plan,
                       const EarlierPlans& earlier) {
  return TraceWriter(plan, earlier).write(events);
}

}  // namespace genie::report
