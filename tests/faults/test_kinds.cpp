// Each kind of fault, once where the run is to fail and once where it is to go on.
#include "world.hpp"

using namespace faults_test;

namespace {

struct Kind {
  const char* what;
  std::string faults;
  std::string code;  ///< of the error; empty: it costs time and nothing else
  std::uint32_t status;
  std::string names;  ///< in the message
  bool goes_on;       ///< with replan
};

const std::vector<Kind>& kinds() {
  const std::string at = R"("step": 1, "at_ns": 30000)";
  static const std::vector<Kind> all = {
      {"a device crashes", R"("faults": [{"kind": "crash", "device": "w1", )" + at + "}]", "GE0611",
       GENIE_UNAVAILABLE, "device w1 is lost by fault crash-0", true},
      {"a device stands still for a while",
       R"("faults": [{"kind": "stall", "device": "w1", "for_ns": 500000, )" + at + "}]", "", 0, "", true},
      {"a device stands still for ever", R"("faults": [{"kind": "stall", "device": "w1", )" + at + "}]",
       "GE0614", GENIE_DEADLINE_EXCEEDED, "device w1 makes no progress", true},
      {"a device is slow", R"("faults": [{"kind": "slow", "device": "w1", "factor": 7.5, )" + at + "}]", "",
       0, "", true},
      {"a link drops for a while",
       R"("faults": [{"kind": "drop", "link": "h0-h1", "for_ns": 50000, "step": 1}])", "", 0, "", true},
      {"a link drops for ever", R"("faults": [{"kind": "drop", "link": "h0-h1", "step": 1}])", "GE0612",
       GENIE_UNAVAILABLE, "h0-h1", true},
      {"a message is lost", R"("faults": [{"kind": "loss", "step": 1, "count": 1}])", "", 0, "", true},
      {"all messages over a link are lost", R"("faults": [{"kind": "loss", "link": "h1-h2", "step": 1}])",
       "GE0612", GENIE_UNAVAILABLE, "over h1-h2", true},
      {"latency rises", R"("faults": [{"kind": "latency", "delay_ns": 70000, "step": 1}])", "", 0, "", true},
      {"devices are cut off from each other",
       R"("faults": [{"kind": "partition", "sets": [["w0"], ["w1", "w2"]], "step": 1}])", "GE0612",
       GENIE_UNAVAILABLE, "w1", true},
      {"a message is damaged, and sent again", R"("faults": [{"kind": "corrupt", "step": 1, "count": 2}])",
       "", 0, "", true},
      {"a message is damaged, and that is the end",
       R"("faults": [{"kind": "corrupt", "then": "fail", "step": 1, "count": 1}])", "GE0613", GENIE_DATA_LOSS,
       "arrived damaged", false},
      {"every message over a link is damaged",
       R"("faults": [{"kind": "corrupt", "link": "h0-h1", "step": 1}])", "GE0613", GENIE_DATA_LOSS, "h0-h1",
       true},
      {"memory is stolen", R"("faults": [{"kind": "memory", "device": "w1", "bytes": 65000, "step": 1}])",
       "GE0615", GENIE_RESOURCE_EXHAUSTED, "on w1", true},
      {"messages arrive twice", R"("faults": [{"kind": "duplicate", "step": 0}])", "", 0, "", true},
      {"messages arrive late, after they were sent again",
       R"("delivery": {"timeout_ns": 1000}, "faults": [{"kind": "late",
          "delay_ns": 30000, "step": 0}])",
       "", 0, "", true},
      {"a message of one step arrives in the next",
       R"("delivery": {"timeout_ns": 1000}, "faults": [{"kind": "late",
          "delay_ns": 900000, "step": 0, "count": 1}])",
       "", 0, "", true},
  };
  return all;
}

std::uint64_t counter(const Ran& ran, const std::string& name) {
  const auto at = ran.report.stats.counters.find(name);
  return at == ran.report.stats.counters.end() ? 0 : at->second;
}

std::uint64_t virtual_ns(const Ran& ran, std::size_t step) {
  return ran.report.steps.at(step).virtual_ns.value_or(0);
}

}  // namespace

