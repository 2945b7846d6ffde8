// States, mutation and several methods.
#include "drawn.hpp"

using namespace genie::policy;
using namespace genie::policy::testing;
namespace plan = genie::plan;

TEST_CASE("a state lives with everything that reads and writes it") {
  Drawn d;
  d.device("w0", 14 * kMiB).device("w1", 14 * kMiB).all_connected().input("x", 64);
  d.state("cache", 4 * kMiB);
  d.weight("a", 6 * kMiB).weight("b", 6 * kMiB);
  d.node("p", {{"x"}, {"a"}, {}}, 64).node("q", {{"p"}, {}, {"cache"}}, 64).node("r", {{"q"}, {"b"}, {}}, 64);
  d.node("s", {{"r"}, {}, {"cache"}}, 64).output("s");
  d.method().nodes.back().mutates = {"state:cache"};
  d.method().nodes.back().after = {"nq"};
  d.method().nodes.back().effects = "state";
  const plan::Plan p = d.placed();
  const auto at = devices_of(p);
  CHECK(at.at("nq") == at.at("ns"));
  CHECK(p.schedule->residence.states.find("cache")->second == at.at("nq"));
  CHECK(decision(p, "cache")->chose == at.at("nq"));
}

TEST_CASE("what writes a state runs on its device") {
  Drawn d;
  d.device("w0", 8 * kMiB).device("w1", 8 * kMiB).all_connected().input("x", 64).state("cache", 64);
  d.weight("a", 6 * kMiB).weight("b", 6 * kMiB);
  d.node("p", {{"x"}, {"a"}, {"cache"}}, 64)
      .node("q", {{"p"}, {"b"}, {}}, 64)
      .node("r", {{"q"}, {}, {}}, 64)
      .output("q");
  d.method().writes = {{"cache", "r", false, {}}};
  const auto at = devices_of(d.placed());
  CHECK(at.at("nr") == at.at("np"));
}

TEST_CASE("values of one alias set in which something is mutated share a device") {
  Drawn d;
  d.device("w0", 8 * kMiB).device("w1", 8 * kMiB).all_connected().input("x", 64);
  d.weight("a", 6 * kMiB).weight("b", 6 * kMiB);
  d.node("y", {{"x"}, {"a"}, {}}, 64).node("view", {{"y"}, {}, {}}, 64).node("z", {{"y"}, {"b"}, {}}, 64);
  d.node("w", {{"view", "z"}, {}, {}}, 64).output("w");
  d.method().values["view"].alias_of = "y";
  d.method().nodes.back().mutates = {"view"};
  d.method().nodes.back().after = {"nz"};
  // nz reads y, which is mutated: it, too, must be there, and then both weights do not fit.
  CHECK_FALSE(d.schedule().ok());
  d.topology.devices[0].memory_bytes = 16 * kMiB;
  const auto at = devices_of(d.placed());
  CHECK(at.at("ny") == at.at("nw"));
  CHECK(at.at("nz") == at.at("nw"));
}

TEST_CASE("methods that share weights are placed where the weights are") {
  Drawn d;
  d.device("w0", 18 * kMiB).device("w1", 18 * kMiB).all_connected().chain(8, 4 * kMiB);
  d.current = "decode";
  d.input("x", 64);
  std::string last = "x";
  for (int i = 0; i < 8; ++i) {
    d.node("d" + std::to_string(i), {{last}, {"w" + std::to_string(i)}, {}}, 64);
    last = "d" + std::to_string(i);
  }
  d.output(last);
  const plan::Plan p = d.placed();
  for (const auto& [weight, devices] : p.schedule->residence.weights)
    CHECK(devices.size() == 1);
  CHECK(stage_count(p) == 2);
  CHECK(stage_count(p, "decode") == 2);
}

TEST_CASE("methods with weights of their own share the devices") {
  // Each fits one device; both together need two.
  Drawn d;
  d.device("w0", 18 * kMiB).device("w1", 18 * kMiB).all_connected().chain(4, 4 * kMiB);
  d.current = "decode";
  d.input("x", 64);
  std::string last = "x";
  for (int i = 0; i < 4; ++i) {
    d.weight("v" + std::to_string(i), 4 * kMiB)
        .node("d" + std::to_string(i), {{last}, {"v" + std::to_string(i)}, {}}, 64);
    last = "d" + std::to_string(i);
  }
  d.output(last);
  const plan::Plan p = d.placed();
  CHECK(stage_count(p) == 1);
  CHECK(stage_count(p, "decode") == 1);
}

TEST_CASE("a state that many layers touch does not forbid every cut") {
  Drawn d;
  d.device("w0", 20 * kMiB).device("w1", 20 * kMiB).all_connected().input("x", 64).state("position", 8);
  std::string last = "x";
  for (int i = 0; i < 8; ++i) {
    const std::string l = "l" + std::to_string(i);
    d.weight("w" + l, 4 * kMiB)
        .node("p" + l, {{last}, {}, {"position"}}, 64)
        .node(l, {{"p" + l}, {"w" + l}, {}}, 64);
    last = l;
  }
  d.output(last);
  d.method().nodes[14].mutates = {"state:position"};
  for (int i = 0; i < 14; i += 2)
    d.method().nodes[14].after.push_back(d.method().nodes[static_cast<std::size_t>(i)].id);
  const plan::Plan p = d.placed();
  CHECK(p.schedule->residence.weights.size() == 8);
}
