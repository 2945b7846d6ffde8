// A model of three modules with a state, on three devices: run whole, through the host, under a fault script.
//
// A later step takes an output of the step before that stayed on its device, and the state grows with each step: a step that
// is repeated wrongly, or not at all, shows in the outputs.
#pragma once

#include <doctest/doctest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include "config/run_config.hpp"
#include "host/scratch.hpp"
#include "runtime/engine.hpp"
#include "runtime/job.hpp"
#include "services/trace.hpp"
#include "tensors/safetensors.hpp"

namespace faults_test {

using namespace genie;

/// y = third(second(first(x))); total += y; sum = 2 * total.
inline constexpr std::string_view kModel = R"({
  "schema": "genie.plan", "version": {"major": 0, "minor": 1}, "stage": "captured",
  "producer": {"plugin": "org.example.test", "version": "1.0.0"}, "requires": ["state"], "opsets": {"aten": 1},
  "states": {"total": {"dtype": "f32", "shape": [4, 16]}},
  "methods": {"forward": {
    "inputs": [{"name": "x", "value": "v0"}],
    "outputs": [{"name": "y", "value": "v6"}, {"name": "sum", "value": "v8"}],
    "values": {"v0": {"dtype": "f32", "shape": [4, 16]}, "v1": {"dtype": "f32", "shape": [4, 16]},
               "v2": {"dtype": "f32", "shape": [4, 16]}, "v3": {"dtype": "f32", "shape": [4, 16]},
               "v4": {"dtype": "f32", "shape": [4, 16]}, "v5": {"dtype": "f32", "shape": [4, 16]},
               "v6": {"dtype": "f32", "shape": [4, 16]}, "v7": {"dtype": "f32", "shape": [4, 16]},
               "v8": {"dtype": "f32", "shape": [4, 16]}},
    "nodes": [
      {"id": "n0", "op": "aten.sin.default", "args": [{"value": "v0"}], "results": ["v1"], "scope": "first.wave"},
      {"id": "n1", "op": "aten.add.Tensor", "args": [{"value": "v0"}, {"value": "v1"}], "kwargs": {"alpha": {"int": 1}}, "results": ["v2"], "scope": "first.sum"},
      {"id": "n2", "op": "aten.tanh.default", "args": [{"value": "v2"}], "results": ["v3"], "scope": "second.squash"},
      {"id": "n3", "op": "aten.add.Tensor", "args": [{"value": "v2"}, {"value": "v3"}], "kwargs": {"alpha": {"int": 1}}, "results": ["v4"], "scope": "second.sum"},
      {"id": "n4", "op": "aten.cos.default", "args": [{"value": "v4"}], "results": ["v5"], "scope": "third.wave"},
      {"id": "n5", "op": "aten.mul.Tensor", "args": [{"value": "v5"}, {"value": "v4"}], "results": ["v6"], "scope": "third.product"},
      {"id": "n6", "op": "aten.add.Tensor", "args": [{"state": "total"}, {"value": "v6"}], "kwargs": {"alpha": {"int": 1}}, "results": ["v7"], "scope": "count"},
      {"id": "n7", "op": "aten.add.Tensor", "args": [{"value": "v7"}, {"value": "v7"}], "kwargs": {"alpha": {"int": 1}}, "results": ["v8"], "scope": "count"}],
    "writes": [{"state": "total", "value": "v7"}]}}
})";

inline std::string cluster(std::uint64_t memory_bytes) {
  std::ostringstream text;
  text
      << R"({"schema": "genie.topology", "version": {"major": 0, "minor": 1}, "client": {"host": "client"}, "devices": [)";
  for (int d = 0; d < 3; ++d)
    text << (d ? "," : "") << R"({"id": "w)" << d << R"(", "host": "h)" << d
         << R"(", "kind": "cpu", "memory_bytes": )" << memory_bytes
         << R"(, "kernels": ["org.genie.kernels-aten"], "compute": {"flops_per_s": 1e8,
            "memory_bytes_per_s": 1e9, "op_overhead_ns": 2000}})";
  text << R"(], "links": [)";
  const char* ends[] = {"h0", "h1", "h2", "client"};
  bool first = true;
  for (int a = 0; a < 4; ++a)
    for (int b = a + 1; b < 4; ++b) {
      text << (first ? "" : ",") << R"({"id": ")" << ends[a] << "-" << ends[b] << R"(", "ends": [")"
           << ends[a] << R"(", ")" << ends[b] << R"("], "bandwidth_bytes_per_s": 1e8, "latency_ns": 20000})";
      first = false;
    }
  text << "]}";
  return text.str();
}

