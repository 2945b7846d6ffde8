// The log: levels, one line each.
#include <doctest/doctest.h>

#include <fstream>
#include <iterator>
#include <regex>

#include "log/log.hpp"
#include "scratch.hpp"

namespace {

genie_str str(std::string_view text) {
  return {text.data(), text.size()};
}

}  // namespace

TEST_CASE("a log line has a time, a level, a component, its text and its values, and stays one line") {
  const test::Scratch scratch;
  const auto path = scratch.path() / "genie.log";
  {
    const auto sink = genie::log::open({GENIE_LOG_INFO, path.string()});
    REQUIRE(sink.ok());
    (*sink)(GENIE_LOG_DEBUG, "engine", "too low to be written");
    const genie_key_value values[] = {{str("bytes"), str("12")}};
    sink->write({GENIE_LOG_WARNING, "org.example", "two\nlines\x1b[31m", values, 1});
    (*sink)(GENIE_LOG_INFO, "engine", "captured");
  }
  std::ifstream stream(path);
  const std::string text(std::istreambuf_iterator<char>(stream), {});
  const std::string time = R"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z )";
  CHECK(std::regex_match(text, std::regex(time + R"(warning org\.example: two\\nlines\[31m bytes=12\n)" +
                                          time + R"(info engine: captured\n)")));
}

TEST_CASE("GE0003 a log that cannot be opened names the file") {
  const test::Scratch scratch;
  const std::string path = (scratch.file("a-file", "") / "genie.log").string();  // a file is no folder
  const auto refused = genie::log::open({GENIE_LOG_INFO, path});
  REQUIRE_FALSE(refused.ok());
  CHECK(refused.errors()[0].code == "GE0003");
  CHECK(refused.errors()[0].file == path);
}

TEST_CASE("levels are known by name") {
  CHECK(genie::log::level_from_name("debug") == GENIE_LOG_DEBUG);
  CHECK(genie::log::level_from_name("error") == GENIE_LOG_ERROR);
  CHECK_FALSE(genie::log::level_from_name("loud").has_value());
}
