// Foreseen timelines for programs.
#include "genie/plan/json.hpp"
#include "time_text.hpp"
#include "waits.hpp"

namespace genie::report {

namespace {

using plan::json::Writer;

void write_events(Writer& writer, const CallTimeline& call) {
  writer.key("events").begin_array();
  for (const plan::Event& event : call.events) {
    writer.begin_object().key("kind").value(event.kind == plan::Event::Kind::stage ? "stage" : "transfer");
    writer.key("id").value(event.id).key("place").value(event.place);
    writer.key("start_ns").value(event.start_ns).key("end_ns").value(event.end_ns);
    if (event.kind == plan::Event::Kind::transfer) writer.key("bytes").value(event.bytes);
    writer.end_object();
  }
  writer.end_array();
}

void write_analysis(Writer& writer, const CallAnalysis& analysis) {
  writer.key("devices").begin_object();
  for (const DeviceTime& time : analysis.devices)
    writer.key(time.device)
        .begin_object()
        .key("compute_ns")
        .value(time.compute_ns)
        .key("transfer_ns")
        .value(time.transfer_ns)
        .key("idle_ns")
        .value(time.idle_ns)
        .end_object();
  writer.end_object();
  writer.key("waits").begin_array();
  for (const Wait& wait : analysis.waits) {
    writer.begin_object().key("device").value(wait.device).key("stage").value(wait.stage);
    writer.key("from").value(wait.from).key("transfer").value(wait.transfer).key("link").value(wait.link);
    writer.key("start_ns").value(wait.start_ns).key("end_ns").value(wait.end_ns);
    writer.key("transfer_ns").value(wait.transfer_ns).end_object();
  }
  writer.end_array().key("path").begin_array();
  for (const Critical& link : analysis.path)
    writer.value(link.id);
  writer.end_array();
}

}  // namespace

plan::Result<std::string> predicted_json(const plan::Plan& plan, const plan::Topology& topology,
                                         const std::string& method) {
  Writer writer(2);
  writer.begin_object().key("methods").begin_object();
  for (const auto& [name, scheduled] : plan.schedule->methods) {
    if (!method.empty() && name != method) continue;
    auto call = predicted_call(plan, name, topology);
    if (!call) return std::move(call).errors();
    writer.key(name).begin_object().key("duration_ns").value(call->duration_ns);
    write_events(writer, *call);
    write_analysis(writer, analyse(*call, scheduled));
    writer.end_object();
  }
  writer.end_object().end_object();
  return writer.take() + "\n";
}

}  // namespace genie::report
