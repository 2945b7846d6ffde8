// Memory limits force cuts, and only they do.
#include "drawn.hpp"

using namespace genie::policy;
using namespace genie::policy::testing;
namespace plan = genie::plan;

TEST_CASE("what fits one device is not cut") {
  Drawn d;
  d.device("w0", 64 * kMiB).device("w1", 64 * kMiB).all_connected().chain(8, 4 * kMiB);
  const plan::Plan p = d.placed();
  CHECK(stage_count(p) == 1);
  const plan::Decision* stage = decision(p, "s0");
  REQUIRE(stage);
  CHECK(stage->chose == "w0");
  CHECK(stage->because == "makespan");
  REQUIRE(stage->alternatives.size() == 1);
  CHECK(stage->alternatives[0].device == "w1");
  CHECK(stage->alternatives[0].makespan_ns == makespan(p));
}

TEST_CASE("memory cuts a chain into contiguous stages, as few as fit") {
  Drawn d;
  d.device("w0", 20 * kMiB)
      .device("w1", 20 * kMiB)
      .device("w2", 20 * kMiB)
      .all_connected()
      .chain(8, 4 * kMiB);
  const plan::Plan p = d.placed();
  CHECK(stage_count(p) == 2);  // 32 MiB of weights, 20 MiB a device
  int changes = 0;
  const auto at = devices_of(p);
  for (int i = 1; i < 8; ++i)
    changes += at.at("nl" + std::to_string(i)) != at.at("nl" + std::to_string(i - 1));
  CHECK(changes == 1);
  CHECK(decision(p, "s0")->because == "memory");
}

TEST_CASE("devices of unequal size are used in the order that fits") {
  // Only big, then small, then middle fits: 3 + 1 + 2 layers of 4 MiB, whatever the topology's order.
  Drawn d;
  d.device("small", 5 * kMiB)
      .device("middle", 9 * kMiB)
      .device("big", 13 * kMiB)
      .all_connected()
      .chain(6, 4 * kMiB, 1024);
  const plan::Plan p = d.placed();
  CHECK(stage_count(p) == 3);
}

TEST_CASE("a contiguous partition is found whenever there is one") {
  // Layers of random size in runs; each device is just large enough for one run, listed in a shuffled order.
  std::uint64_t state = 1;
  const auto draw = [&](std::uint64_t below) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    return static_cast<std::int64_t>((state >> 33) % below);
  };
  for (int round = 0; round < 40; ++round) {
    CAPTURE(round);
    Drawn d;
    const auto devices = static_cast<std::size_t>(2 + draw(5));
    std::vector<std::vector<std::int64_t>> runs(devices);
    std::vector<std::size_t> order(devices);
    for (std::size_t r = 0; r < devices; ++r) {
      for (std::int64_t i = 0, n = 1 + draw(6); i < n; ++i)
        runs[r].push_back((1 + draw(9)) * 1000);
      order[r] = r;
      std::swap(order[r], order[static_cast<std::size_t>(draw(r + 1))]);
    }
    for (const std::size_t r : order) {
      std::int64_t sum = 0;
      for (const std::int64_t w : runs[r])
        sum += w;
      d.device("d" + std::to_string(r), sum + 200);  // an input and two values of 64 bytes beside the weights
    }
    d.all_connected().input("x", 64);
    std::string last = "x";
    for (const auto& run : runs)
      for (const std::int64_t w : run) {
        const std::string id = "l" + std::to_string(d.method().nodes.size());
        d.weight("w" + id, w).node(id, {{last}, {"w" + id}, {}}, 64);
        last = id;
      }
    d.output(last);
    CHECK(devices_of(d.placed()).size() == d.method().nodes.size());
  }
}

TEST_CASE("what a step computes counts, not only weights") {
  // Weights of 1 KiB; values of 8 MiB: a stage holds its input and two of them.
  Drawn d;
  d.device("w0", 12 * kMiB).device("w1", 25 * kMiB).all_connected().chain(4, 1024, 8 * kMiB);
  const plan::Plan p = d.placed();
  for (const auto& [node, device] : devices_of(p))
    CHECK(device == "w1");
}

