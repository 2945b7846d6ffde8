// More devices than the search takes.
#include <doctest/doctest.h>

#include <map>
#include <set>

#include "drawing.hpp"

using namespace genie::policy;
using namespace genie::policy::testing;
namespace plan = genie::plan;

namespace {

/// A chain of layers with weights of a MiB each, on many devices in a star.
Drawing chain(int layers, int count, std::int64_t memory_bytes) {
  Drawing d;
  for (int i = 0; i < count; ++i) {
    d.device("d" + std::to_string(i), memory_bytes);
    plan::Link l;
    l.id = "l" + std::to_string(i);
    l.ends[0] = "switch";
    l.ends[1] = "d" + std::to_string(i);
    l.bandwidth_bytes_per_s = 1e9;
    d.topology.links.push_back(l);
  }
  d.chain(layers, kMiB);
  return d;
}

std::map<std::string, std::string> devices_of(const plan::Schedule& schedule) {
  std::map<std::string, std::string> out;
  for (const plan::Stage& stage : schedule.methods.at("forward").stages)
    for (const std::string& node : stage.nodes)
      out[node] = stage.device;
  return out;
}

}  // namespace

TEST_CASE("more devices than the search takes are filled one after the other, and no memory is passed") {
  Drawing d = chain(300, 200, 2 * kMiB + 8000);
  const auto schedule = d.schedule();
  REQUIRE_MESSAGE(schedule.ok(), (schedule.ok() ? "" : schedule.errors().front().message));
  std::map<std::string, int> layers;
  for (const auto& [node, device] : devices_of(*schedule))
    ++layers[device];
  CHECK(layers.size() == 150);
  for (const auto& [device, count] : layers)
    CHECK(count == 2);
  CHECK(schedule->methods.at("forward").stages.size() == 150);
  const auto joined = plan::join_schedule(d.plan, *schedule, d.topology, d.costs);
  REQUIRE(joined.ok());
  for (const auto& [device, bytes] : joined->schedule->methods.at("forward").predicted->peak_bytes)
    CHECK(bytes <= 2 * kMiB + 8000);
}

TEST_CASE("filling honours pins, forbids, budgets and what must be kept apart") {
  Drawing d = chain(12, 100, 64 * kMiB);
  d.hint("pin", "node:nl3", "d77");
  d.hint("forbid", "node:nl0", "d0");
  d.hint("separate", "layers.*");
  d.hint("budget", "", "d1").bytes = 10;
  const auto schedule = d.schedule();
  REQUIRE_MESSAGE(schedule.ok(), (schedule.ok() ? "" : schedule.errors().front().message));
  auto at = devices_of(*schedule);
  CHECK(at["nl3"] == "d77");
  CHECK(at["nl0"] != "d0");
  std::set<std::string> used;
  for (const auto& [node, device] : at)
    used.insert(device);
  CHECK(used.size() == 12);  // each layer has a device of its own
  CHECK_FALSE(used.contains("d1"));
}

TEST_CASE("GE0553: what cannot be filled in says what is needed and which node found no room") {
  Drawing d = chain(300, 100, 2 * kMiB + 8000);
  const auto schedule = d.schedule();
  REQUIRE_FALSE(schedule.ok());
  CHECK(schedule.errors().front().code == "GE0553");
  CHECK(schedule.errors().front().message.find("300.0 MiB") != std::string::npos);
  CHECK(schedule.errors().front().node == "nl200");
}
