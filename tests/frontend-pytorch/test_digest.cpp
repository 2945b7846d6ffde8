// Hashing in parallel, and the cache that spares it.
#include <doctest/doctest.h>
#include <sys/stat.h>

#include <atomic>
#include <string>
#include <string_view>
#include <vector>

#include "digest/cache.hpp"
#include "digest/hash.hpp"
#include "genie/plan/codec.hpp"
#include "scratch.hpp"

using genie::pytorch::all_zeros;
using genie::pytorch::DigestCache;
using genie::pytorch::EntryDigests;
using genie::pytorch::FileIdentity;
using genie::pytorch::hash_all;
using genie::pytorch::testing::Scratch;

namespace {

constexpr std::int64_t kSecond = 1'000'000'000;
const std::string kDigest = "sha256:" + std::string(64, 'a');

}  // namespace

TEST_CASE("every range gets its own digest, in order, with any number of threads") {
  std::vector<std::string> contents;
  for (int i = 0; i < 40; ++i)
    contents.push_back(std::string(static_cast<std::size_t>(i * i * 997), static_cast<char>(i)));
  contents.push_back(std::string(std::size_t{20} << 20, 'x'));  // more than a chunk
  const std::vector<std::string_view> ranges(contents.begin(), contents.end());
  for (const unsigned threads : {1u, 2u, 7u}) {
    const auto digests = hash_all(ranges, {}, threads);
    REQUIRE(digests.has_value());
    REQUIRE(digests->size() == ranges.size());
    for (std::size_t i = 0; i < ranges.size(); ++i)
      CHECK((*digests)[i] == genie::plan::digest(ranges[i]));
  }
  CHECK(hash_all({}, {}, 0)->empty());
}

TEST_CASE("hashing reports all bytes and stops when asked to") {
  const std::string content(std::size_t{40} << 20, 'x');
  const std::vector<std::string_view> ranges = {content, content};
  std::uint64_t last = 0;
  REQUIRE(hash_all(ranges, [&](std::uint64_t done, std::uint64_t total) {
    CHECK(total == 2 * content.size());
    last = std::max(last, done);
    return true;
  }));
  CHECK(last == 2 * content.size());
  CHECK_FALSE(hash_all(ranges, [](std::uint64_t, std::uint64_t) { return false; }).has_value());
}

TEST_CASE("zeros are told from nearly zeros") {
  std::string bytes(1000, '\0');
  CHECK(all_zeros(bytes));
  CHECK(all_zeros(""));
  for (const std::size_t at : {std::size_t{0}, std::size_t{500}, std::size_t{999}}) {
    bytes[at] = '\1';
    CHECK_FALSE(all_zeros(bytes));
    bytes[at] = '\0';
  }
}

TEST_CASE("digests are remembered for one identity of a file, in a private folder") {
  const Scratch scratch;
  const DigestCache cache(scratch.path("deep") / "genie");
  const FileIdentity identity{1, 2, 3, 4 * kSecond, 5 * kSecond};
  CHECK(cache.load(identity).empty());
  cache.store(identity, {{"weight_0", kDigest}}, 100 * kSecond);
  CHECK(cache.load(identity) == EntryDigests{{"weight_0", kDigest}});
  struct stat status {};
  REQUIRE(::stat((scratch.path("deep") / "genie").c_str(), &status) == 0);
  CHECK((status.st_mode & 0777) == 0700);
  for (const FileIdentity& other :
       {FileIdentity{9, 2, 3, 4 * kSecond, 5 * kSecond}, FileIdentity{1, 9, 3, 4 * kSecond, 5 * kSecond},
        FileIdentity{1, 2, 9, 4 * kSecond, 5 * kSecond}, FileIdentity{1, 2, 3, 9 * kSecond, 5 * kSecond},
        FileIdentity{1, 2, 3, 4 * kSecond, 9 * kSecond}})
    CHECK(cache.load(other).empty());
}

TEST_CASE("a file that changed less than two seconds ago is not remembered") {
  const Scratch scratch;
  const DigestCache cache(scratch.path("genie"));
  const FileIdentity identity{1, 2, 3, 0, 10 * kSecond};
  cache.store(identity, {{"w", kDigest}}, 12 * kSecond - 1);
  CHECK(cache.load(identity).empty());
  cache.store(identity, {{"w", kDigest}}, 12 * kSecond);
  CHECK(cache.load(identity).size() == 1);
}

TEST_CASE("a cache that others can write to, or that is damaged, is not trusted") {
  const Scratch scratch;
  const auto folder = scratch.path("genie");
  const DigestCache cache(folder);
  const FileIdentity identity{1, 2, 3, 0, 0};
  cache.store(identity, {{"w", kDigest}}, 100 * kSecond);
  REQUIRE(cache.load(identity).size() == 1);
  REQUIRE(::chmod(folder.c_str(), 0770) == 0);
  CHECK(cache.load(identity).empty());
  REQUIRE(::chmod(folder.c_str(), 0700) == 0);
  for (const std::string& text :
       {std::string("{"), std::string("[]"),
        std::string(R"({"schema":"genie.digests","version":1,"entries":{"w":"no digest"}})")}) {
    CHECK_FALSE(scratch.write("genie/digests-1-2.json", text).empty());
    CHECK(cache.load(identity).empty());
  }
  CHECK(DigestCache({}).load(identity).empty());
}
