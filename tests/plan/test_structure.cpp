// V2: every rule is broken once, and the message leads to the place.
#include <doctest/doctest.h>

#include "genie/plan/codec.hpp"
#include "genie/plan/validate.hpp"
#include "plans.hpp"

using namespace genie::plan;
using genie::plan::testing::kCaptured;
using genie::plan::testing::kScheduled;
using genie::plan::testing::replaced;

namespace {

Plan decoded(std::string_view text) {
  auto plan = decode(text);
  REQUIRE_MESSAGE(plan.ok(), to_text(plan.ok() ? Diagnostic{} : plan.errors()[0]));
  return std::move(*plan);
}

Diagnostics checked(const Plan& plan) {
  return validate(plan, {.up_to = Level::v2}).diagnostics;
}

std::string errors_of(const Plan& plan) {
  std::string all;
  for (const Diagnostic& d : checked(plan))
    all += (all.empty() ? "" : "\n") + d.code + " " + d.pointer;
  return all.empty() ? "ok" : all;
}

std::string errors_of(std::string_view text) {
  return errors_of(decoded(text));
}

std::string broken(std::string_view from, std::string_view to) {
  return errors_of(replaced(kCaptured, from, to));
}
std::string broken_schedule(std::string_view from, std::string_view to) {
  return errors_of(replaced(kScheduled, from, to));
}

/// A method around these nodes; x is an input, w a weight, k a state, values a…f are declared.
Plan with_nodes(std::string_view nodes, std::string_view more = "") {
  return decoded(R"({"schema": "genie.plan", "version": {"major": 0, "minor": 1}, "stage": "captured",
    "producer": {"plugin": "p", "version": "1"}, "opsets": {"aten": 1}, "requires": ["state", "graphs"],
    "blobs": {"sha256:1111111111111111111111111111111111111111111111111111111111111111": {"size_bytes": 64}},
    "weights": {"w": {"kind": "buffer", "dtype": "f32", "shape": [2], "blob": "sha256:1111111111111111111111111111111111111111111111111111111111111111"}},
    "states": {"k": {"dtype": "f32", "shape": [2]}, "kv": {"dtype": "f32", "shape": [1], "alias_of": "k", "offset_bytes": 4}},
    "methods": {"m": {"inputs": [{"name": "x", "value": "x"}], "outputs": [],
      "values": {"x": {"dtype": "f32", "shape": [2]}, "a": {"dtype": "f32", "shape": [2]}, "b": {"dtype": "f32", "shape": [2]},
                 "c": {"dtype": "f32", "shape": [2]}, "d": {"dtype": "f32", "shape": [2]}, "xv": {"dtype": "f32", "shape": [2], "alias_of": "x"},
                 "av": {"dtype": "f32", "shape": [2], "alias_of": "a"}, "ks": {"dtype": "f32", "shape": [2], "alias_of": "state:k"}},
      "nodes": [)" +
                 std::string(nodes) + "]" + std::string(more) + "}}}");
}

}  // namespace

TEST_CASE("V2 the sample plans are sound") {
  CHECK(errors_of(kCaptured) == "ok");
  CHECK(errors_of(kScheduled) == "ok");
  CHECK(validate(decoded(kCaptured), {.up_to = Level::v2}).reached == Level::v2);
}

TEST_CASE("GE0342 a node id of one graph is none of another's") {
  Plan plan = decoded(kCaptured);
  plan.methods["second"] = plan.methods.at("forward");
  const Diagnostics found = checked(plan);
  REQUIRE(found.size() == plan.methods.at("second").nodes.size());
  CHECK(found[1].code == "GE0342");
  CHECK(found[1].pointer == "/methods/second/nodes/1/id");
  CHECK(found[1].message.ends_with("is used twice, first at /methods/forward/nodes/1"));
}

TEST_CASE("GE0342 ids are unique") {
  CHECK(broken(R"("id": "n1")", R"("id": "n0")") == "GE0342 /methods/forward/nodes/1/id");
  CHECK(broken(R"("inputs": [)", R"("inputs": [{"name": "x", "value": "v3"}, )")
            .find("GE0342 /methods/forward/inputs/1/name") != std::string::npos);
  CHECK(broken(R"("outputs": [)", R"("outputs": [{"name": "output", "value": "v1"}, )") ==
        "GE0342 /methods/forward/outputs/1/name");
  CHECK(broken_schedule(R"("id": "s1")", R"("id": "s0")").substr(0, 45) ==
        "GE0342 /schedule/methods/forward/stages/1/id\n");
  CHECK(broken_schedule(R"("id": "h0", )", "") == "GE0342 /constraints/0");
}

TEST_CASE("GE0343 references resolve, and near misses are named") {
  const Diagnostics found =
      checked(decoded(replaced(kCaptured, R"({"weight": "lin.bias"})", R"({"weight": "lin.bais"})")));
  REQUIRE(found.size() == 1);
  CHECK(to_text(found[0]) ==
        "error[GE0343]: there is no weight \"lin.bais\"\n"
        "  --> document at /methods/forward/nodes/1/args/1\n"
        "   = node: n1\n"
        "   = module: lin\n"
        "   = help: did you mean \"lin.bias\"?\n");
  CHECK(broken(R"([{"value": "v0"}])", R"([{"list": [{"value": "v9"}]}])") ==
        "GE0343 /methods/forward/nodes/0/args/0");
  CHECK(broken(R"([{"value": "v0"}])", R"([{"value": "v0"}], "kwargs": {"k": {"state": "k9"}})") ==
        "GE0343 /methods/forward/nodes/0/kwargs/k");
  CHECK(broken(R"([{"value": "v0"}])", R"([{"value": "v0"}, {"graph": "g"}])") ==
        "GE0343 /methods/forward/nodes/0/args/1");
  CHECK(broken(R"([{"value": "v0"}])", R"([{"value": "v0"}, {"dim": "s9"}])") ==
        "GE0343 /methods/forward/nodes/0/args/1");
  CHECK(broken(R"("results": ["v1"])", R"("results": ["v7"])")
            .find("GE0343 /methods/forward/nodes/0/results/0") != std::string::npos);
  CHECK(broken(R"("results": ["v1"])", R"("results": ["v1"], "after": ["n8"])") ==
        "GE0343 /methods/forward/nodes/0/after/0");
  CHECK(broken(R"("state": "k0", "value")", R"("state": "k1", "value")") ==
        "GE0343 /methods/forward/writes/0/state");
  CHECK(broken(R"("value": "v3"}]}})", R"("value": "v4"}]}})") == "GE0343 /methods/forward/writes/0/value");
  CHECK(broken(R"("name": "output", "value": "v2")", R"("name": "output", "value": "nope")") ==
        "GE0343 /methods/forward/outputs/0/value");
  CHECK(broken(R"(["le", "s0", 64,)", R"(["le", "s7", 64,)") == "GE0343 /guards/0/1");
  CHECK(broken(R"("from": {"input": "x", "dim": 0})", R"("from": {"input": "y", "dim": 0})") ==
        "GE0343 /symbols/s0/from/input");
  CHECK(broken(R"("from": {"input": "x", "dim": 0})", R"("from": {"input": "x", "dim": 2})") ==
        "GE0343 /symbols/s0/from/dim");
  CHECK(broken(R"("from": {"input": "x", "dim": 0})", R"("from": {"node": "n9"})") ==
        "GE0343 /symbols/s0/from/node");
  CHECK(broken(R"("locations": {"sha256:1)", R"("locations": {"sha256:2)").substr(0, 24) ==
        "GE0343 /locations/sha256");
  CHECK(broken_schedule(R"("nodes": ["n0"])", R"("nodes": ["n7"])") ==
        "GE0343 /schedule/methods/forward/stages/0/nodes/0");
  CHECK(broken_schedule(R"("from": "s0")", R"("from": "s7")") ==
        "GE0343 /schedule/methods/forward/transfers/0/from");
  CHECK(broken_schedule(R"("from": "s0")", R"("from": "input:y")") ==
        "GE0343 /schedule/methods/forward/transfers/0/from");
  CHECK(broken_schedule(R"("from": "s0")", R"("from": "input:x")") == "ok");
  CHECK(broken_schedule(R"("assumes": {"s0": 4})", R"("assumes": {"s1": 4})") ==
        "GE0343 /schedule/assumes/s1");
  CHECK(broken_schedule(R"("weights": {"lin.bias": ["w1"]})", R"("weights": {"lin": ["w1"]})") ==
        "GE0343 /schedule/residence/weights/lin");
  CHECK(broken_schedule(R"("residence": {)", R"("residence": {"x": 1, )") == "ok");
}

TEST_CASE("GE0344 every value has one producer, every state one new content") {
  CHECK(broken(R"("results": ["v2"])", R"("results": ["v1"])")
            .find("GE0344 /methods/forward/nodes/1/results/0") != std::string::npos);
  CHECK(broken(R"("results": ["v2"])", R"("results": ["v2", "v0"])") ==
        "GE0344 /methods/forward/nodes/1/results/1");
  CHECK(broken(R"("writes": [)", R"("writes": [{"state": "k0", "value": "v3"}, )") ==
        "GE0344 /methods/forward/writes/1/state");
}

TEST_CASE("GE0345 nodes stand in an order that runs, circles do not") {
  CHECK(broken(R"([{"value": "v0"}])", R"([{"value": "v2"}])") == "GE0345 /methods/forward/nodes/0/args/0");
  CHECK(broken(R"([{"value": "v0"}])", R"([{"value": "v1"}])") == "GE0345 /methods/forward/nodes/0/args/0");
  CHECK(broken(R"("results": ["v1"])", R"("results": ["v1"], "after": ["n1"])") ==
        "GE0345 /methods/forward/nodes/0/after/0");
  const Plan nested = with_nodes(R"({"id": "n", "op": "o", "args": [{"graph": "g"}], "results": []})",
                                 R"(, "graphs": {"g": {"inputs": [], "outputs": [], "values": {}, "nodes":
                                    [{"id": "i", "op": "o", "args": [{"graph": "g"}], "results": []}]}})");
  CHECK(errors_of(nested) == "GE0345 /methods/m/graphs/g");
}

TEST_CASE("GE0346 storage is what it claims to be") {
  CHECK(broken(R"("offset_bytes": 32}})", R"("offset_bytes": 33}})") == "GE0346 /weights/lin.bias");
  CHECK(broken(R"("offset_bytes": 32}})", R"("offset_bytes": 0, "strides": [2]}})") == "ok");
  CHECK(broken(R"("offset_bytes": 32}})", R"("offset_bytes": 0, "strides": [3]}})") ==
        "GE0346 /weights/lin.bias");
  CHECK(broken(R"("offset_bytes": 32}})", R"("strides": [1, 1]}})") == "GE0346 /weights/lin.bias/strides");
  CHECK(broken(R"("shape": [8],
              "blob")",
               R"("shape": [9007199254740991, 9007199254740991, 9007199254740991], "blob")")
            .substr(0, 6) == "GE0346");
  CHECK(broken(R"("shape": [8],
              "blob")",
               R"("shape": [9007199254740991, 9007199254740991, 0], "blob")") == "ok");
  CHECK(broken(R"("v1": {"dtype": "f32", "shape": ["s0", 8]})",
               R"("v1": {"dtype": "f32", "shape": ["s0", 8], "strides": [1]})") ==
        "GE0346 /methods/forward/values/v1/strides");
  CHECK(broken(R"("role": "running_mean")", R"("init": {"weight": "lin.bias"})") == "ok");
  CHECK(broken(R"("states": {"k0": {"dtype": "f32", "shape": [8])",
               R"("states": {"k0": {"init": {"weight": "lin.bias"}, "dtype": "f16", "shape": [8])") ==
        "GE0346 /states/k0/init");
  CHECK(
      broken(R"("states": {)",
             R"("states": {"k1": {"dtype": "f32", "shape": [2], "alias_of": "k0", "offset_bytes": 24}, )") ==
      "ok");
  CHECK(
      broken(R"("states": {)",
             R"("states": {"k1": {"dtype": "f32", "shape": [2], "alias_of": "k0", "offset_bytes": 25}, )") ==
      "GE0346 /states/k1");
}

