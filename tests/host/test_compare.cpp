// Comparing outputs with what was expected of them.
#include <doctest/doctest.h>

#include <cmath>
#include <cstring>

#include "tensors/compare.hpp"
#include "tensors/literal.hpp"

namespace {

using namespace genie;
using plan::DType;
using tensors::TensorTable;
using tensors::verify;

tensors::Tensor tensor(std::string_view json, DType dtype = DType::f32) {
  return *tensors::literal_tensor(json, dtype);
}

}  // namespace

TEST_CASE("equal bits pass with both tolerances 0, and NaN equals NaN") {
  const auto result = verify({{"a", tensor("[1, \"NaN\", \"-Infinity\"]")}},
                             {{"a", tensor("[1, \"NaN\", \"-Infinity\"]")}}, 0, 0);
  CHECK(result.passed);
  CHECK(result.equal_bits);
  CHECK(result.elements == 3);
  CHECK_FALSE(result.worst.has_value());
}

TEST_CASE("tolerances 0 ask for equal bits: zeros of different sign differ") {
  const auto plus = tensor("[0, 5]");
  const auto minus = tensors::Tensor::make(DType::f32, {2}, [](std::span<std::byte> into) {
    const float values[2] = {-0.0f, 5};
    std::memcpy(into.data(), values, sizeof values);
  });
  const auto result = verify({{"a", *minus}}, {{"a", plus}}, 0, 0);
  CHECK_FALSE(result.passed);
  CHECK(result.beyond == 1);
  CHECK(result.max_abs == 0);
  CHECK(result.worst->index == std::vector<std::int64_t>{0});
  CHECK(verify({{"a", *minus}}, {{"a", plus}}, 0, 1e-9).passed);
}

TEST_CASE("the tolerance is atol + rtol · |expected|") {
  const TensorTable expected = {{"a", tensor("[[1, 100], [0, -8]]")}};
  CHECK(verify({{"a", tensor("[[1, 101], [0, -8]]")}}, expected, 0.01, 0).passed);
  CHECK_FALSE(verify({{"a", tensor("[[1, 101.5], [0, -8]]")}}, expected, 0.01, 0).passed);
  const auto result = verify({{"a", tensor("[[1.25, 100.5], [0, -8]]")}}, expected, 0.01, 0);
  CHECK_FALSE(result.passed);
  CHECK(result.max_abs == 0.5);
  CHECK(result.max_rel == 0.25);
  // The one that exceeds its tolerance, not the one that is farthest off.
  CHECK(result.worst->index == std::vector<std::int64_t>{0, 0});
  CHECK(result.worst->actual == "1.25");
  CHECK(result.worst->expected == "1");
}

TEST_CASE("a NaN where a number is expected differs without bound, whatever the tolerance") {
  const auto result = verify({{"a", tensor("[\"NaN\"]")}}, {{"a", tensor("[1]")}}, 1e9, 1e9);
  CHECK_FALSE(result.passed);
  CHECK(std::isinf(result.max_abs));
  CHECK_FALSE(verify({{"a", tensor("[1]")}}, {{"a", tensor("[\"Infinity\"]")}}, 1, 1).passed);
}

TEST_CASE("integers are compared exactly, also where a double could not") {
  const auto result = verify({{"a", tensor("[9007199254740991]", DType::i64)}},
                             {{"a", tensor("[9007199254740990]", DType::i64)}}, 0, 0);
  CHECK_FALSE(result.passed);
  CHECK(result.max_abs == 1);
  CHECK(result.worst->actual == "9007199254740991");
  const auto make = [](std::uint64_t value) {
    return *tensors::Tensor::make(
        DType::u64, {}, [&](std::span<std::byte> into) { std::memcpy(into.data(), &value, sizeof value); });
  };
  CHECK(verify({{"a", make(~std::uint64_t{0})}}, {{"a", make(~std::uint64_t{0} - 3)}}, 0, 0).max_abs == 3);
}

TEST_CASE("every element type compares") {
  for (const DType dtype : {DType::f16, DType::bf16, DType::f64, DType::f8e4m3fn, DType::i8, DType::u8,
                            DType::i16, DType::i32, DType::c64, DType::c128}) {
    CAPTURE(plan::name(dtype));
    CHECK(verify({{"a", tensor("[1, 2]", dtype)}}, {{"a", tensor("[1, 2]", dtype)}}, 0, 0).passed);
    const auto result = verify({{"a", tensor("[1, 3]", dtype)}}, {{"a", tensor("[1, 2]", dtype)}}, 0, 0);
    CHECK_FALSE(result.passed);
    CHECK(result.max_abs == 1);
    CHECK(result.max_rel == 0.5);
    CHECK(result.worst->index == std::vector<std::int64_t>{1});
  }
  CHECK(verify({{"a", tensor("[true]", DType::boolean)}}, {{"a", tensor("[false]", DType::boolean)}}, 0, 0)
            .worst->actual == "true");
}

TEST_CASE("missing, mismatched and extra outputs are named") {
  const auto result =
      verify({{"logits", tensor("[1]")}, {"extra", tensor("[1]")}, {"shape", tensor("[1, 2]")}},
             {{"logit", tensor("[1]")}, {"shape", tensor("[[1, 2]]")}}, 0, 0);
  CHECK_FALSE(result.passed);
  CHECK(result.missing == std::vector<std::string>{"logit"});
  CHECK(result.mismatched == std::vector<std::string>{"`shape` is f32[2], expected f32[1, 2]"});
  CHECK(result.not_compared == std::vector<std::string>{"extra", "logits"});
  const auto diagnostics = tensors::verification_diagnostics(result, "expected.safetensors");
  REQUIRE(diagnostics.size() == 2);
  CHECK(diagnostics[0].code == "GE0722");
  CHECK(diagnostics[1].code == "GE0721");
  CHECK(diagnostics[1].help == "did you mean `logits`?");
}

TEST_CASE("GE0720 names the output, the element and both numbers") {
  const auto result = verify({{"y", tensor("[[1, 2.5]]")}}, {{"y", tensor("[[1, 2]]")}}, 1e-5, 1e-6);
  const auto diagnostics = tensors::verification_diagnostics(result, "expected.safetensors");
  REQUIRE(diagnostics.size() == 1);
  CHECK(plan::to_text(diagnostics[0]) ==
        "error[GE0720]: 1 of 2 elements differ beyond rtol 1e-05 and atol 1e-06; worst is output `y` at [0, "
        "1]: 2.5, expected 2\n"
        "  --> expected.safetensors\n"
        "   = help: the largest difference is 0.5; if that is rounding, raise `expect.atol`\n");
}
