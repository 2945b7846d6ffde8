// Arithmetic on numbers follows Python, and numbers cross as 0-d tensors.
#include <doctest/doctest.h>

#include <cmath>

#include "values.hpp"

using namespace kernels_test;

namespace {

/// A stage that computes one operator on constants; kind is int, float or bool.
std::string number_stage(const std::string& op, const std::string& arguments, const std::string& kind) {
  Document document;
  document.outputs = R"({"name": "y", "value": "y"})";
  document.values = R"("y": {"scalar": ")" + kind + R"("})";
  document.nodes = R"({"id": "n0", "op": ")" + op + R"(", "args": [)" + arguments + R"(], "results": ["y"]})";
  return document.text();
}

template <class T>
T number(const std::string& op, const std::string& arguments, const std::string& kind) {
  const TestHost host;
  const OpenDevice device(host, plugin());
  const auto stage = device.compile(number_stage(op, arguments, kind));
  const Outputs out = run(device, stage.get(), {}, 1);
  CHECK(out[0].tensor->view.rank == 0);
  return elements<T>(out[0].tensor->view)[0];
}
std::int64_t integer(const std::string& op, const std::string& arguments) {
  return number<std::int64_t>(op, arguments, "int");
}
double floating(const std::string& op, const std::string& arguments) {
  return number<double>(op, arguments, "float");
}
bool boolean(const std::string& op, const std::string& arguments) {
  return number<bool>(op, arguments, "bool");
}

std::string error_of(const std::string& op, const std::string& arguments) {
  const TestHost host;
  const OpenDevice device(host, plugin());
  try {
    const auto stage = device.compile(number_stage(op, arguments, "int"));
    (void)run(device, stage.get(), {}, 1);
  } catch (const Failure& failure) {
    return failure.error.message;
  }
  return "no error";
}

}  // namespace

TEST_CASE("integer division and remainder round toward minus infinity") {
  CHECK(integer("python.floordiv", R"({"int": -7}, {"int": 2})") == -4);
  CHECK(integer("python.mod", R"({"int": -7}, {"int": 3})") == 2);
  CHECK(integer("python.mod", R"({"int": 7}, {"int": -3})") == -2);
  CHECK(floating("python.floordiv", R"({"float": -7.5}, {"int": 2})") == -4.0);
  CHECK(floating("python.mod", R"({"float": -7.5}, {"int": 2})") == 0.5);
}

TEST_CASE("sums, differences and products of integers") {
  CHECK(integer("python.add", R"({"int": 5}, {"int": 7})") == 12);
  CHECK(integer("python.sub", R"({"int": 5}, {"int": 7})") == -2);
  CHECK(integer("python.mul", R"({"int": 5}, {"int": -7})") == -35);
}

TEST_CASE("a true quotient is a float, and a mixed operation too") {
  CHECK(floating("python.truediv", R"({"int": 7}, {"int": 2})") == 3.5);
  CHECK(floating("python.add", R"({"int": 1}, {"float": 0.5})") == 1.5);
  CHECK(floating("python.pow", R"({"int": 2}, {"int": -1})") == 0.5);
  CHECK(integer("python.pow", R"({"int": 3}, {"int": 4})") == 81);
}

TEST_CASE("names of torch and of Python's operator module mean the same") {
  CHECK(integer("python.sym_max", R"({"int": 3}, {"int": 9})") == 9);
  CHECK(integer("python.max", R"({"int": 3}, {"int": 9})") == 9);
  CHECK(floating("python.sym_max", R"({"int": 3}, {"float": 1.5})") == 3.0);
  CHECK(integer("python.sym_min", R"({"int": 3}, {"int": 9})") == 3);
  CHECK(floating("python.sym_sqrt", R"({"int": 2})") == std::sqrt(2.0));
  CHECK(floating("python._sym_sqrt", R"({"int": 2})") == std::sqrt(2.0));
  CHECK(boolean("python.and_", R"({"bool": true}, {"bool": false})") == false);
  CHECK(boolean("python.sym_not", R"({"bool": false})") == true);
  CHECK(integer("python.sym_ite", R"({"bool": false}, {"int": 1}, {"int": 2})") == 2);
  CHECK(integer("python.sym_sum", R"({"list": [{"int": 1}, {"int": 2}, {"int": 4}]})") == 7);
  CHECK(integer("python.sym_int", R"({"float": -2.7})") == -2);
  CHECK(floating("python.sym_float", R"({"int": 3})") == 3.0);
}

