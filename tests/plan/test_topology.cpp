// The topology document and the routes it implies.
#include <doctest/doctest.h>

#include "genie/plan/topology.hpp"
#include "plans.hpp"

using namespace genie::plan;
using genie::plan::testing::replaced;

namespace {

constexpr std::string_view kTopology = R"({
  "schema": "genie.topology", "version": {"major": 0, "minor": 1},
  "devices": [
    {"id": "w0", "kind": "cpu", "memory_bytes": 1000, "host": "a", "kernels": ["k"],
     "compute": {"flops_per_s": 5e10, "memory_bytes_per_s": 1.2e10, "op_overhead_ns": 2000}},
    {"id": "w1", "kind": "cpu", "memory_bytes": 1000, "host": "a", "speed": 0.5,
     "compute": {"flops_per_s": 5e10, "memory_bytes_per_s": 1e10}},
    {"id": "w2", "kind": "cpu", "memory_bytes": 1000, "host": "b", "compute": {"flops_per_s": 5e10, "memory_bytes_per_s": 1e10}},
    {"id": "w3", "kind": "cpu", "memory_bytes": 1000, "compute": {"flops_per_s": 5e10, "memory_bytes_per_s": 1e10}},
    {"id": "w4", "kind": "cpu", "memory_bytes": 1000, "host": "b", "compute": {"flops_per_s": 5e10, "memory_bytes_per_s": 1e10}}],
  "links": [
    {"id": "a-b", "ends": ["a", "b"], "bandwidth_bytes_per_s": 1e9, "latency_ns": 100, "shared": "switch0"},
    {"id": "b-c", "ends": ["b", "client"], "bandwidth_bytes_per_s": 5e8, "latency_ns": 10},
    {"id": "nvlink", "ends": ["w2", "w4"], "bandwidth_bytes_per_s": 9e10, "latency_ns": 1},
    {"id": "own-nic", "ends": ["w1", "b"], "bandwidth_bytes_per_s": 4e9}],
  "client": {"host": "client"}
})";

Topology topology(std::string_view text = kTopology) {
  auto result = decode_topology(text);
  REQUIRE_MESSAGE(result.ok(), to_text(result.ok() ? Diagnostic{} : result.errors()[0]));
  return std::move(*result);
}

std::string route_text(const Topology& topology, std::string_view from, std::string_view to) {
  const Route found = route(topology, from, to);
  if (!found.ok) return "none";
  std::string text = found.bus ? "bus" : found.links.empty() ? "free" : "";
  for (const std::size_t link : found.links)
    text += (text.empty() ? "" : " ") + topology.links[link].id;
  return text;
}

std::string errors_of(std::string_view text, const json::ReadOptions& options = {}) {
  const auto result = decode_topology(text, options);
  if (result) return "ok";
  std::string all;
  for (const Diagnostic& d : result.errors())
    all += (all.empty() ? "" : "\n") + d.code + " " + d.pointer;
  return all;
}

}  // namespace

TEST_CASE("a topology's canonical bytes are a fixed point and its id their digest") {
  const Topology t = topology();
  const std::string bytes = encode_topology(t);
  CHECK(bytes == *json::canonicalize(bytes));
  CHECK(encode_topology(topology(bytes)) == bytes);
  CHECK(topology_id(t).size() == 71);
  CHECK(t.devices[3].host == "w3");
  CHECK(t.device("w1")->speed == 0.5);
  CHECK(t.device("w9") == nullptr);
}

TEST_CASE("a plug-in's description of kernels keeps what this version does not know") {
  const std::string text =
      replaced(kTopology, R"("client": {)",
               R"("kernels": {"k": {"kinds": ["cpu"], "ops": "*", "dtypes": ["f32"], "torch": "2.13"},
    "l": {"kinds": [], "ops": ["aten.add.Tensor"], "dtypes": []}}, "client": {)");
  const Topology t = topology(text);
  CHECK_FALSE(t.kernels.at("k").ops.has_value());
  CHECK(t.kernels.at("l").ops->size() == 1);
  CHECK(encode_topology(t).find(R"("torch":"2.13")") != std::string::npos);
}

