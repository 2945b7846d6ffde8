// Tensor files, literals, random numbers.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <fstream>

#include "scratch.hpp"
#include "tensors/element.hpp"
#include "tensors/literal.hpp"
#include "tensors/npy.hpp"
#include "tensors/random.hpp"
#include "tensors/safetensors.hpp"

namespace {

using namespace genie;
using tensors::Tensor;
using test::Scratch;

std::string npy(std::string_view dictionary, std::string_view data, char version = 1) {
  std::string file = "\x93NUMPY";
  file += version;
  file += '\0';
  const std::size_t length = dictionary.size();
  file += static_cast<char>(length & 0xff);
  file += static_cast<char>(length >> 8);
  if (version > 1) file += std::string(2, '\0');
  return file.append(dictionary).append(data);
}

template <class T>
std::string bytes_of(std::initializer_list<T> values) {
  std::string bytes;
  for (const T value : values)
    bytes.append(reinterpret_cast<const char*>(&value), sizeof value);
  return bytes;
}

template <class T>
std::vector<T> values(const Tensor& tensor) {
  std::vector<T> result(tensor.bytes().size() / sizeof(T));
  if (!result.empty()) std::memcpy(result.data(), tensor.bytes().data(), tensor.bytes().size());
  return result;
}

std::string safetensors(std::string_view header, std::string_view data) {
  const std::uint64_t length = header.size();
  return std::string(reinterpret_cast<const char*>(&length), 8).append(header).append(data);
}

std::string what(const plan::Diagnostics& diagnostics) {
  return diagnostics.at(0).code + ": " + diagnostics.at(0).message;
}

}  // namespace

TEST_CASE(".npy of versions 1 to 3, in C and Fortran order, little- and big-endian") {
  Scratch scratch;
  const std::string data = bytes_of<float>({1, 2, 3, 4, 5, 6});
  for (const char version : {'\1', '\2', '\3'}) {
    const auto tensor = tensors::read_npy(scratch.file(
        "a.npy", npy("{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }  \n", data, version)));
    REQUIRE(tensor.ok());
    CHECK(tensor->type_text() == "f32[2, 3]");
    CHECK(values<float>(*tensor) == std::vector<float>{1, 2, 3, 4, 5, 6});
  }
  const auto fortran = tensors::read_npy(
      scratch.file("f.npy", npy("{'descr': '<f4', 'fortran_order': True, 'shape': (2, 3)}", data)));
  REQUIRE(fortran.ok());
  CHECK(values<float>(*fortran) == std::vector<float>{1, 3, 5, 2, 4, 6});
  const auto big = tensors::read_npy(scratch.file(
      "b.npy", npy("{'descr': '>i2', 'fortran_order': False, 'shape': (2,)}", std::string("\1\2\3\4", 4))));
  REQUIRE(big.ok());
  CHECK(values<std::int16_t>(*big) == std::vector<std::int16_t>{0x0102, 0x0304});
  const auto scalar = tensors::read_npy(
      scratch.file("s.npy", npy("{'descr': '|b1', 'fortran_order': False, 'shape': ()}", "\1")));
  REQUIRE(scalar.ok());
  CHECK(scalar->type_text() == "bool[]");
}

TEST_CASE("GE0702 and GE0705 say what is wrong with a .npy file") {
  Scratch scratch;
  const auto wrong = [&](std::string_view text) {
    return what(tensors::read_npy(scratch.file("x.npy", text)).errors());
  };
  CHECK(wrong("hello") == "GE0702: not a .npy file: its first bytes are not those of one");
  CHECK(wrong(npy("{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3)}", "1234")) ==
        "GE0702: f32[2, 3] takes 24 bytes, but 4 follow the header");
  CHECK(wrong(npy("{'descr': '<f4', 'shape': (2, 3)}", "")) ==
        "GE0702: the header does not say type, order and shape as numpy writes them");
  CHECK(wrong(npy("{'descr': '<f4', 'fortran_order': False, 'shape': (4294967296, 4294967296, 4)}", "")) ==
        "GE0702: f32[4294967296, 4294967296, 4] takes more than 2^62 bytes, but 0 follow the header");
  CHECK(wrong(npy("{'descr': '<U5', 'fortran_order': False, 'shape': (1,)}", "")) ==
        "GE0705: the array's element type '<U5' has no counterpart in plans");
  CHECK(what(tensors::read_npy(scratch.path() / "none.npy").errors()) ==
        "GE0701: the tensor file cannot be read: No such file or directory");
}

