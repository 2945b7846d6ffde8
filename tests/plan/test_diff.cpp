// Plan diff: the words a person would use, and nothing exactly when the canonical bytes are equal.
#include <doctest/doctest.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <random>

#include "genie/plan/codec.hpp"
#include "genie/plan/diff.hpp"
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

std::string texts(const std::vector<Change>& changes) {
  std::string all;
  for (const Change& change : changes)
    all += (all.empty() ? "" : "\n") + change.kind + ": " + change.text;
  return all;
}

std::string edited(std::string_view plan, std::string_view from, std::string_view to) {
  return texts(diff(decoded(plan), decoded(replaced(plan, from, to))));
}

/// A chain of n nodes with ids in order, as a frontend numbers them; `skip` is left out and all later ids shift.
Plan chain(int n, int skip = -1) {
  Plan plan = decoded(kCaptured);
  Method& method = plan.methods.at("forward");
  const Value type = method.values.at("v0");
  method.nodes.clear();
  method.values.clear();
  method.writes.clear();
  std::string last = "v0";
  method.values["v0"] = type;
  int number = 1;
  for (int i = 0; i < n; ++i) {
    if (i == skip) continue;
    Node node;
    node.id = "n" + std::to_string(number);
    node.op = i % 3 == 0 ? "aten.relu.default" : "aten.mul.Scalar";
    node.scope = "layer." + std::to_string(i);
    node.args.push_back({arg::Value{last}});
    if (i % 3 != 0) node.args.push_back({std::int64_t{i}});
    last = "v" + std::to_string(number++);
    node.results.push_back(last);
    method.values[last] = type;
    method.nodes.push_back(node);
  }
  method.outputs[0].value = {arg::Value{last}};
  return plan;
}

}  // namespace

TEST_CASE("a plan does not differ from itself, nor from another spelling of itself") {
  for (const std::string_view text : {kCaptured, kScheduled}) {
    const Plan plan = decoded(text);
    CHECK(diff(plan, plan).empty());
    Plan moved = plan;
    moved.locations.clear();  // outside the id
    CHECK(diff(plan, moved).empty());
  }
}

TEST_CASE("changes of nodes and arguments") {
  CHECK(edited(kCaptured, R"("alpha": {"int": 1})", R"("alpha": {"int": 2})") ==
        "argument-changed: n1 aten.add.Tensor: argument alpha changed from 1 to 2");
  CHECK(edited(kCaptured, R"({"weight": "lin.bias"}], "kwargs": {"alpha": {"int": 1}},
       "results": ["v2"])",
               R"({"float": 2}], "kwargs": {"alpha": {"int": 1}},
       "results": ["v2"])") ==
        "argument-changed: n1 aten.add.Tensor: argument other changed from weight lin.bias to 2");
  CHECK(edited(kCaptured, R"("alpha": {"int": 1})", R"("alpha": {"float": 1})") ==
        "argument-changed: n1 aten.add.Tensor: argument alpha changed from {\"int\":1} to {\"float\":1}");
  CHECK(edited(kCaptured, "aten.relu.default", "aten.gelu.default") ==
        "op-changed: n0: op changed from aten.relu.default to aten.gelu.default");
  CHECK(edited(kCaptured, R"("is": "encode", "by": "inferred", "confidence": 0.5)",
               R"("is": "encode", "by": "user")") ==
        "phase-changed: n0 aten.relu.default: phase changed from encode (by inferred, 0.5) to encode (by "
        "user)");
  CHECK(edited(kCaptured, R"("line": 7)", R"("line": 8)") ==
        "source-changed: n0 aten.relu.default: source changed from model.py:7 to model.py:8");
  CHECK(edited(kCaptured, R"("writes": [{)", R"("writes": [{"in_place": true, )") ==
        "write-changed: new content of state k0 changed from v3 to v3 in place");
}

