// Weights, states, aliases and the orderings that data flow does not show.
#include <doctest/doctest.h>

#include <string>

#include "capture_helpers.hpp"

using namespace genie::pytorch::testing;
using genie::pytorch::Options;

TEST_CASE("tied weights and views of one storage share a blob; digests name whole storages") {
  ProgramBuilder program;
  program.weight("p_a", {"a", "weight_0", meta(kF32, {"2", "2"})})
      .weight("p_b", {"b", "weight_0", meta(kF32, {"2", "2"})})
      .weight("p_c", {"c", "weight_0", meta(kF32, {"2"}), 2})
      .input("x", meta(kF32, {"2", "2"}))
      .node(relu("relu", "x"), {{"relu", meta(kF32, {"2", "2"})}})
      .output(tensor("relu"));
  const Plan plan = plan_of(program.archive({{"weight_0", kFloats16}}));
  const std::string digest = genie::plan::digest(kFloats16);
  REQUIRE(plan.blobs.size() == 1);
  CHECK(plan.blobs.at(digest).size_bytes == 16);
  for (const char* name : {"a", "b", "c"})
    CHECK(plan.weights.at(name).blob == digest);
  CHECK(plan.weights.at("c").offset_bytes == 8);
  CHECK(plan.locations.at(digest).uri.ends_with("m.pt2"));
  CHECK(plan.locations.at(digest).offset_bytes % 64 == 0);
  CHECK(plan.locations.at(digest).extra.front().first == "identity");
}

TEST_CASE("GE0219: a weight that reaches beyond its storage; GE0223: by numbers that no tensor has") {
  const auto with = [](const std::string& metadata, std::int64_t offset) {
    return ProgramBuilder()
        .weight("p_a", {"a", "weight_0", metadata, offset})
        .input("x", meta(kF32, {"2"}))
        .node(relu("relu", "x"), {{"relu", meta(kF32, {"2"})}})
        .output(tensor("relu"))
        .archive({{"weight_0", kFloats16}});
  };
  CHECK(code_of(with(meta(kF32, {"4"}), 0)) == "ok");
  CHECK(code_of(with(meta(kF32, {"5"}), 0)) == "GE0219");
  CHECK(code_of(with(meta(kF32, {"4"}), 1)) == "GE0219");
  CHECK(code_of(with(meta(kF32, {"4"}), -1)) == "GE0223");
  CHECK(code_of(with(meta(kF32, {"2", "2"}, {4, 1}), 0)) == "GE0219");
  CHECK(code_of(with(meta(kF32, {"4611686018427387904", "4611686018427387904"}), 0)) == "GE0223");
}

TEST_CASE(
    "a buffer that an in-place operator changes is a state, also through a view; a zero one needs no bytes") {
  ProgramBuilder program;
  program.weight("b_k", {"k", "weight_0", meta(kF32, {"4"}), 0, "buffer"})
      .weight("b_n", {"n", "weight_1", meta(kF32, {"4"}), 0, "buffer"})
      .input("x", meta(kF32, {"2"}))
      .node({"view",
             "torch.ops.aten.slice.Tensor",
             {{"self", tensor("b_k")}, {"dim", number(0)}, {"start", number(0)}, {"end", number(2)}},
             {tensor("view")}},
            {{"view", meta(kF32, {"2"})}})
      .node({"copy_",
             "torch.ops.aten.copy_.default",
             {{"self", tensor("view")}, {"src", tensor("x")}},
             {tensor("copy_")}},
            {{"copy_", meta(kF32, {"2"})}})
      .node(add_in_place("add_", "b_n"), {{"add_", meta(kF32, {"4"})}})
      .node(relu("after", "b_k"), {{"after", meta(kF32, {"4"})}})
      .output(tensor("after"));
  const Plan plan = plan_of(program.archive({{"weight_0", kZeros16}, {"weight_1", kFloats16}}));
  REQUIRE(plan.states.size() == 2);
  CHECK(plan.states.at("k").init.weight.empty());
  CHECK(plan.states.at("n").init.weight == "n");
  CHECK(plan.weights.count("k") == 0);
  CHECK(plan.weights.at("n").kind == "buffer");
  CHECK(plan.required == std::vector<std::string>{"state"});
  CHECK(node_of(plan, "copy_").mutates == std::vector<std::string>{"view"});
  CHECK(node_of(plan, "copy_").effects == "state");
  CHECK(node_of(plan, "add_").mutates == std::vector<std::string>{"state:n"});
  CHECK(plan.methods.at("forward").values.at("view").alias_of == "state:k");
  CHECK(plan.methods.at("forward").values.at("copy_").alias_of == "view");
  // Data flow does not show that this read comes after the write.
  CHECK(node_of(plan, "after").after == std::vector<std::string>{"copy_"});
  CHECK(plan.methods.at("forward").writes.empty());
}

