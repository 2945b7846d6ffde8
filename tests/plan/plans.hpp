// Small plans that tests bend.
#pragma once

#include <stdexcept>
#include <string>
#include <string_view>

namespace genie::plan::testing {

/// relu(x + w): one weight, one state that takes the sum, one symbol.
inline constexpr std::string_view kCaptured = R"({
  "schema": "genie.plan", "version": {"major": 0, "minor": 1}, "stage": "captured",
  "producer": {"plugin": "org.genie.frontend-pytorch", "version": "0.1.0",
               "source": {"framework": "torch", "framework_version": "2.13.0"}},
  "requires": ["state"],
  "opsets": {"aten": 1},
  "symbols": {"s0": {"name": "batch", "min": 1, "max": 64, "from": {"input": "x", "dim": 0}}},
  "guards": [["le", "s0", 64, "x.size(0) <= 64"]],
  "blobs": {"sha256:1111111111111111111111111111111111111111111111111111111111111111": {"size_bytes": 64}},
  "weights": {"lin.bias": {"kind": "parameter", "dtype": "f32", "shape": [8],
              "blob": "sha256:1111111111111111111111111111111111111111111111111111111111111111", "offset_bytes": 32}},
  "states": {"k0": {"dtype": "f32", "shape": [8], "role": "running_mean"}},
  "methods": {"forward": {
    "inputs": [{"name": "x", "value": "v0"}],
    "outputs": [{"name": "output", "value": "v2"}],
    "values": {"v0": {"dtype": "f32", "shape": ["s0", 8]}, "v1": {"dtype": "f32", "shape": ["s0", 8]},
               "v2": {"dtype": "f32", "shape": ["s0", 8]}, "v3": {"dtype": "f32", "shape": [8]}},
    "nodes": [
      {"id": "n0", "op": "aten.relu.default", "args": [{"value": "v0"}], "results": ["v1"], "scope": "act",
       "source": {"file": "model.py", "line": 7},
       "semantics": {"phase": {"is": "encode", "by": "inferred", "confidence": 0.5}}},
      {"id": "n1", "op": "aten.add.Tensor", "args": [{"value": "v1"}, {"weight": "lin.bias"}], "kwargs": {"alpha": {"int": 1}},
       "results": ["v2"], "scope": "lin"},
      {"id": "n2", "op": "aten.add.Tensor", "args": [{"state": "k0"}, {"weight": "lin.bias"}], "kwargs": {"alpha": {"int": 1}},
       "results": ["v3"], "scope": "lin"}],
    "writes": [{"state": "k0", "value": "v3"}]}},
  "locations": {"sha256:1111111111111111111111111111111111111111111111111111111111111111": {"uri": "model.pt2", "offset_bytes": 128}}
})";

/// The same on two devices.
inline constexpr std::string_view kScheduled = R"({
  "schema": "genie.plan", "version": {"major": 0, "minor": 1}, "stage": "scheduled",
  "producer": {"plugin": "org.genie.frontend-pytorch", "version": "0.1.0"},
  "requires": ["state"],
  "opsets": {"aten": 1},
  "symbols": {"s0": {"name": "batch", "min": 1, "max": 64, "from": {"input": "x", "dim": 0}}},
  "blobs": {"sha256:1111111111111111111111111111111111111111111111111111111111111111": {"size_bytes": 64}},
  "weights": {"lin.bias": {"kind": "parameter", "dtype": "f32", "shape": [8],
              "blob": "sha256:1111111111111111111111111111111111111111111111111111111111111111", "offset_bytes": 32}},
  "states": {"k0": {"dtype": "f32", "shape": [8], "role": "running_mean"}},
  "methods": {"forward": {
    "inputs": [{"name": "x", "value": "v0"}],
    "outputs": [{"name": "output", "value": "v2"}],
    "values": {"v0": {"dtype": "f32", "shape": ["s0", 8]}, "v1": {"dtype": "f32", "shape": ["s0", 8]},
               "v2": {"dtype": "f32", "shape": ["s0", 8]}, "v3": {"dtype": "f32", "shape": [8]}},
    "nodes": [
      {"id": "n0", "op": "aten.relu.default", "args": [{"value": "v0"}], "results": ["v1"], "scope": "act"},
      {"id": "n1", "op": "aten.add.Tensor", "args": [{"value": "v1"}, {"weight": "lin.bias"}], "kwargs": {"alpha": {"int": 1}},
       "results": ["v2"], "scope": "lin"},
      {"id": "n2", "op": "aten.add.Tensor", "args": [{"state": "k0"}, {"weight": "lin.bias"}], "kwargs": {"alpha": {"int": 1}},
       "results": ["v3"], "scope": "lin"}],
    "writes": [{"state": "k0", "value": "v3"}]}},
  "constraints": [{"id": "h0", "kind": "pin", "select": "lin", "device": "w1", "origin": "run.json#/hints/0"}],
  "schedule": {
    "policy": {"plugin": "org.genie.policy-default", "version": "0.1.0", "objective": "latency"},
    "topology": "sha256:2222222222222222222222222222222222222222222222222222222222222222", "assumes": {"s0": 4},
    "residence": {"weights": {"lin.bias": ["w1"]}, "states": {"k0": "w1"}},
    "methods": {"forward": {
      "stages": [{"id": "s0", "device": "w0", "kernels": "org.genie.kernels-aten", "nodes": ["n0"]},
                 {"id": "s1", "device": "w1", "kernels": "org.genie.kernels-aten", "nodes": ["n1", "n2"]}],
      "transfers": [{"id": "t0", "value": "v1", "from": "s0", "to": "s1", "size_bytes": 128, "slack_ns": 0}],
      "predicted": {"makespan_ns": 8000, "wire_bytes": 128, "device_busy_ns": {"w0": 2000, "w1": 4000},
                    "peak_bytes": {"w0": 256, "w1": 320}}}},
    "decisions": [{"subject": "s1", "chose": "w1", "because": "hint", "detail": "pinned by h0",
                   "alternatives": [{"device": "w0", "refused": "hint:h0"}], "honours": ["h0"]}]}
})";

/// The text with the first `from` replaced; it must be there.
inline std::string replaced(std::string_view text, std::string_view from, std::string_view to) {
  std::string result(text);
  const std::size_t at = result.find(from);
  if (at == std::string::npos) throw std::invalid_argument("the text has no " + std::string(from));
  return result.replace(at, from.size(), to);
}

}  // namespace genie::plan::testing