TEST_CASE("each kind of fault ends in its one typed error, or costs nothing but time") {
  World world;
  const Ran plain = world.run("", false);
  REQUIRE_MESSAGE(!plain.failure, (plain.failure ? all_of(*plain.failure) : ""));
  for (const Kind& kind : kinds()) {
    INFO(kind.what);
    const Ran ran = world.run(kind.faults, false);
    REQUIRE_FALSE(ran.report.stats.faults.empty());
    CHECK(ran.report.stats.faults.front().hits > 0);
    CHECK(ran.trace.find(ran.report.stats.faults.front().id) != std::string::npos);
    if (kind.code.empty()) {
      REQUIRE_MESSAGE(!ran.failure, (ran.failure ? all_of(*ran.failure) : ""));
      CHECK(ran.outputs == plain.outputs);
      continue;
    }
    REQUIRE(ran.failure);
    const plan::Diagnostic& headline = ran.failure->diagnostics.front();
    INFO(all_of(*ran.failure));
    CHECK(headline.code == kind.code);
    CHECK(ran.failure->code == kind.status);
    CHECK(headline.message.find(kind.names) != std::string::npos);
    CHECK(headline.message.find(" ns") != std::string::npos);
    CHECK(headline.message.find(ran.report.stats.faults.front().id) != std::string::npos);
    CHECK_FALSE(headline.node.empty());
    CHECK_FALSE(headline.scope.empty());
    CHECK_FALSE(headline.help.empty());
  }
}

TEST_CASE(
    "on_worker_loss replan: each kind of fault that breaks something ends in the result of the run without "
    "faults") {
  World world;
  const Ran plain = world.run("", true);
  REQUIRE_MESSAGE(!plain.failure, (plain.failure ? all_of(*plain.failure) : ""));
  CHECK(plain.report.recoveries.empty());
  for (const Kind& kind : kinds()) {
    INFO(kind.what);
    const Ran ran = world.run(kind.faults, true);
    if (!kind.goes_on) {
      REQUIRE(ran.failure);
      CHECK(ran.failure->diagnostics.front().code == kind.code);
      CHECK(ran.report.recoveries.empty());
      continue;
    }
    REQUIRE_MESSAGE(!ran.failure, (ran.failure ? all_of(*ran.failure) : ""));
    CHECK(ran.outputs == plain.outputs);
    CHECK(ran.report.recoveries.empty() == kind.code.empty());
    if (kind.code.empty()) continue;
    const report::Recovery& recovery = ran.report.recoveries.front();
    CHECK(recovery.step == 1);
    CHECK(recovery.cause.code == kind.code);
    CHECK(recovery.replayed == 1);
    CHECK_FALSE(recovery.text.empty());
    CHECK_FALSE(recovery.left.empty());
    CHECK(recovery.virtual_ns.value_or(0) > 0);
    CHECK(recovery.plan_id == ran.report.plan_id);
  }
}

TEST_CASE("a stall, a slow device, and lost messages take the time that the script says, to the nanosecond") {
  World world;
  const Ran plain = world.run("", false);
  REQUIRE_MESSAGE(!plain.failure, (plain.failure ? all_of(*plain.failure) : ""));
  const auto later = [&](const std::string& faults) {
    const Ran ran = world.run(faults, false);
    REQUIRE_MESSAGE(!ran.failure, (ran.failure ? all_of(*ran.failure) : ""));
    CHECK(virtual_ns(ran, 0) == virtual_ns(plain, 0));
    CHECK(virtual_ns(ran, 2) == virtual_ns(plain, 2));
    return virtual_ns(ran, 1) - virtual_ns(plain, 1);
  };
  // The second stage is on the critical path: all others wait for it.
  CHECK(
      later(
          R"("faults": [{"kind": "stall", "device": "w1", "for_ns": 123456, "step": 1, "scope": "second"}])") ==
      123456);
  CHECK(
      later(
          R"("faults": [{"kind": "latency", "delay_ns": 777, "from": "w0", "to": "w1", "step": 1, "count": 1}])") ==
      777);
  // A lost message: its bytes, the latency of the link, and the sender's patience, once more.
  const std::uint64_t bytes_ns = 4 * 16 * 4 * 10;
  CHECK(
      later(
          R"("delivery": {"timeout_ns": 5000}, "faults": [{"kind": "loss", "from": "w0", "to": "w1", "step": 1, "count": 1}])") ==
      bytes_ns + 20000 + 5000);
  // A damaged one: the receiver asks for it as soon as it is there.
  CHECK(later(R"("faults": [{"kind": "corrupt", "from": "w0", "to": "w1", "step": 1, "count": 1}])") ==
        bytes_ns + 20000 + 20000);
}

