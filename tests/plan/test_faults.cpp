// The fault script document: what it says, what it must not say, and what its seed draws.
#include <doctest/doctest.h>

#include <algorithm>
#include <set>

#include "genie/plan/faults.hpp"

using namespace genie::plan;

namespace {

std::string script(const std::string& members) {
  return R"({"schema": "genie.faults", "version": {"major": 0, "minor": 1}, )" + members + "}";
}

FaultScript decoded(const std::string& members) {
  auto result = decode_faults(script(members));
  REQUIRE_MESSAGE(result.ok(), (result.ok() ? "" : to_json(result.errors())));
  return *std::move(result);
}

Diagnostic refused(const std::string& members) {
  const auto result = decode_faults(script(members));
  REQUIRE_FALSE(result.ok());
  return result.errors().front();
}

Topology cluster(int devices) {
  Topology topology;
  topology.client_host = "client";
  for (int d = 0; d < devices; ++d) {
    Device device;
    device.id = device.host = "w" + std::to_string(d);
    device.memory_bytes = 1000;
    topology.devices.push_back(device);
    Link link;
    link.id = "c-" + device.id;
    link.ends[0] = "client";
    link.ends[1] = device.id;
    topology.links.push_back(link);
  }
  return topology;
}

}  // namespace

TEST_CASE("a script's defaults: for ever, every message, three retries, ids by kind and place") {
  const FaultScript s = decoded(R"("faults": [{"kind": "crash", "device": "w0"}, {"kind": "corrupt"}])");
  REQUIRE(s.faults.size() == 2);
  CHECK(s.faults[0].id == "crash-0");
  CHECK(s.faults[0].pointer == "/faults/0");
  CHECK(s.faults[0].at_ns == 0);
  CHECK_FALSE(s.faults[0].for_ns);
  CHECK(s.faults[1].id == "corrupt-1");
  CHECK(s.faults[1].probability == 1);
  CHECK(s.faults[1].retry);
  CHECK_FALSE(s.faults[1].count);
  CHECK(s.delivery.retries == 3);
  CHECK(s.delivery.timeout_ns == 1'000'000);
}

TEST_CASE("members that a kind does not have, or lacks, are refused where they stand") {
  CHECK(refused(R"("faults": [{"kind": "crash", "device": "w0", "for_ns": 5}])").pointer ==
        "/faults/0/for_ns");
  CHECK(refused(R"("faults": [{"kind": "drop", "device": "w0"}])").pointer.starts_with("/faults/0"));
  CHECK(refused(R"("faults": [{"kind": "crush", "device": "w0"}])").help == "did you mean \"crash\"?");
  CHECK(refused(R"("faults": [{"kind": "loss", "probability": 0}])").pointer == "/faults/0/probability");
  CHECK(refused(R"("faults": [{"kind": "partition", "sets": [["w0"]]}])").code == "GE0322");
  CHECK(refused(R"("faults": [{"id": "a", "kind": "loss"}, {"id": "a", "kind": "loss"}])").code == "GE0342");
  CHECK(refused(R"("random": {"count": 3})").message.find("seed") != std::string::npos);
}

TEST_CASE("GE0618: devices and links that the topology lacks, with the nearest ones") {
  const Topology topology = cluster(2);
  const auto problems = check_faults(
      decoded(
          R"("faults": [{"kind": "crash", "device": "w7"}, {"kind": "loss", "from": "client", "link": "c_w0", "to": "w1"},
                            {"kind": "partition", "sets": [["w0"], ["w1", "client"]]}])"),
      topology);
  REQUIRE(problems.size() == 3);
  CHECK(problems[0].code == "GE0618");
  CHECK(problems[0].pointer == "/faults/0/device");
  CHECK(problems[1].pointer == "/faults/1/link");
  CHECK(problems[1].help.find("c-w0") != std::string::npos);
  CHECK(problems[2].pointer == "/faults/2/sets/1/1");
}

TEST_CASE("the same seed draws the same faults; all kinds come up, and each fits the topology") {
  const Topology topology = cluster(3);
  const auto draw = [&](const std::string& seed) {
    return expand_faults(decoded(R"("random": {"seed": )" + seed + R"(, "count": 300, "steps": 4})"),
                         topology);
  };
  const std::vector<Fault> first = draw("1"), again = draw("1"), other = draw("2");
  REQUIRE(first.size() == 300);
  std::set<FaultKind> kinds;
  bool same = true, differs = false;
  for (std::size_t i = 0; i < first.size(); ++i) {
    same = same && first[i].kind == again[i].kind && first[i].at_ns == again[i].at_ns &&
           first[i].sets == again[i].sets;
    differs = differs || first[i].at_ns != other[i].at_ns;
    kinds.insert(first[i].kind);
    CHECK(first[i].step.value() < 4);
    CHECK((!first[i].on_device() || topology.device(first[i].device) != nullptr));
  }
  CHECK(same);
  CHECK(differs);
  CHECK(kinds.size() == kFaultKinds);
  FaultScript drawn;
  drawn.faults = first;
  CHECK(check_faults(drawn, topology).empty());
}
