// Arguments of every kind against torch's schemas: defaults, numbers where a tensor is expected, lists, sizes, enumerations.
#include <doctest/doctest.h>

#include <cmath>

#include "values.hpp"

using namespace kernels_test;

namespace {

/// One node over x; declared types of the result are given as JSON.
Outputs one_node(const OpenDevice& device, const Buffer& x, const std::string& x_type,
                 const std::string& y_type, const std::string& node, const RunOptions& options = {},
                 const std::string& symbols = "") {
  Document document;
  document.inputs = R"({"name": "x", "value": "x"})";
  document.outputs = R"({"name": "y", "value": "y"})";
  document.values = "\"x\": " + x_type + ", \"y\": " + y_type;
  document.nodes = R"({"id": "n0", )" + node + R"(, "results": ["y"]})";
  document.symbols = symbols;
  const auto stage = device.compile(document.text());
  return run(device, stage.get(), {&x}, 1, options);
}

constexpr const char* kInts = R"({"dtype": "i64", "shape": [3]})";
constexpr const char* kFloats = R"({"dtype": "f32", "shape": [3]})";

}  // namespace

TEST_CASE("a number in a tensor's place promotes as a number, by its kind") {
  const TestHost host;
  const OpenDevice device(host, plugin());
  const Buffer ints = i64({3}, {1, 2, 3});
  const Outputs by_float = one_node(device, ints, kInts, kFloats,
                                    R"("op": "aten.mul.Tensor", "args": [{"value": "x"}, {"float": 2.5}])");
  CHECK(by_float[0].tensor->view.dtype == kF32);  // the default float, not f64
  CHECK(elements<float>(by_float[0].tensor->view) == std::vector<float>{2.5f, 5.0f, 7.5f});
  const Outputs by_int = one_node(device, ints, kInts, kInts,
                                  R"("op": "aten.mul.Tensor", "args": [{"value": "x"}, {"int": 2}])");
  CHECK(by_int[0].tensor->view.dtype == kI64);
  const Buffer small(kI16, {2}, std::vector<std::int16_t>{1, 2});
  const Outputs stays =
      one_node(device, small, R"({"dtype": "i16", "shape": [2]})", R"({"dtype": "i16", "shape": [2]})",
               R"("op": "aten.add.Tensor", "args": [{"value": "x"}, {"int": 3}])");
  CHECK(stays[0].tensor->view.dtype == kI16);
  const Buffer flags(kBool, {2}, std::vector<std::uint8_t>{1, 0});
  const Outputs with_bool =
      one_node(device, flags, R"({"dtype": "bool", "shape": [2]})", R"({"dtype": "bool", "shape": [2]})",
               R"("op": "aten.mul.Tensor", "args": [{"value": "x"}, {"bool": true}])");
  CHECK(with_bool[0].tensor->view.dtype == kBool);
}

TEST_CASE("arguments left out take the schema's defaults, and names may stand for positions") {
  const TestHost host;
  const OpenDevice device(host, plugin());
  const Buffer x = f32({3}, {1, 2, 3});
  const Outputs plain = one_node(device, x, kFloats, kFloats,
                                 R"("op": "aten.add.Tensor", "args": [{"value": "x"}, {"value": "x"}])");
  CHECK(elements<float>(plain[0].tensor->view) == std::vector<float>{2, 4, 6});
  const Outputs named = one_node(
      device, x, kFloats, kFloats,
      R"("op": "aten.add.Tensor", "args": [{"value": "x"}], "kwargs": {"alpha": {"int": 10}, "other": {"value": "x"}})");
  CHECK(elements<float>(named[0].tensor->view) == std::vector<float>{11, 22, 33});
}

TEST_CASE("a null argument is None: a clamp without a lower end") {
  const TestHost host;
  const OpenDevice device(host, plugin());
  const Buffer x = f32({3}, {-9, 0, 9});
  const Outputs out = one_node(device, x, kFloats, kFloats,
                               R"("op": "aten.clamp.default", "args": [{"value": "x"}, null, {"float": 2}])");
  CHECK(elements<float>(out[0].tensor->view) == std::vector<float>{-9, 0, 2});
}

