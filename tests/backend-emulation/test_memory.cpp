// GE0610: what a device has no room for, what it holds, in words.
#include <doctest/doctest.h>

#include "executor.hpp"
#include "plans.hpp"

using namespace emulation_test;
using genie::exec::Budget;

TEST_CASE("GE0610 names what was asked for, what is free and what is alive, the largest first") {
  Budget budget("w0", 4096);
  auto small = budget.take("state k0", 32);
  auto large = budget.take("weight emb", 3000);
  REQUIRE(small);
  REQUIRE(large);
  const auto refused = budget.take("value v7 of layer.0", 2000);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == GENIE_RESOURCE_EXHAUSTED);
  CHECK(contains(refused.error().message,
                 "device w0 has no room for value v7 of layer.0: 2.0 KiB asked, 1.1 KiB of 4.0 KiB free; "
                 "alive: weight emb "
                 "(3.0 KiB), state k0 (32 bytes)"));
  CHECK(contains(refused.error().diagnostics, "GE0610"));
  CHECK(contains(refused.error().diagnostics, "5032 bytes of memory"));  // what would be enough
  CHECK(budget.used() == 3032);                                          // nothing was taken
}

TEST_CASE("GE0610 tells the room of whoever asks, which others' claims and its own earlier values leave") {
  Budget budget("w0", 4096);
  auto stage = budget.take("values that stage s0 computes", 1024);
  REQUIRE(stage);
  // 3,072 bytes are free and 1,024 claimed, of which the stage has placed 3,596.
  const genie::Error refused = budget.over("value v9", 600, 500);
  CHECK(contains(refused.message, "600 bytes asked, 500 bytes of 4.0 KiB free"));
  CHECK(contains(refused.diagnostics, "up to 500 bytes would fit; give w0 at least 4196 bytes of memory"));
}

TEST_CASE("a claim that goes makes room, and the peak remains") {
  Budget budget("w0", 100);
  {
    auto claim = budget.take("a", 100);
    CHECK(claim);
    CHECK_FALSE(budget.take("b", 1));
  }
  CHECK(budget.used() == 0);
  CHECK(budget.peak() == 100);
  CHECK(budget.take("b", 100));
}

TEST_CASE("GE0610: weights that a device cannot hold are refused by prepare") {
  const plan::Topology topology = cluster(48);  // the blob takes 64 bytes
  Rig rig(topology);
  genie_program* program = nullptr;
  const auto failed = rig.try_prepare(placed(kModel, topology, kSplit), &program);
  REQUIRE(failed);
  CHECK(failed->code == GENIE_RESOURCE_EXHAUSTED);
  CHECK(contains(
      failed->message,
      "device w1 has no room for weight bias: 64 bytes asked, 48 bytes of 48 bytes free; alive: nothing"));
  CHECK(contains(failed->diagnostics, "GE0610"));
  CHECK(rig.host.mapped() == 0);
}

TEST_CASE("GE0610: sessions share a device; the one too many is told what the others hold") {
  const plan::Topology topology =
      cluster(64 + 2 * 64 + 32);  // weights, two sessions' states, half of a third's
  Rig rig(topology);
  genie_program* program = rig.prepare(placed(kModel, topology, kSplit, {{"s0", 1}}));
  genie_session* first = rig.open(program);
  rig.open(program);
  TestCall call;
  genie_session* third = nullptr;
  const auto failed = rig.error(rig.table->open_session(&call.raw, rig.backend, program, 0, &third));
  REQUIRE(failed);
  CHECK(failed->code == GENIE_RESOURCE_EXHAUSTED);
  CHECK(contains(failed->message,
                 "device w1 has no room for state k1: 32 bytes asked, 0 bytes of 224 bytes free"));
  CHECK(contains(failed->message, "weight bias (64 bytes)"));
  CHECK(contains(failed->message, "state k0 (32 bytes)"));
  // What a closed session held is free again, once a step has passed behind it.
  rig.close(first);
  const auto behind = rig.submit(
      rig.open(rig.prepare(placed(kModel, topology, {{"w0", {"n0", "n1", "n2", "n3"}}}, {{"s0", 1}}))), 0,
      {{"x", rows(1)}}, {});
  (void)behind->wait();
  CHECK_FALSE(rig.error(rig.table->open_session(&call.raw, rig.backend, program, 0, &third)));
  rig.table->close_session(rig.backend, third);
}

