// Element types, strides, several results: an operator gets what the plan says and gives what torch gives.
#include <doctest/doctest.h>

#include <cmath>

#include "values.hpp"

using namespace kernels_test;

namespace {

/// y = op(a, b) over two inputs of one dtype.
std::string binary(const std::string& op, const std::string& dtype, const std::string& result,
                   const std::string& shape = "[3]") {
  Document document;
  document.inputs = R"({"name": "a", "value": "a"}, {"name": "b", "value": "b"})";
  document.outputs = R"({"name": "y", "value": "y"})";
  const std::string in = R"({"dtype": ")" + dtype + R"(", "shape": )" + shape + "}";
  document.values =
      "\"a\": " + in + ", \"b\": " + in + R"(, "y": {"dtype": ")" + result + R"(", "shape": )" + shape + "}";
  document.nodes =
      R"({"id": "n0", "op": ")" + op + R"(", "args": [{"value": "a"}, {"value": "b"}], "results": ["y"]})";
  return document.text();
}

/// y = op(x) with further arguments.
std::string unary(const std::string& op, const std::string& in, const std::string& out,
                  const std::string& more = "") {
  Document document;
  document.inputs = R"({"name": "x", "value": "x"})";
  document.outputs = R"({"name": "y", "value": "y"})";
  document.values = "\"x\": " + in + ", \"y\": " + out;
  document.nodes =
      R"({"id": "n0", "op": ")" + op + R"(", "args": [{"value": "x"})" + more + R"(], "results": ["y"]})";
  return document.text();
}

template <class T>
std::vector<T> sum(genie_dtype dtype, const std::string& name, const std::vector<T>& a,
                   const std::vector<T>& b) {
  const TestHost host;
  const OpenDevice device(host, plugin());
  const auto stage = device.compile(binary("aten.add.Tensor", name, name));
  const Buffer left(dtype, {3}, a);
  const Buffer right(dtype, {3}, b);
  const Outputs out = run(device, stage.get(), {&left, &right}, 1);
  CHECK(out[0].origin == GENIE_OUTPUT_OWNED);
  CHECK(out[0].tensor->view.dtype == dtype);
  return elements<T>(out[0].tensor->view);
}

}  // namespace

TEST_CASE("every element type of a plan is computed in its own precision") {
  CHECK(sum<float>(kF32, "f32", {1.5f, -2.0f, 3e8f}, {0.25f, 2.0f, 1.0f}) ==
        std::vector<float>{1.75f, 0.0f, 3e8f});
  CHECK(sum<double>(kF64, "f64", {1.5, -2.0, 3e8}, {0.25, 2.0, 1.0}) ==
        std::vector<double>{1.75, 0.0, 300000001.0});
  CHECK(sum<std::int64_t>(kI64, "i64", {1, -2, INT64_MAX}, {1, 2, 1}) ==
        std::vector<std::int64_t>{2, 0, INT64_MIN});
  CHECK(sum<std::int32_t>(kI32, "i32", {1, -2, 7}, {1, 2, 8}) == std::vector<std::int32_t>{2, 0, 15});
  CHECK(sum<std::int16_t>(kI16, "i16", {1, -2, 32767}, {1, 2, 1}) == std::vector<std::int16_t>{2, 0, -32768});
  CHECK(sum<std::int8_t>(kI8, "i8", {1, -2, 127}, {1, 2, 1}) == std::vector<std::int8_t>{2, 0, -128});
  CHECK(sum<std::uint8_t>(kU8, "u8", {1, 2, 255}, {1, 2, 1}) == std::vector<std::uint8_t>{2, 4, 0});
  CHECK(sum<std::uint8_t>(kBool, "bool", {1, 0, 0}, {1, 1, 0}) == std::vector<std::uint8_t>{1, 1, 0});
  // 1.0 and 2.0 are 0x3f80 and 0x4000 in bf16, 0x3c00 and 0x4000 in f16; 256 + 1 rounds to 256 in bf16.
  CHECK(sum<std::uint16_t>(kBF16, "bf16", {0x3f80, 0x4000, 0x4380}, {0x3f80, 0x0000, 0x3f80}) ==
        std::vector<std::uint16_t>{0x4000, 0x4000, 0x4380});
  CHECK(sum<std::uint16_t>(kF16, "f16", {0x3c00, 0x4000, 0x6800}, {0x3c00, 0x0000, 0x3c00}) ==
        std::vector<std::uint16_t>{0x4000, 0x4000, 0x6800});
}