TEST_CASE("floats that JSON lacks arrive as themselves") {
  const TestHost host;
  const OpenDevice device(host, plugin());
  const Buffer x = f32({3}, {0, 0, 0});
  const Outputs inf =
      one_node(device, x, kFloats, kFloats,
               R"("op": "aten.add.Scalar", "args": [{"value": "x"}, {"float": "-Infinity"}])");
  CHECK(elements<float>(inf[0].tensor->view)[0] == -INFINITY);
  const Outputs nan =
      one_node(device, x, kFloats, kFloats,
               R"("op": "aten.full_like.default", "args": [{"value": "x"}, {"float": "NaN"}])");
  CHECK(std::isnan(elements<float>(nan[0].tensor->view)[1]));
  const Outputs zero =
      one_node(device, x, kFloats, kFloats,
               R"("op": "aten.full_like.default", "args": [{"value": "x"}, {"float": "-0"}])");
  CHECK(std::signbit(elements<float>(zero[0].tensor->view)[2]));
}

TEST_CASE("integers beyond 2^53 arrive exactly") {
  const TestHost host;
  const OpenDevice device(host, plugin());
  const Buffer x = i64({3}, {0, 0, 0});
  const Outputs out =
      one_node(device, x, kInts, kInts,
               R"("op": "aten.full_like.default", "args": [{"value": "x"}, {"int": "9223372036854775807"}])");
  CHECK(elements<std::int64_t>(out[0].tensor->view)[0] == INT64_MAX);
}

TEST_CASE("element types, memory formats, layouts and devices are passed as torch numbers them") {
  const TestHost host;
  const OpenDevice device(host, plugin());
  const Buffer x = f32({3}, {1.5f, 2.5f, -3.5f});
  const Outputs ints = one_node(
      device, x, kFloats, R"({"dtype": "i32", "shape": [3]})",
      R"("op": "aten._to_copy.default", "args": [{"value": "x"}], "kwargs": {"dtype": {"dtype": "i32"}, "layout": {"layout": "strided"},
                                   "device": {"device": "local"}, "memory_format": {"memory_format": "contiguous"}})");
  CHECK(elements<std::int32_t>(ints[0].tensor->view) == std::vector<std::int32_t>{1, 2, -3});
  const Buffer image = f32({1, 2, 2, 2}, {0, 1, 2, 3, 4, 5, 6, 7});
  const Outputs last = one_node(
      device, image, R"({"dtype": "f32", "shape": [1, 2, 2, 2]})",
      R"({"dtype": "f32", "shape": [1, 2, 2, 2], "strides": [8, 1, 4, 2]})",
      R"("op": "aten.clone.default", "args": [{"value": "x"}], "kwargs": {"memory_format": {"memory_format": "channels_last"}})");
  CHECK(strides_of(last[0].tensor->view) == std::vector<std::int64_t>{8, 1, 4, 2});
}

TEST_CASE("text arguments") {
  const TestHost host;
  const OpenDevice device(host, plugin());
  const Buffer x = i64({3}, {7, -7, 9});
  const Outputs out = one_node(
      device, x, kInts, kInts,
      R"("op": "aten.div.Tensor_mode", "args": [{"value": "x"}, {"int": 2}], "kwargs": {"rounding_mode": {"str": "floor"}})");
  CHECK(elements<std::int64_t>(out[0].tensor->view) == std::vector<std::int64_t>{3, -4, 4});
}

