// Every number here is computed on paper; the comments carry the arithmetic.
#include <doctest/doctest.h>

#include <array>

#include "sketch.hpp"

using namespace genie::plan;
using genie::plan::testing::event;
using genie::plan::testing::Sketch;

namespace {

Timeline timeline(Sketch& sketch) {
  Result<Timeline> result = sketch.run();
  REQUIRE_MESSAGE(result.ok(), (result.ok() ? "" : result.errors().front().message));
  return std::move(*result);
}

}  // namespace

TEST_CASE("a pipeline takes its stages, its bytes and its latency") {
  Sketch s;
  s.device("w0").device("w1").link("l", "w0", "w1", 1e9, 500);
  s.input("x", 8).node("a", {"x"}, "w0", 1000, 2000).node("b", {"a"}, "w1", 700, 8).output("b");
  const Timeline t = timeline(s);
  CHECK(t.predicted.makespan_ns == 1000 + 2000 + 500 + 700);
  CHECK(event(t, "t1").start_ns == 1000);
  CHECK(event(t, "t1").end_ns == 3500);
  CHECK(event(t, "t1").place == "l");
  CHECK(t.link_bytes.at("l") == 2000);
  CHECK(t.link_messages.at("l") == 1);
  CHECK(t.link_busy_ns.at("l") == 2500);
  CHECK(t.predicted.wire_bytes == 2000);
  CHECK(t.predicted.device_busy_ns.at("w0") == 1000);
  CHECK(t.predicted.device_busy_ns.at("w1") == 700);
}

TEST_CASE("a device computes on while its values travel") {
  Sketch s;
  s.device("w0").device("w1").link("l", "w0", "w1", 1e9);
  s.node("a", {}, "w0", 100, 1000)
      .node("b", {}, "w0", 900, 8)
      .node("c", {"a"}, "w1", 50, 8)
      .node("d", {"b", "c"}, "w1", 50, 8);
  const Timeline t = timeline(s);
  CHECK(event(t, "sb").end_ns == 1000);
  // a leaves at 100 at 1 B/ns; at 1000 its last 100 bytes share the link with b's 8, which are over at 1016.
  CHECK(event(t, "t1").end_ns == 1016);
  CHECK(event(t, "sc").start_ns == 1108);
  CHECK(event(t, "sd").start_ns == 1158);  // the device was busy with c
  CHECK(t.predicted.makespan_ns == 1208);
}

TEST_CASE("fan-in waits for the last arrival") {
  Sketch s;
  s.device("w0").device("w1").device("w2").link("l0", "w0", "w2", 1e9).link("l1", "w1", "w2", 2e9, 10);
  s.node("a", {}, "w0", 100, 400).node("b", {}, "w1", 300, 400).node("c", {"a", "b"}, "w2", 7, 8);
  const Timeline t = timeline(s);
  CHECK(event(t, "sc").start_ns == 510);  // a at 500, b at 300 + 200 + 10
  CHECK(t.predicted.makespan_ns == 517);
  CHECK(t.slack_ns.at("t0") == 10);
  CHECK(t.slack_ns.at("t1") == 0);
}

TEST_CASE("links that name one shared medium share its rate") {
  Sketch s;
  s.device("w0").device("w1").device("w2").device("w3");
  s.link("l0", "w0", "w2", 1e9, 0, "switch").link("l1", "w1", "w3", 1e9, 0, "switch");
  s.node("a", {}, "w0", 100, 1000)
      .node("b", {}, "w1", 100, 1000)
      .node("c", {"a"}, "w2", 1, 8)
      .node("d", {"b"}, "w3", 1, 8);
  const Timeline t = timeline(s);
  CHECK(event(t, "t0").end_ns == 2100);  // 1000 bytes at half a byte a nanosecond
  CHECK(event(t, "t1").end_ns == 2100);
}

TEST_CASE("shares are computed anew when a message starts and when one ends") {
  Sketch s;
  s.device("w0").device("w1").link("l", "w0", "w1", 1e9);
  s.node("a", {}, "w0", 0, 3000).node("b", {}, "w0", 1000, 1000).node("c", {"a", "b"}, "w1", 1, 8);
  const Timeline t = timeline(s);
  // a alone for 1000 ns; then both at half rate: b ends at 3000 with 1000 of a left, which take 1000 more.
  CHECK(event(t, "t1").end_ns == 3000);
  CHECK(event(t, "t0").end_ns == 4000);
}

TEST_CASE("three equal shares of a link end on an exact nanosecond") {
  Sketch s;
  s.device("w0").device("w1").link("l", "w0", "w1", 1e9);
  s.node("a", {}, "w0", 0, 1000)
      .node("b", {}, "w0", 0, 1000)
      .node("c", {}, "w0", 0, 1000)
      .node("d", {"a", "b", "c"}, "w1", 1, 8);
  const Timeline t = timeline(s);
  for (const char* id : {"t0", "t1", "t2"})
    CHECK(event(t, id).end_ns == 3000);
}

