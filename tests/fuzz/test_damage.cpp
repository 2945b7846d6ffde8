// The damage suite: every seed of a fuzz target, damaged in every way, is refused with diagnostics or read as what it still is,
// within bounds of time and memory. Linked with one target at a time.
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include <doctest/doctest.h>

#include <sys/resource.h>

#include <algorithm>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "damage.hpp"
#include "judge.hpp"

namespace {

using namespace genie::fuzz;

// Under a sanitizer everything takes more time and memory, and address space means nothing.
#if defined(__SANITIZE_ADDRESS__)
constexpr bool kSanitized = true;
#elif defined(__has_feature)
constexpr bool kSanitized = __has_feature(address_sanitizer);
#else
constexpr bool kSanitized = false;
#endif
constexpr double kMostSeconds = kSanitized ? 60 : 10;
constexpr rlim_t kMostAddressSpaceBytes = rlim_t{2} << 30;
/// GENIE_DAMAGE=100 damages a hundred times as much: for a night, not for every build.
const int kTimes = [] {
  const char* wanted = std::getenv("GENIE_DAMAGE");
  return wanted == nullptr ? 1 : std::max(1, std::atoi(wanted));
}();

std::vector<std::string> files_of(const char* folder) {
  std::vector<std::filesystem::path> paths;
  std::error_code absent;  // a target without regressions has no folder of them
  for (const auto& entry :
       std::filesystem::directory_iterator(std::filesystem::path(folder) / FUZZ_TARGET, absent))
    paths.push_back(entry.path());
  std::sort(paths.begin(), paths.end());
  std::vector<std::string> contents;
  for (const auto& path : paths) {
    std::ifstream in(path, std::ios::binary);
    contents.emplace_back(std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>());
  }
  return contents;
}

/// Of this process: a busy machine makes nothing slow.
double processor_seconds() {
  timespec time{};
  ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

void read_in_time(const std::string& bytes) {
  const double begin = processor_seconds();
  (void)read(bytes);
  CHECK(processor_seconds() - begin < kMostSeconds);
}

/// All seeds, damaged in one way. Allocations beyond the limit throw, and what is thrown fails the test.
void damage_all(
    const std::function<void(const std::string& seed, std::uint64_t number, const Take&)>& damage) {
  if (!kSanitized) {
    const rlimit limit{kMostAddressSpaceBytes, kMostAddressSpaceBytes};
    REQUIRE(::setrlimit(RLIMIT_AS, &limit) == 0);
  }
  const std::vector<std::string> seeds = files_of(FUZZ_SEEDS);
  REQUIRE_FALSE(seeds.empty());
  std::size_t damaged = 0;
  for (std::size_t i = 0; i < seeds.size(); ++i)
    damage(seeds[i], i, [&](const std::string& bytes) {
      ++damaged;
      read_in_time(bytes);
    });
  MESSAGE(damaged, " documents");
}

}  // namespace

TEST_CASE("most seeds are whole: damage has something to break") {
  std::size_t accepted = 0;
  const std::vector<std::string> seeds = files_of(FUZZ_SEEDS);
  for (const std::string& seed : seeds)
    accepted += read(seed) ? 1u : 0u;
  CHECK(2 * accepted > seeds.size());
}

TEST_CASE("inputs that once broke a promise are read") {
  for (const std::string& bytes : files_of(FUZZ_REGRESSIONS))
    read_in_time(bytes);
}

TEST_CASE("truncation at every 64th byte") {
  damage_all([](const std::string& seed, std::uint64_t, const Take& take) { truncate(seed, take); });
}

TEST_CASE("bit flips") {
  damage_all([](const std::string& seed, std::uint64_t number, const Take& take) {
    flip_bits(seed, number, 300 * kTimes, take);
  });
}

TEST_CASE("numbers that are hard to read or to compute with") {
  damage_all([](const std::string& seed, std::uint64_t number, const Take& take) {
    replace_numbers(seed, number, 20 * kTimes, take);
  });
}

TEST_CASE("strings that are no UTF-8") {
  damage_all([](const std::string& seed, std::uint64_t number, const Take& take) {
    break_strings(seed, number, 20 * kTimes, take);
  });
}

TEST_CASE("names exchanged: dangling, doubled, in circles") {
  damage_all([](const std::string& seed, std::uint64_t number, const Take& take) {
    exchange_strings(seed, number, 300 * kTimes, take);
  });
}

TEST_CASE("duplicate keys") {
  damage_all([](const std::string& seed, std::uint64_t number, const Take& take) {
    repeat_keys(seed, number, 20 * kTimes, take);
  });
}

TEST_CASE("nesting a hundred thousand deep") {
  damage_all([](const std::string& seed, std::uint64_t number, const Take& take) {
    nest_deeply(seed, number, 3 * kTimes, take);
  });
}

TEST_CASE("arrays and objects of a million") {
  damage_all([](const std::string& seed, std::uint64_t number, const Take& take) {
    fill(seed, number, 2 * kTimes, take);
  });
}
