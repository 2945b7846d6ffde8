// Hints are honoured; what cannot be honoured is said.
#include "drawn.hpp"

using namespace genie::policy;
using namespace genie::policy::testing;
namespace plan = genie::plan;

namespace {

Drawn two_devices(int layers = 6) {
  Drawn d;
  d.device("w0", 64 * kMiB).device("w1", 64 * kMiB).all_connected().chain(layers, 4 * kMiB);
  return d;
}

}  // namespace

TEST_CASE("pin, forbid and colocate hold, and the decision says which hint") {
  Drawn d = two_devices();
  d.hint("pin", "layers.0", "w1");
  d.hint("forbid", "layers.5", "w1");
  d.hint("colocate", "layers.*");
  const auto impossible = d.schedule();
  REQUIRE_FALSE(impossible.ok());
  CHECK(impossible.errors().front().code == "GE0552");
  CHECK(impossible.errors().front().message.find("w1: hint h1") != std::string::npos);

  d.hints.pop_back();
  const plan::Plan p = d.placed();
  const auto at = devices_of(p);
  CHECK(at.at("nl0") == "w1");
  CHECK(at.at("nl5") == "w0");
  CHECK(stage_count(p) == 2);
  const plan::Decision* first = decision(p, p.schedule->methods.at("forward").stages[0].id);
  REQUIRE(first);
  CHECK(first->because == "hint");
  CHECK(first->honours == std::vector<std::string>{"h0"});
  CHECK(first->alternatives.at(0).refused == "hint:h0");
}

TEST_CASE("pins may send a chain back and forth") {
  Drawn d = two_devices();
  for (int i = 0; i < 6; ++i)
    d.hint("pin", "layers." + std::to_string(i), i % 2 == 0 ? "w0" : "w1");
  CHECK(stage_count(d.placed()) == 6);
}

TEST_CASE("separate puts modules on different devices") {
  Drawn d = two_devices(2);
  d.hint("separate", "layers.*");
  const auto at = devices_of(d.placed());
  CHECK(at.at("nl0") != at.at("nl1"));
}

TEST_CASE("GE0554: more modules to separate than devices") {
  Drawn d = two_devices(3);
  d.hint("separate", "layers.*");
  const auto none = d.schedule();
  REQUIRE_FALSE(none.ok());
  CHECK(none.errors().front().code == "GE0554");
  CHECK(none.errors().front().help.find("add 1 devices") != std::string::npos);
}

TEST_CASE("replicate puts a weight everywhere") {
  Drawn d = two_devices(2);
  d.hint("replicate", "weight:w1");
  CHECK(d.placed().schedule->residence.weights.find("w1")->second == std::vector<std::string>{"w0", "w1"});
}

TEST_CASE("a budget is a smaller memory") {
  Drawn d = two_devices();
  plan::Constraint& budget = d.hint("budget", "", "w0");
  budget.bytes = 10 * kMiB;
  d.hint("pin", "layers.0", "w0");
  const plan::Plan p = d.placed();
  CHECK(p.schedule->methods.at("forward").predicted->peak_bytes.at("w0") <= 10u * kMiB);
}

TEST_CASE("a soft hint is honoured when it fits, and dropped with a word when not") {
  Drawn d = two_devices();
  d.hint("pin", "layers.3", "w1").strength = "soft";
  CHECK(devices_of(d.placed()).at("nl3") == "w1");

  d.topology.devices[1].memory_bytes = 2 * kMiB;
  const plan::Plan p = d.placed();
  CHECK(devices_of(p).at("nl3") == "w0");
  REQUIRE(decision(p, "h0"));
  CHECK(decision(p, "h0")->because == "hint-not-met");
}

TEST_CASE("of two soft hints that exclude each other the heavier holds") {
  Drawn d = two_devices();
  plan::Constraint& light = d.hint("pin", "layers.3", "w0");
  light.strength = "soft";
  light.weight = 0.5;
  plan::Constraint& heavy = d.hint("pin", "layers.3", "w1");
  heavy.strength = "soft";
  heavy.weight = 2;
  CHECK(devices_of(d.placed()).at("nl3") == "w1");
}

TEST_CASE("GE0551: a hint that names an unknown device") {
  Drawn d = two_devices();
  d.hint("pin", "layers.0", "w7");
  const auto none = d.schedule();
  REQUIRE_FALSE(none.ok());
  CHECK(none.errors().front().code == "GE0551");
  CHECK(none.errors().front().help.find("w0") != std::string::npos);
}

TEST_CASE("a selector that matches nothing is an error for a hard hint") {
  Drawn d = two_devices();
  d.hint("pin", "layer.0", "w0");
  CHECK_FALSE(d.schedule().ok());
  d.hints[0].strength = "soft";
  CHECK(d.schedule().ok());
}

TEST_CASE("hints that are not about placement are explained") {
  Drawn d = two_devices();
  d.hint("recompute", "layers.**").value = "never";
  const plan::Plan p = d.placed();
  REQUIRE(decision(p, "h0"));
  CHECK(decision(p, "h0")->detail == "nothing is recomputed");
}

TEST_CASE("kernels decide where a node may run") {
  Drawn d;
  d.device("w0", 64 * kMiB, {"few"}).device("w1", 64 * kMiB, {"few", "all"}).all_connected().chain(4, kMiB);
  d.plan.methods["forward"].nodes[2].op = "test.rare.default";
  d.topology.kernels["few"] = {{"cpu"}, std::vector<std::string>{"test.work.default"}, {}, {}};
  d.topology.kernels["all"] = {{"cpu"}, std::nullopt, {}, {}};
  const plan::Plan p = d.placed();
  CHECK(devices_of(p).at("nl2") == "w1");
  for (const plan::Stage& stage : p.schedule->methods.at("forward").stages)
    for (const std::string& node : stage.nodes)
      CHECK((node == "nl2") == (stage.kernels == "all"));

  d.plan.methods["forward"].nodes[2].op = "test.rarest.default";
  d.topology.kernels["all"].ops = std::vector<std::string>{"test.work.default"};
  const auto none = d.schedule();
  REQUIRE_FALSE(none.ok());
  CHECK(none.errors().front().code == "GE0552");
  CHECK(none.errors().front().message.find("test.rarest.default") != std::string::npos);
}
