// What libFuzzer calls.
#include <cstddef>
#include <cstdint>

#include "judge.hpp"

// NOLINTNEXTLINE(readability-identifier-naming): libFuzzer's name
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  genie::fuzz::read({reinterpret_cast<const char*>(data), size});
  return 0;
}
