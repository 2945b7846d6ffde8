// The zip reader against archives that are right in unusual ways, and wrong in the usual ones.
#include <doctest/doctest.h>

#include <string>

#include "archive/zip.hpp"
#include "zip_builder.hpp"

using genie::pytorch::ZipDirectory;
using genie::pytorch::testing::ZipBuilder;
using genie::pytorch::testing::ZipFile;
using genie::pytorch::testing::ZipOptions;

namespace {

std::string code_of(const std::string& bytes) {
  const auto directory = ZipDirectory::read(bytes, "a.pt2");
  return directory.ok() ? "ok" : directory.errors().front().code;
}

std::string text_of(const std::string& bytes) {
  const auto directory = ZipDirectory::read(bytes, "a.pt2");
  return directory.ok() ? "ok" : directory.errors().front().message;
}

std::string content(const ZipDirectory& directory, const std::string& bytes, std::string_view name) {
  const auto* entry = directory.find(name);
  REQUIRE(entry != nullptr);
  return bytes.substr(entry->offset, entry->size_bytes);
}

}  // namespace

TEST_CASE("entries lie where the directory says, aligned as PyTorch writes them") {
  const std::string bytes =
      ZipBuilder().add("a/data", "12345678").add("a/empty", "").add("a/version", "0").build();
  const auto directory = ZipDirectory::read(bytes, "a.pt2");
  REQUIRE(directory.ok());
  CHECK(directory->entries().size() == 3);
  CHECK(content(*directory, bytes, "a/data") == "12345678");
  CHECK(content(*directory, bytes, "a/empty").empty());
  CHECK(content(*directory, bytes, "a/version") == "0");
  CHECK(directory->find("a/data")->offset % 64 == 0);
  CHECK(directory->find("a/nothing") == nullptr);
}

TEST_CASE("zip64 sizes, offsets and end record are read") {
  const std::string bytes = ZipBuilder()
                                .add({.name = "big", .content = "content", .zip64 = true})
                                .add("small", "x")
                                .build({.zip64_end = true});
  const auto directory = ZipDirectory::read(bytes, "a.pt2");
  REQUIRE(directory.ok());
  CHECK(content(*directory, bytes, "big") == "content");
  CHECK(content(*directory, bytes, "small") == "x");
}

TEST_CASE("a comment after the end record is passed over, even one that looks like a record") {
  ZipOptions options;
  options.comment = std::string("PK\x05\x06", 4) + std::string(30, 'c');
  CHECK(code_of(ZipBuilder().add("a", "1").build(options)) == "ok");
}

TEST_CASE("GE0203: every truncation of an archive is refused, and none crashes") {
  const std::string bytes = ZipBuilder()
                                .add("a", "content")
                                .add({.name = "b", .content = "more", .zip64 = true})
                                .build({.zip64_end = true});
  for (std::size_t size = 0; size < bytes.size(); ++size)
    CHECK(code_of(bytes.substr(0, size)) == "GE0203");
}

TEST_CASE("no single changed byte of the headers makes the reader leave the file") {
  const std::string good = ZipBuilder()
                               .add("a", "content")
                               .add({.name = "b", .content = "more", .zip64 = true})
                               .build({.zip64_end = true});
  for (std::size_t at = 0; at < good.size(); ++at)
    for (const int value : {0x00, 0x01, 0x7f, 0x80, 0xff}) {
      std::string bytes = good;
      bytes[at] = static_cast<char>(value);
      const auto directory = ZipDirectory::read(bytes, "a.pt2");
      if (!directory.ok()) continue;
      for (const auto& entry : directory->entries())
        CHECK(entry.offset + entry.size_bytes <= bytes.size());
    }
}

TEST_CASE("GE0203: sizes and offsets beyond the file") {
  CHECK(code_of(ZipBuilder().add({.name = "a", .content = "1", .size = 1000}).build()) == "GE0203");
  CHECK(code_of(ZipBuilder().add({.name = "a", .content = "1", .size = 0xfffffffe}).build()) == "GE0203");
  CHECK(code_of(ZipBuilder().add({.name = "a", .content = "1", .header_at = 0xfffffff0}).build()) ==
        "GE0203");
  CHECK(code_of(ZipBuilder().add({.name = "a", .content = "1", .header_at = 7}).build()) == "GE0203");
  CHECK(code_of(ZipBuilder().add("a", "1").build({.entries = 4000})) == "GE0203");
}

TEST_CASE("GE0205: names that leave the archive") {
  for (const char* name :
       {"/etc/passwd", "../x", "a/../../x", "a/..", "..", "./a", "a\\b", "C:x", "", "a\nb"})
    CHECK_MESSAGE(code_of(ZipBuilder().add(name, "1").build()) == "GE0205", name);
  for (const char* name : {"a/b.c/d", "..a", "a..b/c", "...", ".data/version"})
    CHECK_MESSAGE(code_of(ZipBuilder().add(name, "1").build()) == "ok", name);
}

TEST_CASE("GE0206: two entries of one name") {
  CHECK(code_of(ZipBuilder().add("a", "1").add("b", "2").add("a", "3").build()) == "GE0206");
}

TEST_CASE("GE0207: entries that overlap") {
  // The second entry's directory record points at the first one's bytes.
  const std::string bytes =
      ZipBuilder().add("a", "12345678").add({.name = "b", .content = "1", .header_at = 0}).build();
  CHECK(code_of(bytes) == "GE0207");
  CHECK(text_of(bytes).find("'a'") != std::string::npos);
}

TEST_CASE("GE0221: an entry that is a link or a device; files, folders and entries without a mode are not") {
  for (const std::uint32_t mode : {0120777u, 0020666u, 0010644u})
    CHECK(code_of(ZipBuilder().add({.name = "a", .content = "1", .attributes = mode << 16}).build()) ==
          "GE0221");
  for (const std::uint32_t mode : {0u, 0100644u, 0040755u})
    CHECK(code_of(ZipBuilder().add({.name = "a", .content = "1", .attributes = mode << 16}).build()) == "ok");
}

TEST_CASE("GE0208: one part of a split archive") {
  CHECK(code_of(ZipBuilder().add("a", "1").build({.disk = 1})) == "GE0208");
}

TEST_CASE("compressed and encrypted entries are marked, not refused: the caller knows which it needs") {
  const std::string bytes = ZipBuilder()
                                .add({.name = "deflated", .content = "1", .method = 8})
                                .add({.name = "secret", .content = "1", .flags = 1})
                                .add("plain", "1")
                                .build();
  const auto directory = ZipDirectory::read(bytes, "a.pt2");
  REQUIRE(directory.ok());
  CHECK_FALSE(directory->find("deflated")->stored);
  CHECK_FALSE(directory->find("secret")->stored);
  CHECK(directory->find("plain")->stored);
}
