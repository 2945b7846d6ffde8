// The report as JSON.
#include <cmath>

#include "genie/plan/json.hpp"
#include "report.hpp"

namespace genie::report {

using plan::json::Writer;

namespace {

/// JSON has no infinity: it is written as a string, as in plans.
void number(Writer& writer, double value) {
  if (std::isfinite(value))
    writer.value(value);
  else
    writer.value(std::isnan(value) ? "NaN" : value > 0 ? "Infinity" : "-Infinity");
}

void texts(Writer& writer, std::string_view key, const std::vector<std::string>& items) {
  writer.key(key).begin_array();
  for (const std::string& item : items)
    writer.value(item);
  writer.end_array();
}

void counts(Writer& writer, std::string_view key, const plan::Table<std::uint64_t>& table) {
  writer.key(key).begin_object();
  for (const auto& [name, count] : table)
    writer.key(name).value(count);
  writer.end_object();
}

void write_plan(Writer& writer, const RunReport& report) {
  writer.key("plan").begin_object();
  writer.key("id").value(report.plan_id);
  if (report.plan) {
    const plan::Plan& plan = *report.plan;
    writer.key("stage").value(plan.stage);
    if (plan.producer.source) writer.key("source").value(plan.producer.source->digest);
    writer.key("methods").begin_object();
    for (const auto& [name, method] : plan.methods) {
      writer.key(name).begin_object().key("nodes").value(static_cast<std::uint64_t>(method.nodes.size()));
      if (plan.schedule)
        if (const auto scheduled = plan.schedule->methods.find(name);
            scheduled != plan.schedule->methods.end()) {
          writer.key("stages").value(static_cast<std::uint64_t>(scheduled->second.stages.size()));
          writer.key("transfers").value(static_cast<std::uint64_t>(scheduled->second.transfers.size()));
        }
      writer.end_object();
    }
    writer.end_object();
    writer.key("decisions")
        .value(static_cast<std::uint64_t>(plan.schedule ? plan.schedule->decisions.size() : 0));
  }
  writer.end_object();
}

void write_verification(Writer& writer, const Verification& verify) {
  writer.key("verify").begin_object();
  writer.key("passed").value(verify.passed);
  writer.key("equal_bits").value(verify.equal_bits);
  writer.key("max_abs");
  number(writer, verify.max_abs);
  writer.key("max_rel");
  number(writer, verify.max_rel);
  writer.key("worst");
  if (verify.worst) {
    writer.begin_object().key("output").value(verify.worst->output).key("index").begin_array();
    for (const std::int64_t index : verify.worst->index)
      writer.value(index);
    writer.end_array()
        .key("expected")
        .value(verify.worst->expected)
        .key("actual")
        .value(verify.worst->actual)
        .end_object();
  } else {
    writer.null();
  }
  writer.key("compared")
      .begin_object()
      .key("outputs")
      .value(verify.outputs)
      .key("elements")
      .value(verify.elements);
  writer.key("beyond_tolerance").value(verify.beyond).end_object();
  texts(writer, "missing", verify.missing);
  texts(writer, "mismatched", verify.mismatched);
  texts(writer, "not_compared", verify.not_compared);
  writer.key("rtol").value(verify.rtol).key("atol").value(verify.atol);
  writer.end_object();
}

void write_time(Writer& writer, const RunReport& report) {
  const PhaseTimes& time = report.time;
  writer.key("time").begin_object();
  // What differs from run to run stands under `wall`.
  writer.key("wall").begin_object();
  writer.key("load_plugins_ns").value(time.load_plugins_ns).key("capture_ns").value(time.capture_ns);
  writer.key("validate_ns").value(time.validate_ns).key("schedule_ns").value(time.schedule_ns);
  writer.key("prepare_ns").value(time.prepare_ns);
  writer.end_object();
  writer.key("repeat").value(static_cast<std::uint64_t>(report.repeat));
  writer.key("steps").begin_array();
  for (const StepTime& step : report.steps) {
    writer.begin_object()
        .key("index")
        .value(step.index)
        .key("method")
        .value(step.method)
        .key("wall_ns")
        .value(step.wall_ns);
    if (step.virtual_ns) writer.key("virtual_ns").value(*step.virtual_ns);
    if (step.micro_batches != 1) writer.key("micro_batches").value(std::uint64_t{step.micro_batches});
    writer.end_object();
  }
  writer.end_array().end_object();
}

void write_stats(Writer& writer, const Stats& stats) {
  writer.key("devices").begin_object();
  for (const auto& [id, use] : stats.devices)
    writer.key(id)
        .begin_object()
        .key("busy_ns")
        .value(use.busy_ns)
        .key("peak_bytes")
        .value(use.peak_bytes)
        .key("memory_bytes")
        .value(use.memory_bytes)
        .end_object();
  writer.end_object();
  writer.key("links").begin_object();
  for (const auto& [id, use] : stats.links)
    writer.key(id)
        .begin_object()
        .key("bytes")
        .value(use.bytes)
        .key("messages")
        .value(use.messages)
        .key("busy_ns")
        .value(use.busy_ns)
        .end_object();
  writer.end_object();
  counts(writer, "counters", stats.counters);
}

void write_faults(Writer& writer, const std::vector<FaultUse>& faults) {
  if (faults.empty()) return;
  writer.key("faults").begin_array();
  for (const FaultUse& fault : faults) {
    writer.begin_object()
        .key("id")
        .value(fault.id)
        .key("kind")
        .value(fault.kind)
        .key("hits")
        .value(fault.hits);
    if (fault.hits > 0) {
      writer.key("first_step").value(fault.first_step).key("first_ns").value(fault.first_ns);
      texts(writer, "places", fault.places);
    }
    writer.end_object();
  }
  writer.end_array();
}

void write_recoveries(Writer& writer, const std::vector<Recovery>& recoveries) {
  if (recoveries.empty()) return;
  writer.key("recoveries").begin_array();
  for (const Recovery& recovery : recoveries) {
    writer.begin_object().key("step").value(recovery.step);
    writer.key("lost").begin_object();
    texts(writer, "devices", recovery.devices);
    texts(writer, "links", recovery.links);
    texts(writer, "memory", recovery.memory);
    writer.end_object();
    const std::string cause = plan::to_json({recovery.cause});
    writer.key("cause").raw(cause);
    texts(writer, "left", recovery.left);
    writer.key("plan").value(recovery.plan_id).key("replayed").value(recovery.replayed);
    writer.key("wall_ns").value(recovery.wall_ns);
    if (recovery.virtual_ns) writer.key("virtual_ns").value(*recovery.virtual_ns);
    writer.end_object();
  }
  writer.end_array();
}

void write_use(Writer& writer, const Use& use) {
  writer.begin_object().key("makespan_ns").value(use.makespan_ns).key("wire_bytes").value(use.wire_bytes);
  counts(writer, "device_busy_ns", use.device_busy_ns);
  counts(writer, "peak_bytes", use.peak_bytes);
  writer.end_object();
}

void write_error(Writer& writer, std::string_view key, std::uint64_t predicted, std::uint64_t observed) {
  if (const auto error = prediction_error(predicted, observed)) writer.key(key).value(*error);
}

void write_errors(Writer& writer, const Use& predicted, const Use& observed) {
  writer.begin_object();
  write_error(writer, "makespan_ns", predicted.makespan_ns, observed.makespan_ns);
  write_error(writer, "wire_bytes", predicted.wire_bytes, observed.wire_bytes);
  for (const auto& [key, table] :
       {std::pair{"device_busy_ns", &Use::device_busy_ns}, std::pair{"peak_bytes", &Use::peak_bytes}}) {
    writer.key(key).begin_object();
    for (const auto& [device, value] : predicted.*table)
      if (const auto seen = (observed.*table).find(device); seen != (observed.*table).end())
        write_error(writer, device, value, seen->second);
    writer.end_object();
  }
  writer.end_object();
}

void write_predictions(Writer& writer, const RunReport& report) {
  const plan::Table<Use> predicted = predicted_use(report);
  writer.key("predicted").begin_object();
  for (const auto& [method, use] : predicted)
    write_use(writer.key(method), use);
  writer.end_object();
  writer.key("observed").begin_object();
  for (const auto& [method, use] : report.observed)
    write_use(writer.key(method), use);
  writer.end_object();
  writer.key("error").begin_object();
  for (const auto& [method, use] : report.observed)
    if (const auto known = predicted.find(method); known != predicted.end())
      write_errors(writer.key(method), known->second, use);
  writer.end_object();
}

}  // namespace

std::optional<double> prediction_error(std::uint64_t predicted, std::uint64_t observed) {
  if (predicted == observed) return 0.0;
  if (observed == 0) return std::nullopt;
  return (static_cast<double>(predicted) - static_cast<double>(observed)) / static_cast<double>(observed);
}

plan::Table<Use> predicted_use(const RunReport& report) {
  plan::Table<Use> result;
  if (!report.plan || !report.plan->schedule) return result;
  for (const auto& [name, method] : report.plan->schedule->methods)
    if (method.predicted)
      result[name] = {method.predicted->makespan_ns, method.predicted->wire_bytes,
                      method.predicted->device_busy_ns, method.predicted->peak_bytes};
  return result;
}

std::string to_json(const RunReport& report, unsigned indent) {
  Writer writer(indent);
  writer.begin_object();
  writer.key("schema").value("genie.report");
  writer.key("version")
      .begin_object()
      .key("major")
      .value(plan::kSchemaMajor)
      .key("minor")
      .value(plan::kSchemaMinor)
      .end_object();
  writer.key("outcome");
  if (report.failure.empty())
    writer.value("ok");
  else
    writer.raw(plan::to_json(report.failure));
  writer.key("exit_code").value(report.exit_code);
  write_plan(writer, report);
  writer.key("topology");
  if (report.topology)
    writer.value(plan::topology_id(*report.topology));
  else
    writer.null();
  if (report.verify) write_verification(writer, *report.verify);
  write_time(writer, report);
  write_stats(writer, report.stats);
  write_faults(writer, report.stats.faults);
  write_recoveries(writer, report.recoveries);
  write_predictions(writer, report);
  writer.key("versions").begin_object();
  for (const auto& [component, version] : report.versions)
    writer.key(component).value(version);
  writer.end_object();
  writer.key("warnings").raw(plan::to_json(report.warnings));
  writer.key("unchecked");
  writer.begin_object();
  for (const auto& [op, count] : report.unchecked.ops)
    writer.key(op).value(count);
  writer.end_object();
  writer.key("written").begin_object();
  for (const auto& [what, path] : report.written)
    writer.key(what).value(path);
  writer.end_object();
  return writer.end_object().take() + "\n";
}

}  // namespace genie::report