TEST_CASE("every prefix of a .npy file is refused without a crash") {
  Scratch scratch;
  const std::string whole =
      npy("{'descr': '<f4', 'fortran_order': False, 'shape': (2,)}", bytes_of<float>({1, 2}));
  for (std::size_t length = 0; length < whole.size(); ++length)
    CHECK_FALSE(tensors::read_npy(scratch.file("cut.npy", whole.substr(0, length))).ok());
}

TEST_CASE("what is written as .safetensors reads back, aligned to its elements") {
  Scratch scratch;
  const auto flag = *tensors::literal_tensor("[true, false, true]", plan::DType::boolean);
  const auto numbers = *tensors::literal_tensor("[[1.5, \"NaN\"], [-2, 0]]", plan::DType::f64);
  const auto empty = *tensors::literal_tensor("[]", plan::DType::f32);
  const auto half = *tensors::literal_tensor("0.1", plan::DType::bf16);
  const auto path = scratch.path() / "sub" / "out.safetensors";
  const std::vector<std::pair<std::string, Tensor>> all = {
      {"flag", flag}, {"numbers", numbers}, {"empty", empty}, {"half", half}};
  REQUIRE(tensors::write_safetensors(path, all).ok());
  const auto file = tensors::Safetensors::open(path);
  REQUIRE(file.ok());
  for (const auto& [name, tensor] : all) {
    const auto read = file->get(name);
    REQUIRE(read.ok());
    CHECK(read->type_text() == tensor.type_text());
    CHECK(std::memcmp(read->bytes().data(), tensor.bytes().data(), tensor.bytes().size()) == 0);
    CHECK(reinterpret_cast<std::uintptr_t>(read->bytes().data()) % plan::size_bytes(read->dtype()) == 0);
  }
  CHECK_FALSE(std::filesystem::exists(path.string() + ".part"));
}

TEST_CASE("GE0704 a tensor that is not in the file suggests the nearest") {
  Scratch scratch;
  const auto file = tensors::Safetensors::open(scratch.file(
      "a.safetensors",
      safetensors(
          R"({"input_ids":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"__metadata__":{"format":"pt"}})",
          "x")));
  REQUIRE(file.ok());
  const auto missing = file->get("inputs_id");
  REQUIRE_FALSE(missing.ok());
  CHECK(missing.errors()[0].code == "GE0704");
  CHECK(missing.errors()[0].help == "did you mean `input_ids`? It holds `input_ids`");
}

