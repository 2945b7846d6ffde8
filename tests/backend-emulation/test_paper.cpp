// Ten small cases, every number of which is worked out on paper in the comments: when stages and messages start and end,
// how long devices and links were busy, what links carried, what memory peaked at. The backend runs them, and its trace and
// statistics are compared to the nanosecond and byte.
//
// The rules that the arithmetic uses: a stage starts when its device is free, everything it takes has arrived, and it is the
// device's next. A message starts when its value is made (an input's at 0), moves its bytes at its share of every link
// on its way, ends on the next whole nanosecond, and arrives after the latency of its way. 1e9 bytes/s is a byte a nanosecond.
#include <doctest/doctest.h>

#include "paper.hpp"

using namespace emulation_test;
using Use = std::vector<std::int64_t>;  // of a link: bytes, messages, busy ns

TEST_CASE(
    "paper 1: a pipeline from the client over two devices and back, with ends between two nanoseconds") {
  Paper p;
  p.client("c").device("a").device("b");
  p.link("ca", "c", "a", 3e9, 7).link("ab", "a", "b", 0.7e9, 11).link("bc", "b", "c", 1e9, 3);
  p.input("x", 100).node("u", {"x"}, "a", 250, 50).node("v", {"u"}, "b", 40, 9).output("v");
  p.run();
  // x: 100 bytes at 3 B/ns are 33.33 → 34 ns, then 7 of latency.
  CHECK(p.message("x", "a") == Span{0, 41, "ca", 100});
  CHECK(p.stage("u") == Span{41, 291, "a", 0});  // 41 + 250
  // u: 50 bytes at 0.7 B/ns are 71.43 → 72 ns, then 11.
  CHECK(p.message("u", "b") == Span{291, 374, "ab", 50});
  CHECK(p.stage("v") == Span{374, 414, "b", 0});  // 374 + 40
  // v: 9 bytes at 1 B/ns, then 3.
  CHECK(p.message("v", "") == Span{414, 426, "bc", 9});
  CHECK(p.virtual_ns() == 426);
  CHECK(p.busy_ns("a") == 250);
  CHECK(p.busy_ns("b") == 40);
  CHECK(p.link_use("ca") == Use{100, 1, 41});
  CHECK(p.link_use("ab") == Use{50, 1, 83});
  CHECK(p.link_use("bc") == Use{9, 1, 12});
  CHECK(p.wire_bytes() == 100 + 50 + 9);
  // a: x (100) while u (50) is made, then u until it has left. b: u (50) while v (9) is made, then v.
  CHECK(p.peak_bytes("a") == 150);
  CHECK(p.peak_bytes("b") == 59);
}

TEST_CASE("paper 2: fan-in waits for the last of three arrivals") {
  Paper p;
  p.device("a").device("b").device("c").device("d");
  p.link("ad", "a", "d", 1e9).link("bd", "b", "d", 2e9, 100).link("cd", "c", "d", 4e9);
  p.node("u", {}, "a", 100, 400).node("v", {}, "b", 350, 300).node("w", {}, "c", 20, 2000);
  p.node("y", {"u", "v", "w"}, "d", 10, 8).output("y");
  p.run();
  CHECK(p.message("u", "d") == Span{100, 500, "ad", 400});  // 400 bytes at 1 B/ns
  CHECK(p.message("v", "d") == Span{350, 600, "bd", 300});  // 150 ns at 2 B/ns, then 100
  CHECK(p.message("w", "d") == Span{20, 520, "cd", 2000});  // 500 ns at 4 B/ns
  CHECK(p.stage("y") == Span{600, 610, "d", 0});            // v is the last
  CHECK(p.virtual_ns() == 610);
  CHECK(p.link_use("ad") == Use{400, 1, 400});
  CHECK(p.link_use("bd") == Use{300, 1, 250});
  CHECK(p.link_use("cd") == Use{2000, 1, 500});
  // d holds w from 20, u from 100, v from 350, and all three while y is made.
  CHECK(p.peak_bytes("d") == 2000 + 400 + 300 + 8);
  CHECK(p.peak_bytes("c") == 2000);
}