TEST_CASE("what comes twice or too late is refused by its number, what is damaged by its checksum") {
  World world;
  const Ran twice = world.run(R"("faults": [{"kind": "duplicate"}])", false);
  REQUIRE_MESSAGE(!twice.failure, (twice.failure ? all_of(*twice.failure) : ""));
  CHECK(counter(twice, "messages_refused") > 0);
  const Ran late = world.run(
      R"("delivery": {"timeout_ns": 1000}, "faults": [{"kind": "late", "delay_ns": 30000, "step": 0}])",
      false);
  REQUIRE_MESSAGE(!late.failure, (late.failure ? all_of(*late.failure) : ""));
  CHECK(counter(late, "messages_refused") > 0);
  const Ran damaged = world.run(R"("faults": [{"kind": "corrupt", "count": 3}])", false);
  REQUIRE_MESSAGE(!damaged.failure, (damaged.failure ? all_of(*damaged.failure) : ""));
  CHECK(counter(damaged, "messages_damaged") == 3);
}

TEST_CASE("a script without faults changes nothing: neither times nor links nor memory") {
  World world;
  const Ran plain = world.run("", false), quiet = world.run(R"("faults": [])", false);
  REQUIRE_MESSAGE(!quiet.failure, (quiet.failure ? all_of(*quiet.failure) : ""));
  CHECK(quiet.trace == plain.trace);
  CHECK(quiet.outputs == plain.outputs);
  for (const auto& [id, use] : plain.report.stats.links) {
    CHECK(quiet.report.stats.links.at(id).busy_ns == use.busy_ns);
    CHECK(quiet.report.stats.links.at(id).bytes == use.bytes);
    CHECK(quiet.report.stats.links.at(id).messages == use.messages);
  }
  for (const auto& [id, use] : plain.report.stats.devices) {
    CHECK(quiet.report.stats.devices.at(id).busy_ns == use.busy_ns);
    CHECK(quiet.report.stats.devices.at(id).peak_bytes == use.peak_bytes);
  }
}

TEST_CASE("the same script and seed give the same trace, byte by byte; another seed gives another") {
  World world;
  const auto script = [](int seed) {
    return R"("seed": )" + std::to_string(seed) +
           R"(, "faults": [{"kind": "loss", "probability": 0.4}, {"kind": "slow", "device": "w2", "factor": 3, "at_ns": 50000,
              "for_ns": 200000}, {"kind": "late", "delay_ns": 40000, "probability": 0.5}, {"kind": "crash", "device": "w1",
              "step": 2}], "delivery": {"timeout_ns": 9000, "retries": 50})";
  };
  const Ran first = world.run(script(1), true), again = world.run(script(1), true),
            other = world.run(script(2), true);
  REQUIRE_MESSAGE(!first.failure, (first.failure ? all_of(*first.failure) : ""));
  CHECK(first.trace == again.trace);
  CHECK(first.trace != other.trace);
  CHECK(first.outputs == other.outputs);
}

TEST_CASE("timing wall: a stall really waits") {
  World world;
  const Ran ran = world.run(R"("faults": [{"kind": "stall", "device": "w1", "for_ns": 60000000, "step": 1}])",
                            false, R"(, "timing": "wall")");
  REQUIRE_MESSAGE(!ran.failure, (ran.failure ? all_of(*ran.failure) : ""));
  CHECK(ran.report.steps.at(1).wall_ns >= 60'000'000);
}

TEST_CASE("when nothing is left to go on with, one error says so") {
  World world;
  const Ran all_gone = world.run(
      R"("faults": [{"kind": "crash", "device": "w0", "step": 1}, {"kind": "crash", "device": "w1", "step": 1},
                    {"kind": "crash", "device": "w2", "step": 1}])",
      true);
  REQUIRE(all_gone.failure);
  CHECK(all_gone.failure->diagnostics.front().code == "GE0676");
  CHECK(all_gone.failure->diagnostics.front().message.find("no device is left") != std::string::npos);
}
