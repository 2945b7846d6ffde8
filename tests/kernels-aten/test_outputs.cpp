// Where results lie: in the caller's memory, in the executable's, or in something the caller has already.
#include <doctest/doctest.h>

#include <map>

#include "values.hpp"

using namespace kernels_test;

namespace {

/// Gives memory for the outputs it is told to, and remembers what was asked.
struct Arena {
  struct Request {
    genie_dtype dtype;
    std::vector<std::int64_t> shape, strides;
  };
  std::map<std::uint64_t, Request> asked;
  std::vector<float> memory = std::vector<float>(64, -1.0f);
  bool refuse = false;

  static void* place(void* ctx, std::uint64_t output, genie_dtype dtype, std::int32_t rank,
                     const std::int64_t* shape, const std::int64_t* strides) noexcept {
    auto& self = *static_cast<Arena*>(ctx);
    self.asked[output] = {dtype, {shape, shape + rank}, {strides, strides + rank}};
    return self.refuse ? nullptr : self.memory.data() + 16 * output;
  }
};

std::string views_of_everything() {
  Document document;
  document.inputs = R"({"name": "x", "value": "x"})";
  document.outputs =
      R"({"name": "y", "value": "y"}, {"name": "tail", "value": "tail"}, {"name": "again", "value": "y"},
                        {"name": "input", "value": "x"}, {"name": "part", "value": "part"})";
  document.values =
      R"("x": {"dtype": "f32", "shape": [4]}, "y": {"dtype": "f32", "shape": [4]}, "tail": {"dtype": "f32", "shape": [2]},
                       "part": {"dtype": "f32", "shape": [3]})";
  document.nodes = R"({"id": "n0", "op": "aten.neg.default", "args": [{"value": "x"}], "results": ["y"]},
                      {"id": "n1", "op": "aten.slice.Tensor", "args": [{"value": "y"}, {"int": 0}, {"int": 2}, {"int": 4}, {"int": 1}], "results": ["tail"]},
                      {"id": "n2", "op": "aten.slice.Tensor", "args": [{"value": "x"}, {"int": 0}, {"int": 1}, {"int": 4}, {"int": 1}], "results": ["part"]})";
  return document.text();
}

}  // namespace

TEST_CASE("views of inputs and of other outputs are named as such and share memory") {
  const TestHost host;
  const OpenDevice device(host, plugin());
  const auto stage = device.compile(views_of_everything());
  const Buffer x = f32({4}, {1, 2, 3, 4});
  const Outputs out = run(device, stage.get(), {&x}, 5);
  CHECK(out[0].origin == GENIE_OUTPUT_OWNED);
  CHECK(out[1].origin == GENIE_OUTPUT_VIEW_OUTPUT);
  CHECK(out[1].source == 0);
  CHECK(out[1].tensor->view.data == static_cast<float*>(out[0].tensor->view.data) + 2);
  CHECK(out[2].origin == GENIE_OUTPUT_VIEW_OUTPUT);
  CHECK(out[3].origin == GENIE_OUTPUT_VIEW_INPUT);
  CHECK(out[3].tensor->view.data == x.data());
  CHECK(out[4].origin == GENIE_OUTPUT_VIEW_INPUT);
  CHECK(out[4].tensor->view.data == static_cast<float*>(x.data()) + 1);
}

TEST_CASE("an output is placed where the caller wants it, once, and views follow it there") {
  const TestHost host;
  const OpenDevice device(host, plugin());
  const auto stage = device.compile(views_of_everything());
  const Buffer x = f32({4}, {1, 2, 3, 4});
  Arena arena;
  RunOptions options;
  options.place = &Arena::place;
  options.place_ctx = &arena;
  const Outputs out = run(device, stage.get(), {&x}, 5, options);
  CHECK(arena.asked.size() == 1);
  CHECK(arena.asked[0].shape == std::vector<std::int64_t>{4});
  CHECK(out[0].origin == GENIE_OUTPUT_PLACED);
  CHECK(out[0].tensor->view.data == arena.memory.data());
  CHECK(out[1].origin == GENIE_OUTPUT_VIEW_OUTPUT);
  CHECK(out[1].tensor->view.data == arena.memory.data() + 2);
  CHECK(elements<float>(out[1].tensor->view) == std::vector<float>{-3, -4});
}

