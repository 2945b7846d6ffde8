// Two connected ends in one process, and what tests say about results.
#pragma once

#include <doctest/doctest.h>

#include <algorithm>
#include <cstring>
#include <future>
#include <memory>
#include <string>
#include <thread>
#include <utility>

#include "arena/connection.hpp"
#include "datapath/connection.hpp"

namespace genie::test {

using datapath::Connection;
using datapath::deadline_in;
using namespace std::chrono_literals;

/// The value, or the test ends here with the error's text.
template <class T>
T must(Expected<T> result) {
  if (!result) FAIL(result.error().message);
  return *std::move(result);
}

/// The error, or the test ends here.
template <class T>
Error error_of(Expected<T> result) {
  if (result) FAIL("this was to be refused, and was not");
  return std::move(result).error();
}

inline bool has_code(const Error& error, std::string_view code) {
  return error.diagnostics.find(code) != std::string::npos;
}

inline std::span<const std::byte> bytes_of(std::string_view text) {
  return std::as_bytes(std::span(text));
}
inline std::string text_of(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

/// Bytes that differ from place to place and from seed to seed.
inline void fill(std::span<std::byte> bytes, std::uint64_t seed) {
  std::uint64_t x = seed * 0x9e3779b97f4a7c15ULL + 1;
  for (auto& byte : bytes) {
    x ^= x << 13, x ^= x >> 7, x ^= x << 17;
    byte = static_cast<std::byte>(x);
  }
}
inline bool holds(std::span<const std::byte> bytes, std::uint64_t seed) {
  std::vector<std::byte> wanted(bytes.size());
  fill(wanted, seed);
  return std::ranges::equal(bytes, wanted);
}

struct Pair {
  std::unique_ptr<Connection> first, second;
};

/// Both ends meet; the second in a thread, as the peer's process would.
inline Pair meet(datapath::End& first, datapath::End& second) {
  auto other =
      std::async(std::launch::async, [&] { return second.connect(first.address(), deadline_in(20s)); });
  auto mine = first.connect(second.address(), deadline_in(20s));
  auto theirs = other.get();
  Pair pair;
  pair.first = must(std::move(mine));
  pair.second = must(std::move(theirs));
  return pair;
}

inline Pair arena_pair(datapath::WaitOptions options = {}) {
  auto waits = must(arena::open_end(arena::Role::waits, options));
  auto goes = must(arena::open_end(arena::Role::goes, options));
  return meet(*waits, *goes);
}

}  // namespace genie::test