TEST_CASE("an input is read through its strides and its byte offset") {
  const TestHost host;
  const OpenDevice device(host, plugin());
  const auto stage = device.compile(unary("aten.neg.default", R"({"dtype": "f32", "shape": [2, 2]})",
                                          R"({"dtype": "f32", "shape": [2, 2]})"));
  Buffer x = f32({6}, {0, 1, 2, 3, 4, 5});
  x.viewed({2, 2}, {1, 3}, 4);
  const Outputs out = run(device, stage.get(), {&x}, 1);
  CHECK(elements<float>(out[0].tensor->view) == std::vector<float>{-1, -4, -2, -5});
}

TEST_CASE("an output keeps the strides that the operator gave it") {
  const TestHost host;
  const OpenDevice device(host, plugin());
  Document document;
  document.inputs = R"({"name": "x", "value": "x"})";
  document.outputs = R"({"name": "y", "value": "y"})";
  document.values = R"("x": {"dtype": "f32", "shape": [2, 3]}, "d": {"dtype": "f32", "shape": [2, 3]},
                       "y": {"dtype": "f32", "shape": [3, 2], "strides": [1, 3]})";
  document.nodes =
      R"({"id": "n0", "op": "aten.mul.Tensor", "args": [{"value": "x"}, {"int": 2}], "results": ["d"]},
                      {"id": "n1", "op": "aten.t.default", "args": [{"value": "d"}], "results": ["y"]})";
  const auto stage = device.compile(document.text());
  const Buffer x = f32({2, 3}, {1, 2, 3, 4, 5, 6});
  const Outputs out = run(device, stage.get(), {&x}, 1);
  CHECK(shape_of(out[0].tensor->view) == std::vector<std::int64_t>{3, 2});
  CHECK(strides_of(out[0].tensor->view) == std::vector<std::int64_t>{1, 3});
  CHECK(elements<float>(out[0].tensor->view) == std::vector<float>{2, 8, 4, 10, 6, 12});
}

TEST_CASE("an operator with several results fills those that are named") {
  const TestHost host;
  const OpenDevice device(host, plugin());
  Document document;
  document.inputs = R"({"name": "x", "value": "x"})";
  document.outputs = R"({"name": "where", "value": "i"})";
  document.values = R"("x": {"dtype": "f32", "shape": [2, 3]}, "i": {"dtype": "i64", "shape": [2]})";
  document.nodes =
      R"({"id": "n0", "op": "aten.max.dim", "args": [{"value": "x"}, {"int": 1}, {"bool": false}], "results": ["", "i"]})";
  const auto stage = device.compile(document.text());
  const Buffer x = f32({2, 3}, {1, 9, 3, 7, 5, 6});
  const Outputs out = run(device, stage.get(), {&x}, 1);
  CHECK(elements<std::int64_t>(out[0].tensor->view) == std::vector<std::int64_t>{1, 0});
}

