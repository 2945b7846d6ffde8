// Plans small enough for paper: nodes with given work, values with given bytes, a stage a node, run by the backend.
#pragma once

#include "plans.hpp"

namespace emulation_test {

/// What happened to a stage or a message on the virtual clock, from the trace.
struct Span {
  std::uint64_t start_ns = 0;
  std::uint64_t end_ns = 0;
  std::string place;
  std::uint64_t bytes = 0;
  friend bool operator==(const Span&, const Span&) = default;
};
inline std::ostream& operator<<(std::ostream& to, const Span& s) {
  return to << s.place << " " << s.start_ns << "–" << s.end_ns << " ns, " << s.bytes << " bytes";
}

class Paper {
 public:
  Paper() {
    plan_.version = {0, 1};
    plan_.stage = "captured";
    plan_.producer = {"org.example.test", "1.0.0", {}, {}};
    plan_.opsets["aten"] = 1;
  }

  /// One flop takes a nanosecond at speed 1; memory is so fast that only `memory_bytes_per_s` below it is felt.
  Paper& device(const std::string& id, double speed = 1, const std::string& host = {},
                double memory_bytes_per_s = 1e15, std::uint64_t op_overhead_ns = 0) {
    plan::Device d;
    d.id = id;
    d.host = host.empty() ? id : host;
    d.kind = "cpu";
    d.memory_bytes = 1 << 20;
    d.speed = speed;
    d.kernels = {kKernels};
    d.compute = {1e9, memory_bytes_per_s, op_overhead_ns};
    topology_.devices.push_back(d);
    return *this;
  }
  Paper& link(const std::string& id, const std::string& a, const std::string& b, double bytes_per_s,
              std::uint64_t latency_ns = 0, const std::string& shared = {}) {
    plan::Link l;
    l.id = id;
    l.ends[0] = a;
    l.ends[1] = b;
    l.bandwidth_bytes_per_s = bytes_per_s;
    l.latency_ns = latency_ns;
    l.shared = shared;
    topology_.links.push_back(l);
    return *this;
  }
  Paper& client(const std::string& host) {
    topology_.client_host = host;
    return *this;
  }
  Paper& input(const std::string& id, std::int64_t bytes) {
    method().inputs.push_back({id, {plan::arg::Value{id}}, {}});
    return value(id, bytes);
  }
  Paper& weight(const std::string& name, std::int64_t bytes, std::uint64_t blob_bytes) {
    plan::Weight w;
    w.kind = "parameter";
    w.dtype = plan::DType::u8;
    w.shape = {bytes};
    w.strides = {1};
    w.blob = kDigest;
    plan_.blobs[kDigest] = {blob_bytes, {}};
    plan_.weights[name] = w;
    return *this;
  }
  Paper& state(const std::string& name, std::int64_t bytes) {
    plan::State s;
    s.dtype = plan::DType::u8;
    s.shape = {bytes};
    s.strides = {1};
    plan_.states[name] = s;
    plan_.required = {"state"};
    return *this;
  }
  /// A node that reads values, weights ("w:NAME") and states ("s:NAME") and makes one value, as a stage of its own named as
  /// the value. `traffic`: bytes that it reads and writes for the cost model.
  Paper& node(const std::string& result, const std::vector<std::string>& reads, const std::string& device,
              std::int64_t flops, std::int64_t bytes, std::int64_t traffic = 0) {
    plan::Node n;
    n.id = "n" + result;
    n.op = "example.work.default";
    for (const std::string& read : reads) {
      if (read.starts_with("w:")) {
        n.args.push_back({plan::arg::Weight{read.substr(2)}});
        schedule_.residence.weights[read.substr(2)].push_back(device);
      } else if (read.starts_with("s:")) {
        n.args.push_back({plan::arg::State{read.substr(2)}});
        schedule_.residence.states[read.substr(2)] = device;
      } else {
        n.args.push_back({plan::arg::Value{read}});
      }
    }
    n.results = {result};
    plan::Cost cost;
    cost.flops = plan::Expr(flops);
    cost.read_bytes = plan::Expr(traffic);
    cost.written_bytes = plan::Expr(0);
    cost.by = "measured";
    n.cost = cost;
    method().nodes.push_back(n);
    plan::Stage s;
    s.id = result;
    s.device = device;
    s.nodes = {n.id};
    schedule_.methods["forward"].stages.push_back(s);
    return value(result, bytes);
  }
  /// The latest node goes into the stage of an earlier one.
  Paper& joins(const std::string& stage) {
    std::vector<plan::Stage>& stages = schedule_.methods["forward"].stages;
    const std::vector<std::string> nodes = stages.back().nodes;
    stages.pop_back();
    for (plan::Stage& s : stages)
      if (s.id == stage) s.nodes.insert(s.nodes.end(), nodes.begin(), nodes.end());
    return *this;
  }
  Paper& output(const std::string& id) {
    method().outputs.push_back({id, {plan::arg::Value{id}}, {}});
    return *this;
  }
  Paper& writes(const std::string& state, const std::string& value) {
    method().writes.push_back({state, value, false, {}});
    return *this;
  }

