// Manifests (A17) and what probes say about them.
#include <doctest/doctest.h>

#include "plugin/manifest.hpp"
#include "plugin/probe.hpp"

using genie::plugin::decode_manifest;

namespace {

const std::string kGood = R"({
  "schema": "genie.plugin", "id": "org.example.policy", "version": "1.0.0", "kind": ["policy"], "library": "policy.so",
  "abi": {"major": 0, "minor": 1}, "interfaces": ["genie.policy/1"], "env": {"OMP_WAIT_POLICY": "PASSIVE"},
  "sha256": "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef", "a later key": 1})";

std::string without(const std::string& part, const std::string& with) {
  std::string text = kGood;
  const std::size_t at = text.find(part);
  REQUIRE(at != std::string::npos);
  return text.replace(at, part.size(), with);
}

}  // namespace

TEST_CASE("A17: a manifest says what a plug-in is; later keys are ignored") {
  const auto manifest = decode_manifest(kGood, "x.genie.json");
  REQUIRE(manifest.ok());
  CHECK(manifest->id == "org.example.policy");
  CHECK(manifest->has_kind("policy"));
  CHECK_FALSE(manifest->has_kind("backend"));
  CHECK(manifest->interfaces == std::vector<std::string>{"genie.policy/1"});
  CHECK(manifest->environment.at("OMP_WAIT_POLICY") == "PASSIVE");
}

TEST_CASE("GE0102: every wrong member is named") {
  const std::pair<std::string, std::string> cases[] = {
      {without("\"genie.plugin\"", "\"genie.plan\""), "/schema"},
      {without("\"org.example.policy\"", "7"), "/id"},
      {without("[\"policy\"]", "\"policy\""), "/kind"},
      {without("\"policy.so\"", "\"../policy.so\""), "/library"},
      {without("\"minor\": 1", "\"minor\": -1"), "/abi/minor"},
      {without("[\"genie.policy/1\"]", "[]"), "/interfaces"},
      {without("0123456789abcdef0123", "0123456789ABCDEF0123"), "/sha256"},
      {without("{\"OMP_WAIT_POLICY\": \"PASSIVE\"}", "{\"OMP=WAIT\": \"PASSIVE\"}"), "/env"},
  };
  for (const auto& broken : cases) {
    const std::string& pointer = broken.second;
    CAPTURE(pointer);
    const auto manifest = decode_manifest(broken.first, "x.genie.json");
    REQUIRE_FALSE(manifest.ok());
    CHECK(manifest.errors().front().code == "GE0102");
    CHECK(manifest.errors().front().pointer == pointer);
    CHECK(manifest.errors().front().file == "x.genie.json");
  }
  CHECK(decode_manifest("[]", "x").errors().front().code == "GE0102");
  CHECK_FALSE(decode_manifest("{", "x").ok());
}

TEST_CASE("A18: what a probe found survives being remembered") {
  genie::plugin::Probe probe;
  probe.outcome = genie::plugin::Probe::Outcome::ok;
  probe.description = {"org.example.policy", "1.0.0", "C \"quoted\"", 1, 1};
  probe.interfaces = {"genie.policy/1"};
  probe.dependencies = {{"/lib/libx.so", "1:2:3:4:5"}};
  const auto back = genie::plugin::decode_probe(genie::plugin::encode_probe(probe));
  REQUIRE(back.ok());
  CHECK(back->outcome == probe.outcome);
  CHECK(back->description.build == probe.description.build);
  CHECK(back->interfaces == probe.interfaces);
  CHECK(back->dependencies == probe.dependencies);
  CHECK_FALSE(genie::plugin::decode_probe("{}").ok());
  CHECK_FALSE(genie::plugin::decode_probe("").ok());
}
