// Whole programs: schema versions, several models in one archive, repeatability.
#include <doctest/doctest.h>

#include <random>
#include <string>

#include "capture_helpers.hpp"

using namespace genie::pytorch::testing;
using genie::pytorch::Options;

TEST_CASE("all refusals of a program are reported together, each once") {
  ProgramBuilder program;
  program.input("x", meta(kF32, {"2"}))
      .node({"a", "torch.ops.vendor.a_.default", {{"self", tensor("x")}}, {tensor("a")}},
            {{"a", meta(kF32, {"2"})}})
      .node(relu("b", "a"), {{"b", meta(kF32, {"2"})}})
      .node({"c", "torch.ops.higher_order.while_loop", {}, {tensor("c")}}, {{"c", meta(kF32, {"2"})}})
      .node({"d", "torch.ops.aten.relu.default", {{"wrong", tensor("c")}}, {tensor("d")}},
            {{"d", meta(kF32, {"2"})}})
      .output(tensor("d"));
  const auto captured = capture_bytes(program.archive());
  REQUIRE_FALSE(captured.ok());
  REQUIRE(captured.errors().size() == 3);
  CHECK(captured.errors()[0].code == "GE0240");
  CHECK(captured.errors()[1].code == "GE0241");
  CHECK(captured.errors()[2].code == "GE0244");
}

TEST_CASE(
    "schema: another major is refused (GE0231), a newer minor is a warning (GE0232), unknown fields are left "
    "out") {
  CHECK(code_of(simple().schema(9, 0).archive()) == "GE0231");
  CHECK(code_of(simple().schema(7, 5).archive()) == "GE0231");
  const auto newer = capture_bytes(simple().schema(8, 99).archive());
  REQUIRE(newer.ok());
  REQUIRE(newer->warnings.size() == 1);
  CHECK(newer->warnings[0].code == "GE0232");
}

TEST_CASE("GE0233: an unknown kind of argument is refused, never left out") {
  ProgramBuilder program;
  program.input("x", meta(kF32, {"2"}))
      .node(
          {"n", "torch.ops.aten.relu.default", {{"self", R"({"as_hologram":{"name":"x"}})"}}, {tensor("n")}},
          {{"n", meta(kF32, {"2"})}})
      .output(tensor("n"));
  const auto captured = capture_bytes(program.archive());
  REQUIRE_FALSE(captured.ok());
  CHECK(captured.errors().front().code == "GE0233");
  CHECK(captured.errors().front().message.find("as_hologram") != std::string::npos);
  CHECK(captured.errors().front().pointer == "/graph_module/graph/nodes/0/inputs/0/arg");
}

TEST_CASE("models of one archive are methods that share what is the same") {
  const auto model = [](const char* storage) {
    return ProgramBuilder()
        .weight("p_w", {"w", storage, meta(kF32, {"4"})})
        .weight("b_k", {"k", std::string(storage) + "k", meta(kF32, {"4"}), 0, "buffer"})
        .input("x", meta(kF32, {"Symbol('s7', integer=True)"}))
        .node(add_in_place("add_", "b_k"), {{"add_", meta(kF32, {"4"})}})
        .node(relu("relu", "x"), {{"relu", meta(kF32, {"Symbol('s7', integer=True)"})}})
        .range("s7", "2", "8")
        .output(tensor("relu"));
  };
  const auto archive = [&](const std::string& second_weight, const std::string& second_state) {
    ZipBuilder zip;
    zip.add("m/archive_format", "pt2").add("m/archive_version", "0");
    model("w0").add_to(zip, "prefill");
    model("w1").add_to(zip, "decode");
    zip.add("m/data/weights/w0", kFloats16).add("m/data/weights/w1", second_weight);
    zip.add("m/data/weights/w0k", kZeros16).add("m/data/weights/w1k", second_state);
    return zip.build();
  };
  SUBCASE("equal content, one name") {
    const Plan plan = plan_of(archive(kFloats16, kZeros16));
    CHECK(plan.methods.size() == 2);
    CHECK(plan.weights.size() == 1);
    CHECK(plan.states.size() == 1);
    CHECK(plan.blobs.size() == 1);
    CHECK(node_of(plan, "decode.add_", "decode").mutates == std::vector<std::string>{"state:k"});
    // Symbols are local to a program.
    CHECK(plan.symbols.count("decode.s7") == 1);
    CHECK(plan.symbols.count("prefill.s7") == 1);
    CHECK(plan.symbols.at("prefill.s7").max == 8);
  }
  SUBCASE("different content, names of their own") {
    const Plan plan = plan_of(archive(std::string(16, '\2'), kFloats16));
    CHECK(plan.weights.count("decode/w") == 1);
    CHECK(plan.weights.count("prefill/w") == 1);
    CHECK(plan.states.count("decode/k") == 1);
    CHECK(plan.states.count("prefill/k") == 1);
  }
  SUBCASE("share_states: false keeps equal states apart") {
    Options options;
    options.share_states = false;
    const Plan plan = plan_of(archive(kFloats16, kZeros16), options);
    CHECK(plan.weights.size() == 1);
    CHECK(plan.states.count("decode/k") == 1);
    CHECK(plan.states.count("prefill/k") == 1);
  }
  SUBCASE("method: one of them alone; GE0252 for a name that is not there") {
    Options options;
    options.method = "decode";
    CHECK(plan_of(archive(kFloats16, kZeros16), options).methods.size() == 1);
    options.method = "decoed";
    const auto captured = capture_bytes(archive(kFloats16, kZeros16), options);
    REQUIRE_FALSE(captured.ok());
    CHECK(captured.errors().front().code == "GE0252");
    CHECK(captured.errors().front().help == "did you mean 'decode'? it has: decode, prefill");
  }
}

