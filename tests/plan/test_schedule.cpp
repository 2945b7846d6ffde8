// V4 and V5: a sound schedule, bent in every way, on exact texts.
#include <doctest/doctest.h>

#include "genie/plan/codec.hpp"
#include "genie/plan/validate.hpp"
#include "plans.hpp"
#include "sketch.hpp"

using namespace genie::plan;
using genie::plan::testing::kCaptured;
using genie::plan::testing::kScheduled;
using genie::plan::testing::Sketch;

namespace {

/// The two-stage plan, joined to a topology, to be bent.
struct Bent {
  Topology topology;
  Plan plan;
  std::vector<Constraint> hints;

  Bent() {
    Sketch s;
    s.device("w0").device("w1").link("l", "w0", "w1", 1e9, 100);
    for (Device& d : s.topology.devices)
      d.kernels = {"org.genie.kernels-aten"};
    topology = s.topology;
    const Plan captured = *decode(kCaptured);
    Schedule schedule = *decode(kScheduled)->schedule;
    schedule.methods.at("forward").transfers.clear();
    plan =
        *join_schedule(captured, std::move(schedule), topology, model_costs(captured, topology, {{"s0", 4}}));
  }
  MethodSchedule& method() { return plan.schedule->methods.at("forward"); }
  Stage& stage(std::size_t s) { return method().stages[s]; }

  [[nodiscard]] Diagnostics findings() const {
    ValidateContext context;
    context.up_to = Level::v5;
    context.topology = &topology;
    context.hints = &hints;
    return validate(plan, context).diagnostics;
  }
  /// The first finding.
  [[nodiscard]] std::string first() const {
    const Diagnostics found = findings();
    return found.empty() ? "nothing" : found.front().code + " " + found.front().message;
  }
  void hint(const std::string& kind, const std::string& select, const std::string& device = {},
            const std::string& value = {}) {
    Constraint c;
    c.id = "h1";
    c.kind = kind;
    c.select = select;
    c.device = device;
    c.value = value;
    c.origin = "run.json#/hints/0";
    hints.push_back(c);
  }
};

}  // namespace

TEST_CASE("a sound schedule passes") {
  CHECK(Bent().first() == "nothing");
}

TEST_CASE("GE0501: every node has a stage") {
  Bent b;
  b.stage(1).nodes = {"n1"};
  const Diagnostics found = b.findings();
  REQUIRE(!found.empty());
  CHECK(found[0].code == "GE0501");
  CHECK(found[0].message == "node n2 (aten.add.Tensor) is in no stage");
  CHECK(found[0].scope == "lin");
}

TEST_CASE("GE0502: and only one") {
  Bent b;
  b.stage(0).nodes = {"n0", "n1"};
  CHECK(b.first() == "GE0502 node n1 is in stage s0 and again in s1");
}

TEST_CASE("GE0503: devices are the topology's") {
  Bent b;
  b.plan.schedule->residence.weights["lin.bias"] = {"w1", "w9"};
  CHECK(b.first() == "GE0503 weight lin.bias is resident on device w9, which the topology lacks");
}

TEST_CASE("GE0504 GE0505: order inside a stage and on a device") {
  Bent b;
  b.stage(0).nodes = {"n1", "n0"};
  b.stage(1).nodes = {"n2"};
  b.plan.schedule->residence.weights["lin.bias"] = {"w0", "w1"};
  b.method().transfers.clear();
  const Diagnostics found = b.findings();
  REQUIRE(!found.empty());
  CHECK(found[0].message == "in stage s0 node n1 runs before n0, which it needs");
  CHECK(found[0].code == "GE0504");

  Bent d;
  d.stage(0).device = "w1";
  std::swap(d.stage(0), d.stage(1));
  d.method().transfers.clear();
  CHECK(d.first() == "GE0505 stage s1 runs on w1 before stage s0, whose node n0 it needs");
}

TEST_CASE("GE0506: only what is pure is recomputed") {
  Bent b;
  b.stage(0).recomputes = {"n0"};
  CHECK(b.first() == "GE0506 stage s0 computes node n0 and recomputes it");
  Bent c;
  for (Node& n : c.plan.methods.at("forward").nodes)
    if (n.id == "n0") n.effects = "rng";
  c.stage(1).recomputes = {"n0"};
  CHECK(c.first() ==
        "GE0506 stage s1 recomputes node n0 (aten.relu.default), which does not give the same result twice");
}

TEST_CASE("GE0508 GE0509: transfers are those that the placement needs") {
  Bent b;
  std::erase_if(b.method().transfers, [](const Transfer& t) { return t.value == "v1"; });
  CHECK(b.first() == "GE0508 no transfer brings v1 from s0 to s1 on w1");
  Bent c;
  c.method().transfers.push_back({"t9", "v2", "s0", "s1", "bulk", 0, {}, {}});
  CHECK(c.first() == "GE0509 transfer t9 of v2 from s0 to s1: s0 does not make it");
}

TEST_CASE("GE0510: devices that nothing connects") {
  Bent b;
  b.topology.links.clear();
  b.plan.schedule->topology = topology_id(b.topology);
  b.topology.client_host = "";
  CHECK(b.first() == "GE0510 nothing connects w0 to w1, which transfer t1 of v1 needs");
}