TEST_CASE("one number for a list of fixed length stands for all its items") {
  const TestHost host;
  const OpenDevice device(host, plugin());
  const Buffer x = f32({1, 1, 4, 4}, {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15});
  const Outputs out = one_node(device, x, R"({"dtype": "f32", "shape": [1, 1, 4, 4]})",
                               R"({"dtype": "f32", "shape": [1, 1, 2, 2]})",
                               R"("op": "aten.max_pool2d.default", "args": [{"value": "x"}, {"int": 2}])");
  CHECK(elements<float>(out[0].tensor->view) == std::vector<float>{5, 7, 13, 15});
}

TEST_CASE("a list mixes numbers, sizes of the run and values") {
  const TestHost host;
  const OpenDevice device(host, plugin());
  Document document;
  document.inputs = R"({"name": "x", "value": "x"})";
  document.outputs = R"({"name": "y", "value": "y"})";
  document.symbols = R"("s0": {"from": {"input": "x", "dim": 0}})";
  document.values = R"("x": {"dtype": "f32", "shape": ["s0", 4]}, "half": {"scalar": "int"},
                       "y": {"dtype": "f32", "shape": ["s0", 2, 2]})";
  document.nodes =
      R"({"id": "n0", "op": "python.floordiv", "args": [{"int": 4}, {"int": 2}], "results": ["half"]},
                      {"id": "n1", "op": "aten.view.default", "args": [{"value": "x"}, {"list": [{"dim": "s0"}, {"value": "half"}, {"int": 2}]}], "results": ["y"]})";
  const auto stage = device.compile(document.text());
  for (const std::int64_t rows : {1, 3}) {
    const Buffer x = f32({rows, 4}, std::vector<float>(static_cast<std::size_t>(rows * 4), 1.0f));
    RunOptions options;
    options.dims = {rows};
    const Outputs out = run(device, stage.get(), {&x}, 1, options);
    CHECK(shape_of(out[0].tensor->view) == std::vector<std::int64_t>{rows, 2, 2});
  }
}

TEST_CASE("expressions over sizes are computed from the sizes of each run") {
  const TestHost host;
  const OpenDevice device(host, plugin());
  const Buffer x = f32({5}, {0, 1, 2, 3, 4});
  RunOptions options;
  options.dims = {5};
  const Outputs out = one_node(
      device, x, R"({"dtype": "f32", "shape": ["s0"]})",
      R"({"dtype": "f32", "shape": [["floordiv", "s0", 2]]})",
      R"("op": "aten.slice.Tensor", "args": [{"value": "x"}, {"int": 0}, {"int": 0}, {"dim": ["floordiv", "s0", 2]}, {"int": 1}])",
      options, R"("s0": {"from": {"input": "x", "dim": 0}})");
  CHECK(elements<float>(out[0].tensor->view) == std::vector<float>{0, 1});
}

TEST_CASE("lists of optional tensors: an index with a gap") {
  const TestHost host;
  const OpenDevice device(host, plugin());
  Document document;
  document.inputs = R"({"name": "x", "value": "x"}, {"name": "i", "value": "i"})";
  document.outputs = R"({"name": "y", "value": "y"})";
  document.values =
      R"("x": {"dtype": "f32", "shape": [2, 3]}, "i": {"dtype": "i64", "shape": [2]}, "y": {"dtype": "f32", "shape": [2, 2]})";
  document.nodes =
      R"({"id": "n0", "op": "aten.index.Tensor", "args": [{"value": "x"}, {"list": [null, {"value": "i"}]}], "results": ["y"]})";
  const auto stage = device.compile(document.text());
  const Buffer x = f32({2, 3}, {0, 1, 2, 3, 4, 5});
  const Buffer i = i64({2}, {2, 0});
  const Outputs out = run(device, stage.get(), {&x, &i}, 1);
  CHECK(elements<float>(out[0].tensor->view) == std::vector<float>{2, 0, 5, 3});
}