TEST_CASE("GE0703 a .safetensors header is checked in full") {
  Scratch scratch;
  const auto wrong = [&](std::string_view header, std::string_view data) {
    const auto opened = tensors::Safetensors::open(scratch.file("x.safetensors", safetensors(header, data)));
    return opened.ok() ? std::string() : what(opened.errors());
  };
  const auto one = [](std::string_view rest) {
    return R"({"a":{"dtype":"U8","shape":[2],"data_offsets":)" + std::string(rest) + "}";
  };
  CHECK(wrong(one("[0,2]}"), "xy").empty());
  CHECK(wrong(one("[0,3]}"), "xyz") == "GE0703: tensor `a` is u8[2] but has 3 bytes");
  CHECK(wrong(one("[0,9]}"), "xy") == "GE0703: tensor `a` ends at byte 9 of the data, which has 2");
  CHECK(wrong(one("[2,0]}"), "xy") == "GE0703: tensor `a`: its data ends at 0, before it begins at 2");
  CHECK(wrong(one("[-1,2]}"), "xy") == "GE0703: tensor `a`: its data_offsets are no offsets");
  CHECK(wrong(one("[1,3]}"), "xyz") == "GE0703: bytes 0 to 1, before tensor `a`, belong to no tensor");
  CHECK(wrong(one("[0,2]}"), "xyz") == "GE0703: the last 1 bytes belong to no tensor");
  CHECK(wrong(one(R"([0,2]},"b":{"dtype":"U8","shape":[2],"data_offsets":[1,3]})"), "xyz") ==
        "GE0703: tensor `b` begins at byte 1, within the one before it (up to 2)");
  CHECK(wrong(one(R"([0,2]},"a":{"dtype":"U8","shape":[0],"data_offsets":[2,2]})"), "xy")
            .starts_with("GE0703: the header is no valid JSON"));
  CHECK(wrong(R"({"a":{"dtype":"U8","shape":[4294967296,4294967296],"data_offsets":[0,2]}})", "xy")
            .starts_with("GE0703"));
  CHECK(wrong(R"({"a":[]})", "") == "GE0703: tensor `a`: its entry is no object");
  CHECK(wrong("[]", "") == "GE0703: the header is no JSON object");
  const auto opened = tensors::Safetensors::open(
      scratch.file("h.safetensors", std::string("\xff\xff\xff\xff\xff\xff\xff\x7f{}", 10)));
  CHECK(what(opened.errors()).starts_with("GE0703: the header claims"));
  const auto odd = tensors::Safetensors::open(scratch.file(
      "o.safetensors", safetensors(R"({"a":{"dtype":"F4","shape":[2],"data_offsets":[0,1]}})", "x")));
  REQUIRE(odd.ok());
  CHECK(what(odd->get("a").errors()) == "GE0705: tensor `a` has the element type F4, which plans have not");
}

TEST_CASE("literals take their shape from their nesting and their type from the plan") {
  const auto tensor = tensors::literal_tensor("[[1, 2, 3], [4, 5, 6]]", plan::DType::i64);
  REQUIRE(tensor.ok());
  CHECK(tensor->type_text() == "i64[2, 3]");
  CHECK(values<std::int64_t>(*tensor) == std::vector<std::int64_t>{1, 2, 3, 4, 5, 6});
  CHECK(tensors::literal_tensor("1.5", plan::DType::f32)->type_text() == "f32[]");
  CHECK(std::isnan(values<float>(*tensors::literal_tensor("\"NaN\"", plan::DType::f32))[0]));
  CHECK(tensors::literal_dtype("[true]") == plan::DType::boolean);
  CHECK(tensors::literal_dtype("[[1], [2]]") == plan::DType::i64);
  CHECK(tensors::literal_dtype("[1, 2.5]") == plan::DType::f32);
}

TEST_CASE("GE0706 a literal that its type cannot hold, or that is ragged, names the place") {
  const auto wrong = [](std::string_view json, plan::DType dtype) {
    const auto tensor = tensors::literal_tensor(json, dtype);
    return tensor.ok() ? std::string() : tensor.errors()[0].pointer + " " + what(tensor.errors());
  };
  CHECK(wrong("[1, 300]", plan::DType::u8) == "/1 GE0706: 300 is no u8");
  CHECK(wrong("[1, 2.5]", plan::DType::i64) == "/1 GE0706: 2.5 is no i64");
  CHECK(wrong("[[1, 2], [3]]", plan::DType::f32) ==
        "/1 GE0706: expected a list of 2, as the first list at this depth has");
  CHECK(wrong("[[1], [2, 3, 4, 5]]", plan::DType::f32) ==
        "/1 GE0706: expected a list of 1, as the first list at this depth has");
  CHECK(wrong("[1, [2]]", plan::DType::f32) == "/1 GE0706: expected a number, as its neighbours are");
  CHECK(wrong("[[], [1]]", plan::DType::f32) ==
        "/1 GE0706: expected a list of 0, as the first list at this depth has");
}