  /// Of every step that run() takes.
  Paper& micro_batches(std::uint32_t count) {
    schedule_.methods["forward"].micro_batches = count;
    return *this;
  }
  Paper& copy_engines(const std::string& device, std::uint32_t count) {
    for (plan::Device& d : topology_.devices)
      if (d.id == device) d.copy_engines = count;
    return *this;
  }

  /// Runs steps one after the other; then the questions below are answered. Micro-batch m of step i counts as i · count + m.
  void run(std::uint64_t steps = 1) {
    const std::uint32_t batches = schedule_.methods["forward"].micro_batches;
    const plan::Costs costs = plan::model_costs(plan_, topology_, {});
    auto joined = plan::join_schedule(plan_, schedule_, topology_, costs);
    if (!joined) throw std::runtime_error(plan::to_json(joined.errors()));
    scheduled_ = *std::move(joined);
    rig_ = std::make_unique<Rig>(topology_, R"(,"compute":"none")");
    genie_session* session = rig_->open(rig_->prepare(scheduled_));
    for (std::uint64_t i = 0; i < steps; ++i) {
      std::vector<In> inputs;
      for (std::uint32_t m = 0; m < batches; ++m)
        for (const plan::Port& port : method().inputs) {
          const std::int64_t bytes = *method().values.at(port.name).shape.front().evaluate({});
          inputs.push_back({port.name,
                            {{bytes}, std::vector<float>(static_cast<std::size_t>(bytes / 4 + 1))},
                            nullptr,
                            {GENIE_TYPE_UINT, 8, 1}});
        }
      std::vector<Out> outputs;
      for (std::uint32_t m = 0; m < batches; ++m)
        for (const plan::Port& port : method().outputs)
          outputs.push_back({port.name});
      if (const auto failed = rig_->submit(session, i * batches, std::move(inputs), std::move(outputs),
                                           GENIE_NO_DEADLINE, "forward", batches)
                                  ->wait())
        throw std::runtime_error(failed->message);
    }
  }

  [[nodiscard]] Span stage(const std::string& id, std::uint32_t step = 0) const { return span(id, step); }
  /// Of the message that brings a value to a device ("" is the client).
  [[nodiscard]] Span message(const std::string& value, const std::string& to, std::uint32_t step = 0) const {
    for (const plan::Transfer& t : scheduled_.schedule->methods.at("forward").transfers) {
      if (t.value != value) continue;
      std::string device;
      for (const plan::Stage& s : scheduled_.schedule->methods.at("forward").stages)
        if (s.id == t.to) device = s.device;
      if (device == to) return span(t.id, step);
    }
    throw std::runtime_error("no transfer of " + value + " to " + to);
  }
  [[nodiscard]] std::int64_t virtual_ns(const char* step = "0") const {
    return rig_->stat({"steps", step, "virtual_ns"});
  }
  [[nodiscard]] std::int64_t busy_ns(const char* device) const {
    return rig_->stat({"devices", device, "busy_ns"});
  }
  [[nodiscard]] std::int64_t peak_bytes(const char* device) const {
    return rig_->stat({"devices", device, "peak_bytes"});
  }
  /// Bytes, messages, busy nanoseconds.
  [[nodiscard]] std::vector<std::int64_t> link_use(const char* link) const {
    return {rig_->stat({"links", link, "bytes"}), rig_->stat({"links", link, "messages"}),
            rig_->stat({"links", link, "busy_ns"})};
  }
  [[nodiscard]] std::int64_t wire_bytes() const { return rig_->stat({"counters", "wire_bytes"}); }
  [[nodiscard]] const plan::Predicted& predicted() const {
    return *scheduled_.schedule->methods.at("forward").predicted;
  }

 private:
  plan::Method& method() { return plan_.methods["forward"]; }
  Paper& value(const std::string& id, std::int64_t bytes) {
    plan::Value v;
    v.dtype = plan::DType::u8;
    v.shape = {plan::Expr(bytes)};
    v.strides = {plan::Expr(1)};
    method().values[id] = v;
    return *this;
  }
  [[nodiscard]] Span span(const std::string& id, std::uint32_t step) const {
    for (const TraceLine& line : rig_->host.trace())
      if (line.kind == GENIE_TRACE_SPAN && line.name == id && line.step == step)
        return {line.t_ns, line.t_ns + line.duration_ns, line.process, line.bytes};
    throw std::runtime_error("the trace has nothing of " + id);
  }

  plan::Plan plan_;
  plan::Schedule schedule_ = {.policy = {"org.example.test", "1.0.0", "latency", {}}};
  plan::Topology topology_;
  plan::Plan scheduled_;
  std::unique_ptr<Rig> rig_;
};

}  // namespace emulation_test
