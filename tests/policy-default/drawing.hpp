// Captured plans drawn by hand: nodes with given times, weights and results with given bytes, on given devices. For tests of
// placement and for bench/placement.
#pragma once

#include <string>
#include <vector>

#include "genie/plan/codec.hpp"
#include "genie/plan/schedule.hpp"
#include "policy.hpp"

namespace genie::policy::testing {

inline constexpr std::int64_t kMiB = 1 << 20;

struct Drawing {
  plan::Plan plan;
  plan::Topology topology;
  plan::Costs costs;
  std::vector<plan::Constraint> hints;
  Options options;
  std::string current = "forward";

  Drawing() {
    plan.producer = {"test", "1", {}, {}};
    plan.opsets["aten"] = 1;
    topology.client_host = "client";
  }
  plan::Method& method() { return plan.methods[current]; }

  Drawing& device(const std::string& id, std::int64_t memory_bytes,
                  std::vector<std::string> kernels = {"k"}) {
    plan::Device d;
    d.id = d.host = id;
    d.kind = "cpu";
    d.memory_bytes = static_cast<std::uint64_t>(memory_bytes);
    d.kernels = std::move(kernels);
    d.compute = {1e9, 1e9, 0};
    topology.devices.push_back(d);
    costs.devices.push_back(id);
    return *this;
  }
  /// A link between every two devices, and from each to the client.
  Drawing& all_connected(double bytes_per_s = 1e9, std::uint64_t latency_ns = 1000) {
    const auto link = [&](const std::string& a, const std::string& b) {
      plan::Link l;
      l.id = a + "-" + b;
      l.ends[0] = a;
      l.ends[1] = b;
      l.bandwidth_bytes_per_s = bytes_per_s;
      l.latency_ns = latency_ns;
      topology.links.push_back(l);
    };
    for (std::size_t i = 0; i < topology.devices.size(); ++i) {
      link("client", topology.devices[i].id);
      for (std::size_t j = i + 1; j < topology.devices.size(); ++j)
        link(topology.devices[i].id, topology.devices[j].id);
    }
    return *this;
  }
  Drawing& value(const std::string& id, std::int64_t bytes) {
    plan::Value v;
    v.dtype = plan::DType::u8;
    v.shape = {plan::Expr(bytes)};
    v.strides = {plan::Expr(1)};
    method().values[id] = v;
    return *this;
  }
  Drawing& input(const std::string& name, std::int64_t bytes) {
    method().inputs.push_back({name, {plan::arg::Value{name}}, {}});
    return value(name, bytes);
  }
  Drawing& output(const std::string& id) {
    method().outputs.push_back({id, {plan::arg::Value{id}}, {}});
    return *this;
  }
  Drawing& weight(const std::string& name, std::int64_t bytes) {
    plan::Weight w;
    w.kind = "parameter";
    w.dtype = plan::DType::u8;
    w.shape = {bytes};
    w.strides = {1};
    w.blob = plan::digest(name);
    plan.weights[name] = w;
    plan.blobs[w.blob].size_bytes = static_cast<std::uint64_t>(bytes);
    return *this;
  }
  Drawing& state(const std::string& name, std::int64_t bytes) {
    plan::State s;
    s.dtype = plan::DType::u8;
    s.shape = {bytes};
    s.strides = {1};
    plan.states[name] = s;
    plan.required = {"state"};
    return *this;
  }
  struct Uses {
    std::vector<std::string> values, weights, states;
  };
  /// A node "n<result>" that makes a value of that many bytes in that many ns.
  Drawing& node(const std::string& result, Uses uses, std::int64_t bytes, std::uint64_t ns = 1000,
                const std::string& scope = {}) {
    plan::Node n;
    n.id = (current == "forward" ? "n" : current + ".n") + result;
    n.op = "test.work.default";
    n.scope = scope;
    for (const std::string& v : uses.values)
      n.args.push_back({plan::arg::Value{v}});
    for (const std::string& w : uses.weights)
      n.args.push_back({plan::arg::Weight{w}});
    for (const std::string& s : uses.states)
      n.args.push_back({plan::arg::State{s}});
    n.results = {result};
    method().nodes.push_back(n);
    plan::Costs::Entry entry;
    entry.ns.assign(topology.devices.size(), ns);
    costs.methods[current][n.id] = entry;
    return value(result, bytes);
  }
  /// x → l0 → … → l(count-1): each with a weight, its module "layers.I".
  Drawing& chain(int count, std::int64_t weight_bytes, std::int64_t value_bytes = 1024,
                 std::uint64_t ns = 100'000) {
    input("x", value_bytes);
    std::string last = "x";
    for (int i = 0; i < count; ++i) {
      const std::string layer = "l" + std::to_string(i);
      weight("w" + std::to_string(i), weight_bytes);
      node(layer, {{last}, {"w" + std::to_string(i)}, {}}, value_bytes, ns, "layers." + std::to_string(i));
      last = layer;
    }
    return output(last);
  }
  plan::Constraint& hint(const std::string& kind, const std::string& select, const std::string& device = {}) {
    plan::Constraint c;
    c.id = "h" + std::to_string(hints.size());
    c.kind = kind;
    c.select = select;
    c.device = device;
    c.origin = "run.json#/hints/" + std::to_string(hints.size());
    hints.push_back(c);
    return hints.back();
  }

  [[nodiscard]] plan::Result<plan::Schedule> schedule() const {
    return make_schedule(plan, topology, costs, hints, options);
  }
};

}  // namespace genie::policy::testing
