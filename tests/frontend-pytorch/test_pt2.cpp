// What a file is, and what to do when it is not an archive of torch.export.save.
#include <doctest/doctest.h>

#include <string>
#include <utility>

#include "archive/pt2.hpp"
#include "scratch.hpp"
#include "zip_builder.hpp"

using genie::pytorch::Pt2Archive;
using genie::pytorch::testing::Scratch;
using genie::pytorch::testing::ZipBuilder;

namespace {

/// The smallest archive that opens, under a root folder.
ZipBuilder archive(const std::string& root = "m/") {
  return ZipBuilder()
      .add(root + "archive_format", "pt2")
      .add(root + "archive_version", "0")
      .add(root + "byteorder", "little")
      .add(root + "models/model.json", "{}")
      .add(root + "data/weights/model_weights_config.json", R"({"config":{}})")
      .add(root + "data/weights/weight_0", "1234");
}

std::string code_of(const std::string& content) {
  const Scratch scratch;
  const auto opened = Pt2Archive::open(scratch.write("a.pt2", content));
  return opened.ok() ? "ok" : opened.errors().front().code;
}

}  // namespace

TEST_CASE("an archive opens, with any root folder or none") {
  for (const char* root : {"m/", "archive/", "", "a/b/"}) {
    const Scratch scratch;
    const auto opened = Pt2Archive::open(scratch.write("a.pt2", archive(root).build()));
    REQUIRE(opened.ok());
    REQUIRE(opened->models().size() == 1);
    CHECK(opened->models().front().name == "model");
    CHECK(opened->models().front().program == "{}");
    const auto* storage = opened->storage("weights", "weight_0");
    REQUIRE(storage != nullptr);
    CHECK(opened->bytes(*storage) == "1234");
    CHECK(opened->storage("weights", "weight_1") == nullptr);
  }
}

TEST_CASE("several models of one archive are all found") {
  const Scratch scratch;
  const auto opened =
      Pt2Archive::open(scratch.write("a.pt2", archive().add("m/models/decode.json", "{}").build()));
  REQUIRE(opened.ok());
  REQUIRE(opened->models().size() == 2);
  CHECK(opened->models()[0].name == "decode");
  CHECK(opened->models()[1].name == "model");
}

TEST_CASE("GE0201: a path that cannot be read names the reason") {
  const Scratch scratch;
  for (const std::string& path : {scratch.path("absent.pt2").string(), scratch.path("").string()}) {
    const auto opened = Pt2Archive::open(path);
    REQUIRE_FALSE(opened.ok());
    CHECK(opened.errors().front().code == "GE0201");
    CHECK(opened.errors().front().file == path);
  }
}

TEST_CASE("each other kind of model file has its own code and a way out") {
  const auto zip = [](std::initializer_list<const char*> names) {
    ZipBuilder builder;
    for (const char* name : names)
      builder.add(name, "1");
    return builder.build();
  };
  const std::pair<std::string, std::string> cases[] = {
      {"hello, world", "GE0202"},
      {"", "GE0203"},
      {std::string("\x80\x02}q\0.", 6), "GE0224"},
      {"(dp0\nS'weight'\np1\n.", "GE0224"},
      {"ccollections\nOrderedDict\np0\n.", "GE0224"},
      {"GGUF\x03", "GE0212"},
      {std::string("\x10\0\0\0\0\0\0\0{\"a\":{}}        ", 25), "GE0212"},
      {std::string("\x08\x09\x12\x07pytorch", 11), "GE0212"},
      {zip({"m/data.pkl", "m/constants.pkl", "m/code/x.py"}), "GE0210"},
      {zip({"m/data.pkl", "m/data/0", "m/version"}), "GE0211"},
      {zip({"m/archive_format", "m/data/aotinductor/model/a.so"}), "GE0213"},
      {zip({"serialized_exported_program.json", "serialized_state_dict.pt", "version"}), "GE0214"},
      {zip({"m/archive_format", "m/models/model.json", "m/data/weights/model.pt"}), "GE0215"},
      {zip({"m/archive_format", "m/archive_version"}), "GE0218"},
      {zip({"word/document.xml"}), "GE0220"},
  };
  for (const auto& [content, code] : cases) {
    const Scratch scratch;
    const std::string path = scratch.write("a.pt2", content);
    const auto opened = Pt2Archive::open(path);
    REQUIRE_FALSE(opened.ok());
    CHECK(opened.errors().front().code == code);
    CHECK_FALSE(opened.errors().front().help.empty());
    const auto kind = Pt2Archive::recognise(path);
    REQUIRE(kind.ok());
    CHECK_FALSE(kind->exported_program);
    CHECK(kind->code == code);
  }
}

TEST_CASE("GE0204: a repacked archive, whichever entry is compressed") {
  CHECK(code_of(archive().add({.name = "m/extra/notes.txt", .content = "1", .method = 8}).build()) ==
        "GE0204");
}

TEST_CASE("GE0209: an encrypted entry") {
  CHECK(code_of(archive().add({.name = "m/extra/notes.txt", .content = "1", .flags = 0x809}).build()) ==
        "GE0209");
}

TEST_CASE("GE0222: a document without its checksum; other entries are lent, not read") {
  const auto with = [](const char* name) {
    return archive().add({.name = name, .content = "{}", .crc32 = 1}).build();
  };
  CHECK(code_of(with("m/models/other.json")) == "GE0222");
  CHECK(code_of(with("m/data/weights/weight_1")) == "ok");
}

TEST_CASE("GE0217: another format, layout version or byte order") {
  const auto with = [](const char* format, const char* version, const char* order) {
    return ZipBuilder()
        .add("archive_format", format)
        .add("archive_version", version)
        .add("byteorder", order)
        .add("models/m.json", "{}")
        .build();
  };
  CHECK(code_of(with("pt2", "0", "little")) == "ok");
  CHECK(code_of(with("pt2\n", "0\n", "little\n")) == "ok");
  CHECK(code_of(with("pt3", "0", "little")) == "GE0217");
  CHECK(code_of(with("pt2", "1", "little")) == "GE0217");
  CHECK(code_of(with("pt2", "0", "big")) == "GE0217");
}
