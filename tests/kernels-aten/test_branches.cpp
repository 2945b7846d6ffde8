// Sub-graphs: a condition runs one of two, with its operands and nothing else.
#include <doctest/doctest.h>

#include "values.hpp"

using namespace kernels_test;

TEST_CASE("a condition runs the branch that its predicate names") {
  const TestHost host;
  const OpenDevice device(host, plugin());
  Document document;
  document.inputs = R"({"name": "x", "value": "x"}, {"name": "p", "value": "p"})";
  document.outputs = R"({"name": "y", "value": "y"})";
  document.values =
      R"("x": {"dtype": "f32", "shape": [2]}, "p": {"dtype": "bool", "shape": []}, "y": {"dtype": "f32", "shape": [2]})";
  document.nodes =
      R"({"id": "n0", "op": "higher_order.cond", "args": [{"value": "p"}, {"graph": "yes"}, {"graph": "no"}, {"list": [{"value": "x"}]}], "results": ["y"]})";
  const auto branch = [](const std::string& name, const std::string& op) {
    return '"' + name +
           R"(": {"inputs": [{"name": "a", "value": "a"}], "outputs": [{"name": "0", "value": "b"}],
            "values": {"a": {"dtype": "f32", "shape": [2]}, "b": {"dtype": "f32", "shape": [2]}},
            "nodes": [{"id": ")" +
           name + R"(.n", "op": ")" + op +
           R"(", "args": [{"value": "a"}], "results": ["b"]}], "writes": []})";
  };
  document.graphs = branch("yes", "aten.neg.default") + ", " + branch("no", "aten.square.default");
  document.requires_ = "\"graphs\"";
  const auto stage = device.compile(document.text());
  const Buffer x = f32({2}, {2, 3});
  for (const bool predicate : {true, false, true}) {
    const Buffer p(kBool, {}, std::vector<std::uint8_t>{predicate});
    const Outputs out = run(device, stage.get(), {&x, &p}, 1);
    CHECK(elements<float>(out[0].tensor->view) ==
          (predicate ? std::vector<float>{-2, -3} : std::vector<float>{4, 9}));
  }
  CHECK(x.all<float>() == std::vector<float>{2, 3});
}