TEST_CASE("two views of one changed storage are states of one storage") {
  const auto program = [](std::int64_t offset, const char* size) {
    return ProgramBuilder()
        .weight("b_a", {"a", "weight_0", meta(kF32, {size}), offset, "buffer"})
        .weight("b_b", {"b", "weight_0", meta(kF32, {"2"}), 2, "buffer"})
        .input("x", meta(kF32, {"2"}))
        .node(add_in_place("add_", "b_b"), {{"add_", meta(kF32, {"2"})}})
        .node(relu("after", "b_a"), {{"after", meta(kF32, {size})}})
        .output(tensor("after"))
        .archive({{"weight_0", kFloats16}});
  };
  SUBCASE("one covers the other") {
    const Plan plan = plan_of(program(0, "4"));
    REQUIRE(plan.states.size() == 2);
    CHECK(plan.states.at("a").alias_of.empty());
    CHECK(plan.states.at("b").alias_of == "a");
    CHECK(plan.states.at("b").offset_bytes == 8);
    CHECK(node_of(plan, "after").after == std::vector<std::string>{"add_"});
  }
  SUBCASE("neither covers the other: the storage itself becomes a state") {
    const Plan plan = plan_of(program(1, "2"));
    REQUIRE(plan.states.size() == 3);
    CHECK(plan.states.at("a").alias_of == "a.storage");
    CHECK(plan.states.at("a").offset_bytes == 4);
    CHECK(plan.states.at("b").alias_of == "a.storage");
    CHECK(plan.states.at("a.storage").shape == std::vector<std::int64_t>{4});
    CHECK(plan.states.at("a.storage").init.weight == "a.storage");
  }
}

TEST_CASE("a listed buffer mutation is a write, in place only when the old value is dead") {
  const auto program = [](bool read_after) {
    ProgramBuilder builder;
    builder.weight("b_k", {"k", "weight_0", meta(kF32, {"4"}), 0, "buffer"})
        .input("pos", meta(kI64, {"1"}))
        .input("x", meta(kF32, {"1"}))
        .node(relu("before", "b_k"), {{"before", meta(kF32, {"4"})}})
        .node(
            {"upd",
             "torch.ops.aten.index_copy.default",
             {{"self", tensor("b_k")}, {"dim", number(0)}, {"index", tensor("pos")}, {"source", tensor("x")}},
             {tensor("upd")}},
            {{"upd", meta(kF32, {"4"})}});
    if (read_after) builder.node(relu("late", "b_k"), {{"late", meta(kF32, {"4"})}});
    return builder.mutation("upd", "k")
        .output(tensor(read_after ? "late" : "before"))
        .archive({{"weight_0", kZeros16}});
  };
  const Plan dead = plan_of(program(false));
  REQUIRE(dead.methods.at("forward").writes.size() == 1);
  CHECK(dead.methods.at("forward").writes[0].state == "k");
  CHECK(dead.methods.at("forward").writes[0].value == "upd");
  CHECK(dead.methods.at("forward").writes[0].in_place);
  CHECK(node_of(dead, "upd").after == std::vector<std::string>{"before"});
  CHECK(dead.methods.at("forward").outputs.size() == 1);
  const Plan alive = plan_of(program(true));
  CHECK_FALSE(alive.methods.at("forward").writes[0].in_place);
}

TEST_CASE("GE0242: a changed input is named, with the operator and the line, in both forms of export") {
  const auto plain = capture_bytes(ProgramBuilder()
                                       .input("x", meta(kF32, {"2"}))
                                       .node(add_in_place("add_", "x"), {{"add_", meta(kF32, {"2"})}})
                                       .output(tensor("add_"))
                                       .archive());
  REQUIRE_FALSE(plain.ok());
  CHECK(plain.errors().front().code == "GE0242");
  CHECK(plain.errors().front().message == "the program changes its input 'x' (aten.add_.Tensor, net.py:5)");
  const std::string spec = R"({"user_input_mutation":{"arg":{"name":"relu"},"user_input_name":"x"}})";
  CHECK(code_of(simple().output(tensor("relu"), spec).archive()) == "GE0242");
}