TEST_CASE("paper 3: fan-out over links of one switch, which its messages share") {
  Paper p;
  p.device("a").device("b").device("c").device("d");
  p.link("ab", "a", "b", 1e9, 0, "switch").link("ac", "a", "c", 1e9, 0, "switch");
  p.link("ad", "a", "d", 1e9);
  p.node("u", {}, "a", 50, 900);
  p.node("x", {"u"}, "b", 5, 8).node("y", {"u"}, "c", 6, 8).node("z", {"u"}, "d", 7, 8);
  p.output("x").output("y").output("z");
  p.run();
  // b's and c's copies halve the switch: 900 bytes at 0.5 B/ns. d's goes over a link of its own at 1 B/ns.
  CHECK(p.message("u", "b") == Span{50, 1850, "ab", 900});
  CHECK(p.message("u", "c") == Span{50, 1850, "ac", 900});
  CHECK(p.message("u", "d") == Span{50, 950, "ad", 900});
  CHECK(p.stage("x") == Span{1850, 1855, "b", 0});
  CHECK(p.stage("y") == Span{1850, 1856, "c", 0});
  CHECK(p.stage("z") == Span{950, 957, "d", 0});
  CHECK(p.virtual_ns() == 1856);
  CHECK(p.link_use("ab") == Use{900, 1, 1800});
  CHECK(p.link_use("ad") == Use{900, 1, 900});
  CHECK(p.wire_bytes() == 2700);
  CHECK(p.peak_bytes("a") == 900);  // one copy serves all three
  CHECK(p.peak_bytes("b") == 908);
}

TEST_CASE("paper 4: messages on one link share it anew whenever one starts or ends") {
  Paper p;
  p.device("a").device("b").link("ab", "a", "b", 1e9);
  // Stages of a run one after the other: u ends at 100, v at 400, w at 500.
  p.node("u", {}, "a", 100, 1000).node("v", {}, "a", 300, 600).node("w", {}, "a", 100, 100);
  p.node("y", {"u", "v", "w"}, "b", 1, 8).output("y");
  p.run();
  // 100–400  u alone, 1 B/ns: 300 of 1000 bytes, 700 left.
  // 400–500  u and v, 1/2 each: 50 each; u has 650 left, v 550.
  // 500–800  u, v and w, 1/3 each: w's 100 bytes take 300 ns; u has 550 left, v 450.
  // 800–1700 u and v, 1/2 each: v's 450 take 900 ns; u has 100 left.
  // 1700–1800 u alone.
  CHECK(p.message("u", "b") == Span{100, 1800, "ab", 1000});
  CHECK(p.message("v", "b") == Span{400, 1700, "ab", 600});
  CHECK(p.message("w", "b") == Span{500, 800, "ab", 100});
  CHECK(p.stage("y") == Span{1800, 1801, "b", 0});
  CHECK(p.virtual_ns() == 1801);
  CHECK(p.busy_ns("a") == 500);
  CHECK(p.link_use("ab") == Use{1700, 3, 1700});  // all its bytes at 1 B/ns, never idle
  CHECK(p.peak_bytes("a") == 1700);               // u and v while w (100) is made
  CHECK(p.peak_bytes("b") == 1708);
}

TEST_CASE("paper 5: what a bottleneck leaves of a link goes to the others, over two links on the way") {
  Paper p;
  p.device("a").device("b").device("c").link("ab", "a", "b", 1e9, 10).link("bc", "b", "c", 2e9, 20);
  p.node("u", {}, "a", 0, 600).node("v", {}, "a", 0, 300).node("w", {}, "b", 0, 1000);
  p.node("x", {"u"}, "b", 1, 8).node("y", {"v", "w"}, "c", 2, 8).output("x").output("y");
  p.run();
  // u (ab) and v (ab, bc) halve ab: 0.5 B/ns each. w has what v leaves of bc: 1.5 B/ns.
  // v's 300 bytes leave at 600; u has 300 left, then alone at 1 B/ns: 900.
  // w: 600 ns at 1.5 are 900 bytes; the last 100 at 2 B/ns: 650.
  CHECK(p.message("u", "b") == Span{0, 900 + 10, "ab", 600});
  CHECK(p.message("v", "c") == Span{0, 600 + 10 + 20, "ab", 300});
  CHECK(p.message("w", "c") == Span{0, 650 + 20, "bc", 1000});
  CHECK(p.stage("x") == Span{910, 911, "b", 0});
  CHECK(p.stage("y") == Span{670, 672, "c", 0});
  CHECK(p.virtual_ns() == 911);
  CHECK(p.link_use("ab") == Use{900, 2, 910});   // from 0 until u has arrived
  CHECK(p.link_use("bc") == Use{1300, 2, 670});  // v and w; w arrives last
  CHECK(p.wire_bytes() == 600 + 300 + 1000);     // a message counts once, however many links it crosses
}

