// Plans drawn by hand for tests of schedules: nodes with given times, values with given bytes, one stage a node.
#pragma once

#include <string>
#include <vector>

#include "genie/plan/schedule.hpp"

namespace genie::plan::testing {

struct Sketch {
  Plan plan;
  Topology topology;
  Costs costs;

  Sketch() {
    plan.version = {0, 1};
    plan.producer = {"test", "1", {}, {}};
    plan.opsets["aten"] = 1;
    plan.schedule.emplace();
    (void)method();
  }

  Method& method() { return plan.methods["forward"]; }
  MethodSchedule& schedule() { return plan.schedule->methods["forward"]; }

  Sketch& device(const std::string& id, const std::string& host = {}, double memory_bytes_per_s = 1e9) {
    Device d;
    d.id = id;
    d.kind = "cpu";
    d.memory_bytes = 1u << 30;
    d.host = host.empty() ? id : host;
    d.kernels = {"k"};
    d.compute = {1e9, memory_bytes_per_s, 0};
    topology.devices.push_back(d);
    costs.devices.push_back(id);
    return *this;
  }
  Sketch& link(const std::string& id, const std::string& a, const std::string& b, double bytes_per_s,
               std::uint64_t latency_ns = 0, const std::string& shared = {}) {
    Link l;
    l.id = id;
    l.ends[0] = a;
    l.ends[1] = b;
    l.bandwidth_bytes_per_s = bytes_per_s;
    l.latency_ns = latency_ns;
    l.shared = shared;
    topology.links.push_back(l);
    return *this;
  }
  Sketch& value(const std::string& id, std::int64_t bytes) {
    Value v;
    v.dtype = DType::u8;
    v.shape = {Expr(bytes)};
    v.strides = {Expr(1)};
    method().values[id] = v;
    return *this;
  }
  Sketch& input(const std::string& name, std::int64_t bytes) {
    method().inputs.push_back({name, {arg::Value{name}}, {}});
    return value(name, bytes);
  }
  Sketch& output(const std::string& id) {
    method().outputs.push_back({id, {arg::Value{id}}, {}});
    return *this;
  }
  /// A node "n<result>" that reads the values and makes one, and a stage "s<result>" of its own on the device.
  Sketch& node(const std::string& result, std::vector<std::string> reads, const std::string& device,
               std::uint64_t ns, std::int64_t bytes) {
    Node n;
    n.id = "n" + result;
    n.op = "test.work.default";
    for (const std::string& read : reads)
      n.args.push_back({arg::Value{read}});
    n.results = {result};
    method().nodes.push_back(n);
    Costs::Entry entry;
    entry.ns.assign(topology.devices.size(), ns);
    costs.methods["forward"][n.id] = entry;
    Stage s;
    s.id = "s" + result;
    s.device = device;
    s.kernels = "k";
    s.nodes = {n.id};
    schedule().stages.push_back(s);
    return value(result, bytes);
  }
  Node& last_node() { return method().nodes.back(); }
  Stage& stage(const std::string& id) {
    for (Stage& s : schedule().stages)
      if (s.id == id) return s;
    throw std::runtime_error("no stage " + id);
  }

  [[nodiscard]] Result<Timeline> run() {
    schedule().transfers = derive_transfers(plan, "forward", schedule(), costs.assumes);
    plan.stage = "scheduled";
    return simulate(plan, "forward", topology, costs);
  }
};

inline const Event& event(const Timeline& timeline, std::string_view id, std::uint32_t micro_batch = 0) {
  for (const Event& e : timeline.events)
    if (e.id == id && e.micro_batch == micro_batch) return e;
  throw std::runtime_error("no event " + std::string(id));
}

}  // namespace genie::plan::testing
