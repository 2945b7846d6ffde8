// P6: golden documents of every released version stay readable, and are written back byte for byte.
#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <string>

#include "genie/plan/codec.hpp"
#include "genie/plan/topology.hpp"
#include "genie/plan/validate.hpp"

using namespace genie::plan;

namespace {

/// The golden file's canonical bytes; the file ends in a newline for editors.
std::string read(const std::filesystem::path& path) {
  std::ifstream file(path);
  std::string text{std::istreambuf_iterator<char>(file), {}};
  if (!text.empty() && text.back() == '\n') text.pop_back();
  return text;
}

std::vector<std::filesystem::path> goldens(std::string_view ending) {
  std::vector<std::filesystem::path> paths;
  for (const auto& entry : std::filesystem::directory_iterator(GENIE_GOLDEN))
    if (entry.path().string().ends_with(ending)) paths.push_back(entry.path());
  return paths;
}

/// File name → id, one per line.
std::map<std::string, std::string> ids() {
  std::map<std::string, std::string> all;
  std::ifstream file(std::filesystem::path(GENIE_GOLDEN) / "ids.txt");
  std::string id;
  std::string name;
  while (file >> id >> name)
    all[name] = id;
  return all;
}

}  // namespace

TEST_CASE("P6 golden plans are read, sound, and written back byte for byte under the same id") {
  const auto paths = goldens(".plan.json");
  REQUIRE(paths.size() >= 3);
  const auto expected = ids();
  for (const auto& path : paths) {
    INFO(path.filename().string());
    const std::string bytes = read(path);
    const auto plan = decode(bytes, {}, path.filename().string());
    REQUIRE_MESSAGE(plan.ok(), to_text(plan.ok() ? Diagnostic{} : plan.errors()[0]));
    CHECK((encode(*plan, {.locations = true}) == bytes));
    CHECK((*json::canonicalize(bytes) == bytes));
    REQUIRE(expected.contains(path.filename().string()));
    CHECK(plan_id(*plan) == expected.at(path.filename().string()));
    const Validation validation = validate(*plan, {.up_to = Level::v2});
    CHECK_MESSAGE(validation.ok(), to_json(validation.diagnostics));
  }
}

TEST_CASE("P6 golden topologies are read and written back byte for byte") {
  const auto expected = ids();
  for (const auto& path : goldens(".topology.json")) {
    INFO(path.filename().string());
    const std::string bytes = read(path);
    const auto topology = decode_topology(bytes);
    REQUIRE_MESSAGE(topology.ok(), to_text(topology.ok() ? Diagnostic{} : topology.errors()[0]));
    CHECK((encode_topology(*topology) == bytes));
    CHECK(topology_id(*topology) == expected.at(path.filename().string()));
  }
}

TEST_CASE("P6 the golden plan that uses every key reads as expected") {
  const auto plan = decode(read(std::filesystem::path(GENIE_GOLDEN) / "everything.plan.json"));
  REQUIRE(plan.ok());
  CHECK(plan->producer.source->framework == "example");
  CHECK(plan->required == std::vector<std::string>{"state", "graphs"});
  CHECK(plan->symbols.at("s0").max == 64);
  CHECK(plan->symbols.at("u0").from->node == "p2");
  CHECK(plan->guards[0].a.to_text() == "s1%8");
  CHECK(plan->weights.at("emb.t").strides == std::vector<std::int64_t>{1, 64});
  CHECK(plan->states.at("seed").init.weight == "emb/tied ~ name");
  CHECK(plan->states.at("seed").scope == "program");
  const Method& method = plan->methods.at("prefill");
  CHECK(method.values.at("v3").dtype == DType::f8e4m3fn);
  CHECK(to_text(method.values.at("v3").shape) == "[min(s0, s1), max(4, s0)]");
  CHECK(method.values.at("i0").scalar == ScalarKind::integer);
  CHECK(method.values.at("i0").dtype == DType::i64);
  CHECK(method.nodes[0].semantics.role->is == "attention.query");
  CHECK(std::get<std::int64_t>(method.nodes[1].args[2].is) == std::numeric_limits<std::int64_t>::max());
  CHECK(std::get<arg::List>(method.nodes[1].args[18].is).items.size() == 3);
  CHECK(method.nodes[1].effects == "rng");
  CHECK(method.nodes[3].mutates == std::vector<std::string>{"state:cache"});
  CHECK(method.writes[0].in_place);
  CHECK(method.graphs.at("body").nodes[0].id == "g0");
  CHECK(plan->constraints[1].bytes == 1048576);
  CHECK(plan->constraints[1].strength == "soft");
  const Schedule& schedule = *plan->schedule;
  CHECK(schedule.assumes.at("s1") == 64);
  CHECK(schedule.methods.at("prefill").stages[1].recomputes == std::vector<std::string>{"p0"});
  CHECK(schedule.methods.at("prefill").transfers[0].klass == "control");
  CHECK(schedule.methods.at("prefill").transfers[0].slack_ns == 0);
  CHECK(schedule.decisions[0].alternatives[0].makespan_ns == 9000);
  CHECK(schedule.residence.states.at("cache") == "w0");
}