TEST_CASE("paper 6: a link carries both directions at its full rate, a shared medium does not") {
  for (const bool shared : {false, true}) {
    Paper p;
    p.device("a").device("b").link("ab", "a", "b", 1e9, 0, shared ? "air" : "");
    p.node("u", {}, "a", 0, 1000).node("v", {}, "b", 200, 1000);
    p.node("x", {"u"}, "b", 1, 8).node("y", {"v"}, "a", 1, 8).output("x").output("y");
    p.run();
    // Apart: 1000 ns each. Shared: u alone until 200, 800 bytes left; both at 0.5 B/ns until u ends at 200 + 1600; v has
    // 200 bytes left then, alone: 2000.
    CHECK(p.message("u", "b") == Span{0, shared ? 1800u : 1000u, "ab", 1000});
    CHECK(p.message("v", "a") == Span{200, shared ? 2000u : 1200u, "ab", 1000});
    CHECK(p.virtual_ns() == (shared ? 2001 : 1201));
    CHECK(p.link_use("ab") == Use{2000, 2, shared ? 2000 : 1200});
  }
}

TEST_CASE("paper 7: a device computes while it sends and receives, in the order of its queue") {
  Paper p;
  p.device("a").device("b").link("ab", "a", "b", 1e9);
  p.node("u", {}, "a", 100, 500).node("v", {}, "a", 700, 8);
  // b's queue: q needs nothing, r waits for u, t needs nothing but comes behind r.
  p.node("q", {}, "b", 250, 8).node("r", {"u"}, "b", 30, 8).node("t", {}, "b", 40, 8);
  p.node("y", {"v", "q", "r", "t"}, "b", 5, 8).output("y");
  p.run();
  CHECK(p.stage("u") == Span{0, 100, "a", 0});
  CHECK(p.stage("v") == Span{100, 800, "a", 0});  // at once: u leaves beside it
  CHECK(p.message("u", "b") == Span{100, 600, "ab", 500});
  CHECK(p.stage("q") == Span{0, 250, "b", 0});    // beside u's arrival
  CHECK(p.stage("r") == Span{600, 630, "b", 0});  // u is there
  CHECK(p.stage("t") == Span{630, 670, "b", 0});  // could have run at 250: the queue keeps its order
  CHECK(p.message("v", "b") == Span{800, 808, "ab", 8});
  CHECK(p.stage("y") == Span{808, 813, "b", 0});
  CHECK(p.virtual_ns() == 813);
  CHECK(p.busy_ns("a") == 800);
  CHECK(p.busy_ns("b") == 250 + 30 + 40 + 5);
  CHECK(p.link_use("ab") == Use{508, 2, 508});
}

TEST_CASE("paper 8: unequal devices: speed, memory rate and the overhead of each operator") {
  Paper p;
  p.device("slow", 0.3, {}, 2e9, 17).device("fast", 4, {}, 1e10, 5);
  p.link("l", "slow", "fast", 1e9);
  // 1000 flops, 300 bytes. slow: max(1000, 150) / 0.3 = 3333.3 → 3334, and 17.
  p.node("u", {}, "slow", 1000, 40, 300);
  // 100 flops, 5000 bytes. slow: max(100, 2500) / 0.3 = 8333.3 → 8334, and 17. The same stage: they add up.
  p.node("v", {"u"}, "slow", 100, 60, 5000).joins("u");
  // 100 flops, 5000 bytes. fast: max(100, 500) / 4 = 125, and 5.
  p.node("w", {"v"}, "fast", 100, 8, 5000).output("w");
  p.run();
  CHECK(p.stage("u") == Span{0, 3351 + 8351, "slow", 0});
  CHECK(p.message("v", "fast") == Span{11702, 11762, "l", 60});
  CHECK(p.stage("w") == Span{11762, 11762 + 130, "fast", 0});
  CHECK(p.virtual_ns() == 11892);
  CHECK(p.busy_ns("slow") == 11702);
  CHECK(p.busy_ns("fast") == 130);
  CHECK(p.peak_bytes("slow") == 100);  // u and v at once; then v
}