TEST_CASE("an end between two nanoseconds falls on the next") {
  Sketch s;
  s.device("w0").device("w1").link("l", "w0", "w1", 3e9);
  s.node("a", {}, "w0", 5, 10).node("b", {"a"}, "w1", 1, 8);
  CHECK(event(timeline(s), "t0").end_ns == 9);  // 5 + 3.33
}

TEST_CASE("max-min: what a bottleneck leaves goes to the others") {
  Sketch s;
  s.device("a").device("b").device("c").link("ab", "a", "b", 1e9).link("bc", "b", "c", 2e9);
  s.node("x", {}, "a", 0, 1000).node("y", {}, "a", 0, 1000).node("z", {}, "b", 0, 1000);
  s.node("p", {"x"}, "b", 1, 8).node("q", {"y", "z"}, "c", 1, 8);
  const Timeline t = timeline(s);
  // x (ab) and y (ab, bc) halve ab: 0.5 B/ns each; z takes the remaining 1.5 of bc: 666.7 ns.
  CHECK(event(t, "t0").end_ns == 2000);
  CHECK(event(t, "t1").end_ns == 2000);
  CHECK(event(t, "t2").end_ns == 667);
  CHECK(t.link_bytes.at("bc") == 2000);
}

TEST_CASE("a link carries both directions at full rate") {
  Sketch s;
  s.device("w0").device("w1").link("l", "w0", "w1", 1e9);
  s.node("a", {}, "w0", 0, 1000)
      .node("b", {}, "w1", 0, 1000)
      .node("c", {"a"}, "w1", 1, 8)
      .node("d", {"b"}, "w0", 1, 8);
  const Timeline t = timeline(s);
  CHECK(event(t, "t0").end_ns == 1000);
  CHECK(event(t, "t1").end_ns == 1000);
}

TEST_CASE("control messages take their share before bulk") {
  Sketch s;
  s.device("w0").device("w1").link("l", "w0", "w1", 1e9);
  s.node("a", {}, "w0", 0, 1000).node("b", {}, "w0", 0, 500).node("c", {"a", "b"}, "w1", 1, 8);
  s.schedule().transfers = derive_transfers(s.plan, "forward", s.schedule(), {});
  s.schedule().transfers[1].klass = "control";
  const Result<Timeline> t = simulate(s.plan, "forward", s.topology, s.costs);
  REQUIRE(t.ok());
  CHECK(event(*t, "t1").end_ns == 500);
  CHECK(event(*t, "t0").end_ns == 1500);
}

TEST_CASE("devices of one host without a link share its memory bus") {
  Sketch s;
  s.device("w0", "h", 2e9).device("w1", "h", 2e9);
  s.node("a", {}, "w0", 0, 1000).node("b", {}, "w0", 0, 1000).node("c", {"a", "b"}, "w1", 1, 8);
  const Timeline t = timeline(s);
  CHECK(event(t, "t0").end_ns == 1000);  // two messages, 1 B/ns each
  CHECK(event(t, "t0").place == "bus:h");
  CHECK(t.predicted.wire_bytes == 0);
}

TEST_CASE("a value that two stages of a device take is sent once") {
  Sketch s;
  s.device("w0").device("w1").link("l", "w0", "w1", 1e9);
  s.node("a", {}, "w0", 10, 100).node("b", {"a"}, "w1", 10, 8).node("c", {"a"}, "w1", 10, 8);
  const Timeline t = timeline(s);
  CHECK(s.schedule().transfers.size() == 1);
  CHECK(t.predicted.makespan_ns == 130);
}

TEST_CASE("inputs and outputs travel between the client and the devices") {
  Sketch s;
  s.device("w0").link("l", "client", "w0", 1e9, 5);
  s.topology.client_host = "client";
  s.input("x", 100).node("a", {"x"}, "w0", 10, 50).output("a");
  const Timeline t = timeline(s);
  CHECK(event(t, "sa").start_ns == 105);
  CHECK(t.predicted.makespan_ns == 105 + 10 + 55);
}

