// Plans that the tests place on devices, and the devices.
#pragma once

#include "rig.hpp"

namespace emulation_test {

/// y = relu(x) + bias; k0 += bias; k1 (which starts as bias) += the new k0.
inline constexpr std::string_view kModel = R"({
  "schema": "genie.plan", "version": {"major": 0, "minor": 1}, "stage": "captured",
  "producer": {"plugin": "org.example.test", "version": "1.0.0"}, "requires": ["state"], "opsets": {"aten": 1},
  "symbols": {"s0": {"name": "batch", "min": 1, "max": 64, "from": {"input": "x", "dim": 0}}},
  "blobs": {"sha256:c75091e4b7bf847b99fcf74a972e1ec043c009eaf1a43c2c15cde1291b055134": {"size_bytes": 64}},
  "weights": {"bias": {"kind": "parameter", "dtype": "f32", "shape": [8], "offset_bytes": 32,
              "blob": "sha256:c75091e4b7bf847b99fcf74a972e1ec043c009eaf1a43c2c15cde1291b055134"}},
  "states": {"k0": {"dtype": "f32", "shape": [8]}, "k1": {"dtype": "f32", "shape": [8], "init": {"weight": "bias"}}},
  "methods": {"forward": {
    "inputs": [{"name": "x", "value": "v0"}],
    "outputs": [{"name": "y", "value": "v2"}],
    "values": {"v0": {"dtype": "f32", "shape": ["s0", 8]}, "v1": {"dtype": "f32", "shape": ["s0", 8]},
               "v2": {"dtype": "f32", "shape": ["s0", 8]}, "v3": {"dtype": "f32", "shape": [8]},
               "v4": {"dtype": "f32", "shape": [8]}},
    "nodes": [
      {"id": "n0", "op": "aten.relu.default", "args": [{"value": "v0"}], "results": ["v1"], "scope": "act"},
      {"id": "n1", "op": "aten.add.Tensor", "args": [{"value": "v1"}, {"weight": "bias"}], "kwargs": {"alpha": {"int": 1}}, "results": ["v2"], "scope": "lin"},
      {"id": "n2", "op": "aten.add.Tensor", "args": [{"state": "k0"}, {"weight": "bias"}], "kwargs": {"alpha": {"int": 1}}, "results": ["v3"], "scope": "lin"},
      {"id": "n3", "op": "aten.add.Tensor", "args": [{"state": "k1"}, {"value": "v3"}], "kwargs": {"alpha": {"int": 1}}, "results": ["v4"], "scope": "lin"}],
    "writes": [{"state": "k0", "value": "v3"}, {"state": "k1", "value": "v4"}]}}
})";

/// Two devices on hosts of their own, a link between them, and one from the client to each.
inline plan::Topology cluster(std::uint64_t memory_bytes = 1 << 20) {
  plan::Topology t;
  t.client_host = "client";
  for (const char* id : {"w0", "w1"}) {
    plan::Device d;
    d.id = d.host = id;
    d.kind = "cpu";
    d.memory_bytes = memory_bytes;
    d.kernels = {kKernels};
    d.compute = {1e9, 1e9, 1000};
    t.devices.push_back(d);
  }
  const auto link = [&](const char* id, const char* a, const char* b) {
    plan::Link l;
    l.id = id;
    l.ends[0] = a;
    l.ends[1] = b;
    l.bandwidth_bytes_per_s = 1e8;
    l.latency_ns = 500;
    t.links.push_back(l);
  };
  link("w0-w1", "w0", "w1");
  link("c-w0", "client", "w0");
  link("c-w1", "client", "w1");
  return t;
}

struct Cut {
  std::string device;
  std::vector<std::string> nodes;
};

/// The captured text with these stages, joined as a policy's answer is.
inline plan::Plan placed(std::string_view text, const plan::Topology& topology, const std::vector<Cut>& cuts,
                         const plan::Bindings& assumes = {{"s0", 4}}) {
  auto captured = plan::decode(text, {}, "plan");
  if (!captured) throw std::runtime_error(plan::to_json(captured.errors()));
  plan::Schedule schedule;
  schedule.policy = {"org.example.test", "1.0.0", "latency", {}};
  for (const Cut& cut : cuts) {
    plan::Stage stage;
    stage.id = "a" + std::to_string(schedule.methods["forward"].stages.size());
    stage.device = cut.device;
    stage.nodes = cut.nodes;
    schedule.methods["forward"].stages.push_back(stage);
  }
  auto joined =
      plan::join_schedule(*captured, schedule, topology, plan::model_costs(*captured, topology, assumes));
  if (!joined) throw std::runtime_error(plan::to_json(joined.errors()));
  return *std::move(joined);
}

/// relu on w0, the rest on w1.
inline const std::vector<Cut> kSplit = {{"w0", {"n0"}}, {"w1", {"n1", "n2", "n3"}}};

/// -8, -7, … : rows × 8.
inline Array rows(std::int64_t count) {
  Array a{{count, 8}, {}};
  for (std::int64_t i = 0; i < count * 8; ++i)
    a.data.push_back(static_cast<float>(i - 8));
  return a;
}
/// What the model answers to rows(count).
inline std::vector<float> answer(std::int64_t count) {
  std::vector<float> out;
  for (std::int64_t i = 0; i < count * 8; ++i)
    out.push_back(std::max(0.0f, static_cast<float>(i - 8)) + static_cast<float>(i % 8 + 1));
  return out;
}
/// bias * factor: every state of the model is such a vector.
inline std::vector<float> bias(float factor) {
  std::vector<float> out;
  for (int i = 1; i <= 8; ++i)
    out.push_back(factor * static_cast<float>(i));
  return out;
}

inline bool contains(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

}  // namespace emulation_test