TEST_CASE("a step larger than a device is refused before it runs, naming the symbol") {
  const plan::Topology topology = cluster(1024);
  Rig rig(topology);
  genie_session* session = rig.open(rig.prepare(placed(kModel, topology, kSplit)));
  const auto failed = rig.submit(session, 0, {{"x", rows(64)}}, {{"y"}})->wait();
  REQUIRE(failed);
  CHECK(failed->code == GENIE_RESOURCE_EXHAUSTED);
  CHECK(contains(failed->message, "batch (s0) = 64"));
  CHECK(contains(failed->diagnostics, "GE0511"));
  // No state was touched: the session goes on.
  CHECK_FALSE(rig.submit(session, 1, {{"x", rows(2)}}, {{"y"}})->wait());
  CHECK(rig.state(session, "k0") == bias(1));
}

TEST_CASE("GE0610: a step finds its room taken by kept values, says so, and runs once they are given back") {
  const plan::Topology topology = cluster(1024);
  Rig rig(topology);
  genie_session* session = rig.open(rig.prepare(placed(kModel, topology, kSplit)));
  std::vector<genie_value*> kept;
  std::optional<genie::Error> failed;
  for (std::uint64_t i = 0; i < 10 && !failed; ++i) {
    auto step = rig.submit(session, i, {{"x", rows(8)}}, {{"y", GENIE_OUTPUT_KEEP}});
    failed = step->wait();
    if (!failed) kept.push_back(step->outputs[0].kept);
  }
  REQUIRE(failed);
  REQUIRE_FALSE(kept.empty());
  CHECK(failed->code == GENIE_RESOURCE_EXHAUSTED);
  CHECK(contains(failed->message, "device w1 has no room for"));
  CHECK(contains(failed->message, "value v2 of lin (256 bytes)"));
  for (genie_value* value : kept)
    rig.table->release_value(rig.backend, value);
  genie_session* other = session;
  if (auto again = rig.submit(session, 20, {{"x", rows(8)}}, {{"y"}})->wait()) {
    REQUIRE(again->code == GENIE_DATA_LOSS);  // the refusal came after the stage that writes had begun
    rig.close(session);
    other = rig.open(rig.prepare(placed(kModel, topology, kSplit, {{"s0", 2}})));
    again = rig.submit(other, 0, {{"x", rows(8)}}, {{"y"}})->wait();
    CHECK_FALSE(again);
  }
  CHECK(rig.stat({"devices", "w1", "peak_bytes"}) <= 1024);
}

TEST_CASE("a device with just the predicted peak runs the step, one with a byte less is refused") {
  for (const std::vector<Cut>& cuts :
       {kSplit, std::vector<Cut>{{"w0", {"n0", "n1"}}, {"w1", {"n2", "n3"}}},
        std::vector<Cut>{{"w1", {"n2"}}, {"w0", {"n0"}}, {"w1", {"n1", "n3"}}}})
    for (const char* compute : {"real", "none"})
      for (const char* short_of : {"", "w0", "w1"}) {
        plan::Topology topology = cluster();
        const plan::Plan roomy = placed(kModel, topology, cuts);
        const auto& peaks = roomy.schedule->methods.at("forward").predicted->peak_bytes;
        for (plan::Device& d : topology.devices)
          d.memory_bytes = peaks.at(d.id) - (d.id == short_of ? 1 : 0);
        Rig rig(topology, std::string(R"(,"compute":")") + compute + "\"");
        genie_session* session = rig.open(rig.prepare(placed(kModel, topology, cuts)));
        const auto failed = rig.submit(session, 0, {{"x", rows(4)}}, {{"y"}})->wait();
        CHECK(failed.has_value() == (*short_of != '\0'));
        if (failed) {
          CHECK(contains(failed->diagnostics, "GE0511"));
          continue;
        }
        for (const plan::Device& d : topology.devices)
          CHECK(rig.stat({"devices", d.id.c_str(), "peak_bytes"}) ==
                static_cast<std::int64_t>(peaks.at(d.id)));
      }
}

