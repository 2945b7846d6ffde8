// States: written in place where the old content is dead, copied and counted where it is not; never lost, never read too late.
#include <doctest/doctest.h>

#include "values.hpp"

using namespace kernels_test;

namespace {

constexpr const char* kVector = R"({"dtype": "f32", "shape": [4]})";

Document over_state(const std::string& nodes, const std::string& values, const std::string& outputs,
                    const std::string& writes,
                    const std::string& states = R"("k": {"dtype": "f32", "shape": [4], "init": "zeros"})") {
  Document document;
  document.inputs = R"({"name": "x", "value": "x"})";
  document.outputs = outputs;
  document.values = "\"x\": " + std::string(kVector) + ", " + values;
  document.nodes = nodes;
  document.writes = writes;
  document.states = states;
  document.requires_ = "\"state\"";
  return document;
}

std::string typed(const std::string& names) {
  std::string text;
  for (const char name : names)
    text += (text.empty() ? "\"" : ", \"") + std::string(1, name) + "\": " + kVector;
  return text;
}

}  // namespace

TEST_CASE("a functional update whose old content is dead writes into the state's memory") {
  const TestHost host;
  const OpenDevice device(host, plugin());
  const auto stage = device.compile(
      over_state(
          R"({"id": "n0", "op": "aten.add.Tensor", "args": [{"state": "k"}, {"value": "x"}], "results": ["v"]},
         {"id": "n1", "op": "aten.mul.Tensor", "args": [{"value": "v"}, {"int": 2}], "results": ["y"]})",
          typed("vy"), R"({"name": "y", "value": "y"})", R"({"state": "k", "value": "v", "in_place": true})")
          .text());
  const Buffer state = f32({4}, {1, 2, 3, 4});
  const Buffer x = f32({4}, {10, 20, 30, 40});
  RunOptions options;
  options.states = {&state};
  const Outputs out = run(device, stage.get(), {&x}, 1, options);
  CHECK(elements<float>(out[0].tensor->view) == std::vector<float>{22, 44, 66, 88});
  CHECK(state.all<float>() == std::vector<float>{11, 22, 33, 44});
  CHECK(device.counter("state_bytes_copied") == 0);
}

TEST_CASE("a cache update by index_copy and by index_put does not copy the cache") {
  const TestHost host;
  const OpenDevice device(host, plugin());
  for (const bool put : {false, true}) {
    Document document;
    document.inputs = R"({"name": "row", "value": "row"}, {"name": "at", "value": "at"})";
    document.outputs = R"({"name": "sum", "value": "sum"})";
    document.values =
        R"("row": {"dtype": "f32", "shape": [1, 2]}, "at": {"dtype": "i64", "shape": [1]}, "v": {"dtype": "f32", "shape": [3, 2]},
                         "sum": {"dtype": "f32", "shape": [2]})";
    document.nodes =
        (put ? std::string(
                   R"({"id": "n0", "op": "aten.index_put.default", "args": [{"state": "k"}, {"list": [{"value": "at"}]}, {"value": "row"}], "results": ["v"]})")
             : std::string(
                   R"({"id": "n0", "op": "aten.index_copy.default", "args": [{"state": "k"}, {"int": 0}, {"value": "at"}, {"value": "row"}], "results": ["v"]})")) +
        R"(, {"id": "n1", "op": "aten.sum.dim_IntList", "args": [{"value": "v"}, {"list": [{"int": 0}]}], "results": ["sum"]})";
    document.states = R"("k": {"dtype": "f32", "shape": [3, 2], "init": "zeros", "role": "kv_cache"})";
    document.writes = R"({"state": "k", "value": "v", "in_place": true})";
    document.requires_ = "\"state\"";
    const auto stage = device.compile(document.text());
    const Buffer state = f32({3, 2}, {0, 0, 0, 0, 0, 0});
    RunOptions options;
    options.states = {&state};
    for (const std::int64_t step : {0, 1, 2}) {
      const Buffer row = f32({1, 2}, {static_cast<float>(step + 1), 1});
      const Buffer at = i64({1}, {step});
      const Outputs out = run(device, stage.get(), {&row, &at}, 1, options);
      CHECK(elements<float>(out[0].tensor->view)[1] == static_cast<float>(step + 1));
    }
    CHECK(state.all<float>() == std::vector<float>{1, 1, 2, 1, 3, 1});
  }
  CHECK(device.counter("state_bytes_copied") == 0);
}