TEST_CASE(
    "paper 9: memory: weights and states throughout, activations from making to last use, messages at both "
    "ends") {
  Paper p;
  p.device("a").device("b").link("ab", "a", "b", 1e9);
  p.weight("w", 100, 256).state("k", 64);
  p.input("x", 30);
  // Stage u on a: u1 (500) from x; u2 (200) from u1; u3 (50) from u2. u1 goes when u2 is made, u2 when u3 is.
  p.node("u1", {"x"}, "a", 10, 500);
  p.node("u2", {"u1"}, "a", 10, 200).joins("u1");
  p.node("u3", {"u2"}, "a", 10, 50).joins("u1");
  p.node("v", {"x"}, "a", 60, 400);  // while u3 travels
  p.node("y", {"u3", "w:w", "s:k"}, "b", 20, 70).node("z", {"y", "v"}, "b", 20, 7);
  p.writes("k", "kn").output("z");
  p.node("kn", {"s:k", "z"}, "b", 5, 64);
  p.run();
  CHECK(p.stage("u1") == Span{0, 30, "a", 0});
  CHECK(p.message("u3", "b") == Span{30, 80, "ab", 50});
  CHECK(p.stage("v") == Span{30, 90, "a", 0});
  CHECK(p.stage("y") == Span{80, 100, "b", 0});
  CHECK(p.message("v", "b") == Span{90, 490, "ab", 400});
  CHECK(p.stage("z") == Span{490, 510, "b", 0});
  CHECK(p.stage("kn") == Span{510, 515, "b", 0});
  CHECK(p.virtual_ns() == 515);
  // a, 0–30: x 30, and in the stage u1 500 + u2 200. 30–80: x, u3 50 on its way, v 400. 90–490: v 400.
  CHECK(p.peak_bytes("a") == 730);
  // b, all the time: the weight's blob 256, the state 64. 30–80: u3 50. 80–90: u3, y 70. 90–100: u3, y, and v 400 that
  // arrives: the most of y. 490–510: y 70, v 400, z 7. 510–515: z and the state's new content 64.
  CHECK(p.peak_bytes("b") == 256 + 64 + 50 + 70 + 400);
  CHECK(p.link_use("ab") == Use{450, 2, 50 + 400});
}

TEST_CASE(
    "paper 10: devices of one host meet on its memory bus, and a second step begins where the first ended") {
  Paper p;
  p.device("a", 1, "h", 2e9).device("b", 1, "h", 2e9).device("c", 1, "h", 1e9);
  p.node("u", {}, "a", 10, 1200).node("v", {}, "b", 10, 500);
  p.node("x", {"u"}, "b", 1, 8).node("y", {"u", "v"}, "c", 1, 8).output("x").output("y");
  p.run(2);
  for (const std::uint32_t step : {0u, 1u}) {
    const std::uint64_t t = step * 1711;  // as long as the first step took
    // The bus carries 2 B/ns, c's memory takes 1 B/ns of it. From 10: u to b, u to c, v to c. c's two share 1: 0.5 each; u to b
    // has the remaining 1. v's 500 and u's first 500 to c end at 1010; u to b has 200 left then and c 700.
    // Then 1 B/ns each: u to b ends at 1210, u to c at 1710.
    CHECK(p.message("u", "b", step) == Span{t + 10, t + 1210, "bus:h", 1200});
    CHECK(p.message("v", "c", step) == Span{t + 10, t + 1010, "bus:h", 500});
    CHECK(p.message("u", "c", step) == Span{t + 10, t + 1710, "bus:h", 1200});
    CHECK(p.stage("x", step) == Span{t + 1210, t + 1211, "b", 0});
    CHECK(p.stage("y", step) == Span{t + 1710, t + 1711, "c", 0});
  }
  CHECK(p.virtual_ns("0") == 1711);
  CHECK(p.virtual_ns("1") == 1711);
  CHECK(p.busy_ns("b") == 2 * 11);
  CHECK(p.link_use("bus:h") == Use{2 * 2900, 2 * 3, 2 * 1700});
  CHECK(p.wire_bytes() == 0);  // no link was crossed
}

TEST_CASE(
    "paper 11: what has left a device takes no room while the device goes on, nor what has not yet arrived") {
  Paper p;
  p.device("a").device("b").link("ab", "a", "b", 1e9);
  p.node("u", {}, "a", 100, 500).node("v", {}, "a", 700, 8).node("w", {"v"}, "a", 100, 500);
  p.node("q", {}, "b", 90, 700);  // over before u leaves a
  p.node("r", {"q"}, "b", 5, 8);
  p.node("y", {"u", "w", "r"}, "b", 5, 8).output("y");
  p.run();
  CHECK(p.message("u", "b") == Span{100, 600, "ab", 500});
  CHECK(p.stage("w") == Span{800, 900, "a", 0});
  CHECK(p.message("w", "b") == Span{900, 1400, "ab", 500});
  CHECK(p.virtual_ns() == 1405);
  CHECK(p.peak_bytes("a") == 508);   // u and v until 600; v and w from 800
  CHECK(p.peak_bytes("b") == 1016);  // q and r until 95: 708; u, w, r and y from 1400
  CHECK(p.predicted().peak_bytes.at("a") == 508);
  CHECK(p.predicted().peak_bytes.at("b") == 1016);
}
