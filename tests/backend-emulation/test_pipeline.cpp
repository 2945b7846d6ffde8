// Steps that carry several micro-batches: on paper to the nanosecond and byte, and in numbers.
#include <doctest/doctest.h>

#include "paper.hpp"

using namespace emulation_test;
using Use = std::vector<std::int64_t>;  // of a link: bytes, messages, busy ns

namespace {

/// y = relu(x) + relu(x).
constexpr std::string_view kDoubled = R"({
  "schema": "genie.plan", "version": {"major": 0, "minor": 1}, "stage": "captured",
  "producer": {"plugin": "org.example.test", "version": "1.0.0"}, "opsets": {"aten": 1},
  "symbols": {"s0": {"name": "batch", "min": 1, "max": 64, "from": {"input": "x", "dim": 0}}},
  "methods": {"forward": {
    "inputs": [{"name": "x", "value": "v0"}], "outputs": [{"name": "y", "value": "v2"}],
    "values": {"v0": {"dtype": "f32", "shape": ["s0", 8]}, "v1": {"dtype": "f32", "shape": ["s0", 8]},
               "v2": {"dtype": "f32", "shape": ["s0", 8]}},
    "nodes": [
      {"id": "n0", "op": "aten.relu.default", "args": [{"value": "v0"}], "results": ["v1"]},
      {"id": "n1", "op": "aten.add.Tensor", "args": [{"value": "v1"}, {"value": "v1"}], "results": ["v2"]}]}}
})";

plan::Plan doubled(const plan::Topology& topology, std::uint32_t micro_batches) {
  plan::Plan plan = placed(kDoubled, topology, {{"w0", {"n0"}}, {"w1", {"n1"}}});
  plan::Schedule schedule = *plan.schedule;
  schedule.methods["forward"].micro_batches = micro_batches;
  plan.schedule.reset();
  plan.stage = "captured";
  auto joined = plan::join_schedule(plan, schedule, topology, plan::model_costs(plan, topology, {{"s0", 4}}));
  if (!joined) throw std::runtime_error(plan::to_json(joined.errors()));
  return *std::move(joined);
}

/// rows(count) with a number added, so that no two are alike.
Array shifted(std::int64_t count, float by) {
  Array a = rows(count);
  for (float& x : a.data)
    x += by;
  return a;
}

std::vector<float> doubled_answer(std::int64_t count, float by) {
  std::vector<float> out = shifted(count, by).data;
  for (float& x : out)
    x = 2 * std::max(0.0f, x);
  return out;
}

struct Fixture {
  plan::Topology topology = cluster();
  Rig rig{topology};
  plan::Plan plan = doubled(topology, 3);
  genie_session* session = rig.open(rig.prepare(plan));

  genie::Error refused(std::vector<In> inputs, std::vector<Out> outputs, std::uint64_t micro_batches) {
    const auto error = rig.submit(session, 0, std::move(inputs), std::move(outputs), GENIE_NO_DEADLINE,
                                  "forward", micro_batches)
                           ->wait();
    REQUIRE(error);
    CHECK(error->code == GENIE_INVALID_ARGUMENT);
    return *error;
  }
};

}  // namespace

TEST_CASE("paper 12: three micro-batches in a pipeline from the client over two devices and back") {
  Paper p;
  p.client("c").device("a").device("b");
  p.link("ca", "c", "a", 1e9, 10).link("ab", "a", "b", 1e9, 20).link("bc", "b", "c", 1e9, 30);
  p.input("x", 60).node("u", {"x"}, "a", 500, 100).node("v", {"u"}, "b", 200, 40).output("v");
  p.micro_batches(3).run();
  // The three inputs share the first link from 0 on: 180 bytes at 1 B/ns end together at 180, and arrive at 190.
  for (std::uint32_t m = 0; m < 3; ++m) {
    CAPTURE(m);
    CHECK(p.message("x", "a", m) == Span{0, 190, "ca", 60});
    const std::uint64_t made = 190 + 500 * (m + 1);
    CHECK(p.stage("u", m) == Span{made - 500, made, "a", 0});                // a never rests
    CHECK(p.message("u", "b", m) == Span{made, made + 120, "ab", 100});      // 100 ns, then 20
    CHECK(p.stage("v", m) == Span{made + 120, made + 320, "b", 0});          // b rests between
    CHECK(p.message("v", "", m) == Span{made + 320, made + 390, "bc", 40});  // 40 ns, then 30
  }
  CHECK(p.virtual_ns() == 190 + 3 * 500 + 390);
  CHECK(p.virtual_ns() == static_cast<std::int64_t>(p.predicted().makespan_ns));
  CHECK(p.busy_ns("a") == 1500);
  CHECK(p.busy_ns("b") == 600);
  CHECK(p.link_use("ca") == Use{180, 3, 190});
  CHECK(p.link_use("ab") == Use{300, 3, 360});
  CHECK(p.wire_bytes() == 3 * (60 + 100 + 40));
  // a: when the first result (100) leaves, two inputs (120) are left, and the second result (100) is made.
  // b: one micro-batch at a time, its input and its result.
  CHECK(p.peak_bytes("a") == 120 + 100 + 100);
  CHECK(p.peak_bytes("b") == 100 + 40);
  CHECK(p.predicted().peak_bytes.at("a") == 320);
}