TEST_CASE("a chain of updates and a write through a slice stay in place") {
  const TestHost host;
  const OpenDevice device(host, plugin());
  const auto stage = device.compile(
      over_state(
          R"({"id": "n0", "op": "aten.mul.Tensor", "args": [{"state": "k"}, {"float": 0.5}], "results": ["a"]},
         {"id": "n1", "op": "aten.slice.Tensor", "args": [{"value": "x"}, {"int": 0}, {"int": 0}, {"int": 2}, {"int": 1}], "results": ["s"]},
         {"id": "n2", "op": "aten.slice_scatter.default", "args": [{"value": "a"}, {"value": "s"}, {"int": 0}, {"int": 1}, {"int": 3}, {"int": 1}], "results": ["b"]},
         {"id": "n3", "op": "aten.neg.default", "args": [{"value": "b"}], "results": ["y"]})",
          typed("aby") + R"(, "s": {"dtype": "f32", "shape": [2]})", R"({"name": "y", "value": "y"})",
          R"({"state": "k", "value": "b", "in_place": true})")
          .text());
  const Buffer state = f32({4}, {2, 4, 6, 8});
  const Buffer x = f32({4}, {70, 80, 0, 0});
  RunOptions options;
  options.states = {&state};
  const Outputs out = run(device, stage.get(), {&x}, 1, options);
  CHECK(state.all<float>() == std::vector<float>{1, 70, 80, 4});
  CHECK(elements<float>(out[0].tensor->view) == std::vector<float>{-1, -70, -80, -4});
  CHECK(device.counter("state_bytes_copied") == 0);
}

TEST_CASE("an old content that is still read is not overwritten, whatever the plan claims") {
  const TestHost host;
  const OpenDevice device(host, plugin());
  // The old content is read after the update: directly, through a view, and as an output.
  const char* const late_reads[] = {
      R"({"id": "n1", "op": "aten.mul.Tensor", "args": [{"state": "k"}, {"int": 1}], "results": ["y"]})",
      R"({"id": "n1", "op": "aten.mul.Tensor", "args": [{"value": "w"}, {"int": 1}], "results": ["y"]})",
  };
  std::uint64_t copied = 0;
  for (const char* const late : late_reads) {
    const auto stage = device.compile(
        over_state(
            R"({"id": "nv", "op": "aten.view.default", "args": [{"state": "k"}, {"list": [{"int": 4}]}], "results": ["w"]},
           {"id": "n0", "op": "aten.add.Tensor", "args": [{"state": "k"}, {"value": "x"}], "results": ["v"]}, )" +
                std::string(late),
            typed("vyw"), R"({"name": "y", "value": "y"})",
            R"({"state": "k", "value": "v", "in_place": true})")
            .text());
    const Buffer state = f32({4}, {1, 2, 3, 4});
    const Buffer x = f32({4}, {10, 10, 10, 10});
    RunOptions options;
    options.states = {&state};
    const Outputs out = run(device, stage.get(), {&x}, 1, options);
    CHECK(elements<float>(out[0].tensor->view) == std::vector<float>{1, 2, 3, 4});
    CHECK(state.all<float>() == std::vector<float>{11, 12, 13, 14});
    copied += 16;
    CHECK(device.counter("state_bytes_copied") == copied);
  }
}