TEST_CASE("random numbers are those of the documented generator") {
  // SplitMix64 from seed 0: the published first outputs.
  const auto first = tensors::random_tensor({0, plan::DType::f64, {2}, 0.0, 1.0});
  REQUIRE(first.ok());
  const double scale = std::ldexp(1.0, -53);
  CHECK(values<double>(*first) ==
        std::vector<double>{static_cast<double>(0xE220A8397B1DCDAFu >> 11) * scale,
                            static_cast<double>(0x6E789E6AA1B965F4u >> 11) * scale});
  const auto range = values<std::int32_t>(*tensors::random_tensor({3, plan::DType::i32, {1000}, -5.0, 5.0}));
  CHECK(*std::min_element(range.begin(), range.end()) == -5);
  CHECK(*std::max_element(range.begin(), range.end()) == 4);
  CHECK_FALSE(tensors::random_tensor({0, plan::DType::i64, {1}, 0.5, 2.0}).ok());
  CHECK_FALSE(tensors::random_tensor({0, plan::DType::u8, {1}, 0.0, 300.0}).ok());
  CHECK_FALSE(tensors::random_tensor({0, plan::DType::f32, {1}, 1.0, 1.0}).ok());
  CHECK(tensors::random_tensor({0, plan::DType::u8, {1}, 0.0, 256.0}).ok());
}

TEST_CASE("small floats: every pattern decodes and encodes to itself") {
  for (const plan::DType dtype :
       {plan::DType::f16, plan::DType::bf16, plan::DType::f8e5m2, plan::DType::f8e4m3fn,
        plan::DType::f8e4m3fnuz, plan::DType::f8e5m2fnuz, plan::DType::f8e8m0fnu}) {
    const auto format = *tensors::small_float(dtype);
    const std::uint32_t patterns = 1u << (8 * plan::size_bytes(dtype));
    for (std::uint32_t bits = 0; bits < patterns; ++bits) {
      const double value = tensors::decode(format, bits);
      if (std::isnan(value)) {
        CHECK(std::isnan(tensors::decode(format, tensors::encode(format, value))));
      } else if (tensors::encode(format, value) != bits) {
        CAPTURE(plan::name(dtype));
        CAPTURE(bits);
        CHECK(tensors::encode(format, value) == bits);
      }
    }
  }
}

TEST_CASE("small floats round to nearest even and overflow as their format says") {
  const auto half = *tensors::small_float(plan::DType::f16);
  CHECK(tensors::encode(half, 1.0 + 0x1p-11) == 0x3c00u);      // a tie, down to even
  CHECK(tensors::encode(half, 1.0 + 3 * 0x1p-11) == 0x3c02u);  // a tie, up to even
  CHECK(tensors::encode(half, 65519.0) == 0x7bffu);
  CHECK(tensors::encode(half, 65520.0) == 0x7c00u);
  CHECK(tensors::encode(half, -1e30) == 0xfc00u);
  CHECK(tensors::encode(half, 0x1p-25) == 0x0000u);
  CHECK(tensors::encode(half, 0x1.8p-25) == 0x0001u);
  CHECK(std::isnan(tensors::decode(*tensors::small_float(plan::DType::f8e4m3fn),
                                   tensors::encode(*tensors::small_float(plan::DType::f8e4m3fn), 1000.0))));
  CHECK(tensors::decode(*tensors::small_float(plan::DType::f8e4m3fn), 0x7e) == 448.0);
  CHECK(tensors::decode(*tensors::small_float(plan::DType::f8e4m3fnuz), 0x7f) == 240.0);
  CHECK(tensors::decode(*tensors::small_float(plan::DType::f8e5m2), 0x7b) == 57344.0);
}

TEST_CASE("a strided view is copied element by element") {
  float data[6] = {1, 2, 3, 4, 5, 6};
  std::int64_t shape[2] = {3, 2};
  std::int64_t strides[2] = {1, 3};
  genie_tensor_view view{data, GENIE_DEVICE_CPU, 0, 2, {GENIE_TYPE_FLOAT, 32, 1}, shape, strides, 0};
  CHECK(values<float>(*Tensor::copy_of(view)) == std::vector<float>{1, 4, 2, 5, 3, 6});
  strides[0] = 0;  // expanded
  strides[1] = 1;
  view.byte_offset = 8;
  CHECK(values<float>(*Tensor::copy_of(view)) == std::vector<float>{3, 4, 3, 4, 3, 4});
  view.device_kind = GENIE_DEVICE_CUDA;
  CHECK_FALSE(Tensor::copy_of(view).ok());
}
