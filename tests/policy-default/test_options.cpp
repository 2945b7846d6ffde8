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

TEST_CASE("options: throughput carries several micro-batches") {
  CHECK(read_options("{}")->micro_batches == 1);
  CHECK(read_options(R"({"objective": "throughput"})")->objective == Objective::throughput);
  CHECK(read_options(R"({"objective": "throughput"})")->micro_batches == 8);
  CHECK(read_options(R"({"micro_batches": 3, "objective": "throughput"})")->micro_batches == 3);
  for (const char* wrong : {R"({"objective": "throughput", "micro_batches": 0})",
                            R"({"objective": "throughput", "micro_batches": 1025})",
                            R"({"objective": "throughput", "micro_batches": "3"})", R"({"micro_batches": 3})",
                            R"({"objective": "latency", "micro_batches": 3})"}) {
    CAPTURE(wrong);
    const auto read = read_options(wrong);
    REQUIRE_FALSE(read.ok());
    CHECK(read.errors().front().code == "GE0560");
    CHECK(read.errors().front().pointer == "/micro_batches");
  }
}

TEST_CASE("GE0560: a typing error names the nearest word") {
  CHECK(read_options(R"({"objective": "latencey"})").errors().front().help.find("`latency`") !=
        std::string::npos);
  CHECK_FALSE(read_options(R"({"objective": 3})").ok());
  CHECK_FALSE(read_options("[]").ok());
  CHECK_FALSE(read_options("{").ok());
}