TEST_CASE("GE0347 reads of a mutated storage are ordered against its writes") {
  // a = f(x); mutate a; read a afterwards without order
  const char* make = R"({"id": "n0", "op": "f", "args": [{"value": "x"}], "results": ["a"]},)";
  const char* write =
      R"({"id": "n1", "op": "f_", "args": [{"value": "a"}], "results": ["av"], "mutates": ["a"]},)";
  const auto read = [](const char* value, const char* more) {
    return std::string(R"({"id": "n2", "op": "g", "args": [{"value": ")") + value +
           R"("}], "results": ["b"])" + more + "}";
  };
  CHECK(errors_of(with_nodes(make + std::string(write) + read("a", ""))) == "GE0347 /methods/m/nodes/2");
  CHECK(errors_of(with_nodes(make + std::string(write) + read("a", R"(, "after": ["n1"])"))) == "ok");
  CHECK(errors_of(with_nodes(make + std::string(write) + read("av", ""))) == "ok");  // data flow orders it
  // a read before the write
  const std::string early =
      std::string(make) + read("a", "") +
      R"(, {"id": "n1", "op": "f_", "args": [{"value": "a"}], "results": ["av"], "mutates": ["a"])";
  CHECK(errors_of(with_nodes(early + "}")) == "GE0347 /methods/m/nodes/2");
  CHECK(errors_of(with_nodes(early + R"(, "after": ["n2"]})")) == "ok");
  // through a state, and a view of it
  const std::string state =
      R"({"id": "n0", "op": "f_", "args": [{"state": "k"}, {"value": "x"}], "results": ["ks"], "mutates": ["state:k"]},
                               {"id": "n1", "op": "g", "args": [{"state": "kv"}], "results": ["b"])";
  CHECK(errors_of(with_nodes(state + "}")) == "GE0347 /methods/m/nodes/1");
  CHECK(errors_of(with_nodes(state + R"(, "after": ["n0"]})")) == "ok");
  // two writers
  const std::string writers =
      R"({"id": "n0", "op": "f_", "args": [{"state": "k"}], "results": [""], "mutates": ["state:k"]},
                                 {"id": "n1", "op": "f_", "args": [{"state": "k"}], "results": [""], "mutates": ["state:k"])";
  CHECK(errors_of(with_nodes(writers + "}")) == "GE0347 /methods/m/nodes/1");
  CHECK(errors_of(with_nodes(writers + R"(, "after": ["n0"]})")) == "ok");
}