TEST_CASE("rounding") {
  CHECK(integer("python.ceil", R"({"float": 2.1})") == 3);
  CHECK(integer("python.floor", R"({"float": -2.1})") == -3);
  CHECK(integer("python.trunc", R"({"float": -2.9})") == -2);
  CHECK(integer("python.round", R"({"float": 2.5})") == 2);
  CHECK(integer("python.round", R"({"float": 3.5})") == 4);
}

TEST_CASE("comparisons, also with NaN") {
  CHECK(boolean("python.lt", R"({"int": 1}, {"float": 1.5})"));
  CHECK(boolean("python.ge", R"({"int": 2}, {"int": 2})"));
  CHECK_FALSE(boolean("python.ge", R"({"float": "NaN"}, {"int": 2})"));
  CHECK_FALSE(boolean("python.le", R"({"float": "NaN"}, {"int": 2})"));
  CHECK(boolean("python.ne", R"({"float": "NaN"}, {"float": "NaN"})"));
}

TEST_CASE("GE0641: what Python refuses is refused, and so is what does not fit") {
  CHECK(error_of("python.floordiv", R"({"int": 1}, {"int": 0})") ==
        "GE0641: python.floordiv(1, 0): division by zero (node n0). Python raises an error for these numbers "
        "too: check the sizes "
        "that the model was given");
  CHECK(error_of("python.mul", R"({"int": "9223372036854775807"}, {"int": 2})")
            .find("does not fit in 64 bits") != std::string::npos);
  CHECK(error_of("python.neg", R"({"int": "-9223372036854775808"})").find("does not fit in 64 bits") !=
        std::string::npos);
  CHECK(error_of("python.sym_int", R"({"float": "Infinity"})").find("no 64-bit integer") !=
        std::string::npos);
}

TEST_CASE("a number is an input, drives a tensor operator, and comes back from one") {
  const TestHost host;
  const OpenDevice device(host, plugin());
  Document document;
  document.inputs = R"({"name": "x", "value": "x"}, {"name": "scale", "value": "scale"})";
  document.outputs = R"({"name": "y", "value": "y"}, {"name": "total", "value": "total"})";
  document.values =
      R"("x": {"dtype": "i64", "shape": [2]}, "scale": {"scalar": "float"}, "y": {"dtype": "f32", "shape": [2]},
                       "s": {"dtype": "f32", "shape": []}, "total": {"scalar": "float"})";
  document.nodes =
      R"({"id": "n0", "op": "aten.mul.Tensor", "args": [{"value": "x"}, {"value": "scale"}], "results": ["y"]},
                      {"id": "n1", "op": "aten.sum.default", "args": [{"value": "y"}], "results": ["s"]},
                      {"id": "n2", "op": "aten.item.default", "args": [{"value": "s"}], "results": ["total"]})";
  const auto stage = device.compile(document.text());
  const Buffer x = i64({2}, {1, 2});
  const Buffer scale(kF64, {}, std::vector<double>{0.5});
  const Outputs out = run(device, stage.get(), {&x, &scale}, 2);
  CHECK(out[0].tensor->view.dtype == kF32);  // the number promoted the ints to the default float
  CHECK(elements<float>(out[0].tensor->view) == std::vector<float>{0.5f, 1.0f});
  CHECK(out[1].tensor->view.dtype == kF64);
  CHECK(elements<double>(out[1].tensor->view) == std::vector<double>{1.5});
}