TEST_CASE("an output that shows the old content keeps it") {
  const TestHost host;
  const OpenDevice device(host, plugin());
  const auto stage = device.compile(
      over_state(
          R"({"id": "nv", "op": "aten.view.default", "args": [{"state": "k"}, {"list": [{"int": 4}]}], "results": ["w"]},
         {"id": "n0", "op": "aten.add.Tensor", "args": [{"state": "k"}, {"value": "x"}], "results": ["v"]})",
          typed("vw"), R"({"name": "old", "value": "w"}, {"name": "new", "value": "v"})",
          R"({"state": "k", "value": "v", "in_place": true})")
          .text());
  const Buffer state = f32({4}, {1, 2, 3, 4});
  const Buffer x = f32({4}, {10, 10, 10, 10});
  RunOptions options;
  options.states = {&state};
  const Outputs out = run(device, stage.get(), {&x}, 2, options);
  CHECK(elements<float>(out[0].tensor->view) == std::vector<float>{1, 2, 3, 4});
  CHECK(elements<float>(out[1].tensor->view) == std::vector<float>{11, 12, 13, 14});
  CHECK(state.all<float>() == std::vector<float>{11, 12, 13, 14});
}

TEST_CASE("operands that overlap the state are computed aside") {
  const TestHost host;
  const OpenDevice device(host, plugin());
  const auto stage = device.compile(
      over_state(
          R"({"id": "n0", "op": "aten.flip.default", "args": [{"state": "k"}, {"list": [{"int": 0}]}], "results": ["f"]},
         {"id": "n1", "op": "aten.slice.Tensor", "args": [{"state": "k"}, {"int": 0}, {"int": 0}, {"int": 1}, {"int": 1}], "results": ["s"]},
         {"id": "n2", "op": "aten.add.Tensor", "args": [{"state": "k"}, {"value": "s"}], "results": ["v"]})",
          typed("vf") + R"(, "s": {"dtype": "f32", "shape": [1]})", R"({"name": "f", "value": "f"})",
          R"({"state": "k", "value": "v", "in_place": true})")
          .text());
  const Buffer state = f32({4}, {1, 2, 3, 4});
  const Buffer x = f32({4}, {0, 0, 0, 0});
  RunOptions options;
  options.states = {&state};
  const Outputs out = run(device, stage.get(), {&x}, 1, options);
  CHECK(state.all<float>() == std::vector<float>{2, 3, 4, 5});
  CHECK(elements<float>(out[0].tensor->view) == std::vector<float>{4, 3, 2, 1});
}

TEST_CASE("two states that swap their contents") {
  const TestHost host;
  const OpenDevice device(host, plugin());
  const auto stage = device.compile(
      over_state(
          R"({"id": "n0", "op": "aten.alias.default", "args": [{"state": "a"}], "results": ["p"]},
         {"id": "n1", "op": "aten.alias.default", "args": [{"state": "b"}], "results": ["q"]})",
          typed("pq"), R"({"name": "x", "value": "x"})",
          R"({"state": "a", "value": "q", "in_place": true}, {"state": "b", "value": "p", "in_place": true})",
          R"("a": {"dtype": "f32", "shape": [4], "init": "zeros"}, "b": {"dtype": "f32", "shape": [4], "init": "zeros"})")
          .text());
  const Buffer a = f32({4}, {1, 1, 1, 1});
  const Buffer b = f32({4}, {2, 2, 2, 2});
  const Buffer x = f32({4}, {0, 0, 0, 0});
  RunOptions options;
  options.states = {&a, &b};
  (void)run(device, stage.get(), {&x}, 1, options);
  CHECK(a.all<float>() == std::vector<float>{2, 2, 2, 2});
  CHECK(b.all<float>() == std::vector<float>{1, 1, 1, 1});
}