TEST_CASE("GE0511: memory") {
  Bent b;
  b.topology.devices[1].memory_bytes = 100;
  b.plan.schedule->topology = topology_id(b.topology);
  const Diagnostics found = b.findings();
  REQUIRE(found.size() == 1);
  CHECK(found[0].code == "GE0511");
  // The blob 64, the state 32, v1 128 while v2 128 and v3 32 are made.
  CHECK(found[0].message ==
        "w1 needs 384 bytes for method forward with batch (s0) = 4 and has 100 bytes; 96 bytes of it are "
        "weights and states");
}

TEST_CASE("GE0512 GE0513 GE0514: what kernels can do") {
  Bent b;
  b.stage(0).kernels = "org.other";
  CHECK(b.first() == "GE0512 stage s0 wants kernels \"org.other\", which device w0 does not offer");
  Bent c;
  c.topology.kernels["org.genie.kernels-aten"].kinds = {"cpu"};
  c.topology.kernels["org.genie.kernels-aten"].ops = {{"aten.add.Tensor"}};
  c.plan.schedule->topology = topology_id(c.topology);
  CHECK(c.first() == "GE0513 kernels org.genie.kernels-aten on device w0 do not compute aten.relu.default");
  Bent d;
  d.topology.kernels["org.genie.kernels-aten"].dtypes = {DType::bf16};
  d.plan.schedule->topology = topology_id(d.topology);
  CHECK(d.first() == "GE0514 kernels org.genie.kernels-aten do not know f32, the dtype of value v0");
}

TEST_CASE("GE0515: storage that is written to stays on one device") {
  Bent b;
  for (Node& n : b.plan.methods.at("forward").nodes) {
    if (n.id != "n1") continue;
    n.op = "aten.add_.Tensor";
    n.mutates = {"v1"};
  }
  b.plan.methods.at("forward").values.at("v2").alias_of = "v1";
  CHECK(b.first() ==
        "GE0515 node n1 on w1 and node n0 on w0 share the storage of v1, which node n1 writes to in place");
}

TEST_CASE("GE0516 GE0517: states at home, weights where they are read") {
  Bent b;
  b.plan.schedule->residence.states["k0"] = "w0";
  CHECK(b.first() == "GE0516 stage s1 on w1 uses state k0, which lives on w0");
  Bent c;
  c.plan.schedule->residence.weights["lin.bias"] = {"w0"};
  CHECK(c.first() == "GE0517 stage s1 on w1 reads weight lin.bias, which is not resident there");
}

TEST_CASE("GE0519: another topology") {
  Bent b;
  b.topology.links[0].bandwidth_bytes_per_s = 5;
  CHECK(b.first().starts_with("GE0519 the plan was scheduled for topology sha256:"));
}

TEST_CASE("GE0521: a method without a schedule") {
  Bent b;
  b.plan.schedule->methods.clear();
  CHECK(b.first() == "GE0521 method forward has no schedule");
}

TEST_CASE("V5: hard hints are honoured, soft ones are not judged") {
  const auto judged = [](auto bend) {
    Bent b;
    bend(b);
    return b.first();
  };
  CHECK(judged([](Bent& b) { b.hint("pin", "lin", "w1"); }) == "nothing");
  CHECK(judged([](Bent& b) { b.hint("pin", "lin", "w0"); }) ==
        "GE0530 pin h1 (lin): node n1 (and 1 more) is on w1, not on w0");
  CHECK(judged([](Bent& b) {
          b.hint("pin", "lin", "w0");
          b.hints[0].strength = "soft";
        }) == "nothing");
  CHECK(judged([](Bent& b) { b.hint("forbid", "act", "w0"); }) == "GE0531 forbid h1 (act): node n0 is on w0");
  CHECK(judged([](Bent& b) { b.hint("colocate", "lin"); }) == "nothing");
  CHECK(judged([](Bent& b) { b.hint("colocate", "**"); }) ==
        "GE0532 colocate h1 (**): node n1 (and 1 more) is on w1 and node n0 on w0");
  CHECK(judged([](Bent& b) { b.hint("separate", "*"); }) == "nothing");
  CHECK(judged([](Bent& b) { b.hint("separate", "op:aten.add.Tensor"); }) ==
        "GE0533 separate h1 (op:aten.add.Tensor): node n1 and node n2 are both on w1");
  CHECK(judged([](Bent& b) {
          b.hint("budget", "", "w1");
          b.hints[0].bytes = 10;
        }) == "GE0534 budget h1: method forward needs 384 bytes of w1, the budget is 10 bytes");
  CHECK(judged([](Bent& b) {
          b.hint("recompute", "act", "", "never");
          b.stage(1).recomputes = {"n0"};
          b.method().transfers = derive_transfers(b.plan, "forward", b.method(), b.plan.schedule->assumes);
        }) == "GE0535 recompute h1 (act): stage s1 recomputes node n0");
  CHECK(judged([](Bent& b) { b.hint("replicate", "weight:lin.bias"); }) ==
        "GE0536 replicate h1 (weight:lin.bias): weight lin.bias is not on every device");
  CHECK(judged([](Bent& b) { b.hint("pin", "lni", "w0"); }) ==
        "GE0537 pin h1 (lni): selector \"lni\" matches nothing in the plan");
  CHECK(judged([](Bent& b) { b.hint("pin", "lin", "w5"); }) ==
        "GE0539 pin h1 (lin): device w5 is not in the topology");
  Bent b;
  b.hint("pin", "lin", "w0");
  CHECK(b.findings()[0].file == "run.json");
  CHECK(b.findings()[0].pointer == "/hints/0");
}
