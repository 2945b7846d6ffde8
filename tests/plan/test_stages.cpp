// What stages take and give, their documents, and what a policy's answer becomes.
#include <doctest/doctest.h>

#include <algorithm>

#include "genie/plan/codec.hpp"
#include "genie/plan/validate.hpp"
#include "plans.hpp"
#include "sketch.hpp"

using namespace genie::plan;
using genie::plan::testing::kCaptured;
using genie::plan::testing::kScheduled;
using genie::plan::testing::Sketch;
using Strings = std::vector<std::string>;

namespace {

Plan read(std::string_view text) {
  Result<Plan> plan = decode(text);
  REQUIRE_MESSAGE(plan.ok(), (plan.ok() ? "" : to_text(plan.errors().front())));
  return std::move(*plan);
}

Topology two_devices() {
  Sketch s;
  s.device("w0").device("w1").link("l", "w0", "w1", 1e9, 100);
  for (Device& d : s.topology.devices)
    d.kernels = {"org.genie.kernels-aten"};
  return s.topology;
}

}  // namespace

TEST_CASE("a stage's boundary is what it takes from elsewhere and what others take") {
  const Plan plan = read(kScheduled);
  const std::vector<StageInterface> stages = stage_interfaces(plan, "forward");
  REQUIRE(stages.size() == 2);
  CHECK(stages[0].inputs == Strings{"v0"});
  CHECK(stages[0].outputs == Strings{"v1"});
  CHECK(stages[0].weights.empty());
  CHECK(stages[0].symbols == Strings{"s0"});
  CHECK(stages[1].inputs == Strings{"v1"});
  CHECK(stages[1].outputs == Strings{"v2"});  // v3 goes into the state, inside the stage
  CHECK(stages[1].weights == Strings{"lin.bias"});
  CHECK(stages[1].states == Strings{"k0"});
  const Stage& second = plan.schedule->methods.at("forward").stages[1];
  CHECK(stage_interface(plan, "forward", second).outputs == Strings{"v2"});
}

TEST_CASE("a stage's document is a plan of its own") {
  const Plan plan = read(kScheduled);
  const std::vector<Plan> documents = stage_plans(plan, "forward");
  REQUIRE(documents.size() == 2);
  for (const Plan& document : documents) {
    const Plan again = read(encode(document));
    const Validation v = validate(again, {});
    CHECK_MESSAGE(v.ok(), to_json(v.diagnostics));
  }
  const Plan& second = documents[1];
  const Method& stage = second.methods.at("stage");
  REQUIRE(stage.inputs.size() == 1);
  CHECK(stage.inputs[0].name == "v1");
  REQUIRE(stage.outputs.size() == 1);
  CHECK(stage.outputs[0].name == "v2");
  CHECK(stage.nodes.size() == 2);
  REQUIRE(stage.writes.size() == 1);
  CHECK(stage.writes[0].state == "k0");
  CHECK(second.weights.size() == 1);
  CHECK(second.blobs.size() == 1);
  CHECK(second.locations.empty());
  CHECK(second.symbols.at("s0").from == SymbolFrom{"v1", 0, {}});
  CHECK(documents[0].weights.empty());
  CHECK(documents[0].states.empty());
}

TEST_CASE("a state's write waits for the last stage that wants the old content") {
  // a reads the state, b makes the new content, c reads the old content again; all on w0.
  Sketch s;
  s.device("w0");
  State k;
  k.dtype = DType::u8;
  k.shape = {4};
  k.strides = {1};
  s.plan.states["k"] = k;
  s.node("a", {}, "w0", 1, 4);
  s.last_node().args.push_back({arg::State{"k"}});
  s.node("b", {"a"}, "w0", 1, 4);
  s.node("c", {"b"}, "w0", 1, 4);
  s.last_node().args.push_back({arg::State{"k"}});
  s.method().writes.push_back({"k", "b", true, {}});
  const std::vector<Plan> documents = stage_plans(s.plan, "forward");
  CHECK(documents[0].methods.at("stage").writes.empty());
  CHECK(documents[1].methods.at("stage").writes.empty());
  CHECK(documents[2].methods.at("stage").writes.size() == 1);
  CHECK(stage_interfaces(s.plan, "forward")[1].outputs == Strings{"b"});
}

TEST_CASE("a recomputed node runs before its reader and sends nothing") {
  Sketch s;
  s.device("w0").device("w1").link("l", "w0", "w1", 1e9);
  s.input("x", 4)
      .node("a", {"x"}, "w0", 1, 1000)
      .node("b", {"a"}, "w0", 1, 4)
      .node("c", {"a"}, "w1", 1, 4)
      .output("b")
      .output("c");
  s.stage("sc").recomputes = {"na"};
  const std::vector<StageInterface> stages = stage_interfaces(s.plan, "forward");
  CHECK(stages[2].inputs == Strings{"x"});
  const std::vector<Plan> documents = stage_plans(s.plan, "forward");
  CHECK(documents[2].methods.at("stage").nodes[0].id == "na");
  CHECK(documents[2].methods.at("stage").nodes[1].id == "nc");
  for (const Transfer& t : derive_transfers(s.plan, "forward", s.schedule(), {}))
    CHECK(t.value != "a");
}