TEST_CASE("the peak counts what is alive at one time") {
  Sketch s;
  s.device("w0").device("w1").link("l", "w0", "w1", 1e9);
  s.plan.blobs["sha256:1"] = {1000, {}};
  Weight w;
  w.kind = "parameter";
  w.dtype = DType::u8;
  w.shape = {1000};
  w.strides = {1};
  w.blob = "sha256:1";
  s.plan.weights["w"] = w;
  s.plan.schedule->residence.weights["w"] = {"w1"};
  s.input("x", 10)
      .node("a", {"x"}, "w0", 10, 100)
      .node("b", {"a"}, "w0", 10, 40)
      .node("c", {"b"}, "w1", 10, 7)
      .output("c");
  const Timeline t = timeline(s);
  // w0: x 10 while a (100) is made; then a 100 and b 40; then b until it has been sent.
  CHECK(t.predicted.peak_bytes.at("w0") == 140);
  // w1: the blob 1000, b 40, c 7.
  CHECK(t.predicted.peak_bytes.at("w1") == 1047);
  // Each instant's most and what it leaves. w0 at 10: x 10 goes, a 100 stays, b 40 begins; at 20 a goes; b leaves by 60.
  const auto curve = [&](const char* device) {
    std::vector<std::array<std::uint64_t, 3>> points;
    for (const MemoryPoint& point : t.memory.at(device))
      points.push_back({point.at_ns, point.most_bytes, point.bytes});
    return points;
  };
  using Points = std::vector<std::array<std::uint64_t, 3>>;
  CHECK(curve("w0") == Points{{0, 110, 110}, {10, 140, 140}, {20, 140, 40}, {60, 40, 0}});
  CHECK(curve("w1") == Points{{0, 1000, 1000}, {20, 1040, 1040}, {60, 1047, 1047}, {70, 1047, 1000}});
}

TEST_CASE("inside a stage a value is freed after its last reader") {
  Sketch s;
  s.device("w0");
  s.node("a", {}, "w0", 1, 100).node("b", {"a"}, "w0", 1, 100).node("c", {"b"}, "w0", 1, 100).output("c");
  Stage all;
  all.id = "all";
  all.device = "w0";
  all.nodes = {"na", "nb", "nc"};
  CHECK(stage_peak_bytes(s.plan, "forward", all, {}) == 200);
}

TEST_CASE("GE0507: stages that wait for each other never start") {
  Sketch s;
  s.device("w0").device("w1").link("l", "w0", "w1", 1e9);
  s.node("a", {}, "w0", 1, 8).node("b", {"a"}, "w1", 1, 8).node("c", {"b"}, "w0", 1, 8);
  std::swap(s.schedule().stages[0], s.schedule().stages[2]);  // w0 runs c before a
  const Result<Timeline> t = s.run();
  REQUIRE_FALSE(t.ok());
  CHECK(t.errors().front().code == "GE0507");
  CHECK(t.errors().front().message == "stage sc on w0 never starts: it waits for stages that wait for it");
}

TEST_CASE("GE0507: a state's new content that is made behind the state's last user is named") {
  Sketch s;
  s.device("w0").device("w1").link("l", "w0", "w1", 1e9);
  State state;
  state.dtype = DType::u8;
  state.shape = {8};
  state.strides = {1};
  s.plan.states["k0"] = state;
  s.node("a", {}, "w0", 1, 8).node("b", {"a"}, "w1", 1, 8).output("b");
  s.method().nodes[0].args.push_back({arg::State{"k0"}});
  s.method().writes.push_back({"k0", "b", false, {}});
  s.plan.schedule->residence.states["k0"] = "w0";
  const Result<Timeline> t = s.run();
  REQUIRE_FALSE(t.ok());
  CHECK(t.errors().front().code == "GE0507");
  CHECK(t.errors().front().message ==
        "stage sa on w0 never starts: as the last user of state k0 there it must store its new content b, "
        "which is made "
        "by a stage that waits for it");
  CHECK(t.errors().front().help ==
        "place the node that makes b on w0, where the state lives, in this stage or a later one");
}

TEST_CASE("GE0510: a transfer needs a way") {
  Sketch s;
  s.device("w0").device("w1");
  s.node("a", {}, "w0", 1, 8).node("b", {"a"}, "w1", 1, 8);
  const Result<Timeline> t = s.run();
  REQUIRE_FALSE(t.ok());
  CHECK(t.errors().front().code == "GE0510");
  CHECK(t.errors().front().message == "nothing connects w0 to w1, which transfer t0 of a needs");
}

TEST_CASE("the same schedule gives the same timeline") {
  const auto once = [] {
    Sketch s;
    s.device("w0")
        .device("w1")
        .device("w2")
        .link("l", "w0", "w1", 7e8, 13)
        .link("m", "w1", "w2", 3e8, 1)
        .link("n", "w0", "w2", 9e8);
    s.input("x", 1234);
    for (int i = 0; i < 30; ++i) {
      const std::string from = i == 0 ? "x" : "v" + std::to_string(i / 2);
      s.node("v" + std::to_string(i + 1), {from}, "w" + std::to_string(i % 3),
             static_cast<std::uint64_t>(17 * i % 101), 31 * i + 7);
    }
    const Timeline t = timeline(s);
    std::string text;
    for (const Event& e : t.events)
      text += e.id + ":" + std::to_string(e.start_ns) + "-" + std::to_string(e.end_ns) + " ";
    return text;
  };
  CHECK(once() == once());
}