TEST_CASE("GE0347 a state that is replaced in place is not read any more") {
  const std::string nodes = R"({"id": "n0", "op": "f", "args": [{"state": "k"}], "results": ["a"]},
                               {"id": "n1", "op": "g", "args": [{"state": "k"}], "results": ["b"]})";
  CHECK(errors_of(with_nodes(nodes, R"(, "writes": [{"state": "k", "value": "a", "in_place": true}])")) ==
        "GE0347 /methods/m/nodes/1");
  CHECK(errors_of(with_nodes(nodes, R"(, "writes": [{"state": "k", "value": "a"}])")) == "ok");
  CHECK(errors_of(with_nodes(nodes, R"(, "writes": [{"state": "k", "value": "b", "in_place": true}])")) ==
        "ok");
}

TEST_CASE("GE0348 features that are used are required") {
  CHECK(broken(R"("requires": ["state"],)", "") == "GE0348 /requires");
}

TEST_CASE("GE0349 alias chains end") {
  CHECK(broken(R"("v1": {)", R"("v1": {"alias_of": "v2", )") == "ok");
  std::string text = replaced(kCaptured, R"("v1": {)", R"("v1": {"alias_of": "v2", )");
  text = replaced(text, R"("v2": {)", R"("v2": {"alias_of": "v1", )");
  CHECK(errors_of(text).substr(0, 6) == "GE0349");
  CHECK(broken(R"("v1": {)", R"("v1": {"alias_of": "vx", )") == "GE0343 /methods/forward/values/v1/alias_of");
  CHECK(broken(R"("v1": {)", R"("v1": {"alias_of": "state:k9", )") ==
        "GE0343 /methods/forward/values/v1/alias_of");
}