TEST_CASE("stages of one node keep placement and order, and wait for what their stage waited for") {
  Plan plan = read(kScheduled);
  MethodSchedule& method = plan.schedule->methods.at("forward");
  method.stages[1].after = {method.stages[0].id};
  const Strings first = method.stages[0].nodes;
  const Strings second = method.stages[1].nodes;
  const Schedule apart = one_node_stages(*plan.schedule);
  const std::vector<Stage>& stages = apart.methods.at("forward").stages;
  REQUIRE(stages.size() == first.size() + second.size());
  for (std::size_t i = 0; i < stages.size(); ++i) {
    const bool early = i < first.size();
    CHECK(stages[i].nodes == Strings{early ? first[i] : second[i - first.size()]});
    CHECK(stages[i].id == stages[i].nodes.front());
    CHECK(stages[i].device == method.stages[early ? 0 : 1].device);
    CHECK(stages[i].kernels == method.stages[early ? 0 : 1].kernels);
    CHECK(stages[i].after == (i == first.size() ? Strings{first.back()} : Strings{}));
  }
  CHECK(apart.methods.at("forward").transfers.empty());
}

TEST_CASE("a stage that recomputes stays whole") {
  Plan plan = read(kScheduled);
  MethodSchedule& method = plan.schedule->methods.at("forward");
  method.stages[1].recomputes = {method.stages[0].nodes.front()};
  const Schedule apart = one_node_stages(*plan.schedule);
  CHECK(apart.methods.at("forward").stages.back().nodes == method.stages[1].nodes);
  CHECK(apart.methods.at("forward").stages.back().id == method.stages[1].id);
}

TEST_CASE("a stage that only names a data-dependent size takes the number that is it") {
  Sketch s;
  s.device("w0").device("w1").link("l", "w0", "w1", 1e9);
  s.plan.symbols["u0"].from = SymbolFrom{"", 0, "nn"};
  s.input("x", 4).node("n", {"x"}, "w0", 1, 1).node("z", {}, "w1", 1, 1);
  Value number;
  number.scalar = ScalarKind::integer;
  number.dtype = DType::i64;
  s.method().values["n"] = number;
  s.method().values["z"].shape = {Expr::symbol("u0")};
  s.last_node().args.push_back({arg::List{{{arg::Dim{Expr::symbol("u0")}}}}});
  CHECK(stage_interfaces(s.plan, "forward")[1].inputs == Strings{"n"});
  const Plan document = stage_plans(s.plan, "forward")[1];
  CHECK(document.symbols.at("u0").from == SymbolFrom{"n", 0, {}});
  const std::vector<Transfer> transfers = derive_transfers(s.plan, "forward", s.schedule(), {});
  const auto number_sent = std::ranges::find(transfers, "n", &Transfer::value);
  REQUIRE(number_sent != transfers.end());
  CHECK(number_sent->klass == "control");
}

TEST_CASE("joining fills residence, transfers, kernels, sizes and predictions") {
  const Plan captured = read(kCaptured);
  const Topology topology = two_devices();
  Schedule answer;
  answer.policy = {"test", "1", "latency", {}};
  Stage first, second;
  first.id = "a";
  first.device = "w0";
  first.nodes = {"n0"};
  second.id = "b";
  second.device = "w1";
  second.nodes = {"n1", "n2"};
  answer.methods["forward"].stages = {first, second};
  const Costs costs = model_costs(captured, topology, {{"s0", 4}});
  const Result<Plan> joined = join_schedule(captured, answer, topology, costs);
  REQUIRE_MESSAGE(joined.ok(), (joined.ok() ? "" : joined.errors().front().message));
  const Schedule& schedule = *joined->schedule;
  CHECK(joined->stage == "scheduled");
  CHECK(schedule.topology == topology_id(topology));
  CHECK(schedule.assumes == Bindings{{"s0", 4}});
  CHECK(schedule.residence.weights.at("lin.bias") == Strings{"w1"});
  CHECK(schedule.residence.states.at("k0") == "w1");
  const MethodSchedule& method = schedule.methods.at("forward");
  CHECK(method.stages[0].kernels == "org.genie.kernels-aten");
  REQUIRE(method.transfers.size() == 3);
  CHECK(method.transfers[0].from == "input:x");
  CHECK(method.transfers[1].value == "v1");
  CHECK(method.transfers[1].size_bytes == 4 * 8 * 4);
  CHECK(method.transfers[2].to == "output:output");
  REQUIRE(method.predicted);
  CHECK(method.predicted->wire_bytes == 128);
  CHECK(method.predicted->peak_bytes.at("w1") >= 64 + 32);

  ValidateContext context;
  context.up_to = Level::v5;
  context.topology = &topology;
  const Validation v = validate(*joined, context);
  CHECK_MESSAGE(v.ok(), to_json(v.diagnostics));
  CHECK(v.reached == Level::v5);
}

