// The run config: what is accepted, what it means, and what a person reads when it is wrong.
#include <doctest/doctest.h>

#include "config/run_config.hpp"

namespace {

using namespace genie;
using config::Edit;

plan::Result<config::RunConfig> decode(std::string_view text, std::vector<Edit> edits = {}) {
  return config::decode_run(text, "run.json", "/models", edits);
}

/// All diagnostics as a person reads them.
std::string complaints(std::string_view text, std::vector<Edit> edits = {}) {
  const auto config = decode(text, std::move(edits));
  std::string all;
  if (!config)
    for (const plan::Diagnostic& diagnostic : config.errors())
      all += plan::to_text(diagnostic);
  return all;
}

std::string codes(std::string_view text) {
  const auto config = decode(text);
  std::string all;
  if (!config)
    for (const plan::Diagnostic& diagnostic : config.errors())
      all += diagnostic.code + " " + diagnostic.pointer + "\n";
  return all;
}

}  // namespace

TEST_CASE("the shortest useful config has a default for everything else") {
  const auto config = decode(R"({"source": {"uri": "model.pt2"}, "run": {"inputs": "inputs.safetensors"}})");
  REQUIRE(config.ok());
  CHECK(config->source.uri == "/models/model.pt2");
  CHECK(config->source.frontend.plugin.empty());
  CHECK(config->policy.plugin == "org.genie.policy-default");
  CHECK(config->policy.options == "{}");
  CHECK(config->backend.plugin == "org.genie.backend-emulation");
  CHECK(config->kernels.empty());
  REQUIRE(config->run.steps.size() == 1);
  CHECK(config->run.steps[0].method == "forward");
  CHECK(config->run.steps[0].inputs.file == "/models/inputs.safetensors");
  CHECK_FALSE(config->run.has_steps);
  CHECK(config->run.repeat == 1);
  CHECK(config->run.warmup == 0);
  CHECK_FALSE(config->expect.has_value());
}

TEST_CASE("every key of the documentation is read") {
  const auto config = decode(R"({
    "schema": "genie.run", "version": {"major": 0, "minor": 1},
    "plugins": {"paths": ["../plugins", "/abs"], "allow": [{"id": "a.b", "sha256": "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"}]},
    "source": {"plugin": "org.genie.frontend-pytorch", "uri": "minilm.pt2", "options": {"share_states": false}},
    "policy": {"plugin": "org.genie.policy-default", "options": {"objective": "latency"}},
    "kernels": [{"plugin": "org.genie.kernels-aten", "options": {"threads": 1}}],
    "backend": {"plugin": "org.genie.backend-emulation", "options": {"topology": "cluster.json", "timing": "virtual"}},
    "hints": [{"kind": "pin", "select": "encoder.layer.0.*", "device": "w0", "strength": "hard"},
              {"kind": "budget", "select": "**", "device": "w1", "bytes": 1024, "strength": "soft", "weight": 2}],
    "run": {"method": "forward", "repeat": 3, "warmup": 2, "on_worker_loss": "replan", "deadline_ms": 500, "seed": 11,
            "add": [{"output": "next", "argmax": "logits", "dim": -1}, {"output": "top", "topk": "logits", "k": 5}],
            "inputs": {"input_ids": {"file": "inputs.safetensors", "tensor": "ids"},
                       "mask": {"file": "mask.npy"},
                       "noise": {"random": {"seed": 7, "shape": [1, 16], "dtype": "f32", "low": -1, "high": 1}},
                       "scale": {"value": 0.5, "dtype": "f64"}}},
    "outputs": {"file": "outputs.safetensors", "only": ["last_hidden_state"]},
    "expect": {"file": "expected.safetensors", "rtol": 0, "atol": 0.5},
    "report": {"json": "report.json", "trace": "trace.json", "plan": "plan.json"}})");
  REQUIRE(config.ok());
  CHECK(config->plugins.paths == std::vector<std::string>{"/plugins", "/abs"});
  CHECK(config->plugins.allow.at(0).id == "a.b");
  CHECK(config->backend.options == R"({"timing":"virtual","topology":"/models/cluster.json"})");
  CHECK(config->kernels.at(0).options == R"({"threads":1})");
  REQUIRE(config->hints.size() == 2);
  CHECK(config->hints[0].id == "h1");
  CHECK(config->hints[0].origin == "run.json#/hints/0");
  CHECK(config->hints[0].strength == "hard");
  CHECK(config->hints[1].bytes == 1024);
  CHECK(config->hints[1].weight == 2);
  CHECK(config->run.on_worker_loss == config::OnWorkerLoss::replan);
  CHECK(config->run.deadline_ms == 500);
  CHECK(config->run.seed == 11);
  REQUIRE(config->run.add.size() == 2);
  CHECK(config->run.add[1].kind == config::AddedOutput::Kind::topk);
  CHECK(config->run.add[1].k == 5);
  const auto& inputs = config->run.steps.at(0).inputs.by_name;
  CHECK(std::get<config::FileInput>(inputs.at("input_ids").from).path == "/models/inputs.safetensors");
  CHECK(std::get<config::FileInput>(inputs.at("input_ids").from).tensor == "ids");
  CHECK(std::get<config::RandomInput>(inputs.at("noise").from).shape == std::vector<std::int64_t>{1, 16});
  CHECK(std::get<config::RandomInput>(inputs.at("noise").from).low == -1.0);
  CHECK(std::get<config::ValueInput>(inputs.at("scale").from).json == "0.5");
  CHECK(config->outputs.only == std::vector<std::string>{"last_hidden_state"});
  CHECK(config->expect->atol == 0.5);
  CHECK(config->report.trace == "/models/trace.json");
}