TEST_CASE("dropout in evaluation returns its input: a change of its result is a change of the input") {
  ProgramBuilder program;
  program.input("x", meta(kF32, {"2"}))
      .node({"drop",
             "torch.ops.aten.dropout.default",
             {{"input", tensor("x")}, {"p", R"({"as_float":0.1})"}, {"train", R"({"as_bool":false})"}},
             {tensor("drop")}},
            {{"drop", meta(kF32, {"2"})}})
      .node(add_in_place("add_", "drop"), {{"add_", meta(kF32, {"2"})}})
      .output(tensor("add_"));
  CHECK(code_of(program.archive()) == "GE0242");
}

TEST_CASE("batch normalisation in training changes its statistics although its schema does not say so") {
  const std::string flag[] = {R"({"as_bool":false})", R"({"as_bool":true})"};
  for (const bool training : {false, true}) {
    ProgramBuilder program;
    program.weight("b_m", {"m", "weight_0", meta(kF32, {"4"}), 0, "buffer"})
        .weight("b_v", {"v", "weight_1", meta(kF32, {"4"}), 0, "buffer"})
        .input("x", meta(kF32, {"2", "4"}))
        .node({"bn",
               "torch.ops.aten.batch_norm.default",
               {{"input", tensor("x")},
                {"weight", R"({"as_none":true})"},
                {"bias", R"({"as_none":true})"},
                {"running_mean", tensor("b_m")},
                {"running_var", tensor("b_v")},
                {"training", flag[training ? 1 : 0]},
                {"momentum", R"({"as_float":0.1})"},
                {"eps", R"({"as_float":1e-5})"},
                {"cudnn_enabled", flag[0]}},
               {tensor("bn")}},
              {{"bn", meta(kF32, {"2", "4"})}})
        .output(tensor("bn"));
    const Plan plan = plan_of(program.archive({{"weight_0", kZeros16}, {"weight_1", kFloats16}}));
    CHECK(plan.states.size() == (training ? 2 : 0));
    CHECK(node_of(plan, "bn").mutates.size() == (training ? 2 : 0));
  }
}

TEST_CASE("constants that nothing changes are used as they are; changed ones are copied") {
  for (const bool changed : {false, true}) {
    ProgramBuilder program;
    program.weight("c_t", {"t", "weight_0", meta(kF32, {"4"}), 0, "tensor_constant"})
        .input("x", meta(kF32, {"4"}))
        .node(
            {"fresh", "torch.ops.aten.lift_fresh_copy.default", {{"self", tensor("c_t")}}, {tensor("fresh")}},
            {{"fresh", meta(kF32, {"4"})}})
        .node({"detach_", "torch.ops.aten.detach_.default", {{"self", tensor("fresh")}}, {tensor("detach_")}},
              {{"detach_", meta(kF32, {"4"})}});
    if (changed) program.node(add_in_place("add_", "detach_"), {{"add_", meta(kF32, {"4"})}});
    program
        .node({"sum",
               "torch.ops.aten.mul.Tensor",
               {{"self", tensor("x")}, {"other", tensor("detach_")}},
               {tensor("sum")}},
              {{"sum", meta(kF32, {"4"})}})
        .output(tensor("sum"));
    const Plan plan = plan_of(program.archive({{"weight_0", kFloats16}}));
    CHECK(plan.states.empty());
    CHECK(plan.weights.at("t").kind == "constant");
    if (changed) {
      CHECK(node_of(plan, "sum").args[1] == Arg{arg::Value{"fresh"}});
      CHECK(node_of(plan, "sum").after == std::vector<std::string>{"add_"});
    } else {
      CHECK(plan.methods.at("forward").nodes.size() == 1);
      CHECK(node_of(plan, "sum").args[1] == Arg{arg::Weight{"t"}});
    }
  }
}

TEST_CASE("GE0216: a pickled weight") {
  ZipBuilder zip;
  zip.add("m/archive_format", "pt2").add("m/archive_version", "0");
  zip.add("m/models/model.json", simple().json());
  zip.add(
      "m/data/constants/model_constants_config.json",
      R"({"config":{"o":{"path_name":"custom_obj_0","is_param":false,"use_pickle":true,"tensor_meta":null}}})");
  CHECK(code_of(zip.build()) == "GE0216");
}