TEST_CASE("unknown keys of a topology are met with the nearest known one; vendors' own have a dot and stay") {
  const auto wrong =
      decode_topology(replaced(kTopology, R"("speed": 0.5)", R"("sped": 0.5)"), {}, "cluster.json");
  REQUIRE_FALSE(wrong.ok());
  CHECK(wrong.errors()[0].code == "GE0312");
  CHECK(wrong.errors()[0].pointer == "/devices/1/sped");
  CHECK(wrong.errors()[0].help == "did you mean \"speed\"?");
  CHECK(wrong.errors()[0].file == "cluster.json");
  const Topology t = topology(replaced(kTopology, R"("speed": 0.5)", R"("com.example.serial": "x7")"));
  CHECK(encode_topology(t).find(R"("com.example.serial":"x7")") != std::string::npos);
}

TEST_CASE("what is wrong with a topology") {
  CHECK(errors_of(replaced(kTopology, "genie.topology", "genie.plan")) == "GE0315 /schema");
  CHECK(errors_of(replaced(kTopology, R"("minor": 1)", R"("minor": 7)")) == "GE0316 /version");
  CHECK(errors_of(replaced(kTopology, R"("id": "w1")", R"("id": "w0")")) ==
        "GE0342 /devices/1/id\nGE0343 /links/3/ends/0");
  CHECK(errors_of(replaced(kTopology, R"(["w1", "b"])", R"(["w1", "bb"])")) == "GE0343 /links/3/ends/1");
  CHECK(errors_of(replaced(kTopology, R"(["w1", "b"])", R"(["w1"])")) == "GE0322 /links/3/ends");
  CHECK(errors_of(replaced(kTopology, "5e8", "0")) == "GE0314 /links/1/bandwidth_bytes_per_s");
  CHECK(errors_of(R"({"schema": "genie.topology", "version": {"major": 0, "minor": 1}, "devices": []})") ==
        "GE0322 /devices");
  json::ReadOptions people;
  people.comments = true;
  CHECK(errors_of("// mine\n" + std::string(kTopology), people) == "ok");
}

TEST_CASE("routes: fewest links, then bandwidth, then id; buses and direct links within a host") {
  const Topology t = topology();
  CHECK(route_text(t, "w0", "w0") == "free");
  CHECK(route_text(t, "w0", "w1") == "bus");
  CHECK(route_text(t, "w0", "w2") == "a-b");
  CHECK(route_text(t, "w2", "w0") == "a-b");
  CHECK(route_text(t, "w1", "w2") == "own-nic");  // wider than a-b
  CHECK(route_text(t, "w2", "w4") == "nvlink");
  CHECK(route_text(t, "w0", "w3") == "none");
  CHECK(route_text(t, "", "w2") == "b-c");
  CHECK(route_text(t, "", "w0") == "b-c a-b");
  CHECK(route_text(t, "w1", "") == "a-b b-c");  // as wide as by its own link, and the smaller id
  CHECK(route_text(t, "w0", "nobody") == "none");
  const Route far = route(t, "", "w0");
  CHECK(far.latency_ns == 110);
  CHECK(far.bandwidth_bytes_per_s == 5e8);
  const Route bus = route(t, "w0", "w1");
  CHECK(bus.bandwidth_bytes_per_s == 1e10);
}

TEST_CASE("of equal links the smaller id is taken, of unequal ones the wider") {
  Topology t = topology();
  t.links.push_back({.id = "a-0", .ends = {"b", "a"}, .bandwidth_bytes_per_s = 1e9});
  CHECK(route_text(t, "w0", "w2") == "a-0");
  t.links.push_back({.id = "z", .ends = {"b", "a"}, .bandwidth_bytes_per_s = 2e9});
  CHECK(route_text(t, "w0", "w2") == "z");
  // The narrow part decides for a whole way: beyond b-c it does not matter how wide the first link is, so ids do.
  CHECK(route_text(t, "w0", "") == "a-0 b-c");
}

TEST_CASE("a client without a host or a link reaches every device at no cost") {
  Topology t = topology();
  t.client_host.clear();
  CHECK(route_text(t, "", "w3") == "free");
  t.client_host = "elsewhere";
  CHECK(route_text(t, "w3", "") == "free");
}