TEST_CASE("a weight that several devices read is copied only when it must be") {
  Drawn d;
  d.device("w0", 20 * kMiB).device("w1", 20 * kMiB).all_connected();
  d.weight("shared", 6 * kMiB).input("x", 64);
  std::string last = "x";
  for (int i = 0; i < 4; ++i) {
    const std::string id = "l" + std::to_string(i);
    d.weight("w" + id, 2 * kMiB).node(id, {{last}, {"w" + id, "shared"}, {}}, 64);
    last = id;
  }
  d.output(last);
  CHECK(d.placed().schedule->residence.weights.find("shared")->second.size() == 1);
  d.topology.devices[0].memory_bytes = d.topology.devices[1].memory_bytes = 11 * kMiB;
  const plan::Plan p = d.placed();
  CHECK(p.schedule->residence.weights.find("shared")->second.size() == 2);
  REQUIRE(decision(p, "shared"));
  CHECK(decision(p, "shared")->because == "replicated");
}

TEST_CASE("GE0553: what does not fit says the smallest change, and the change suffices") {
  Drawn d;
  d.device("w0", 10 * kMiB).device("w1", 14 * kMiB).all_connected().chain(8, 4 * kMiB);
  const auto none = d.schedule();
  REQUIRE_FALSE(none.ok());
  const plan::Diagnostic& why = none.errors().front();
  CHECK(why.code == "GE0553");
  CHECK(why.message.find("weights and states take 32.0 MiB, the devices have 24.0 MiB together") !=
        std::string::npos);
  // 2 + 3 layers fit; w1 must take 6, or w0 5.
  const auto number_after = [&](const std::string& text) {
    const std::size_t at = why.help.find(text);
    REQUIRE(at != std::string::npos);
    return std::stoull(why.help.substr(at + text.size()));
  };
  const std::uint64_t w1 = number_after("w1 needs 10.1 MiB more (memory_bytes ");
  CHECK(w1 < 25 * kMiB);
  d.topology.devices[1].memory_bytes = w1;
  CHECK(stage_count(d.placed()) == 2);
}

TEST_CASE("GE0553 names the hint that makes it infeasible") {
  Drawn d;
  d.device("w0", 24 * kMiB).device("w1", 24 * kMiB).all_connected().chain(8, 4 * kMiB);
  d.hint("pin", "layers.**", "w1");
  const auto none = d.schedule();
  REQUIRE_FALSE(none.ok());
  CHECK(none.errors().front().code == "GE0553");
  CHECK(none.errors().front().help.find("drop the hint h0 (run.json#/hints/0)") != std::string::npos);
  CHECK(none.errors().front().help.find("w1 needs") != std::string::npos);
}

TEST_CASE("weights that are used again and again are found room for, wherever they fit") {
  // A chain whose nodes take turns with weights that were dealt to the devices beforehand: what they were dealt is the memory they
  // have, beside four values. No run of neighbours fits.
  std::uint64_t state = 7;
  const auto draw = [&state](std::uint64_t below) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    return static_cast<std::int64_t>((state >> 33) % below);
  };
  constexpr std::int64_t kValue = kMiB / 16;
  for (int problem = 0; problem < 25; ++problem) {
    CAPTURE(problem);
    std::int64_t memory[3] = {4 * kValue, 4 * kValue, 4 * kValue};
    std::vector<std::int64_t> sizes;
    for (int w = 0; w < 9; ++w) {
      sizes.push_back((1 + draw(4)) * kMiB);
      memory[draw(3)] += sizes.back();
    }
    Drawn d;
    for (int i = 0; i < 3; ++i)
      d.device("d" + std::to_string(i), memory[i]);
    d.all_connected().input("x", kValue);
    for (std::size_t w = 0; w < sizes.size(); ++w)
      d.weight("w" + std::to_string(w), sizes[w]);
    std::string last = "x";
    for (int n = 0; n < 90; ++n) {
      const std::string next = "v" + std::to_string(n);
      d.node(next, {{last}, {"w" + std::to_string(n < 9 ? n : draw(9))}, {}}, kValue);
      last = next;
    }
    d.output(last);
    (void)d.placed();
  }
}