TEST_CASE("a list of tensors becomes several results") {
  const TestHost host;
  const OpenDevice device(host, plugin());
  Document document;
  document.inputs = R"({"name": "x", "value": "x"})";
  document.outputs = R"({"name": "y", "value": "y"})";
  document.values =
      R"("x": {"dtype": "f32", "shape": [6]}, "a": {"dtype": "f32", "shape": [1]}, "c": {"dtype": "f32", "shape": [3]},
                       "y": {"dtype": "f32", "shape": [3]})";
  document.nodes =
      R"({"id": "n0", "op": "aten.split_with_sizes.default", "args": [{"value": "x"}, {"list": [{"int": 1}, {"int": 2}, {"int": 3}]}, {"int": 0}],
                       "results": ["a", "", "c"]},
                      {"id": "n1", "op": "aten.add.Tensor", "args": [{"value": "a"}, {"value": "c"}], "results": ["y"]})";
  const auto stage = device.compile(document.text());
  const Buffer x = f32({6}, {10, 0, 0, 1, 2, 3});
  const Outputs out = run(device, stage.get(), {&x}, 1);
  CHECK(elements<float>(out[0].tensor->view) == std::vector<float>{11, 12, 13});
}

TEST_CASE("an optional result that torch leaves out is an absent output") {
  const TestHost host;
  const OpenDevice device(host, plugin());
  Document document;
  document.inputs = R"({"name": "x", "value": "x"})";
  document.outputs = R"({"name": "y", "value": "y"}, {"name": "none", "value": {"null": true}})";
  document.values = R"("x": {"dtype": "f32", "shape": [2]}, "y": {"dtype": "f32", "shape": [2]})";
  document.nodes = R"({"id": "n0", "op": "aten.abs.default", "args": [{"value": "x"}], "results": ["y"]})";
  std::string text = document.text();
  const std::string tagged = R"({"null": true})";
  text.replace(text.find(tagged), tagged.size(), "null");
  const auto stage = device.compile(text);
  const Buffer x = f32({2}, {-1, 2});
  const Outputs out = run(device, stage.get(), {&x}, 2);
  CHECK(out[1].origin == GENIE_OUTPUT_ABSENT);
  CHECK(out[1].tensor == nullptr);
}

TEST_CASE("empty and 0-dimensional tensors pass") {
  const TestHost host;
  const OpenDevice device(host, plugin());
  const auto stage = device.compile(binary("aten.mul.Tensor", "f32", "f32", "[0, 4]"));
  const Buffer empty = f32({0, 4}, {});
  const Outputs none = run(device, stage.get(), {&empty, &empty}, 1);
  CHECK(shape_of(none[0].tensor->view) == std::vector<std::int64_t>{0, 4});
  const auto zero = device.compile(binary("aten.mul.Tensor", "f32", "f32", "[]"));
  const Buffer number = f32({}, {3});
  const Outputs nine = run(device, zero.get(), {&number, &number}, 1);
  CHECK(elements<float>(nine[0].tensor->view) == std::vector<float>{9});
}

TEST_CASE("two runs give equal bits and let go of the first run's memory") {
  const TestHost host;
  const OpenDevice device(host, plugin());
  const auto stage = device.compile(
      unary("aten.exp.default", R"({"dtype": "f32", "shape": [3]})", R"({"dtype": "f32", "shape": [3]})"));
  const Buffer x = f32({3}, {0.1f, 0.2f, 0.3f});
  const Outputs first = run(device, stage.get(), {&x}, 1);
  const Outputs second = run(device, stage.get(), {&x}, 1);
  CHECK(elements<float>(first[0].tensor->view) == elements<float>(second[0].tensor->view));
  CHECK(first[0].tensor->view.data != second[0].tensor->view.data);
}

TEST_CASE("a run with a completion signals it exactly once") {
  const TestHost host;
  const OpenDevice device(host, plugin());
  const auto stage = device.compile(
      unary("aten.exp.default", R"({"dtype": "f32", "shape": [1]})", R"({"dtype": "f32", "shape": [1]})"));
  int signals = 0;
  genie_completion completion{[](void* ctx, genie_status* status) noexcept {
                                CHECK(status == nullptr);
                                ++*static_cast<int*>(ctx);
                              },
                              &signals};
  const Buffer x = f32({1}, {0});
  RunOptions options;
  options.completion = &completion;
  const Outputs out = run(device, stage.get(), {&x}, 1, options);
  CHECK(signals == 1);
  CHECK(elements<float>(out[0].tensor->view) == std::vector<float>{1});
}