TEST_CASE("one value in a list and beside it, several times, is still there each time") {
  const TestHost host;
  const OpenDevice device(host, plugin());
  Document document;
  document.inputs = R"({"name": "x", "value": "x"})";
  document.outputs = R"({"name": "y", "value": "y"})";
  document.values =
      R"("x": {"dtype": "f32", "shape": [2]}, "d": {"dtype": "f32", "shape": [2]}, "i": {"dtype": "i64", "shape": [2]},
                       "y": {"dtype": "f32", "shape": [2]})";
  document.nodes =
      R"({"id": "n0", "op": "aten.mul.Tensor", "args": [{"value": "x"}, {"int": 2}], "results": ["d"]},
                      {"id": "n1", "op": "aten.arange.default", "args": [{"int": 2}], "results": ["i"]},
                      {"id": "n2", "op": "aten.index_put.default", "args": [{"value": "d"}, {"list": [{"value": "i"}]}, {"value": "d"}, {"bool": true}], "results": ["y"]})";
  const auto stage = device.compile(document.text());
  const Buffer x = f32({2}, {1, 2});
  const Outputs out = run(device, stage.get(), {&x}, 1);
  CHECK(elements<float>(out[0].tensor->view) == std::vector<float>{4, 8});
}

TEST_CASE("weights are read where they lie, through strides, offsets and shared blobs, without a copy") {
  const TestHost host;
  OpenDevice device(host, plugin());
  const Buffer blob = f32({8}, {0, 1, 2, 3, 4, 5, 6, 7});
  const std::string digest = "sha256:1111111111111111111111111111111111111111111111111111111111111111";
  device.put(digest, blob.data(), blob.bytes());
  Document document;
  document.inputs = R"({"name": "x", "value": "x"})";
  document.outputs = R"({"name": "y", "value": "y"}, {"name": "w", "value": {"weight": "turned"}})";
  document.values =
      R"("x": {"dtype": "f32", "shape": [2]}, "m": {"dtype": "f32", "shape": [2]}, "y": {"dtype": "f32", "shape": [2]})";
  document.blobs = '"' + digest + R"(": {"size_bytes": 32})";
  document.weights =
      R"("tail": {"kind": "parameter", "dtype": "f32", "shape": [2], "strides": [1], "blob": ")" + digest +
      R"(", "offset_bytes": 24},
                        "turned": {"kind": "parameter", "dtype": "f32", "shape": [2, 2], "strides": [1, 2], "blob": ")" +
      digest + R"(", "offset_bytes": 4})";
  document.nodes =
      R"({"id": "n0", "op": "aten.mv.default", "args": [{"weight": "turned"}, {"value": "x"}], "results": ["m"]},
                      {"id": "n1", "op": "aten.add.Tensor", "args": [{"value": "m"}, {"weight": "tail"}], "results": ["y"]})";
  const auto stage = device.compile(document.text());
  const Buffer x = f32({2}, {1, 10});
  const Outputs out = run(device, stage.get(), {&x}, 2);
  // [[1, 3], [2, 4]] · [1, 10] + [6, 7]
  CHECK(elements<float>(out[0].tensor->view) == std::vector<float>{37, 49});
  CHECK(out[1].origin == GENIE_OUTPUT_VIEW_WEIGHT);
  CHECK(out[1].tensor->view.data == static_cast<char*>(blob.data()) + 4);
  CHECK(device.counter("weight_bytes_copied") == 0);
  CHECK(device.counter("weight_bytes") == 32);
}