TEST_CASE("a claim grows and shrinks in its place, and what does not fit leaves it as it was") {
  Budget budget("w0", 100);
  genie::exec::Claim claim;
  CHECK(budget.resize(claim, "copies", 60));
  const auto other = budget.take("other", 30);
  CHECK_FALSE(budget.resize(claim, "copies", 71));
  CHECK(claim.bytes() == 60);
  CHECK(budget.resize(claim, "copies", 70));
  CHECK(budget.peak() == 100);
  CHECK(budget.resize(claim, "copies", 0));
  CHECK(budget.used() == 30);
}

TEST_CASE("kernels that keep copies of weights get the room that the plan leaves, and it is claimed") {
  const plan::Topology roomy = cluster();
  const auto peaks = placed(kModel, roomy, kSplit).schedule->methods.at("forward").predicted->peak_bytes;
  for (const std::uint64_t beyond : {0u, 39u, 40u, 100u}) {
    plan::Topology topology = cluster();
    for (plan::Device& d : topology.devices)
      d.memory_bytes = peaks.at(d.id) + (d.id == "w1" ? beyond : 0);
    Rig rig(topology);
    rig.host.kernels_copy_weights = true;
    genie_session* session = rig.open(rig.prepare(placed(kModel, topology, kSplit)));
    CHECK(rig.host.options_of_stages ==
          std::vector<std::string>{R"({"spare_bytes": 0})",
                                   "{\"spare_bytes\": " + std::to_string(beyond) + "}"});
    // What the plan foresees fits all the same.
    CHECK_FALSE(rig.submit(session, 0, {{"x", rows(4)}}, {{"y"}})->wait());
    CHECK(rig.stat({"devices", "w1", "peak_bytes"}) <=
          static_cast<std::int64_t>(topology.devices[1].memory_bytes));
    if (beyond >= 40) CHECK(rig.stat({"levels", "packed_bytes"}) == 40);
  }
}

TEST_CASE("copies of weights that are in the way of a larger step are named") {
  plan::Topology topology = cluster();
  const plan::Plan of_eight = placed(kModel, topology, kSplit, {{"s0", 8}});
  const auto& peaks = of_eight.schedule->methods.at("forward").predicted->peak_bytes;
  for (plan::Device& d : topology.devices)
    d.memory_bytes = peaks.at(d.id) + 20;
  const plan::Plan of_one = placed(kModel, topology, kSplit, {{"s0", 1}});
  for (const bool copies : {false, true}) {
    Rig rig(topology);
    rig.host.kernels_copy_weights = copies;
    genie_session* session = rig.open(rig.prepare(of_one));
    // More than was assumed when there was room for copies.
    const auto failed = rig.submit(session, 0, {{"x", rows(8)}}, {{"y"}})->wait();
    CHECK(failed.has_value() == copies);
    if (failed) CHECK(contains(failed->message, "weights packed by kernels (40 bytes)"));
  }
}

TEST_CASE("what kernels keep for a program is given back with it") {
  plan::Topology topology = cluster();
  const plan::Plan placed_plan = placed(kModel, topology, kSplit);
  const auto& peaks = placed_plan.schedule->methods.at("forward").predicted->peak_bytes;
  for (plan::Device& d : topology.devices)
    d.memory_bytes = peaks.at(d.id) + 40;
  Rig rig(topology);
  rig.host.kernels_copy_weights = true;
  rig.release(rig.prepare(placed_plan));
  genie_session* session = rig.open(rig.prepare(placed_plan));
  const std::string spare = R"({"spare_bytes": 40})";
  CHECK(rig.host.options_of_stages == std::vector<std::string>(4, spare));
  CHECK_FALSE(rig.submit(session, 0, {{"x", rows(4)}}, {{"y"}})->wait());
}

TEST_CASE("kernels that keep no copies are given no options") {
  const plan::Topology topology = cluster();
  Rig rig(topology);
  rig.prepare(placed(kModel, topology, kSplit));
  CHECK(rig.host.options_of_stages == std::vector<std::string>{"{}", "{}"});
}
