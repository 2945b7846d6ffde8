// The view of `plan show` as JSON.
#include "genie/plan/json.hpp"
#include "plan_summary.hpp"

namespace genie::report {

using plan::json::Writer;

namespace {

void write_ports(Writer& writer, std::string_view key, const std::vector<PortSummary>& ports) {
  writer.key(key).begin_array();
  for (const PortSummary& port : ports)
    writer.begin_object().key("name").value(port.name).key("type").value(port.type).end_object();
  writer.end_array();
}

void write_method(Writer& writer, const MethodSummary& method) {
  writer.key(method.name).begin_object();
  writer.key("nodes").value(static_cast<std::uint64_t>(method.nodes));
  write_ports(writer, "inputs", method.inputs);
  write_ports(writer, "outputs", method.outputs);
  writer.key("writes").begin_array();
  for (const std::string& state : method.writes)
    writer.value(state);
  writer.end_array();
  writer.key("stages").begin_array();
  for (const StageSummary& stage : method.stages) {
    writer.begin_object()
        .key("id")
        .value(stage.id)
        .key("device")
        .value(stage.device)
        .key("kernels")
        .value(stage.kernels);
    writer.key("nodes")
        .value(static_cast<std::uint64_t>(stage.nodes))
        .key("recomputes")
        .value(static_cast<std::uint64_t>(stage.recomputed));
    writer.key("weight_bytes").value(stage.weight_bytes).key("modules").value(stage.modules).end_object();
  }
  writer.end_array();
  if (method.predicted) {
    writer.key("predicted").begin_object().key("makespan_ns").value(method.predicted->makespan_ns);
    writer.key("wire_bytes").value(method.predicted->wire_bytes).end_object();
  }
  writer.end_object();
}

void write_node(Writer& writer, const NodeSummary& node) {
  writer.begin_object();
  for (const auto& [key, text] : {std::pair{"method", &NodeSummary::method},
                                  {"id", &NodeSummary::id},
                                  {"op", &NodeSummary::op},
                                  {"arguments", &NodeSummary::arguments},
                                  {"results", &NodeSummary::results},
                                  {"scope", &NodeSummary::scope},
                                  {"source", &NodeSummary::source},
                                  {"stage", &NodeSummary::stage},
                                  {"device", &NodeSummary::device},
                                  {"phase", &NodeSummary::phase},
                                  {"role", &NodeSummary::role}})
    if (!(node.*text).empty()) writer.key(key).value(node.*text);
  writer.end_object();
}

}  // namespace

plan::Result<std::string> plan_json(const plan::Plan& plan, const PlanView& view) {
  auto summary = summarize(plan, view);
  if (!summary) return std::move(summary).errors();
  Writer writer(2);
  writer.begin_object();
  writer.key("plan").value(summary->id).key("stage").value(plan.stage);
  writer.key("producer")
      .value(plan.producer.plugin)
      .key("weights")
      .value(static_cast<std::uint64_t>(plan.weights.size()));
  writer.key("weight_bytes").value(summary->weight_bytes).key("stored_bytes").value(summary->blob_bytes);
  writer.key("states")
      .value(static_cast<std::uint64_t>(plan.states.size()))
      .key("state_bytes")
      .value(summary->state_bytes);
  writer.key("symbols").begin_object();
  for (const SymbolSummary& symbol : summary->symbols) {
    writer.key(symbol.id).begin_object().key("name").value(symbol.name).key("bounds").value(symbol.bounds);
    if (symbol.assumed) writer.key("assumed").value(*symbol.assumed);
    writer.end_object();
  }
  writer.end_object();
  writer.key("methods").begin_object();
  for (const MethodSummary& method : summary->methods)
    write_method(writer, method);
  writer.end_object();
  writer.key("largest_weights").begin_array();
  constexpr std::size_t kShownWeights = 12;
  const std::size_t limit = view.limit.value_or(kShownWeights);
  const std::size_t count = limit == 0 ? summary->weights.size() : std::min(limit, summary->weights.size());
  for (std::size_t i = 0; i < count; ++i) {
    const WeightSummary& weight = summary->weights[i];
    writer.begin_object()
        .key("name")
        .value(weight.name)
        .key("type")
        .value(weight.type)
        .key("bytes")
        .value(weight.bytes);
    writer.key("devices").begin_array();
    for (const std::string& device : weight.devices)
      writer.value(device);
    writer.end_array().end_object();
  }
  writer.end_array();
  writer.key("nodes").begin_array();
  for (const NodeSummary& node : summary->nodes)
    write_node(writer, node);
  writer.end_array();
  writer.key("decisions").begin_array();
  if (plan.schedule)
    for (const plan::Decision& decision : plan.schedule->decisions) {
      writer.begin_object()
          .key("subject")
          .value(decision.subject)
          .key("chose")
          .value(decision.chose)
          .key("because")
          .value(decision.because);
      writer.key("detail").value(decision.detail).end_object();
    }
  writer.end_array().end_object();
  return writer.take() + "\n";
}

}  // namespace genie::report