TEST_CASE("changes of values, weights, states and symbols") {
  CHECK(edited(kCaptured, R"("v1": {"dtype": "f32", "shape": ["s0", 8]})",
               R"("v1": {"dtype": "f16", "shape": [4, "s0"]})") ==
        "dtype-changed: value v1: dtype changed from f32 to f16\nshape-changed: value v1: shape changed from "
        "[s0, 8] to [4, s0]");
  CHECK(edited(kCaptured, R"("shape": [8],
              "blob")",
               R"("shape": [4],
              "blob")") == "shape-changed: weight lin.bias: shape changed from [8] to [4]");
  CHECK(edited(kCaptured, R"("role": "running_mean")", R"("role": "kv_cache")").substr(0, 13) ==
        "state-changed");
  CHECK(edited(kCaptured, R"("max": 64)", R"("max": 65)") ==
        "symbol-changed: symbol s0: largest size changed from 64 to 65");
  CHECK(edited(kCaptured, R"("states": {)", R"("states": {"new": {"dtype": "f32", "shape": []}, )") ==
        "state-added: state new added");
  CHECK(edited(kCaptured, "x.size(0) <= 64", "fits") ==
        "guard-removed: guard removed: x.size(0) <= 64\nguard-added: guard added: fits");
}

TEST_CASE("contents are told with the weights that have them, and producers by what made the plan") {
  std::string other(kCaptured);
  for (const std::string digit(64, '1'); other.find(digit) != std::string::npos;)
    other = replaced(other, digit, std::string(64, '3'));
  CHECK(texts(diff(decoded(kCaptured), decoded(other))) ==
        "content-changed: weight lin.bias: content changed from sha256:111111111111 to sha256:333333333333");
  const std::string unused = "sha256:" + std::string(64, '4');
  CHECK(edited(kCaptured, R"("blobs": {)", "\"blobs\": {\"" + unused + "\": {\"size_bytes\": 1}, ") ==
        "blob-added: blob " + unused + " added");
  CHECK(edited(kCaptured, "2.13.0", "2.14.0") ==
        "producer-changed: framework changed from torch 2.13.0 to torch 2.14.0");
}

TEST_CASE("of two long texts, what differs is shown") {
  const std::string same(200, 'a');
  const auto with_detail = [](const std::string& detail) {
    return decoded(replaced(kScheduled, "pinned by h0", detail));
  };
  CHECK(texts(diff(with_detail(same + "one"), with_detail(same + "two"))) ==
        "decision-changed: decision on s1: detail changed from …" + std::string(16, 'a') + "one to …" +
            std::string(16, 'a') + "two");
  const std::string umlauts = [] {
    std::string text;
    for (int i = 0; i < 80; ++i)
      text += "ä";
    return text;
  }();
  const std::string cut = texts(diff(with_detail(umlauts + "one"), with_detail(umlauts)));
  CHECK(cut == "decision-changed: decision on s1: detail changed from …ääääääääone to …ääääääää");
}

TEST_CASE("an inserted or removed node is one change, not a renumbering of all the rest") {
  for (const auto& [a, b, word] :
       {std::tuple{chain(60), chain(60, 30), "removed"}, std::tuple{chain(60, 30), chain(60), "added"}}) {
    const std::vector<Change> changes = diff(a, b);
    INFO(texts(changes));
    CHECK(std::count_if(changes.begin(), changes.end(), [](const Change& c) {
            return c.kind == "node-removed" || c.kind == "node-added";
          }) == 1);
    CHECK(changes[0].text == std::string("node n31 aten.relu.default ") + word + " in layer.30");
    // Its reader takes another input; everything else is a matter of names.
    CHECK(std::count_if(changes.begin(), changes.end(),
                        [](const Change& c) { return c.kind == "argument-changed"; }) == 1);
    CHECK(std::any_of(changes.begin(), changes.end(),
                      [](const Change& c) { return c.kind == "nodes-renamed"; }));
    CHECK(changes.size() <= 4);
  }
}

