// Options are checked; a mistyped one names its neighbour.
#include <doctest/doctest.h>

#include "capture/options.hpp"

using genie::pytorch::parse_options;

TEST_CASE("options and their defaults") {
  const auto defaults = parse_options("{}");
  REQUIRE(defaults.ok());
  CHECK(defaults->share_states);
  CHECK_FALSE(defaults->verify_blobs);
  CHECK(defaults->method.empty());
  CHECK(parse_options("").ok());
  const auto given = parse_options(R"({"share_states": false, "verify_blobs": true, "method": "decode"})");
  REQUIRE(given.ok());
  CHECK_FALSE(given->share_states);
  CHECK(given->verify_blobs);
  CHECK(given->method == "decode");
}

TEST_CASE("GE0250: an unknown option suggests the nearest") {
  const auto options = parse_options(R"({"shared_states": false, "nonsense": 1})");
  REQUIRE_FALSE(options.ok());
  REQUIRE(options.errors().size() == 2);
  CHECK(options.errors()[0].code == "GE0250");
  CHECK(options.errors()[0].help.find("'share_states'") != std::string::npos);
  CHECK(options.errors()[0].pointer == "/shared_states");
  CHECK(options.errors()[1].help.find("method, share_states and verify_blobs") != std::string::npos);
}

TEST_CASE("GE0251: an option of the wrong type") {
  for (const char* text :
       {R"({"share_states": 1})", R"({"verify_blobs": "yes"})", R"({"method": 3})", "[]"}) {
    const auto options = parse_options(text);
    REQUIRE_FALSE(options.ok());
    CHECK(options.errors().front().code == "GE0251");
  }
}
