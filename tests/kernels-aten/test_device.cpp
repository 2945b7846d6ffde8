// The device: memory, copies, counters, what it says of itself, options.
#include <doctest/doctest.h>

#include "values.hpp"

using namespace kernels_test;

namespace {

std::string created_with(const std::string& options) {
  const TestHost host;
  try {
    const OpenDevice device(host, plugin(), options);
    return "created";
  } catch (const Failure& failure) {
    CHECK(failure.error.code == GENIE_INVALID_ARGUMENT);
    return failure.what();
  }
}

}  // namespace

TEST_CASE("describe says kinds, operators, element types and what it was built on") {
  const TestHost host;
  const OpenDevice device(host, plugin(), R"({"threads": 2})");
  genie::Text text;
  must(host, device.table()->describe(device.kernels(), text.sink()));
  CHECK(text.value.find(R"("kinds":["cpu"])") != std::string::npos);
  CHECK(text.value.find(R"("ops":"*")") != std::string::npos);
  for (const char* dtype : {"bf16", "f16", "f32", "f64", "i64", "bool", "c64"})
    CHECK(text.value.find('"' + std::string(dtype) + '"') != std::string::npos);
  CHECK(text.value.find(R"("threads":"2")") != std::string::npos);
  CHECK(text.value.find(R"("torch":")") != std::string::npos);
  CHECK(text.value.find(R"("blas":")") != std::string::npos);
}

TEST_CASE("GE0640: options that are wrong are refused with the nearest known one") {
  CHECK(created_with(R"({"thraeds": 2})") ==
        "GE0640: kernels-aten has no option \"thraeds\". Did you mean \"threads\"? Known options: threads, "
        "interop_threads, deterministic, results");
  CHECK(created_with(R"({"threads": 0})") ==
        "GE0640: option \"threads\" is 0. Give a whole number from 1 to 4096");
  CHECK(created_with(R"({"threads": "all"})") ==
        "GE0640: option \"threads\" is \"all\". Give a whole number from 1 to 4096");
  CHECK(created_with(R"({"deterministic": 1})") ==
        "GE0640: option \"deterministic\" is 1. Give true or false");
  CHECK(created_with("[]").find("no JSON object") != std::string::npos);
  CHECK(created_with("{\"threads\": 2,").find("GE03") != std::string::npos);
  CHECK(created_with("") == "created");
}

TEST_CASE("only the CPU, number 0, is there to open") {
  const TestHost host;
  const OpenDevice device(host, plugin());
  TestCall call;
  for (const auto& [kind, index] : {std::pair{"cuda", 0}, std::pair{"cpu", 1}}) {
    genie_device* other = nullptr;
    genie_status* status =
        device.table()->open(&call.raw, device.kernels(), genie::str(kind), index, genie::str("{}"), &other);
    REQUIRE(status != nullptr);
    CHECK(host.wrapper().take(status).code == GENIE_NOT_FOUND);
  }
}

TEST_CASE("memory is aligned, counted, and given back") {
  const TestHost host;
  const OpenDevice device(host, plugin());
  genie_memory* first = nullptr;
  genie_memory* second = nullptr;
  void* data = nullptr;
  must(host, device.table()->alloc(device.device(), 1000, 8, &first, &data));
  CHECK(reinterpret_cast<std::uintptr_t>(data) % 64 == 0);
  must(host, device.table()->alloc(device.device(), 24, 4096, &second, &data));
  CHECK(reinterpret_cast<std::uintptr_t>(data) % 4096 == 0);
  CHECK(device.counter("memory_bytes") == 1024);
  device.table()->free(device.device(), first);
  CHECK(device.counter("memory_bytes") == 24);
  CHECK(device.counter("memory_peak_bytes") == 1024);
  device.table()->free(device.device(), second);
  genie_status* status = device.table()->alloc(device.device(), std::uint64_t{1} << 60, 64, &first, &data);
  REQUIRE(status != nullptr);
  CHECK(host.wrapper().take(status).code == GENIE_RESOURCE_EXHAUSTED);
  status = device.table()->alloc(device.device(), 8, 24, &first, &data);
  REQUIRE(status != nullptr);
  CHECK(host.wrapper().take(status).code == GENIE_INVALID_ARGUMENT);
}

TEST_CASE("copy moves elements between any strides and repeats none") {
  const TestHost host;
  const OpenDevice device(host, plugin());
  TestCall call;
  const Buffer from = f32({2, 3}, {1, 2, 3, 4, 5, 6});
  Buffer turned = f32({6}, {0, 0, 0, 0, 0, 0});
  turned.viewed({2, 3}, {1, 2});
  must(host, device.table()->copy(&call.raw, device.device(), &turned.view(), &from.view(), nullptr));
  CHECK(turned.all<float>() == std::vector<float>{1, 4, 2, 5, 3, 6});
  Buffer row = f32({3}, {7, 8, 9});
  row.viewed({2, 3}, {0, 1});
  Buffer target = f32({3}, {0, 0, 0});
  target.viewed({2, 3}, {0, 1});
  must(host, device.table()->copy(&call.raw, device.device(), &target.view(), &row.view(), nullptr));
  CHECK(target.all<float>() == std::vector<float>{7, 8, 9});
}

TEST_CASE("copy between gaps leaves the gaps alone") {
  const TestHost host;
  const OpenDevice device(host, plugin());
  TestCall call;
  Buffer from = f32({6}, {1, 2, 3, 4, 5, 6});
  from.viewed({3}, {2});
  Buffer to = f32({6}, {0, -1, 0, -1, 0, -1});
  to.viewed({3}, {2});
  must(host, device.table()->copy(&call.raw, device.device(), &to.view(), &from.view(), nullptr));
  CHECK(to.all<float>() == std::vector<float>{1, -1, 3, -1, 5, -1});
}

TEST_CASE("copy refuses what does not fit, and foreign devices and types") {
  const TestHost host;
  const OpenDevice device(host, plugin());
  TestCall call;
  const auto code = [&](const genie_tensor_view& to, const genie_tensor_view& from) {
    genie_status* status = device.table()->copy(&call.raw, device.device(), &to, &from, nullptr);
    REQUIRE(status != nullptr);
    return host.wrapper().take(status).code;
  };
  const Buffer a = f32({2}, {1, 2});
  const Buffer b = f32({1, 2}, {1, 2});
  const Buffer c = i64({2}, {1, 2});
  CHECK(code(a.view(), b.view()) == GENIE_INVALID_ARGUMENT);
  CHECK(code(a.view(), c.view()) == GENIE_INVALID_ARGUMENT);
  genie_tensor_view gpu = a.view();
  gpu.device_kind = GENIE_DEVICE_CUDA;
  CHECK(code(gpu, a.view()) == GENIE_UNIMPLEMENTED);
  genie_tensor_view strange = a.view();
  strange.dtype.lanes = 4;
  CHECK(code(strange, a.view()) == GENIE_UNIMPLEMENTED);
  genie_tensor_view skewed = a.view();
  skewed.byte_offset = 2;
  CHECK(code(skewed, a.view()) == GENIE_INVALID_ARGUMENT);
}

TEST_CASE("A14: memory sharing and streams are refused in words, not guessed") {
  const TestHost host;
  const OpenDevice device(host, plugin());
  std::int32_t fd = -1;
  genie_status* status = device.table()->share(device.device(), nullptr, &fd);
  REQUIRE(status != nullptr);
  CHECK(host.wrapper().take(status).code == GENIE_UNIMPLEMENTED);
  genie_stream* stream = nullptr;
  status = device.table()->stream_create(device.device(), &stream);
  REQUIRE(status != nullptr);
  CHECK(host.wrapper().take(status).code == GENIE_UNIMPLEMENTED);
}

TEST_CASE("A13: two instances with a device each live side by side") {
  const TestHost host;
  const OpenDevice one(host, plugin());
  const OpenDevice two(host, plugin());
  genie_memory* memory = nullptr;
  void* data = nullptr;
  must(host, one.table()->alloc(one.device(), 64, 64, &memory, &data));
  CHECK(one.counter("memory_bytes") == 64);
  CHECK(two.counter("memory_bytes") == 0);
  one.table()->free(one.device(), memory);
}