TEST_CASE("GE0350 inputs and weights are not written") {
  const auto mutating = [](const char* target, const char* arg) {
    return with_nodes(std::string(R"({"id": "n0", "op": "f_", "args": [)") + arg +
                      R"(], "results": [""], "mutates": [")" + target + "\"]}");
  };
  CHECK(errors_of(mutating("x", R"({"value": "x"})")) == "GE0350 /methods/m/nodes/0/mutates/0");
  CHECK(errors_of(mutating("weight:w", R"({"weight": "w"})")) == "GE0350 /methods/m/nodes/0/mutates/0");
  const Diagnostics view =
      checked(with_nodes(R"({"id": "n0", "op": "v", "args": [{"value": "x"}], "results": ["xv"]},
    {"id": "n1", "op": "f_", "args": [{"value": "xv"}], "results": [""], "mutates": ["xv"]})"));
  REQUIRE(view.size() == 1);
  CHECK(view[0].message == "the node writes into the input \"x\"");
  CHECK(errors_of(mutating("state:k", R"({"state": "k"})")) == "ok");
}

TEST_CASE("GE0351 a symbol's bounds have room") {
  CHECK(broken(R"("min": 1, "max": 64)", R"("min": 65, "max": 64)") == "GE0351 /symbols/s0");
}

TEST_CASE("V2 reports every error, and a bounded number of them") {
  std::string text = replaced(kCaptured, R"("id": "n1")", R"("id": "n0")");
  text = replaced(text, R"({"weight": "lin.bias"})", R"({"weight": "nothing"})");
  text = replaced(text, R"("offset_bytes": 32}})", R"("offset_bytes": 63}})");
  CHECK(
      errors_of(text) ==
      "GE0342 /methods/forward/nodes/1/id\nGE0346 /weights/lin.bias\nGE0343 /methods/forward/nodes/1/args/1");
  std::string many;
  for (int i = 0; i < 1000; ++i)
    many += (i == 0 ? "" : ",") + std::string(R"({"id": "n)") + std::to_string(i) +
            R"(", "op": "o", "args": [{"weight": "none"}], "results": []})";
  const Diagnostics found = checked(with_nodes(many));
  CHECK(found.size() == 101);
  CHECK(found.back().severity == Severity::note);
}
