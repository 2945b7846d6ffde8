// The graph by dense numbers, and the table of names under it.
#include <doctest/doctest.h>

#include <chrono>
#include <random>
#include <string>
#include <unordered_map>

#include "genie/plan/index.hpp"

using namespace genie::plan;

namespace {

std::vector<std::uint32_t> listed(GraphIndex::Numbers numbers) {
  return {numbers.begin(), numbers.end()};
}

Node node(std::string id, std::vector<std::string> reads, std::vector<std::string> makes) {
  Node result;
  result.id = std::move(id);
  result.op = "aten.relu.default";
  for (std::string& value : reads)
    result.args.push_back({arg::Value{std::move(value)}});
  result.results = std::move(makes);
  return result;
}

/// v0 ← v1 ← …: each shares the storage of the one before.
Graph chain_of_views(int count) {
  Graph graph;
  for (int i = 0; i < count; ++i) {
    Value& value = graph.values["v" + std::to_string(i)];
    if (i > 0) value.alias_of = "v" + std::to_string(i - 1);
  }
  return graph;
}

}  // namespace

TEST_CASE("a table of names finds what was added and nothing else") {
  std::mt19937 random(3);
  std::vector<std::string> names;
  for (int i = 0; i < 50000; ++i) {
    std::string name = i % 3 == 0 ? "v" + std::to_string(i) : std::string(random() % 40, 'x');
    if (i % 5 == 0) name += '\0';  // as long as others, or a zero longer
    names.push_back(name + (i % 2 == 0 ? std::to_string(random() % 1000) : ""));
  }
  NameTable table;
  std::unordered_map<std::string, std::uint32_t> expected;
  CHECK(table.find("v0") == kNone);
  for (std::uint32_t i = 0; i < names.size(); ++i) {
    const auto [at, fresh] = expected.try_emplace(names[i], i);
    const auto [number, added] = table.add(names[i], i);
    REQUIRE(number == at->second);
    REQUIRE(added == fresh);
  }
  for (const auto& [name, number] : expected)
    REQUIRE(table.find(name) == number);
  CHECK(table.find("nobody") == kNone);
  CHECK(table.find(std::string(17, 'y')) == kNone);
}

TEST_CASE("an index knows who makes and who reads a value, and who must run before whom") {
  Graph graph;
  for (const char* id : {"x", "a", "b", "c"})
    graph.values[id];
  graph.inputs.push_back({"in", {arg::Value{"x"}}, {}});
  graph.nodes = {node("first", {"x", "x"}, {"a", ""}), node("second", {"a"}, {"b"}),
                 node("third", {"b", "a", "nobody"}, {"c"})};
  graph.nodes[2].args.push_back({arg::List{{{arg::Value{"x"}}}}});
  graph.nodes[2].after = {"first"};
  graph.outputs.push_back({"out", {arg::Value{"c"}}, {}});
  const GraphIndex index(graph);
  const std::uint32_t a = index.value("a");
  const std::uint32_t b = index.value("b");
  const std::uint32_t x = index.value("x");
  CHECK(index.value("nobody") == kNone);
  CHECK(index.node("third") == 2);
  CHECK(listed(index.makes(0)) == std::vector{a, kNone});
  CHECK(listed(index.reads(0)) == std::vector{x});
  CHECK(listed(index.arguments(2)) == std::vector{b, a, kNone, x});
  CHECK(listed(index.predecessors(2)) == std::vector<std::uint32_t>{0, 1});
  CHECK(listed(index.successors(0)) == std::vector<std::uint32_t>{1, 2});
  CHECK(listed(index.values()[a].consumers) == std::vector<std::uint32_t>{1, 2});
  CHECK(listed(index.values()[x].consumers) == std::vector<std::uint32_t>{0, 2});
  CHECK(index.values()[a].producer == 0);
  CHECK(index.values()[x].input == 0);
  CHECK(index.values()[index.value("c")].is_output);
}

TEST_CASE("alias chains lead to their root in one pass, and circles have none") {
  constexpr int kViews = 200000;
  Graph graph = chain_of_views(kViews);
  const auto start = std::chrono::steady_clock::now();
  {
    const GraphIndex index(graph);
    const std::uint32_t root = index.value("v0");
    for (const GraphIndex::ValueInfo& info : index.values()) {
      REQUIRE(info.storage == root);
      REQUIRE_FALSE(info.in_circle);
    }
  }
  graph.values["v0"].alias_of = "v7";
  const GraphIndex index(graph);
  for (const GraphIndex::ValueInfo& info : index.values())
    REQUIRE(info.in_circle);
  // A walk from each value would take minutes.
  CHECK(std::chrono::steady_clock::now() - start < std::chrono::seconds(20));

  Graph itself = chain_of_views(3);
  itself.values["v1"].alias_of = "v1";
  const GraphIndex circle(itself);
  CHECK_FALSE(circle.values()[circle.value("v0")].in_circle);
  CHECK(circle.values()[circle.value("v1")].in_circle);
  CHECK(circle.values()[circle.value("v2")].in_circle);
}
