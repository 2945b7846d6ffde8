// JSON: what V0 refuses, numbers to the last bit, canonical bytes.
#include <doctest/doctest.h>

#include <bit>
#include <charconv>
#include <cmath>
#include <cstring>
#include <random>

#include "genie/plan/json.hpp"

using namespace genie::plan;
using json::Document;
using json::Kind;

namespace {

std::string code_of(std::string_view text, const json::ReadOptions& options = {}) {
  const auto document = Document::parse(text, options);
  return document ? "ok" : document.errors().at(0).code;
}

std::string pointer_of(std::string_view text, const json::ReadOptions& options = {}) {
  const auto document = Document::parse(text, options);
  return document ? "ok" : document.errors().at(0).pointer;
}

std::string canonical(std::string_view text) {
  const auto bytes = json::canonicalize(text);
  return bytes ? *bytes : bytes.errors().at(0).code;
}

std::string written(double value) {
  json::Writer writer;
  return writer.value(value).take();
}

}  // namespace

TEST_CASE("views walk a document in its order") {
  const auto document = Document::parse(R"({"b": [1, -2.5, "x\ny", null, true], "a": {"k/~": {}}, "e": ""})");
  REQUIRE(document.ok());
  const json::View root = document->root();
  REQUIRE(root.is(Kind::object));
  CHECK(root.size() == 3);
  const json::View list = *root.find("b");
  std::vector<Kind> kinds;
  for (const auto& [key, item] : list.items()) {
    CHECK(key.empty());
    kinds.push_back(item.kind());
  }
  CHECK(kinds == std::vector<Kind>{Kind::integer, Kind::real, Kind::string, Kind::null, Kind::boolean});
  std::string keys;
  for (const auto& [key, value] : root.items())
    keys += key;
  CHECK(keys == "bae");
  const json::View inner = *root.find("a")->find("k/~");
  CHECK(inner.pointer() == "/a/k~1~0");
  CHECK(root.find("e")->string().empty());
  CHECK_FALSE(root.find("c").has_value());
  std::size_t number = 0;
  for (const auto& [key, item] : list.items())
    if (number++ == 2) {
      CHECK(item.string() == "x\ny");
      CHECK(item.pointer() == "/b/2");
    }
}