struct Ran {
  std::optional<runtime::Failure> failure;
  report::RunReport report;
  std::map<std::string, std::string> outputs;  ///< name → bytes
  std::string trace;
};

class World {
 public:
  explicit World(std::uint64_t memory_bytes = 1 << 16) : memory_(memory_bytes) {
    scratch_.file("model.json", std::string(kModel));
    ::setenv("XDG_CACHE_HOME", scratch_.path().c_str(), 1);
  }

  /// `faults`: members of the script, or empty for none. `more`: members of the backend's options.
  Ran run(const std::string& faults, bool replan, const std::string& more = {}) {
    const std::string script =
        faults.empty() ? std::string()
                       : R"(, "faults": {"schema": "genie.faults", "version": {"major": 0, "minor": 1}, )" +
                             faults + "}";
    const auto folder = scratch_.path();
    std::filesystem::remove(folder / "out.safetensors");
    const std::string config =
        R"({"source": {"plan": "model.json"}, "backend": {"options": {"topology": )" + cluster(memory_) +
        script + more +
        R"(}}, "hints": [{"kind": "pin", "select": "first", "device": "w0", "strength": "soft", "weight": 1000},
          {"kind": "pin", "select": "second", "device": "w1", "strength": "soft", "weight": 1000},
          {"kind": "pin", "select": "third", "device": "w2", "strength": "soft", "weight": 1000}],
          "run": {"on_worker_loss": ")" +
        (replan ? "replan" : "fail") +
        R"(", "steps": [{"inputs": {"x": {"random": {"seed": 5, "shape": [4, 16]}}}},
                        {"inputs": {"x": {"output": "-1/y"}}, "repeat": 2}]},
          "outputs": {"file": "out.safetensors"}, "report": {"trace": "trace.json"}})";
    auto decoded = config::decode_run(config, "run.json", folder);
    REQUIRE_MESSAGE(decoded.ok(), (decoded.ok() ? std::string() : plan::to_json(decoded.errors())));
    runtime::EngineOptions options;
    options.host_executable = environment("GENIE_HOST");
    options.plugin_paths = {environment("GENIE_BUILT_PLUGINS")};
    options.trace = true;
    Ran ran;
    auto engine = runtime::Engine::create(*std::move(decoded), std::move(options));
    if (!engine) {
      ran.failure = std::move(engine).failure();
      return ran;
    }
    runtime::JobOutcome outcome = runtime::run_job(*engine);
    ran.failure = std::move(outcome.failure);
    ran.report = std::move(outcome.report);
    std::ifstream trace(folder / "trace.json");
    ran.trace.assign(std::istreambuf_iterator<char>(trace), {});
    if (!ran.failure) {
      auto file = tensors::Safetensors::open((folder / "out.safetensors").string());
      REQUIRE(file.ok());
      for (const auto& [name, tensor] : file->tensors())
        ran.outputs[name].assign(reinterpret_cast<const char*>(tensor.bytes().data()), tensor.bytes().size());
    }
    return ran;
  }

 private:
  static std::string environment(const char* name) {
    const char* value = std::getenv(name);
    REQUIRE_MESSAGE(value != nullptr, name, " must be set: run through `meson test`");
    return value;
  }

  std::uint64_t memory_;
  test::Scratch scratch_;
};

inline std::string all_of(const runtime::Failure& failure) {
  return plan::to_json(failure.diagnostics);
}

}  // namespace faults_test