TEST_CASE("steps run in one session, repeats counted, and may use what earlier steps put out") {
  const auto config = decode(R"({"run": {"steps": [
    {"method": "prefill", "inputs": "prompt.safetensors"},
    {"method": "decode", "inputs": {"token": {"output": "-1/next"}, "prompt": {"output": "0/past.0.key"}}, "repeat": 4}]}})");
  REQUIRE(config.ok());
  CHECK(config->run.has_steps);
  CHECK(config->run.step_count() == 5);
  const auto& inputs = config->run.steps[1].inputs.by_name;
  CHECK(std::get<config::OutputInput>(inputs.at("token").from).step == -1);
  CHECK(std::get<config::OutputInput>(inputs.at("prompt").from).output == "past.0.key");
}

TEST_CASE("a step cannot use what has not run") {
  CHECK(codes(R"({"run": {"steps": [{"inputs": {"x": {"output": "0/y"}}}]}})") ==
        "GE0017 /run/steps/0/inputs/x/output\n");
  CHECK(codes(R"({"run": {"steps": [{}, {"inputs": {"x": {"output": "1/y"}}}]}})") ==
        "GE0017 /run/steps/1/inputs/x/output\n");
  CHECK(codes(R"({"run": {"steps": [{}, {"inputs": {"x": {"output": "-2/y"}}}]}})") ==
        "GE0017 /run/steps/1/inputs/x/output\n");
  CHECK(
      codes(
          R"({"run": {"steps": [{"repeat": 2}, {"inputs": {"x": {"output": "-2/y"}, "z": {"output": "1/y"}}}]}})")
          .empty());
}

TEST_CASE("all errors of a config are reported at once, each with its pointer") {
  CHECK(
      codes(
          R"({"colour": 1, "source": {}, "policy": {"plugin": 3}, "run": {"repeat": 0, "seed": -1, "inputs": {"a": {}}},
                 "hints": [{"kind": "pinn", "select": ""}], "expect": {"rtol": -1}})") ==
      "GE0010 /colour\nGE0011 /source\nGE0012 /policy/plugin\nGE0013 /hints/0/kind\nGE0013 /hints/0/select\n"
      "GE0013 /run/repeat\nGE0013 /run/seed\nGE0011 /run/inputs/a\nGE0011 /expect\nGE0013 /expect/rtol\n");
}

TEST_CASE("GE0010 an unknown key suggests the nearest known one") {
  CHECK(complaints(R"({"run": {"stpes": []}})") ==
        "error[GE0010]: unknown key `stpes`\n"
        "  --> run.json at /run/stpes\n"
        "   = help: did you mean `steps`?\n");
  CHECK(complaints(R"({"outputs": {"qqqqqqqq": 1}})") ==
        "error[GE0010]: unknown key `qqqqqqqq`\n"
        "  --> run.json at /outputs/qqqqqqqq\n"
        "   = help: known here: `file` or `only`\n");
}

TEST_CASE("GE0309 GE0304 an integer is written in digits, and below 2^53") {
  CHECK(complaints(R"({"run": {"repeat": 2.0}})") ==
        "error[GE0309]: an integer is written with a fraction or an exponent\n"
        "  --> run.json at /run/repeat\n"
        "   = help: write 2\n");
  CHECK(codes(R"({"run": {"seed": 1e300}})") == "GE0304 /run/seed\n");
  CHECK(codes(R"({"run": {"seed": 1.5}})") == "GE0012 /run/seed\n");
}

TEST_CASE("GE0012 a value of the wrong kind is shown") {
  CHECK(complaints(R"({"run": {"repeat": "twice"}})") ==
        "error[GE0012]: expected an integer, found a string: \"twice\"\n"
        "  --> run.json at /run/repeat\n"
        "   = help: write an integer here\n");
}

TEST_CASE("GE0014 keys that exclude each other") {
  CHECK(complaints(R"({"source": {"uri": "a.pt2", "plan": "p.json"}})") ==
        "error[GE0014]: `uri` and `plan` exclude each other\n"
        "  --> run.json at /source\n"
        "   = help: name a model with `uri`, or a saved plan with `plan`, not both\n");
  CHECK(codes(R"({"run": {"steps": [{}], "inputs": "a.safetensors"}})") == "GE0014 /run/inputs\n");
  CHECK(codes(R"({"run": {"inputs": {"x": {"file": "a.npy", "value": 1}}}})") == "GE0014 /run/inputs/x\n");
  CHECK(codes(R"({"hints": [{"kind": "colocate", "select": "*", "device": "w0"}]})") ==
        "GE0014 /hints/0/device\n");
  CHECK(codes(R"({"hints": [{"kind": "colocate", "select": "*", "weight": 1}]})") ==
        "GE0014 /hints/0/weight\n");
}