TEST_CASE("paper 13: one copy engine sends the same pipeline's values one after the other") {
  Paper p;
  p.device("a").device("b").device("c");
  p.link("ab", "a", "b", 1e9, 5).link("ac", "a", "c", 1e9, 5).copy_engines("a", 1);
  p.node("u", {}, "a", 100, 300).node("v", {"u"}, "b", 10, 8).node("w", {"u"}, "c", 10, 8);
  p.output("v").output("w").micro_batches(2).run();
  // Of the first: to b from 100 to 400 (arriving at 405), then to c until 700. The second's copies wait from 200 on.
  CHECK(p.message("u", "b", 0) == Span{100, 405, "ab", 300});
  CHECK(p.message("u", "c", 0) == Span{400, 705, "ac", 300});
  CHECK(p.message("u", "b", 1) == Span{700, 1005, "ab", 300});
  CHECK(p.message("u", "c", 1) == Span{1000, 1305, "ac", 300});
  CHECK(p.stage("w", 1) == Span{1305, 1315, "c", 0});
  CHECK(p.virtual_ns() == 1315);
}

TEST_CASE_FIXTURE(Fixture, "every micro-batch has results of its own") {
  auto step = rig.submit(session, 0, {{"x", shifted(4, 0)}, {"x", shifted(4, 1)}, {"x", shifted(4, 2)}},
                         {{"y"}, {"y"}, {"y"}}, GENIE_NO_DEADLINE, "forward", 3);
  const auto failed = step->wait();
  REQUIRE_MESSAGE(!failed, (failed ? failed->message : ""));
  for (std::size_t m = 0; m < 3; ++m) {
    CAPTURE(m);
    CHECK(step->fetched(m) == doubled_answer(4, static_cast<float>(m)));
  }
  CHECK(rig.stat({"steps", "0", "micro_batches"}) == 3);
  CHECK(rig.stat({"steps", "0", "virtual_ns"}) ==
        static_cast<std::int64_t>(plan.schedule->methods.at("forward").predicted->makespan_ns));
  // Fewer than scheduled are a shorter call.
  auto pair = rig.submit(session, 3, {{"x", shifted(4, 5)}, {"x", shifted(4, 6)}}, {{"y"}, {"y"}},
                         GENIE_NO_DEADLINE, "forward", 2);
  REQUIRE(!pair->wait());
  CHECK(pair->fetched(1) == doubled_answer(4, 6));
  CHECK(rig.stat({"steps", "1", "virtual_ns"}) < rig.stat({"steps", "0", "virtual_ns"}));
}

TEST_CASE_FIXTURE(Fixture, "a micro-batch may keep what another fetches") {
  auto step = rig.submit(session, 0, {{"x", shifted(2, 0)}, {"x", shifted(2, 1)}},
                         {{"y", GENIE_OUTPUT_KEEP}, {"y"}}, GENIE_NO_DEADLINE, "forward", 2);
  REQUIRE(!step->wait());
  REQUIRE(step->outputs[0].kept != nullptr);
  CHECK(step->fetched(1) == doubled_answer(2, 1));
  auto next = rig.submit(session, 2, {{"x", {}, step->outputs[0].kept}}, {{"y"}});
  REQUIRE(!next->wait());
  std::vector<float> twice = doubled_answer(2, 0);
  for (float& x : twice)
    x *= 2;
  CHECK(next->fetched() == twice);
  rig.table->release_value(rig.backend, step->outputs[0].kept);
}

TEST_CASE_FIXTURE(Fixture,
                  "GE0606: more micro-batches than scheduled, uneven lists and unequal sizes are refused") {
  const std::vector<In> four = {{"x", rows(4)}, {"x", rows(4)}, {"x", rows(4)}, {"x", rows(4)}};
  CHECK(contains(refused(four, {{"y"}, {"y"}, {"y"}, {"y"}}, 4).message, "scheduled for 3"));
  CHECK(contains(refused({{"x", rows(4)}, {"x", rows(4)}}, {{"y"}}, 2).message, "dealt out to 2"));
  CHECK(contains(refused({{"x", rows(4)}, {"x", rows(5)}}, {{"y"}, {"y"}}, 2).message, "differ in size"));
  CHECK(contains(refused({{"x", rows(4)}, {"z", rows(4)}}, {{"y"}, {"y"}}, 2).message, "no input z"));
  CHECK(contains(refused({{"x", rows(4)}, {"x", rows(4)}}, {{"y"}, {"y"}}, 0).message, "given twice"));
}
