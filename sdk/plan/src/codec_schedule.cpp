// The schedule: what a policy decided.
#include "codec_parts.hpp"

namespace genie::plan::detail {
namespace {

std::uint64_t count_or_0(const Fields& fields, std::string_view key) {
  const View* const view = fields.find(key);
  return view == nullptr ? 0 : read_count(fields.problems(), *view);
}

std::string text_or_empty(const Fields& fields, std::string_view key) {
  const View* const view = fields.find(key);
  return view == nullptr ? std::string() : read_text(fields.problems(), *view);
}

std::string id_or_empty(const View* view, Problems& problems) {
  return view == nullptr ? std::string() : read_id(problems, *view);
}

Table<std::uint64_t> read_counts(Problems& problems, const View& view) {
  Table<std::uint64_t> counts;
  read_table<std::uint64_t>(problems, view, counts,
                            [&](const View& item) { return read_count(problems, item); });
  return counts;
}

void write_counts(json::Writer& writer, const Table<std::uint64_t>& counts) {
  write_table(writer, counts, [&](std::uint64_t count) { writer.value(count); });
}

constexpr std::string_view kPolicyKeys[] = {"plugin", "version", "objective"};

Schedule::Policy read_policy(Problems& problems, const View& view) {
  const Fields fields(problems, view, kPolicyKeys);
  Schedule::Policy policy;
  policy.plugin = text_or_empty(fields, "plugin");
  policy.version = text_or_empty(fields, "version");
  policy.objective = text_or_empty(fields, "objective");
  fields.keep_unknown(policy.extra);
  return policy;
}

bool is_empty(const Schedule::Policy& policy) {
  return policy.plugin.empty() && policy.version.empty() && policy.objective.empty() && policy.extra.empty();
}

void write_policy(json::Writer& writer, const Schedule::Policy& policy) {
  ObjectWriter object(writer, &policy.extra);
  object.text_unless_empty("objective", policy.objective);
  object.text_unless_empty("plugin", policy.plugin);
  object.text_unless_empty("version", policy.version);
}

constexpr std::string_view kResidenceKeys[] = {"weights", "states"};

Residence read_residence(Problems& problems, const View& view) {
  const Fields fields(problems, view, kResidenceKeys);
  Residence residence;
  if (const View* weights = fields.find("weights"))
    read_table<std::vector<std::string>>(problems, *weights, residence.weights,
                                         [&](const View& item) { return read_ids(problems, item); });
  if (const View* states = fields.find("states"))
    read_table<std::string>(problems, *states, residence.states,
                            [&](const View& item) { return read_id(problems, item); });
  fields.keep_unknown(residence.extra);
  return residence;
}

void write_residence(json::Writer& writer, const Residence& residence) {
  ObjectWriter object(writer, &residence.extra);
  if (!residence.states.empty())
    write_table(object.key("states"), residence.states,
                [&](const std::string& device) { writer.value(device); });
  if (!residence.weights.empty())
    write_table(object.key("weights"), residence.weights,
                [&](const std::vector<std::string>& devices) { write_ids(writer, devices); });
}

constexpr std::string_view kStageKeys[] = {"id", "device", "kernels", "nodes", "recomputes", "after"};

Stage read_stage(Problems& problems, const View& view) {
  const Fields fields(problems, view, kStageKeys);
  Stage stage;
  if (const View* id = fields.need("id")) stage.id = read_id(problems, *id);
  if (const View* device = fields.need("device")) stage.device = read_id(problems, *device);
  stage.kernels = text_or_empty(fields, "kernels");
  if (const View* nodes = fields.need("nodes")) stage.nodes = read_ids(problems, *nodes);
  if (const View* recomputes = fields.find("recomputes")) stage.recomputes = read_ids(problems, *recomputes);
  if (const View* after = fields.find("after")) stage.after = read_ids(problems, *after);
  fields.keep_unknown(stage.extra);
  return stage;
}

void write_stage(json::Writer& writer, const Stage& stage) {
  ObjectWriter object(writer, &stage.extra);
  if (!stage.after.empty()) write_ids(object.key("after"), stage.after);
  object.key("device").value(stage.device);
  object.key("id").value(stage.id);
  object.text_unless_empty("kernels", stage.kernels);
  write_ids(object.key("nodes"), stage.nodes);
  if (!stage.recomputes.empty()) write_ids(object.key("recomputes"), stage.recomputes);
}

constexpr std::string_view kTransferKeys[] = {"id", "value", "from", "to", "class", "size_bytes", "slack_ns"};
constexpr std::string_view kClasses[] = {"control", "bulk"};

Transfer read_transfer(Problems& problems, const View& view) {
  const Fields fields(problems, view, kTransferKeys);
  Transfer transfer;
  transfer.id = id_or_empty(fields.find("id"), problems);
  if (const View* value = fields.need("value")) transfer.value = read_id(problems, *value);
  if (const View* from = fields.need("from")) transfer.from = read_id(problems, *from);
  if (const View* to = fields.need("to")) transfer.to = read_id(problems, *to);
  if (const View* klass = fields.find("class")) transfer.klass = read_choice(problems, *klass, kClasses);
  transfer.size_bytes = count_or_0(fields, "size_bytes");
  if (const View* slack = fields.find("slack_ns")) transfer.slack_ns = read_count(problems, *slack);
  fields.keep_unknown(transfer.extra);
  return transfer;
}

void write_transfer(json::Writer& writer, const Transfer& transfer) {
  ObjectWriter object(writer, &transfer.extra);
  if (transfer.klass != "bulk") object.key("class").value(transfer.klass);
  object.key("from").value(transfer.from);
  object.text_unless_empty("id", transfer.id);
  if (transfer.size_bytes != 0) object.key("size_bytes").value(transfer.size_bytes);
  if (transfer.slack_ns) object.key("slack_ns").value(*transfer.slack_ns);
  object.key("to").value(transfer.to);
  object.key("value").value(transfer.value);
}

constexpr std::string_view kPredictedKeys[] = {"makespan_ns", "wire_bytes", "device_busy_ns", "peak_bytes"};

Predicted read_predicted(Problems& problems, const View& view) {
  const Fields fields(problems, view, kPredictedKeys);
  Predicted predicted;
  if (const View* makespan = fields.need("makespan_ns"))
    predicted.makespan_ns = read_count(problems, *makespan);
  if (const View* bytes = fields.need("wire_bytes")) predicted.wire_bytes = read_count(problems, *bytes);
  if (const View* busy = fields.find("device_busy_ns"))
    predicted.device_busy_ns = read_counts(problems, *busy);
  if (const View* peak = fields.find("peak_bytes")) predicted.peak_bytes = read_counts(problems, *peak);
  fields.keep_unknown(predicted.extra);
  return predicted;
}

void write_predicted(json::Writer& writer, const Predicted& predicted) {
  ObjectWriter object(writer, &predicted.extra);
  if (!predicted.device_busy_ns.empty()) write_counts(object.key("device_busy_ns"), predicted.device_busy_ns);
  object.key("makespan_ns").value(predicted.makespan_ns);
  if (!predicted.peak_bytes.empty()) write_counts(object.key("peak_bytes"), predicted.peak_bytes);
  object.key("wire_bytes").value(predicted.wire_bytes);
}

constexpr std::string_view kMethodKeys[] = {"micro_batches", "stages", "transfers", "predicted"};

MethodSchedule read_method_schedule(Problems& problems, const View& view) {
  const Fields fields(problems, view, kMethodKeys);
  MethodSchedule method;
  if (const View* stages = fields.need("stages"))
    method.stages =
        read_list<Stage>(problems, *stages, [&](const View& item) { return read_stage(problems, item); });
  if (const View* transfers = fields.find("transfers"))
    method.transfers = read_list<Transfer>(problems, *transfers,
                                           [&](const View& item) { return read_transfer(problems, item); });
  if (const View* predicted = fields.find("predicted"))
    method.predicted = read_predicted(problems, *predicted);
  if (const View* micro_batches = fields.find("micro_batches"))
    method.micro_batches =
        static_cast<std::uint32_t>(read_integer(problems, *micro_batches, 1, kMaxMicroBatches));
  fields.keep_unknown(method.extra);
  return method;
}

void write_method_schedule(json::Writer& writer, const MethodSchedule& method) {
  ObjectWriter object(writer, &method.extra);
  if (method.micro_batches != 1) object.key("micro_batches").value(std::uint64_t{method.micro_batches});
  if (method.predicted) write_predicted(object.key("predicted"), *method.predicted);
  object.key("stages").begin_array();
  for (const Stage& stage : method.stages)
    write_stage(writer, stage);
  writer.end_array();
  if (method.transfers.empty()) return;
  object.key("transfers").begin_array();
  for (const Transfer& transfer : method.transfers)
    write_transfer(writer, transfer);
  writer.end_array();
}

constexpr std::string_view kAlternativeKeys[] = {"device", "refused", "makespan_ns", "detail"};

Alternative read_alternative(Problems& problems, const View& view) {
  const Fields fields(problems, view, kAlternativeKeys);
  Alternative alternative;
  if (const View* device = fields.need("device")) alternative.device = read_id(problems, *device);
  alternative.refused = text_or_empty(fields, "refused");
  if (const View* makespan = fields.find("makespan_ns"))
    alternative.makespan_ns = read_count(problems, *makespan);
  alternative.detail = text_or_empty(fields, "detail");
  fields.keep_unknown(alternative.extra);
  return alternative;
}

void write_alternative(json::Writer& writer, const Alternative& alternative) {
  ObjectWriter object(writer, &alternative.extra);
  object.text_unless_empty("detail", alternative.detail);
  object.key("device").value(alternative.device);
  if (alternative.makespan_ns) object.key("makespan_ns").value(*alternative.makespan_ns);
  object.text_unless_empty("refused", alternative.refused);
}

constexpr std::string_view kDecisionKeys[] = {"subject", "chose",        "because",
                                              "detail",  "alternatives", "honours"};

Decision read_decision(Problems& problems, const View& view) {
  const Fields fields(problems, view, kDecisionKeys);
  Decision decision;
  if (const View* subject = fields.need("subject")) decision.subject = read_id(problems, *subject);
  if (const View* chose = fields.find("chose")) decision.chose = read_id(problems, *chose);
  decision.because = text_or_empty(fields, "because");
  decision.detail = text_or_empty(fields, "detail");
  if (const View* alternatives = fields.find("alternatives"))
    decision.alternatives = read_list<Alternative>(
        problems, *alternatives, [&](const View& item) { return read_alternative(problems, item); });
  if (const View* honours = fields.find("honours")) decision.honours = read_ids(problems, *honours);
  fields.keep_unknown(decision.extra);
  return decision;
}

void write_decision(json::Writer& writer, const Decision& decision) {
  ObjectWriter object(writer, &decision.extra);
  if (!decision.alternatives.empty()) {
    object.key("alternatives").begin_array();
    for (const Alternative& alternative : decision.alternatives)
      write_alternative(writer, alternative);
    writer.end_array();
  }
  object.text_unless_empty("because", decision.because);
  object.text_unless_empty("chose", decision.chose);
  object.text_unless_empty("detail", decision.detail);
  if (!decision.honours.empty()) write_ids(object.key("honours"), decision.honours);
  object.key("subject").value(decision.subject);
}

constexpr std::string_view kScheduleKeys[] = {"policy",    "topology", "profile",  "assumes",
                                              "residence", "methods",  "decisions"};

}  // namespace

Schedule read_schedule(Problems& problems, const View& view) {
  const Fields fields(problems, view, kScheduleKeys);
  Schedule schedule;
  if (const View* policy = fields.find("policy")) schedule.policy = read_policy(problems, *policy);
  if (const View* topology = fields.find("topology")) schedule.topology = read_digest(problems, *topology);
  if (const View* profile = fields.find("profile"); profile != nullptr && !profile->is(Kind::null))
    schedule.profile = read_digest(problems, *profile);
  if (const View* assumes = fields.find("assumes"))
    each_member(problems, *assumes, [&](const json::Member& member) {
      check_id_key(problems, member);
      schedule.assumes.emplace(member.key, read_integer(problems, member.value));
    });
  if (const View* residence = fields.find("residence"))
    schedule.residence = read_residence(problems, *residence);
  if (const View* methods = fields.need("methods"))
    read_table<MethodSchedule>(problems, *methods, schedule.methods,
                               [&](const View& item) { return read_method_schedule(problems, item); });
  if (const View* decisions = fields.find("decisions"))
    schedule.decisions = read_list<Decision>(problems, *decisions,
                                             [&](const View& item) { return read_decision(problems, item); });
  fields.keep_unknown(schedule.extra);
  return schedule;
}

void write_schedule(json::Writer& writer, const Schedule& schedule) {
  ObjectWriter object(writer, &schedule.extra);
  if (!schedule.assumes.empty())
    write_table(object.key("assumes"), schedule.assumes, [&](std::int64_t size) { writer.value(size); });
  if (!schedule.decisions.empty()) {
    object.key("decisions").begin_array();
    for (const Decision& decision : schedule.decisions)
      write_decision(writer, decision);
    writer.end_array();
  }
  write_table(object.key("methods"), schedule.methods,
              [&](const MethodSchedule& method) { write_method_schedule(writer, method); });
  if (!is_empty(schedule.policy)) write_policy(object.key("policy"), schedule.policy);
  if (schedule.profile) object.key("profile").value(*schedule.profile);
  const Residence& residence = schedule.residence;
  if (!residence.weights.empty() || !residence.states.empty() || !residence.extra.empty())
    write_residence(object.key("residence"), residence);
  object.text_unless_empty("topology", schedule.topology);
}

}  // namespace genie::plan::detail
