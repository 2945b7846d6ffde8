#include <doctest/doctest.h>

#include "options.hpp"

using namespace genie::policy;

TEST_CASE("options: the defaults, and every objective") {
  CHECK(read_options("")->objective == Objective::latency);
  CHECK(read_options("{}")->objective == Objective::latency);
  CHECK(read_options(R"({"objective": "memory"})")->objective == Objective::memory);
  CHECK(read_options(R"({"objective": "bytes"})")->objective == Objective::bytes);
}

TEST_CASE("GE0560: an unknown option names the nearest") {
  const auto read = read_options(R"({"objektive": "latency"})");
  REQUIRE_FALSE(read.ok());
  CHECK(read.errors().front().code == "GE0560");
  CHECK(read.errors().front().pointer == "/objektive");
  CHECK(read.errors().front().help.find("did you mean `objective`?") != std::string::npos);
}

TEST_CASE("GE0560: throughput is refused with a reason, a typing error with the nearest word") {
  CHECK(read_options(R"({"objective": "throughput"})")
            .errors()
            .front()
            .message.find("does not optimise throughput") != std::string::npos);
  CHECK(read_options(R"({"objective": "latencey"})").errors().front().help.find("`latency`") !=
        std::string::npos);
  CHECK_FALSE(read_options(R"({"objective": 3})").ok());
  CHECK_FALSE(read_options("[]").ok());
  CHECK_FALSE(read_options("{").ok());
}
