// Micro-batches and copy engines on the virtual clock, computed on paper.
#include <doctest/doctest.h>

#include <algorithm>

#include "genie/plan/codec.hpp"
#include "genie/plan/schedule.hpp"
#include "genie/plan/validate.hpp"
#include "sketch.hpp"

using namespace genie::plan;
using namespace genie::plan::testing;

namespace {

Timeline timeline(Sketch& sketch) {
  const Result<Timeline> run = sketch.run();
  REQUIRE(run.ok());
  return *run;
}

Sketch two_stages() {
  Sketch s;
  s.device("w0").device("w1").link("l", "w0", "w1", 1e9, 50);
  s.node("a", {}, "w0", 1000, 200).node("b", {"a"}, "w1", 400, 8);
  return s;
}

}  // namespace

TEST_CASE("micro-batches follow one another through the stages") {
  Sketch s = two_stages();
  s.schedule().micro_batches = 3;
  const Timeline t = timeline(s);
  // w0 is never idle: 1000, 2000, 3000; then 200 bytes at 1 B/ns, 50 ns of latency, 400 ns on w1.
  for (std::uint32_t m = 0; m < 3; ++m) {
    CAPTURE(m);
    CHECK(event(t, "sa", m).start_ns == 1000u * m);
    CHECK(event(t, "t0", m).end_ns == 1000u * (m + 1) + 250);
    CHECK(event(t, "sb", m).end_ns == 1000u * (m + 1) + 650);
  }
  CHECK(t.predicted.makespan_ns == 3650);
  CHECK(t.predicted.device_busy_ns.at("w0") == 3000);
  CHECK(t.predicted.device_busy_ns.at("w1") == 1200);
  CHECK(t.predicted.wire_bytes == 600);
  CHECK(t.link_messages.at("l") == 3);
  CHECK(t.slack_ns.at("t0") == 0);  // of the last one, which the end waits for
  CHECK(std::ranges::count(t.moments, 2u, &Moment::micro_batch) == 6);
}

TEST_CASE("one micro-batch is the call that it always was") {
  Sketch once = two_stages(), of_three = two_stages();
  of_three.schedule().micro_batches = 3;
  of_three.schedule().transfers = derive_transfers(of_three.plan, "forward", of_three.schedule(), {});
  of_three.plan.stage = "scheduled";
  const auto single = simulate(of_three.plan, "forward", of_three.topology, of_three.costs, 1);
  REQUIRE(single.ok());
  const Timeline t = timeline(once);
  CHECK(single->predicted.makespan_ns == t.predicted.makespan_ns);
  CHECK(single->predicted.peak_bytes == t.predicted.peak_bytes);
  CHECK(single->slack_ns == t.slack_ns);
  CHECK(t.predicted.makespan_ns == 1650);
}

TEST_CASE("a device takes the earliest micro-batch that is ready") {
  Sketch s;  // a and c on w0, b between them on w1
  s.device("w0").device("w1").link("l", "w0", "w1", 1e12);
  s.node("a", {}, "w0", 100, 0).node("b", {"a"}, "w1", 150, 0).node("c", {"b"}, "w0", 60, 0);
  s.schedule().micro_batches = 2;
  const Timeline t = timeline(s);
  CHECK(event(t, "sa", 1).start_ns == 100);  // nothing of the first is ready: w1 has it until 250
  CHECK(event(t, "sb", 0).end_ns == 250);
  CHECK(event(t, "sc", 0).start_ns == 250);
  CHECK(event(t, "sb", 1).end_ns == 400);
  CHECK(event(t, "sc", 1).end_ns == 460);
  CHECK(t.predicted.makespan_ns == 460);
}

TEST_CASE("every micro-batch holds memory of its own; weights are held once") {
  Sketch s;  // values of 100 bytes pile up before the slow device
  s.device("w0").device("w1").link("l", "w0", "w1", 1e12);
  s.node("a", {}, "w0", 10, 100).node("b", {"a"}, "w1", 1000, 1);
  Blob blob;
  blob.size_bytes = 5000;
  s.plan.blobs["sha256:w"] = blob;
  Weight weight;
  weight.blob = "sha256:w";
  s.plan.weights["w"] = weight;
  s.plan.schedule->residence.weights["w"] = {"w1"};
  s.schedule().micro_batches = 4;
  const Timeline t = timeline(s);
  CHECK(t.predicted.peak_bytes.at("w1") == 5000 + 4 * 100 + 1);  // all have come before the first is through
  s.schedule().micro_batches = 1;
  CHECK(timeline(s).predicted.peak_bytes.at("w1") == 5000 + 100 + 1);
}