TEST_CASE("outputs that are parts of one storage share it: their spans are not copied one by one") {
  Document document;
  document.inputs = R"({"name": "x", "value": "x"})";
  document.outputs = R"({"name": "a", "value": "a"}, {"name": "b", "value": "b"})";
  document.values = R"("x": {"dtype": "f32", "shape": [2, 2]}, "y": {"dtype": "f32", "shape": [2, 2]},
                       "a": {"dtype": "f32", "shape": [2], "strides": [2]}, "b": {"dtype": "f32", "shape": [2], "strides": [2]})";
  document.nodes = R"({"id": "n0", "op": "aten.neg.default", "args": [{"value": "x"}], "results": ["y"]},
                      {"id": "n1", "op": "aten.select.int", "args": [{"value": "y"}, {"int": 1}, {"int": 0}], "results": ["a"]},
                      {"id": "n2", "op": "aten.select.int", "args": [{"value": "y"}, {"int": 1}, {"int": 1}], "results": ["b"]})";
  const TestHost host;
  const OpenDevice device(host, plugin());
  const auto stage = device.compile(document.text());
  const Buffer x = f32({2, 2}, {1, 2, 3, 4});
  Arena arena;
  RunOptions options;
  options.place = &Arena::place;
  options.place_ctx = &arena;
  const Outputs out = run(device, stage.get(), {&x}, 2, options);
  CHECK(arena.asked.empty());
  CHECK(out[0].origin == GENIE_OUTPUT_OWNED);
  CHECK(out[1].origin == GENIE_OUTPUT_VIEW_OUTPUT);
  CHECK(out[1].tensor->view.data == static_cast<float*>(out[0].tensor->view.data) + 1);
  CHECK(elements<float>(out[0].tensor->view) == std::vector<float>{-1, -3});
  CHECK(elements<float>(out[1].tensor->view) == std::vector<float>{-2, -4});
}

TEST_CASE("when the caller has no place the executable allocates") {
  const TestHost host;
  const OpenDevice device(host, plugin());
  const auto stage = device.compile(views_of_everything());
  const Buffer x = f32({4}, {1, 2, 3, 4});
  Arena arena;
  arena.refuse = true;
  RunOptions options;
  options.place = &Arena::place;
  options.place_ctx = &arena;
  const Outputs out = run(device, stage.get(), {&x}, 5, options);
  CHECK(out[0].origin == GENIE_OUTPUT_OWNED);
  CHECK(elements<float>(out[0].tensor->view) == std::vector<float>{-1, -2, -3, -4});
}

TEST_CASE("an expanded output is placed with its stride of 0, and takes one row of memory") {
  const TestHost host;
  const OpenDevice device(host, plugin());
  Document document;
  document.inputs = R"({"name": "x", "value": "x"})";
  document.outputs = R"({"name": "y", "value": "y"})";
  document.values =
      R"("x": {"dtype": "f32", "shape": [2]}, "d": {"dtype": "f32", "shape": [2]}, "y": {"dtype": "f32", "shape": [5, 2], "strides": [0, 1]})";
  document.nodes = R"({"id": "n0", "op": "aten.neg.default", "args": [{"value": "x"}], "results": ["d"]},
                      {"id": "n1", "op": "aten.expand.default", "args": [{"value": "d"}, {"list": [{"int": 5}, {"int": 2}]}], "results": ["y"]})";
  const auto stage = device.compile(document.text());
  const Buffer x = f32({2}, {1, 2});
  Arena arena;
  RunOptions options;
  options.place = &Arena::place;
  options.place_ctx = &arena;
  const Outputs out = run(device, stage.get(), {&x}, 1, options);
  CHECK(out[0].origin == GENIE_OUTPUT_PLACED);
  CHECK(strides_of(out[0].tensor->view) == std::vector<std::int64_t>{0, 1});
  CHECK(arena.memory[0] == -1.0f);
  CHECK(arena.memory[1] == -2.0f);
  CHECK(arena.memory[2] == -1.0f);  // untouched: its initial value
  CHECK(device.counter("output_bytes_copied") == 8);
}

TEST_CASE("conjugates leave as numbers, not as a promise to conjugate") {
  const TestHost host;
  const OpenDevice device(host, plugin());
  Document document;
  document.inputs = R"({"name": "x", "value": "x"})";
  document.outputs = R"({"name": "y", "value": "y"}, {"name": "imaginary", "value": "i"})";
  document.values =
      R"("x": {"dtype": "c64", "shape": [1]}, "y": {"dtype": "c64", "shape": [1]}, "r": {"dtype": "f32", "shape": [1, 2]},
                       "i": {"dtype": "f32", "shape": [1], "strides": [2]})";
  document.nodes = R"({"id": "n0", "op": "aten._conj.default", "args": [{"value": "x"}], "results": ["y"]},
                      {"id": "n1", "op": "aten.imag.default", "args": [{"value": "y"}], "results": ["i"]})";
  const auto stage = device.compile(document.text());
  const Buffer x({GENIE_TYPE_COMPLEX, 64, 1}, {1}, std::vector<float>{1, 2});
  const Outputs out = run(device, stage.get(), {&x}, 2);
  const auto* parts = static_cast<const float*>(out[0].tensor->view.data);
  CHECK(parts[0] == 1.0f);
  CHECK(parts[1] == -2.0f);
  CHECK(elements<float>(out[1].tensor->view) == std::vector<float>{-2});
}

TEST_CASE("an owned output outlives the executable") {
  const TestHost host;
  const OpenDevice device(host, plugin());
  auto stage = device.compile(views_of_everything());
  const Buffer x = f32({4}, {1, 2, 3, 4});
  const Outputs out = run(device, stage.get(), {&x}, 5);
  stage.reset();
  CHECK(elements<float>(out[0].tensor->view) == std::vector<float>{-1, -2, -3, -4});
}