TEST_CASE("the same file gives the same plan, byte for byte") {
  const Scratch scratch;
  const std::string path = scratch.write("m.pt2", simple().archive());
  bool stopped = false;
  const auto first = genie::pytorch::capture(path, {}, {}, stopped);
  const auto second = genie::pytorch::capture(path, {}, {}, stopped);
  REQUIRE(first.ok());
  REQUIRE(second.ok());
  CHECK(genie::plan::encode(first->plan, {.locations = true}) ==
        genie::plan::encode(second->plan, {.locations = true}));
}

TEST_CASE("a capture that is asked to stop stops") {
  const Scratch scratch;
  ProgramBuilder program;
  program.weight("p_w", {"w", "weight_0", meta(kF32, {"4"})})
      .input("x", meta(kF32, {"4"}))
      .node(relu("r", "x"), {{"r", meta(kF32, {"4"})}})
      .output(tensor("r"));
  bool stopped = false;
  const auto captured = genie::pytorch::capture(
      scratch.write("m.pt2", program.archive({{"weight_0", kFloats16}})), {},
      [](std::uint64_t, std::uint64_t, std::string_view) { return false; }, stopped);
  CHECK(stopped);
  CHECK_FALSE(captured.ok());
}

TEST_CASE("a changed archive gives a plan or an explained error, never a crash") {
  ProgramBuilder program;
  program.weight("b_k", {"k", "weight_0", meta(kF32, {"4"}), 0, "buffer"})
      .input("x", meta(kF32, {"Symbol('s7', positive=True, integer=True)"}))
      .node(add_in_place("add_", "b_k"), {{"add_", meta(kF32, {"4"})}})
      .node(relu("r", "x"), {{"r", meta(kF32, {"Mul(Integer(2), Symbol('s7', integer=True))"})}})
      .range("s7", "2", "512")
      .guard("L['x'].size()[0] % 2 == 0")
      .output(tensor("r"));
  const std::string good = program.archive({{"weight_0", kFloats16}});
  const std::string replacements = "\"{}[]:,0129-.eEnulltruefasex'()*_ ";
  std::minstd_rand random(7);
  int plans = 0;
  int refusals = 0;
  for (int round = 0; round < 500; ++round) {
    std::string bytes = good;
    for (auto changes = 1 + random() % 3; changes > 0; --changes)
      bytes[random() % bytes.size()] = replacements[random() % replacements.size()];
    const auto captured = capture_bytes(bytes);
    if (captured.ok()) {
      ++plans;
      continue;
    }
    ++refusals;
    for (const auto& error : captured.errors()) {
      CHECK(error.code.starts_with("GE"));
      CHECK_FALSE(error.message.empty());
    }
  }
  // Both happen: most changes hit names and padding, many hit structure.
  CHECK(plans > 25);
  CHECK(refusals > 25);
}