TEST_CASE("GE0520: a schedule that names what is not there") {
  const Plan captured = read(kCaptured);
  const Topology topology = two_devices();
  Schedule answer;
  Stage stage;
  stage.id = "a";
  stage.device = "w7";
  stage.nodes = {"n9"};
  answer.methods["forward"].stages = {stage};
  const Result<Plan> joined = join_schedule(captured, answer, topology, model_costs(captured, topology, {}));
  REQUIRE_FALSE(joined.ok());
  REQUIRE(joined.errors().size() == 2);
  CHECK(joined.errors()[0].message == "stage a is on device w7, which the topology lacks");
  CHECK(joined.errors()[0].help == "use a device id of the topology: w0, w1");
  CHECK(joined.errors()[1].message == "stage a names node n9, which method forward lacks");
}

TEST_CASE("costs are the slower of arithmetic and traffic, and survive their document") {
  Plan captured = read(kCaptured);
  Topology topology = two_devices();
  topology.devices[0].compute = {1e9, 1e9, 50};
  topology.devices[1].compute = {1e9, 1e9, 50};
  topology.devices[1].speed = 2;
  const Costs costs = model_costs(captured, topology, {{"s0", 4}});
  // relu reads and writes 4 * 8 floats: 256 bytes at 1 B/ns.
  CHECK(costs.methods.at("forward").at("n0").ns == std::vector<std::uint64_t>{50 + 256, 50 + 128});
  const Result<Costs> again = decode_costs(encode_costs(costs));
  REQUIRE(again.ok());
  CHECK(again->devices == costs.devices);
  CHECK(again->assumes == costs.assumes);
  CHECK(again->methods.at("forward").at("n1").ns == costs.methods.at("forward").at("n1").ns);
  CHECK(decode_costs("{}").errors().front().code == "GE0549");
  // A size that nothing binds takes its maximum.
  CHECK(model_costs(captured, topology, {}).methods.at("forward").at("n0").ns[0] == 50 + 64 * 8 * 4 * 2);
}

TEST_CASE("costs of many devices list those that cost the same once") {
  Plan captured = read(kCaptured);
  Topology topology = two_devices();
  topology.devices[1].speed = 2;
  for (int i = 2; i < 100; ++i) {
    topology.devices.push_back(topology.devices[static_cast<std::size_t>(i % 2)]);
    topology.devices.back().id = "w" + std::to_string(i);
  }
  const Costs costs = model_costs(captured, topology, {{"s0", 4}});
  CHECK(costs.devices == std::vector<std::string>{"w0", "w1"});
  CHECK(costs.methods.at("forward").at("n0").ns.size() == 2);
  const Result<Costs> again = decode_costs(encode_costs(costs));
  REQUIRE(again.ok());
  CHECK(again->column("w98") == 0);
  CHECK(again->column("w99") == 1);
  CHECK_FALSE(again->column("w100"));
}

TEST_CASE("selectors: modules, kinds, near misses") {
  const Plan plan = read(kCaptured);
  CHECK(select(plan, "lin")->nodes.size() == 2);
  CHECK(select(plan, "*")->nodes.size() == 3);
  CHECK(select(plan, "**")->nodes.size() == 3);
  CHECK(select(plan, "l*n")->nodes.size() == 2);
  CHECK(select(plan, "op:aten.add.*")->nodes.size() == 2);
  CHECK(select(plan, "node:n1")->nodes.size() == 1);
  CHECK(select(plan, "phase:encode")->nodes.size() == 1);
  CHECK(select(plan, "state:k0")->states == Strings{"k0"});
  CHECK(select(plan, "weight:lin.*")->weights == Strings{"lin.bias"});
  const auto miss = select(plan, "lim");
  REQUIRE_FALSE(miss.ok());
  CHECK(miss.errors()[0].code == "GE0537");
  CHECK(miss.errors()[0].message == "selector \"lim\" matches nothing in the plan");
  CHECK(miss.errors()[0].help == "did you mean lin, act?");
  CHECK(select(plan, "nodes:n1").errors()[0].code == "GE0538");
  // A path without its beginning, as listings show it, is completed.
  CHECK(select(plan, "weight:bias").errors()[0].help == "did you mean weight:lin.bias?");
}

TEST_CASE("a memory check at other sizes names the symbol") {
  const Plan captured = read(kCaptured);
  Topology topology = two_devices();
  const Plan plan = *join_schedule(captured, *read(kScheduled).schedule, topology,
                                   model_costs(captured, topology, {{"s0", 4}}));
  CHECK(check_memory(plan, topology, "forward", {{"s0", 4}}).ok());
  topology.devices[0].memory_bytes = 1024;
  const Status refused = check_memory(plan, topology, "forward", {{"s0", 64}});
  REQUIRE_FALSE(refused.ok());
  CHECK(refused.errors()[0].code == "GE0511");
  // x and relu(x), 64 rows of 8 floats each.
  CHECK(refused.errors()[0].message ==
        "w0 needs 4.0 KiB for method forward with batch (s0) = 64 and has 1.0 KiB; 0 bytes of it are weights "
        "and states");
}