TEST_CASE("a device with one copy engine sends one message at a time") {
  const auto run = [](std::uint32_t engines) {
    Sketch s;
    s.device("w0").device("w1").device("w2").link("l1", "w0", "w1", 1e9, 10).link("l2", "w0", "w2", 1e9, 10);
    s.topology.devices[0].copy_engines = engines;
    s.node("a", {}, "w0", 100, 1000)
        .node("b", {}, "w0", 100, 1000)
        .node("c", {"a"}, "w1", 5, 8)
        .node("d", {"b"}, "w2", 5, 8);
    return timeline(s);
  };
  const Timeline one = run(1);
  // a leaves from 100 to 1100; only then b may, though its link is free.
  CHECK(event(one, "t0").start_ns == 100);
  CHECK(event(one, "t0").end_ns == 1110);
  CHECK(event(one, "t1").start_ns == 1100);
  CHECK(event(one, "sd").end_ns == 2115);
  CHECK(one.predicted.makespan_ns == 2115);
  for (const std::uint32_t engines : {0u, 2u}) {  // none named: any number
    CAPTURE(engines);
    const Timeline free = run(engines);
    CHECK(event(free, "t1").start_ns == 200);
    CHECK(free.predicted.makespan_ns == 1215);
  }
}

TEST_CASE("a receiver's copy engine counts too, and what waits for it holds nobody else up") {
  Sketch s;
  s.device("w0").device("w1").device("w2").device("w3");
  s.link("l1", "w0", "w2", 1e9).link("l2", "w1", "w2", 1e9).link("l3", "w1", "w3", 1e9);
  s.topology.devices[2].copy_engines = 1;
  s.node("a", {}, "w0", 100, 1000)
      .node("b", {}, "w1", 200, 1000)
      .node("c", {}, "w1", 100, 500)
      .node("d", {"a", "b"}, "w2", 5, 8)
      .node("e", {"c"}, "w3", 5, 8);
  const Timeline t = timeline(s);
  CHECK(event(t, "t0").end_ns == 1100);
  CHECK(event(t, "t1").start_ns == 1100);  // b was ready at 200
  CHECK(event(t, "t1").end_ns == 2100);
  CHECK(event(t, "t2").start_ns == 300);  // c goes elsewhere
  CHECK(event(t, "t2").end_ns == 800);
}

TEST_CASE("control messages come before bulk ones that wait for an engine") {
  Sketch s;
  s.device("w0").device("w1").link("l", "w0", "w1", 1e9);
  s.topology.devices[0].copy_engines = 1;
  s.node("a", {}, "w0", 10, 1000).node("b", {}, "w0", 10, 1000).node("c", {}, "w0", 10, 100);
  s.node("d", {"a", "b", "c"}, "w1", 1, 8);
  s.schedule().transfers = derive_transfers(s.plan, "forward", s.schedule(), {});
  for (Transfer& transfer : s.schedule().transfers)
    if (transfer.value == "c") transfer.klass = "control";
  s.plan.stage = "scheduled";
  const auto t = simulate(s.plan, "forward", s.topology, s.costs);
  REQUIRE(t.ok());
  CHECK(event(*t, "t0").end_ns == 1010);
  CHECK(event(*t, "t2").start_ns == 1010);
  CHECK(event(*t, "t1").start_ns == 1110);
}

TEST_CASE("micro_batches and copy_engines are written, read and bounded") {
  Sketch s = two_stages();
  s.schedule().micro_batches = 3;
  s.topology.devices[0].copy_engines = 2;
  s.plan.stage = "scheduled";
  const std::string text = encode(s.plan);
  CHECK(text.find("\"micro_batches\":3") != std::string::npos);
  const auto again = decode(text);
  REQUIRE(again.ok());
  CHECK(again->schedule->methods.at("forward").micro_batches == 3);
  const auto topology = decode_topology(encode_topology(s.topology));
  REQUIRE(topology.ok());
  CHECK(topology->devices[0].copy_engines == 2);
  CHECK(topology->devices[1].copy_engines == 0);
  for (const char* wrong : {"0", "1025", "-1"}) {
    CAPTURE(wrong);
    std::string changed = text;
    changed.replace(changed.find("\"micro_batches\":3"), 17, std::string("\"micro_batches\":") + wrong);
    const auto refused = decode(changed);
    REQUIRE_FALSE(refused.ok());
    CHECK(refused.errors().front().code == "GE0314");
    CHECK(refused.errors().front().pointer == "/schedule/methods/forward/micro_batches");
  }
}