TEST_CASE("a size decided by data becomes a symbol of later nodes") {
  const TestHost host;
  const OpenDevice device(host, plugin());
  Document document;
  document.inputs = R"({"name": "x", "value": "x"})";
  document.outputs = R"({"name": "y", "value": "y"}, {"name": "count", "value": {"dim": ["mul", 2, "u0"]}})";
  document.symbols = R"("u0": {"from": {"node": "n0"}})";
  document.values =
      R"("x": {"dtype": "f32", "shape": [4]}, "i": {"dtype": "i64", "shape": ["u0", 1]}, "y": {"dtype": "f32", "shape": ["u0"]})";
  document.nodes = R"({"id": "n0", "op": "aten.nonzero.default", "args": [{"value": "x"}], "results": ["i"]},
                      {"id": "n1", "op": "aten.zeros.default", "args": [{"list": [{"dim": "u0"}]}], "results": ["y"]})";
  const auto stage = device.compile(document.text());
  RunOptions options;
  options.dims = {INT64_MIN};
  for (const std::int64_t wanted : {3, 1}) {
    const Buffer x = wanted == 3 ? f32({4}, {1, 0, 2, 3}) : f32({4}, {0, 0, 0, 5});
    const Outputs out = run(device, stage.get(), {&x}, 2, options);
    CHECK(shape_of(out[0].tensor->view) == std::vector<std::int64_t>{wanted});
    CHECK(elements<std::int64_t>(out[1].tensor->view) == std::vector<std::int64_t>{2 * wanted});
  }
}

TEST_CASE("a number decided by data becomes a symbol too") {
  const TestHost host;
  const OpenDevice device(host, plugin());
  Document document;
  document.inputs = R"({"name": "x", "value": "x"})";
  document.outputs = R"({"name": "y", "value": "y"})";
  document.symbols = R"("u0": {"from": {"node": "n0"}})";
  document.values =
      R"("x": {"dtype": "i64", "shape": []}, "n": {"scalar": "int"}, "y": {"dtype": "f32", "shape": ["u0"]})";
  document.nodes = R"({"id": "n0", "op": "aten.item.default", "args": [{"value": "x"}], "results": ["n"]},
                      {"id": "n1", "op": "aten.zeros.default", "args": [{"list": [{"dim": "u0"}]}], "results": ["y"]})";
  const auto stage = device.compile(document.text());
  RunOptions options;
  options.dims = {INT64_MIN};
  const Buffer x = i64({}, {5});
  const Outputs out = run(device, stage.get(), {&x}, 1, options);
  CHECK(shape_of(out[0].tensor->view) == std::vector<std::int64_t>{5});
}

TEST_CASE("a size that torch reads from a tensor is a number for later nodes") {
  const TestHost host;
  const OpenDevice device(host, plugin());
  Document document;
  document.inputs = R"({"name": "x", "value": "x"})";
  document.outputs = R"({"name": "y", "value": "y"}, {"name": "rows", "value": "rows"})";
  document.symbols = R"("s0": {"from": {"input": "x", "dim": 0}})";
  document.values =
      R"("x": {"dtype": "f32", "shape": ["s0"]}, "rows": {"scalar": "int"}, "y": {"dtype": "f32", "shape": ["s0"]})";
  document.nodes =
      R"({"id": "n0", "op": "aten.sym_size.int", "args": [{"value": "x"}, {"int": 0}], "results": ["rows"]},
                      {"id": "n1", "op": "aten.mul.Tensor", "args": [{"value": "x"}, {"value": "rows"}], "results": ["y"]})";
  const auto stage = device.compile(document.text());
  const Buffer x = f32({3}, {1, 2, 3});
  RunOptions options;
  options.dims = {3};
  const Outputs out = run(device, stage.get(), {&x}, 2, options);
  CHECK(elements<float>(out[0].tensor->view) == std::vector<float>{3, 6, 9});
  CHECK(elements<std::int64_t>(out[1].tensor->view) == std::vector<std::int64_t>{3});
}

TEST_CASE("GE0639: an output size that no node decided is an error, not a guess") {
  const TestHost host;
  const OpenDevice device(host, plugin());
  Document document;
  document.outputs = R"({"name": "size", "value": {"dim": "u0"}})";
  document.symbols = R"("u0": {"from": {"node": "elsewhere"}})";
  const auto stage = device.compile(document.text());
  RunOptions options;
  options.dims = {INT64_MIN};
  try {
    (void)run(device, stage.get(), {}, 1, options);
    FAIL("ran");
  } catch (const Failure& failure) {
    CHECK(failure.error.message.find("GE0639: the size u0 cannot be computed") == 0);
  }
}