TEST_CASE("changes of placement") {
  const std::string moved =
      edited(kScheduled, R"("id": "s0", "device": "w0")", R"("id": "s0", "device": "w1")");
  CHECK(moved.find("moved: n0 aten.relu.default moved from w0 to w1") == 0);
  CHECK(edited(kScheduled, R"("size_bytes": 128)", R"("size_bytes": 256)") ==
        "transfer-grew: transfer of v1 from w0 to w1 grew from 128 bytes to 256 bytes");
  CHECK(edited(replaced(kScheduled, R"("size_bytes": 128)", R"("size_bytes": 2097152)"),
               R"("size_bytes": 2097152)", R"("size_bytes": 4194304)") ==
        "transfer-grew: transfer of v1 from w0 to w1 grew from 2.0 MiB to 4.0 MiB");
  CHECK(edited(kScheduled, R"("size_bytes": 128)", R"("size_bytes": 64)").find("transfer-shrank") == 0);
  CHECK(edited(kScheduled, R"("nodes": ["n1", "n2"]})", R"("nodes": ["n2", "n1"]})") ==
        "stage-changed: stage s1: order of nodes changed");
  const std::string split = edited(kScheduled, R"("nodes": ["n1", "n2"]})",
                                   R"("nodes": ["n1"]}, {"id": "s2", "device": "w1", "nodes": ["n2"]})");
  CHECK(split == "stage-split: stage s1 split into s1, s2");
  const std::string merged = edited(kScheduled, R"("nodes": ["n0"]},
                 {"id": "s1", "device": "w1", "kernels": "org.genie.kernels-aten", "nodes": ["n1", "n2"]})",
                                    R"("nodes": ["n0", "n1", "n2"]})");
  CHECK(merged.find("2 nodes") == std::string::npos);
  CHECK(merged.find("moved: n1 aten.add.Tensor moved from w1 to w0") != std::string::npos);
  CHECK(merged.find("stage-merged: stages s0, s1 merged into s0") != std::string::npos);
  CHECK(edited(kScheduled, R"("makespan_ns": 8000)", R"("makespan_ns": 7000)") ==
        "prediction-changed: predicted makespan changed from 8.00 µs to 7.00 µs");
  CHECK(edited(kScheduled, R"("weights": {"lin.bias": ["w1"]})", R"("weights": {"lin.bias": ["w0"]})") ==
        "weight-moved: weight lin.bias moved from w1 to w0");
  CHECK(edited(kScheduled, R"("because": "hint")", R"("because": "memory")") ==
        "decision-changed: decision on s1: reason changed from hint to memory");
  CHECK(edited(kScheduled, R"("transfers": [)",
               R"("transfers": [{"value": "v2", "from": "s1", "to": "output:output", "size_bytes": 5}, )") ==
        "transfer-added: transfer of v2 from w1 to output:output added (5 bytes)");
  CHECK(diff(decoded(kCaptured), decoded(kScheduled))[0].text == "plan changed from captured to scheduled");
}

TEST_CASE("whatever differs in canonical bytes gives a change, whatever does not gives none") {
  std::ifstream file(std::string(GENIE_GOLDEN) + "/everything.plan.json");
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  const Plan plan = decoded(text);
  // Every scalar of the document, changed one by one.
  std::mt19937 random(5);
  std::size_t different = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    std::string other = text;
    if (text[i] >= '0' && text[i] <= '9')
      other[i] = text[i] == '1' ? '2' : '1';
    else if (text[i] >= 'a' && text[i] <= 'z')
      other[i] = static_cast<char>('a' + random() % 26);
    else
      continue;
    const auto changed = decode(other);
    if (!changed) continue;
    const bool same = encode(*changed) == encode(plan);
    different += same ? 0 : 1;
    REQUIRE_MESSAGE(diff(plan, *changed).empty() == same, other.substr(i > 30 ? i - 30 : 0, 60));
    REQUIRE(diff(*changed, plan).empty() == same);
  }
  CHECK(different > 500);
}