TEST_CASE("a weight at an address that its element type cannot have is copied, and the copy counted") {
  const TestHost host;
  OpenDevice device(host, plugin());
  std::vector<std::uint8_t> bytes(9);
  const float values[] = {1.0f, 2.0f};
  std::memcpy(bytes.data() + 1, values, sizeof values);
  const Buffer blob(kU8, {9}, bytes);
  const std::string digest = "sha256:2222222222222222222222222222222222222222222222222222222222222222";
  device.put(digest, blob.data(), blob.bytes());
  Document document;
  document.outputs = R"({"name": "y", "value": "y"})";
  document.values = R"("y": {"dtype": "f32", "shape": [2]})";
  document.blobs = '"' + digest + R"(": {"size_bytes": 9})";
  document.weights = R"("w": {"kind": "buffer", "dtype": "f32", "shape": [2], "strides": [1], "blob": ")" +
                     digest + R"(", "offset_bytes": 1})";
  document.nodes = R"({"id": "n0", "op": "aten.neg.default", "args": [{"weight": "w"}], "results": ["y"]})";
  const auto stage = device.compile(document.text());
  const Outputs out = run(device, stage.get(), {}, 1);
  CHECK(elements<float>(out[0].tensor->view) == std::vector<float>{-1, -2});
  CHECK(device.counter("weight_bytes_copied") == 8);
}

TEST_CASE("the seed of a run is torch.manual_seed's, and a run leaves no trace in the generator") {
  const TestHost host;
  const OpenDevice device(host, plugin());
  Document document;
  document.outputs = R"({"name": "y", "value": "y"})";
  document.values = R"("y": {"dtype": "f32", "shape": [3]})";
  document.nodes =
      R"({"id": "n0", "op": "aten.rand.default", "args": [{"list": [{"int": 3}]}], "results": ["y"], "effects": "rng", "rng_stream": 0})";
  const auto stage = device.compile(document.text());
  RunOptions options;
  options.seed = 7;
  const Outputs first = run(device, stage.get(), {}, 1, options);
  const Outputs again = run(device, stage.get(), {}, 1, options);
  options.seed = 8;
  const Outputs other = run(device, stage.get(), {}, 1, options);
  CHECK(elements<float>(first[0].tensor->view) == elements<float>(again[0].tensor->view));
  CHECK(elements<float>(first[0].tensor->view) != elements<float>(other[0].tensor->view));
  // torch.manual_seed(7); torch.rand(3)
  CHECK(elements<float>(first[0].tensor->view) ==
        std::vector<float>{0.5349225401878357f, 0.19880318641662598f, 0.6592116951942444f});
}

TEST_CASE(
    "a node that draws gives the same numbers alone and beside others, and another sequence other numbers") {
  const TestHost host;
  const OpenDevice device(host, plugin());
  const auto draw = [](const std::string& id, const std::string& stream) {
    return R"({"id": ")" + id +
           R"(", "op": "aten.rand.default", "args": [{"list": [{"int": 3}]}], "results": [")" + id +
           R"("], "effects": "rng")" + (stream.empty() ? "" : R"(, "rng_stream": )" + stream) + "}";
  };
  const auto numbers = [&](const std::string& nodes, const std::string& id, std::uint64_t seed) {
    Document document;
    document.outputs = R"({"name": "y", "value": ")" + id + R"("})";
    document.nodes = nodes;
    for (const std::string name : {"a", "b"})
      if (nodes.find("\"id\": \"" + name) != std::string::npos)
        document.values +=
            (document.values.empty() ? "" : ", ") + ("\"" + name) + R"(": {"dtype": "f32", "shape": [3]})";
    const auto stage = device.compile(document.text());
    RunOptions options;
    options.seed = seed;
    return elements<float>(run(device, stage.get(), {}, 1, options)[0].tensor->view);
  };
  const std::string a = draw("a", "1");
  const std::string b = draw("b", "2");
  CHECK(numbers(a + ", " + b, "b", 7) == numbers(b, "b", 7));
  CHECK(numbers(b + ", " + a, "a", 7) == numbers(a, "a", 7));
  CHECK(numbers(a, "a", 7) != numbers(b, "b", 7));
  CHECK(numbers(a, "a", 7) != numbers(a, "a", 8));
  // Without a number, the node's id tells the sequence.
  CHECK(numbers(draw("a", ""), "a", 7) == numbers(draw("a", "") + ", " + draw("b", ""), "a", 7));
  CHECK(numbers(draw("a", ""), "a", 7) != numbers(draw("b", ""), "b", 7));
}
