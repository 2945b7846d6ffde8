// The damage suite: every seed of a fuzz target, damaged in every way, is refused with diagnostics or read as what it still is,
// within bounds of time and memory. Linked with one target at a time.
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include <doctest/doctest.h>

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
#include "memory_peak.hpp"
#include "sanitized.hpp"

namespace {

using namespace genie::fuzz;

/// For one input, of processor time: a machine that is busy with other things changes nothing.
constexpr double kMostSeconds = kSanitized ? 60 : 10;
/// Ordinary inputs need a fiftieth of this.
constexpr std::size_t kMostBytes = std::size_t{16} << 20;
/// What a reader may hold for each byte of an input.
constexpr std::size_t kMostBytesForAByte = 150;
constexpr std::size_t kMany = kSanitized ? 100'000 : 1'000'000;

/// GENIE_DAMAGE=100 damages a hundred times as much: for a night, not for every build.
const int kTimes = [] {
  const char* wanted = std::getenv("GENIE_DAMAGE");
  return wanted == nullptr ? 1 : std::max(1, std::atoi(wanted));
}();

struct File {
  std::string name;
  std::string bytes;

  /// A document of Genie's own: its readers say exactly what is wrong with it.
  [[nodiscard]] bool is_document() const { return name.ends_with(".json"); }
  /// Without the blanks at its end: every cut is a loss.
  [[nodiscard]] std::string_view whole() const {
    return std::string_view(bytes).substr(0, bytes.find_last_not_of(" \n") + 1);
  }
  /// Parts that are packed into an archive or a tensor file.
  [[nodiscard]] bool is_parts() const { return name.ends_with(".parts"); }
  /// The JSON in it, up to what follows it.
  [[nodiscard]] std::string_view json() const {
    return std::string_view(bytes).substr(0, std::min(bytes.find("\n---\n"), bytes.size()));
  }
};

std::vector<File> files_of(const char* folder) {
  std::vector<std::filesystem::path> paths;
  std::error_code absent;  // a target without regressions has no folder of them
  for (const auto& entry :
       std::filesystem::directory_iterator(std::filesystem::path(folder) / FUZZ_TARGET, absent))
    paths.push_back(entry.path());
  std::sort(paths.begin(), paths.end());
  std::vector<File> files;
  for (const auto& path : paths) {
    std::ifstream in(path, std::ios::binary);
    files.push_back(
        {path.filename(), {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()}});
  }
  return files;
}

double processor_seconds() {
  timespec now{};
  ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

Reading read_within_bounds(const std::string& bytes) {
  const double begin = processor_seconds();
  const MemoryPeak peak;
  Reading reading = read(bytes);
  const std::size_t most = kMostBytes + kMostBytesForAByte * bytes.size();
  CHECK(peak.bytes().value_or(0) <= most);
  CHECK(processor_seconds() - begin < kMostSeconds);
  return reading;
}

/// A fault that nobody can overlook: every reader says one thing about it, and a document's readers say the right thing.
void refused_once(const Reading& reading, bool exactly, std::initializer_list<std::string_view> codes) {
  CHECK_FALSE(reading.accepted);
  for (const auto& diagnostics : reading.refusals) {
    CHECK(diagnostics.size() == 1);
    if (exactly)
      CHECK_MESSAGE(std::find(codes.begin(), codes.end(), diagnostics.front().code) != codes.end(),
                    diagnostics.front().code, ": ", diagnostics.front().message);
  }
}

using Damage = std::function<void(const File& seed, std::uint64_t number, const Take&)>;
using Check = std::function<void(const File& seed, const Reading&)>;

/// All seeds, damaged in one way.
void damage_all(const Damage& damage, const Check& check = {}) {
  const std::vector<File> seeds = files_of(FUZZ_SEEDS);
  REQUIRE_FALSE(seeds.empty());
  std::size_t damaged = 0;
  for (std::size_t i = 0; i < seeds.size(); ++i) {
    CAPTURE(seeds[i].name);
    damage(seeds[i], i, [&](const std::string& bytes) {
      CAPTURE(damaged);
      ++damaged;
      const Reading reading = read_within_bounds(bytes);
      if (check) check(seeds[i], reading);
    });
  }
  MESSAGE(damaged, " documents");
}

/// Damage to JSON that every reader of it must refuse; what follows the JSON stays. Readers of other files say so in codes of
/// their own.
void refuse_all(const std::function<void(std::string_view json, std::uint64_t number, const Take&)>& damage,
                std::initializer_list<std::string_view> codes) {
  damage_all(
      [&](const File& seed, std::uint64_t number, const Take& take) {
        if (!seed.is_document() && !seed.is_parts()) return;
        const std::string rest = seed.bytes.substr(seed.json().size());
        damage(seed.json(), number, [&](const std::string& json) { take(json + rest); });
      },
      [&](const File& seed, const Reading& reading) { refused_once(reading, seed.is_document(), codes); });
}

}  // namespace

TEST_CASE("most seeds are whole: damage has something to break") {
  std::size_t accepted = 0;
  const std::vector<File> seeds = files_of(FUZZ_SEEDS);
  for (const File& seed : seeds)
    accepted += read(seed.bytes).accepted ? 1u : 0u;
  CHECK(2 * accepted > seeds.size());
}

TEST_CASE("inputs that once broke a promise are read") {
  for (const File& file : files_of(FUZZ_REGRESSIONS)) {
    CAPTURE(file.name);
    (void)read_within_bounds(file.bytes);
  }
}

TEST_CASE(
    "one fault in a whole document, circles among them: one error with the code that the file's name begins "
    "with") {
  for (const File& file : files_of(FUZZ_FAULTS)) {
    CAPTURE(file.name);
    const Reading reading = read_within_bounds(file.bytes);
    REQUIRE_FALSE(reading.refusals.empty());
    // Of several readers, the first is the one that the document is for.
    const auto& diagnostics = reading.refusals.front();
    CHECK(diagnostics.size() == 1);
    CHECK_MESSAGE(diagnostics.front().code == file.name.substr(0, 6), diagnostics.front().message);
  }
}

TEST_CASE("truncation at every 64th byte: one diagnostic") {
  damage_all([](const File& seed, std::uint64_t, const Take& take) { truncate(seed.whole(), take); },
             [](const File& seed, const Reading& reading) {
               refused_once(reading, seed.is_document(), {"GE0301", "GE0302"});
             });
}

TEST_CASE("bit flips") {
  damage_all([](const File& seed, std::uint64_t number, const Take& take) {
    flip_bits(seed.bytes, number, 300 * kTimes, take);
  });
}

TEST_CASE("numbers that are hard to read or to compute with") {
  damage_all([](const File& seed, std::uint64_t number, const Take& take) {
    replace_numbers(seed.bytes, number, 20 * kTimes, take);
  });
}

TEST_CASE("numbers that no type holds: one diagnostic") {
  refuse_all([](std::string_view json, std::uint64_t number,
                const Take& take) { overflow_numbers(json, number, 10 * kTimes, take); },
             {"GE0304"});
}

TEST_CASE("strings that are no UTF-8: one diagnostic") {
  refuse_all([](std::string_view json, std::uint64_t number,
                const Take& take) { break_strings(json, number, 20 * kTimes, take); },
             {"GE0302"});
}

TEST_CASE("names exchanged: dangling, doubled, in circles") {
  damage_all([](const File& seed, std::uint64_t number, const Take& take) {
    exchange_strings(seed.bytes, number, 300 * kTimes, take);
  });
}

TEST_CASE("names of a megabyte") {
  damage_all([](const File& seed, std::uint64_t number, const Take& take) {
    lengthen_strings(seed.bytes, number, 10 * kTimes, take);
  });
}

TEST_CASE("duplicate keys: one diagnostic") {
  refuse_all([](std::string_view json, std::uint64_t number,
                const Take& take) { repeat_keys(json, number, 20 * kTimes, take); },
             {"GE0303"});
}

TEST_CASE("nesting a hundred thousand deep: one diagnostic") {
  refuse_all([](std::string_view json, std::uint64_t number,
                const Take& take) { nest_deeply(json, number, 3 * kTimes, take); },
             {"GE0306"});
}

TEST_CASE("arrays and objects of a million") {
  damage_all([](const File& seed, std::uint64_t number, const Take& take) {
    fill(seed.bytes, number, kTimes, kMany, take);
  });
}
