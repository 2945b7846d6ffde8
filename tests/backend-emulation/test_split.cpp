// One model over two devices: numbers, bytes on wires, and the clock.
#include <doctest/doctest.h>

#include "plans.hpp"

using namespace emulation_test;

namespace {

const plan::Predicted& predicted(const plan::Plan& p) {
  return *p.schedule->methods.at("forward").predicted;
}

}  // namespace

TEST_CASE("two stages on two devices give the numbers of one") {
  const plan::Topology topology = cluster();
  for (const std::vector<Cut>& cuts :
       {kSplit, std::vector<Cut>{{"w0", {"n0", "n1", "n2", "n3"}}},
        std::vector<Cut>{{"w1", {"n2", "n3"}}, {"w1", {"n0"}}, {"w0", {"n1"}}}}) {
    Rig rig(topology);
    genie_session* session = rig.open(rig.prepare(placed(kModel, topology, cuts)));
    for (const std::int64_t count : {1, 4, 7}) {
      auto step = rig.submit(session, 0, {{"x", rows(count)}}, {{"y"}});
      REQUIRE_FALSE(step->refused);
      const auto failed = step->wait();
      REQUIRE_MESSAGE(!failed, (failed ? failed->message : ""));
      CHECK(step->fetched() == answer(count));
      CHECK(step->outputs[0].tensor->view.shape[0] == count);
      CHECK(step->signals() == 1);
    }
  }
}

TEST_CASE("virtual time, busy times, wire bytes and link bytes are the plan's prediction exactly") {
  const plan::Topology topology = cluster();
  Rig rig(topology);
  const plan::Plan p = placed(kModel, topology, kSplit);
  genie_session* session = rig.open(rig.prepare(p));
  CHECK_FALSE(rig.submit(session, 0, {{"x", rows(4)}}, {{"y"}})->wait());
  CHECK(rig.stat({"steps", "0", "virtual_ns"}) == static_cast<std::int64_t>(predicted(p).makespan_ns));
  CHECK(rig.stat({"devices", "w0", "busy_ns"}) ==
        static_cast<std::int64_t>(predicted(p).device_busy_ns.at("w0")));
  CHECK(rig.stat({"devices", "w1", "busy_ns"}) ==
        static_cast<std::int64_t>(predicted(p).device_busy_ns.at("w1")));
  // x to w0, relu(x) to w1, y back: four rows of eight floats each time.
  CHECK(predicted(p).wire_bytes == 3 * 128);
  CHECK(rig.stat({"counters", "wire_bytes"}) == 3 * 128);
  for (const char* link : {"w0-w1", "c-w0", "c-w1"}) {
    CHECK(rig.stat({"links", link, "bytes"}) == 128);
    CHECK(rig.stat({"links", link, "messages"}) == 1);
  }
  CHECK(rig.stat({"devices", "w0", "memory_bytes"}) == 1 << 20);
}

TEST_CASE("the clock of other sizes is the simulator's, and steps follow each other on it") {
  const plan::Topology topology = cluster();
  Rig rig(topology);
  const plan::Plan p = placed(kModel, topology, kSplit);
  genie_session* session = rig.open(rig.prepare(p));
  for (const std::int64_t count : {9, 4})
    CHECK_FALSE(rig.submit(session, 0, {{"x", rows(count)}}, {{"y"}})->wait());
  const auto nine = plan::simulate(p, "forward", topology, plan::model_costs(p, topology, {{"s0", 9}}));
  REQUIRE(nine.ok());
  CHECK(rig.stat({"steps", "0", "virtual_ns"}) == static_cast<std::int64_t>(nine->predicted.makespan_ns));
  CHECK(nine->predicted.makespan_ns > predicted(p).makespan_ns);
  CHECK(rig.stat({"steps", "1", "virtual_ns"}) == static_cast<std::int64_t>(predicted(p).makespan_ns));
  std::uint64_t second = 0;
  for (const TraceLine& line : rig.host.trace())
    if (line.kind == GENIE_TRACE_SPAN && line.name == "a0") second = std::max(second, line.t_ns);
  CHECK(second >= nine->predicted.makespan_ns);
}

TEST_CASE("the trace has a span per stage and transfer, and arrows that join devices in pairs") {
  const plan::Topology topology = cluster();
  Rig rig(topology);
  genie_session* session = rig.open(rig.prepare(placed(kModel, topology, kSplit)));
  CHECK_FALSE(rig.submit(session, 0, {{"x", rows(4)}}, {{"y"}})->wait());
  int stages = 0, transfers = 0;
  std::map<std::uint64_t, int> arrows;
  for (const TraceLine& line : rig.host.trace()) {
    if (line.kind == GENIE_TRACE_SPAN && line.queue == "compute") ++stages;
    if (line.kind == GENIE_TRACE_SPAN && line.queue == "transfer") ++transfers;
    if (line.kind == GENIE_TRACE_FLOW_BEGIN) {
      CHECK(line.process == "w0");
      ++arrows[line.flow];
    }
    if (line.kind == GENIE_TRACE_FLOW_END) {
      CHECK(line.process == "w1");
      --arrows[line.flow];
    }
  }
  CHECK(stages == 2);
  CHECK(transfers == 3);
  REQUIRE(arrows.size() == 1);
  CHECK(arrows.begin()->second == 0);
}

TEST_CASE("an output that nobody wants is not moved") {
  const plan::Topology topology = cluster();
  Rig rig(topology);
  genie_session* session = rig.open(rig.prepare(placed(kModel, topology, kSplit)));
  CHECK_FALSE(rig.submit(session, 0, {{"x", rows(4)}}, {})->wait());
  CHECK(rig.stat({"counters", "wire_bytes"}) == 2 * 128);
}

TEST_CASE("everything that was mapped is given back when the program goes") {
  const plan::Topology topology = cluster();
  Rig rig(topology);
  genie_session* session = rig.open(rig.prepare(placed(kModel, topology, kSplit)));
  CHECK_FALSE(rig.submit(session, 0, {{"x", rows(4)}}, {{"y"}})->wait());
  CHECK(rig.host.mapped() > 0);
  rig.destroy();
  CHECK(rig.host.mapped() == 0);
}
