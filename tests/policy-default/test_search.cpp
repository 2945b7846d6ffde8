// The search: branches, determinism, objectives, size.
#include <chrono>

#include "drawn.hpp"

using namespace genie::policy;
using namespace genie::policy::testing;
namespace plan = genie::plan;

namespace {

/// One value feeds `count` branches of `length` nodes; all join.
Drawn branches(int count, int length, std::uint64_t ns, std::size_t devices) {
  Drawn d;
  for (std::size_t i = 0; i < devices; ++i)
    d.device("w" + std::to_string(i), 64 * kMiB);
  d.all_connected().input("x", 64).node("stem", {{"x"}, {}, {}}, 64);
  Drawn::Uses join;
  for (int b = 0; b < count; ++b) {
    std::string last = "stem";
    for (int i = 0; i < length; ++i) {
      const std::string id = "b" + std::to_string(b) + "_" + std::to_string(i);
      d.node(id, {{last}, {}, {}}, 64, ns);
      last = id;
    }
    join.values.push_back(last);
  }
  d.node("join", join, 64).output("join");
  return d;
}

}  // namespace

TEST_CASE("independent branches run on several devices when that is faster") {
  // Two branches of 1 ms; a message takes about 1 us.
  Drawn d = branches(2, 10, 100'000, 2);
  const plan::Plan p = d.placed();
  CHECK(makespan(p) < 1'100'000);
  CHECK(devices_of(p).at("nb0_5") != devices_of(p).at("nb1_5"));
}

TEST_CASE("independent branches stay together when messages cost more than they save") {
  Drawn d = branches(2, 10, 10, 2);
  CHECK(stage_count(d.placed()) == 1);
}

TEST_CASE("a branch that needs more memory than one device has is cut inside") {
  Drawn d = branches(3, 4, 50'000, 3);
  for (plan::Device& device : d.topology.devices)
    device.memory_bytes = 9 * kMiB;
  for (plan::Node& node : d.plan.methods["forward"].nodes)
    if (node.id.starts_with("nb")) {
      d.weight("w" + node.id, 2 * kMiB);
      node.args.push_back({plan::arg::Weight{"w" + node.id}});
    }
  CHECK(makespan(d.placed()) < 3 * 4 * 50'000);
}

TEST_CASE("the same request gives the same bytes") {
  Drawn d = branches(5, 7, 20'000, 4);
  const auto a = d.schedule();
  const auto b = d.schedule();
  REQUIRE(a.ok());
  CHECK(plan::encode_schedule(*a) == plan::encode_schedule(*b));
}

TEST_CASE("every stage has a decision with an alternative for every other device") {
  Drawn d = branches(3, 3, 50'000, 3);
  const plan::Plan p = d.placed();
  for (const plan::Stage& stage : p.schedule->methods.at("forward").stages) {
    const plan::Decision* made = decision(p, stage.id);
    REQUIRE(made);
    CHECK(made->chose == stage.device);
    CHECK_FALSE(made->detail.empty());
    CHECK(made->alternatives.size() == 2);
    for (const plan::Alternative& a : made->alternatives) {
      CHECK(a.device != stage.device);
      CHECK((a.makespan_ns.has_value() || !a.refused.empty()));
      if (a.makespan_ns) CHECK(*a.makespan_ns * 101 / 100 >= makespan(p));
    }
  }
}

TEST_CASE("a faster device is worth a message") {
  Drawn d;
  d.device("slow", 64 * kMiB).device("fast", 64 * kMiB).all_connected().chain(4, kMiB);
  for (auto& [node, entry] : d.costs.methods["forward"])
    entry.ns[1] /= 10;
  for (const auto& [node, device] : devices_of(d.placed()))
    CHECK(device == "fast");
}

TEST_CASE("objective memory spreads what latency would keep together") {
  Drawn d;
  d.device("w0", 64 * kMiB).device("w1", 64 * kMiB).all_connected().chain(8, 4 * kMiB);
  d.options.objective = Objective::memory;
  const plan::Plan p = d.placed();
  const auto& peak = p.schedule->methods.at("forward").predicted->peak_bytes;
  CHECK(peak.find("w0")->second < 18u * kMiB);
  CHECK(peak.find("w1")->second < 18u * kMiB);
  CHECK(p.schedule->policy.objective == "memory");
}

TEST_CASE("objective bytes cuts where least crosses") {
  // Values of 1 MiB but for one of 1 KiB in the middle; memory asks for one cut.
  Drawn d;
  d.device("w0", 28 * kMiB).device("w1", 28 * kMiB).all_connected().chain(8, 4 * kMiB, kMiB);
  d.value("l4", 1024);
  d.options.objective = Objective::bytes;
  const auto at = devices_of(d.placed());
  CHECK(at.at("nl4") != at.at("nl5"));
}

TEST_CASE("a method without nodes, and a plan of one node") {
  Drawn d;
  d.device("w0", kMiB).device("w1", kMiB).all_connected().input("x", 8).output("x");
  CHECK(stage_count(d.placed()) == 0);
  d.node("y", {{"x"}, {}, {}}, 8).output("y");
  CHECK(stage_count(d.placed()) == 1);
}

TEST_CASE("devices that nothing connects are not used together") {
  Drawn d;
  d.device("w0", 20 * kMiB).device("w1", 40 * kMiB).all_connected();
  std::erase_if(d.topology.links, [](const plan::Link& l) { return l.id == "w0-w1"; });
  d.chain(8, 4 * kMiB);
  for (const auto& [node, device] : devices_of(d.placed()))
    CHECK(device == "w1");
}

TEST_CASE("10,000 nodes on 8 devices") {
  Drawn d;
  for (int i = 0; i < 8; ++i)
    d.device("w" + std::to_string(i), 30 * kMiB);
  d.all_connected().input("x", 4096);
  std::string last = "x", skip = "x";
  for (int i = 0; i < 10'000; ++i) {
    const std::string id = "l" + std::to_string(i);
    Drawn::Uses uses{{last}, {}, {}};
    if (i % 10 == 9) {
      uses.values.push_back(skip);
      skip = id;
    }
    if (i % 5 == 0) {
      d.weight("w" + id, 100 * 1024);
      uses.weights = {"w" + id};
    }
    d.node(id, uses, 4096, 2000, "layers." + std::to_string(i / 10));
    last = id;
  }
  d.output(last);  // 195 MiB of weights, 240 MiB of memory
  const auto began = std::chrono::steady_clock::now();
  const auto made = d.schedule();
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - began;
  REQUIRE_MESSAGE(made.ok(), (made.ok() ? "" : plan::to_text(made.errors().front())));
  MESSAGE("placed 10,000 nodes on 8 devices in " << took.count() << " s");
  CHECK(made->methods.find("forward")->second.stages.size() <= 8);
}

TEST_CASE("objective throughput makes a pipeline of what latency keeps together") {
  const auto chain = [](Objective objective, std::uint32_t micro_batches) {
    Drawn d;  // values of 64 bytes take a microsecond; each node takes 200
    d.device("w0", 64 * kMiB).device("w1", 64 * kMiB).all_connected().chain(8, kMiB, 64);
    for (auto& [node, entry] : d.costs.methods["forward"])
      entry.ns.assign(2, 200'000);
    d.options = {objective, micro_batches};
    return d.placed();
  };
  const plan::Plan together = chain(Objective::latency, 1);
  CHECK(together.schedule->methods.at("forward").micro_batches == 1);
  CHECK(stage_count(together) == 1);
  const plan::Plan pipeline = chain(Objective::throughput, 8);
  CHECK(pipeline.schedule->policy.objective == "throughput");
  CHECK(pipeline.schedule->methods.at("forward").micro_batches == 8);
  // Two halves of 800 us: the ninth half ends after 9 · 800 us and some messages, where one device needs 8 · 1600 us.
  CHECK(makespan(pipeline) < 9 * 800'000 + 50'000);
  CHECK(makespan(pipeline) >= 9 * 800'000);
  const plan::Decision* made = decision(pipeline, "forward");
  REQUIRE(made);
  CHECK(made->chose == "8 micro-batches");
  CHECK(made->because == "throughput");
}

TEST_CASE("throughput carries as many micro-batches as memory holds") {
  Drawn d;  // four inputs of 1 MiB and as many results do not fit beside each other
  d.device("w0", 6 * kMiB).device("w1", 6 * kMiB).all_connected().chain(8, kMiB / 8, kMiB);
  d.options = {Objective::throughput, 64};
  const plan::Plan p = d.placed();
  const plan::MethodSchedule& method = p.schedule->methods.at("forward");
  CHECK(method.micro_batches < 64);
  for (const auto& [device, bytes] : method.predicted->peak_bytes)
    CHECK(bytes <= 6u * kMiB);
  REQUIRE(decision(p, "forward"));
  CHECK(decision(p, "forward")->because == "memory");
}

TEST_CASE("a method that writes states takes one step at a time, whatever the objective") {
  Drawn d;
  d.device("w0", 64 * kMiB).device("w1", 64 * kMiB).all_connected().chain(4, kMiB);
  plan::State state;
  state.dtype = plan::DType::u8;
  state.shape = {64};
  state.strides = {1};
  d.plan.states["k"] = state;
  d.plan.required = {"state"};
  d.plan.methods["forward"].writes.push_back({"k", "l3", false, {}});
  d.options = {Objective::throughput, 8};
  const plan::Plan p = d.placed();
  CHECK(p.schedule->methods.at("forward").micro_batches == 1);
  CHECK(decision(p, "forward")->because == "states");
}