TEST_CASE("a document of any size keeps all its values") {
  for (const std::int64_t count : {1, 100, 4094, 4095, 4096, 20'000}) {
    CAPTURE(count);
    std::string text = "[0";
    for (std::int64_t i = 1; i < count; ++i)
      text += "," + std::to_string(i);
    const auto document = Document::parse(text + "]");
    REQUIRE(document);
    CHECK(document->root().size() == static_cast<std::size_t>(count));
    std::int64_t next = 0;
    bool same = true;
    for (const json::Member& item : document->root().items())
      same = same && item.value.integer() == next++;
    CHECK(same);
    CHECK(next == count);
  }
}

TEST_CASE("views outlive a move of their document") {
  auto document = Document::parse(R"(["a\tb", "c"])");
  REQUIRE(document.ok());
  const json::View root = document->root();
  const Document moved = std::move(*document);
  std::string all;
  for (const auto& [key, item] : root.items())
    all += item.string();
  CHECK(all == "a\tbc");
}

TEST_CASE("P4 V0 refuses what is not strict JSON, with the place") {
  for (const char* text : {"",        " ",      "{",   "[1,",      "[1,]",  "{\"a\":1,}",     "nul",
                           "01",      "+1",     ".5",  "1.",       "[1] 2", "{a:1}",          "'a'",
                           "// c\n1", "\"\t\"", "NaN", "Infinity", "-",     "\xef\xbb\xbf{}", "\"\\x\""})
    CHECK_MESSAGE(code_of(text) == "GE0301", text);
  CHECK(code_of("\"\xff\"") == "GE0302");
  CHECK(code_of("\"\xed\xa0\x80\"") == "GE0302");
  CHECK(code_of("\"\xc0\xaf\"") == "GE0302");
  CHECK(code_of("\"\xf4\x90\x80\x80\"") == "GE0302");
  CHECK(code_of("\"\\udc00\"") == "GE0302");
  CHECK(code_of("\"\\ud800\"") == "GE0302");
  CHECK(code_of("\"\\ud83d\\ude00\"") == "ok");
  const auto error = Document::parse("{\"a\": [1,\n 2, }", {}, "plan.json");
  REQUIRE_FALSE(error.ok());
  CHECK(error.errors()[0].file == "plan.json");
  CHECK(error.errors()[0].pointer == "/a/2");
  CHECK(error.errors()[0].message.find("line 2") != std::string::npos);
}

TEST_CASE("P4 duplicate keys are refused, also where escapes hide them") {
  CHECK(code_of(R"({"a": 1, "b": 2, "a": 3})") == "GE0303");
  CHECK(code_of(R"({"a": 1, "\u0061": 3})") == "GE0303");
  CHECK(pointer_of(R"({"x": [0, {"b": 1, "a/": 2, "b": 3}]})") == "/x/1/b");
  std::string large = "{";
  for (int i = 1000; i > 0; --i)
    large += "\"k" + std::to_string(i) + "\":0,";
  CHECK(code_of(large + "\"z\":1}") == "ok");
  CHECK(code_of(large + "\"k500\":1}") == "GE0303");
}

TEST_CASE("P4 limits hold while parsing") {
  json::ReadOptions options;
  options.limits = {.bytes = 1000, .depth = 4, .values = 10, .string_bytes = 8};
  CHECK(code_of("[[[[1]]]]", options) == "ok");
  CHECK(code_of("[[[[[1]]]]]", options) == "GE0306");
  CHECK(code_of("[1,2,3,4,5,6,7,8,9]", options) == "ok");
  CHECK(code_of("[1,2,3,4,5,6,7,8,9,10]", options) == "GE0307");
  CHECK(code_of("\"12345678\"", options) == "ok");
  CHECK(code_of("\"123456789\"", options) == "GE0308");
  CHECK(code_of("{\"123456789\": 1}", options) == "GE0308");
  CHECK(code_of("\"\\n23456789\"", options) == "GE0308");
  CHECK(code_of(std::string(1001, ' '), options) == "GE0305");
  CHECK(code_of(std::string(100000, '[')) == "GE0306");
  CHECK(code_of(std::string(64, '[') + std::string(64, ']')) == "ok");
  CHECK(code_of(std::string(65, '[') + std::string(65, ']')) == "GE0306");
}

TEST_CASE("P4 integers stay exact or are refused") {
  CHECK(code_of("9007199254740991") == "ok");
  CHECK(code_of("9007199254740993") == "GE0304");
  CHECK(code_of("-9007199254740993") == "GE0304");
  CHECK(code_of("18446744073709551616") == "GE0304");
  CHECK(code_of("123456789012345678901234567890") == "GE0304");
  CHECK(code_of("1e400") == "GE0304");
  CHECK(code_of("-1e400") == "GE0304");
  CHECK(code_of("1e99999999999999999999") == "GE0304");
  CHECK(code_of("1e-400") == "ok");
  CHECK(code_of(std::string(400, '9') + ".5") == "GE0304");
  CHECK(code_of("0." + std::string(400, '0') + "1") == "ok");
  const auto kind_of = [](std::string_view text) { return Document::parse(text)->root().kind(); };
  CHECK(kind_of("1") == Kind::integer);
  CHECK(kind_of("1.0") == Kind::real);
  CHECK(kind_of("1e0") == Kind::real);
  CHECK(kind_of("100000000000000000000") == Kind::real);  // how RFC 8785 writes 1e20
}

TEST_CASE("P4 a hundred thousand doubles survive write and read bit for bit") {
  std::mt19937_64 random(11);
  for (int i = 0; i < 100000; ++i) {
    const auto value = std::bit_cast<double>(random());
    if (!std::isfinite(value)) continue;
    const std::string text = written(value);
    const auto document = Document::parse(text);
    REQUIRE_MESSAGE(document.ok(), text);
    const double back = document->root().real();
    REQUIRE_MESSAGE(std::bit_cast<std::uint64_t>(back == 0 ? std::abs(value) : value) ==
                        std::bit_cast<std::uint64_t>(back),
                    text);
    REQUIRE(document->root().canonical() == text);
  }
}

TEST_CASE("P4 integral doubles of any size survive") {
  std::mt19937_64 random(12);
  for (int i = 0; i < 20000; ++i) {
    const double value =
        std::floor(std::ldexp(static_cast<double>(random() >> 11), static_cast<int>(random() % 40) - 20));
    const auto document = Document::parse(written(value));
    REQUIRE_MESSAGE(document.ok(), written(value));
    REQUIRE(document->root().real() == value);
  }
}

TEST_CASE("P4 numbers take ECMAScript's form") {
  // The table of RFC 8785, appendix B.
  const std::pair<std::uint64_t, const char*> table[] = {{0x0000000000000000, "0"},
                                                         {0x8000000000000000, "0"},
                                                         {0x0000000000000001, "5e-324"},
                                                         {0x8000000000000001, "-5e-324"},
                                                         {0x7fefffffffffffff, "1.7976931348623157e+308"},
                                                         {0xffefffffffffffff, "-1.7976931348623157e+308"},
                                                         {0x4340000000000000, "9007199254740992"},
                                                         {0xc340000000000000, "-9007199254740992"},
                                                         {0x4430000000000000, "295147905179352830000"},
                                                         {0x44b52d02c7e14af5, "9.999999999999997e+22"},
                                                         {0x44b52d02c7e14af6, "1e+23"},
                                                         {0x44b52d02c7e14af7, "1.0000000000000001e+23"},
                                                         {0x444b1ae4d6e2ef4e, "999999999999999700000"},
                                                         {0x444b1ae4d6e2ef4f, "999999999999999900000"},
                                                         {0x444b1ae4d6e2ef50, "1e+21"},
                                                         {0x3eb0c6f7a0b5ed8c, "9.999999999999997e-7"},
                                                         {0x3eb0c6f7a0b5ed8d, "0.000001"},
                                                         {0x41b3de4355555553, "333333333.3333332"},
                                                         {0x41b3de4355555554, "333333333.33333325"},
                                                         {0x41b3de4355555555, "333333333.3333333"},
                                                         {0x41b3de4355555556, "333333333.3333334"},
                                                         {0x41b3de4355555557, "333333333.33333343"},
                                                         {0xbecbf647612f3696, "-0.0000033333333333333333"},
                                                         {0x43143ff3c1cb0959, "1424953923781206.2"}};
  for (const auto& [bits, text] : table)
    CHECK(written(std::bit_cast<double>(bits)) == text);
}

TEST_CASE("P4 canonical bytes are those of RFC 8785") {
  CHECK(
      canonical(
          R"({ "numbers": [333333333.33333329, 1E30, 4.50, 2e-3, 0.000000000000000000000000001], "string": "\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/", "literals": [null, true, false] })") ==
      "{\"literals\":[null,true,false],\"numbers\":[333333333.3333333,1e+30,4.5,0.002,1e-27],\"string\":"
      "\"\xe2\x82\xac$\\u000f\\nA'B\\\"\\\\\\\\\\\"/\"}");
  // Keys sort by UTF-16 code units: an emoji (a surrogate pair) before U+FB33.
  CHECK(canonical(R"({"\u20ac":1,"\r":2,"\ufb33":3,"1":4,"\ud83d\ude00":5,"\u0080":6,"\u00f6":7})") ==
        "{\"\\r\":2,\"1\":4,\"\xc2\x80\":6,\"\xc3\xb6\":7,\"\xe2\x82\xac\":1,\"\xf0\x9f\x98\x80\":5,"
        "\"\xef\xac\xb3\":3}");
  CHECK(canonical("-0") == "0");
  CHECK(canonical("-0.0") == "0");
  CHECK(canonical("[1.0, 10e0]") == "[1,10]");
  CHECK(canonical("{\"a\":1,\"a\":1}") == "GE0303");
}

TEST_CASE("files that people write may have comments and trailing commas") {
  json::ReadOptions options;
  options.comments = true;
  CHECK(code_of("// first\n{\"a\": [1, 2,], // second\n}\n// last\n", options) == "ok");
  CHECK(code_of("// first\n{\"a\": [1, 2,]}", {}) == "GE0301");
}

TEST_CASE("truncation at every byte is one diagnostic, never a crash") {
  const std::string text = R"({"a": [1, -2.5e3, "x\u00e9\ud83d\ude00", null, true, {"b": {}}], "c": ")"
                           "\xc3\xa9\"}";
  REQUIRE(code_of(text) == "ok");
  for (std::size_t size = 0; size < text.size(); ++size) {
    const auto document = Document::parse(std::string_view(text).substr(0, size));
    REQUIRE_FALSE(document.ok());
    CHECK(document.errors().size() == 1);
  }
}

TEST_CASE("the writer indents for people and nests rightly") {
  json::Writer writer(2);
  writer.begin_object()
      .key("a")
      .begin_array()
      .value(1)
      .value("x")
      .end_array()
      .key("b")
      .begin_object()
      .end_object()
      .end_object();
  CHECK(writer.take() == "{\n  \"a\": [\n    1,\n    \"x\"\n  ],\n  \"b\": {}\n}");
}

TEST_CASE("a mistyped key is met with the nearest known one") {
  const std::vector<std::string_view> known{"select", "strength", "device", "kind"};
  CHECK(json::nearest("strenght", known) == "strength");
  CHECK(json::nearest("selct", known) == "select");
  CHECK(json::nearest("banana", known).empty());
  CHECK(json::nearest("kin", known) == "kind");
}