TEST_CASE("GE0015 another document or version") {
  CHECK(complaints(R"({"schema": "genie.plan"})") ==
        "error[GE0015]: this is a `genie.plan` document, not a run config\n"
        "  --> run.json at /schema\n"
        "   = help: a plan is run by a config that names it: {\"source\": {\"plan\": \"plan.json\"}}\n");
  CHECK(complaints(R"({"schema": "genie.worker", "devices": []})") ==
        "error[GE0015]: this is a `genie.worker` document, not a run config\n"
        "  --> run.json at /schema\n"
        "   = help: a worker config is served: genie-host serve --config FILE\n");
  CHECK(codes(R"({"version": {"major": 0, "minor": 2}})") == "GE0015 /version\n");
}

TEST_CASE("GE0016 --set names the pointer that cannot be set") {
  CHECK(complaints(R"({"run": {"repeat": 1}})", {{"/run/repeat/times", "2"}}) ==
        "error[GE0016]: `times` cannot be set: /run/repeat is neither an object nor a list\n"
        "  --> --set at /run/repeat/times\n"
        "   = help: set a value on the way to it, or leave the pointer shorter\n");
  CHECK(complaints(R"({"hints": []})", {{"/hints/3", "{}"}}) ==
        "error[GE0016]: `3` cannot be set: /hints is a list of 0\n"
        "  --> --set at /hints/3\n"
        "   = help: write an index from 0 to 0, or `-` to append\n");
  CHECK_FALSE(config::parse_edit("run/repeat=2").ok());
  CHECK_FALSE(config::parse_edit("/run/repeat").ok());
  CHECK_FALSE(config::parse_edit("/run/~2=1").ok());
}

TEST_CASE("--set replaces, creates and appends, and takes JSON or plain text") {
  const auto config =
      decode(R"({"run": {"repeat": 1}})", {{"/run/repeat", "4"},
                                           {"/policy/options/objective", "throughput"},
                                           {"/policy/options/a~1b", "true"},
                                           {"/hints/-", R"({"kind": "colocate", "select": "a.*"})"},
                                           {"/report/plan", "out/pinned.json"}});
  REQUIRE(config.ok());
  CHECK(config->run.repeat == 4);
  CHECK(config->policy.options == R"({"a/b":true,"objective":"throughput"})");
  CHECK(config->hints.size() == 1);
  CHECK(config->report.plan == "/models/out/pinned.json");
}

TEST_CASE("an error in what --set wrote names --set") {
  CHECK(complaints(R"({})", {{"/run", R"({"repaet": 2})"}}) ==
        "error[GE0010]: unknown key `repaet`\n"
        "  --> --set /run at /run/repaet\n"
        "   = help: did you mean `repeat`?\n");
}

TEST_CASE("comments and trailing commas are accepted, broken JSON is not") {
  CHECK(decode("{ // a comment\n \"run\": {\"repeat\": 2,}, }").ok());
  const std::string broken = complaints("{\"run\": \n }");
  CHECK(broken.find("run.json") != std::string::npos);
}

TEST_CASE("relative paths among plug-in options are made absolute by the name of their key") {
  const auto resolved = [](std::string_view options) {
    return *config::resolve_option_paths(options, "/base");
  };
  CHECK(
      resolved(
          R"({"topology": "t.json", "faults": "../f.json", "token_file": "w0.token", "cache_folder": "/abs/c"})") ==
      R"({"cache_folder":"/abs/c","faults":"/f.json","token_file":"/base/w0.token","topology":"/base/t.json"})");
  CHECK(
      resolved(
          R"({"keys": {"ca": "ca.pem"}, "objective": "latency", "workers": ["h:1"], "nested": [{"file": ["a", "b"]}]})") ==
      R"({"keys":{"ca":"/base/ca.pem"},"nested":[{"file":["/base/a","/base/b"]}],"objective":"latency","workers":["h:1"]})");
  CHECK(resolved(R"({"topology": {"devices": [{"id": "w0"}]}})") ==
        R"({"topology":{"devices":[{"id":"w0"}]}})");
  CHECK(config::resolve_path("https://host/model.onnx", "/base") == "https://host/model.onnx");
}

TEST_CASE("a hundred errors of a config are told, the others counted") {
  std::string hints;
  for (int i = 0; i < 150; ++i)
    hints += i == 0 ? "3" : ", 3";
  const auto config = decode(R"({"source": {"uri": "m.pt2"}, "run": {}, "hints": [)" + hints + "]}");
  REQUIRE_FALSE(config.ok());
  REQUIRE(config.errors().size() == 101);
  CHECK(config.errors()[99].pointer.starts_with("/hints/"));
  CHECK(config.errors()[100].severity == plan::Severity::note);
  CHECK(config.errors()[100].message.find("more problems in this document") != std::string::npos);
}