TEST_CASE("one new content for two states reaches both") {
  const TestHost host;
  const OpenDevice device(host, plugin());
  const auto stage = device.compile(
      over_state(
          R"({"id": "n0", "op": "aten.add.Tensor", "args": [{"state": "a"}, {"value": "x"}], "results": ["v"]})",
          typed("v"), R"({"name": "v", "value": "v"})",
          R"({"state": "a", "value": "v", "in_place": true}, {"state": "b", "value": "v", "in_place": true})",
          R"("a": {"dtype": "f32", "shape": [4], "init": "zeros"}, "b": {"dtype": "f32", "shape": [4], "init": "zeros"})")
          .text());
  const Buffer a = f32({4}, {1, 1, 1, 1});
  const Buffer b = f32({4}, {2, 2, 2, 2});
  const Buffer x = f32({4}, {1, 2, 3, 4});
  RunOptions options;
  options.states = {&a, &b};
  const Outputs out = run(device, stage.get(), {&x}, 1, options);
  CHECK(a.all<float>() == std::vector<float>{2, 3, 4, 5});
  CHECK(b.all<float>() == std::vector<float>{2, 3, 4, 5});
  CHECK(elements<float>(out[0].tensor->view) == std::vector<float>{2, 3, 4, 5});
}

TEST_CASE("plain exports write states by in-place operators and through views") {
  const TestHost host;
  const OpenDevice device(host, plugin());
  const auto stage = device.compile(
      over_state(
          R"({"id": "n0", "op": "aten.mul.Tensor", "args": [{"state": "k"}, {"int": 1}], "results": ["b"]},
         {"id": "n1", "op": "aten.slice.Tensor", "args": [{"state": "k"}, {"int": 0}, {"int": 1}, {"int": 3}, {"int": 1}], "results": ["s"]},
         {"id": "n2", "op": "aten.mul_.Tensor", "args": [{"value": "s"}, {"int": 10}], "results": [""], "mutates": ["state:k"], "after": ["n0"]},
         {"id": "n3", "op": "aten.add_.Tensor", "args": [{"state": "k"}, {"value": "x"}], "results": ["r"], "mutates": ["state:k"], "after": ["n2"]})",
          typed("br") + R"(, "s": {"dtype": "f32", "shape": [2], "alias_of": "state:k"})",
          R"({"name": "before", "value": "b"}, {"name": "after", "value": {"state": "k"}}, {"name": "r", "value": "r"})",
          "")
          .text());
  const Buffer state = f32({4}, {1, 2, 3, 4});
  const Buffer x = f32({4}, {1, 1, 1, 1});
  RunOptions options;
  options.states = {&state};
  const Outputs out = run(device, stage.get(), {&x}, 3, options);
  CHECK(state.all<float>() == std::vector<float>{2, 21, 31, 5});
  CHECK(elements<float>(out[0].tensor->view) == std::vector<float>{1, 2, 3, 4});
  CHECK(out[1].origin == GENIE_OUTPUT_VIEW_STATE);
  CHECK(out[1].source == 0);
  CHECK(out[1].tensor->view.data == state.data());
  CHECK(out[2].origin == GENIE_OUTPUT_VIEW_STATE);
}

TEST_CASE("a state that moves between runs is found where it is") {
  const TestHost host;
  const OpenDevice device(host, plugin());
  const auto stage = device.compile(
      over_state(
          R"({"id": "n0", "op": "aten.add_.Tensor", "args": [{"state": "k"}, {"value": "x"}], "results": [""], "mutates": ["state:k"]})",
          typed("z"), R"({"name": "k", "value": {"state": "k"}})", "")
          .text());
  const Buffer first = f32({4}, {1, 1, 1, 1});
  const Buffer second = f32({4}, {5, 5, 5, 5});
  const Buffer x = f32({4}, {1, 1, 1, 1});
  for (const Buffer* state : {&first, &second, &first}) {
    RunOptions options;
    options.states = {state};
    (void)run(device, stage.get(), {&x}, 1, options);
  }
  CHECK(first.all<float>() == std::vector<float>{3, 3, 3, 3});
  CHECK(second.all<float>() == std::vector<float>{6, 6, 6, 6});
}
