// Operators, arguments and results: from nodes made by hand to nodes of a plan.
#include <doctest/doctest.h>

#include <cmath>
#include <string>

#include "capture_helpers.hpp"

using namespace genie::pytorch::testing;
using genie::pytorch::Options;

TEST_CASE("a node carries its operator, scope and source line; the lone program is the method forward") {
  const Plan plan = plan_of(simple().archive());
  REQUIRE(plan.methods.size() == 1);
  const auto& method = plan.methods.at("forward");
  REQUIRE(method.nodes.size() == 1);
  CHECK(method.nodes[0].op == "aten.relu.default");
  CHECK(method.nodes[0].scope == "block.0");
  REQUIRE(method.nodes[0].source.has_value());
  CHECK(method.nodes[0].source->file == "net.py");
  CHECK(method.nodes[0].source->line == 5);
  CHECK(method.inputs[0].name == "x");
  CHECK(method.outputs[0].name == "0");
  CHECK(plan.opsets.at("aten") == 1);
  CHECK(plan.producer.source->framework_version == "2.13.0");
  CHECK(plan.required.empty());
}

TEST_CASE("arguments stand in schema order with every default written out; keyword-only ones by name") {
  ProgramBuilder program;
  program.input("x", meta(kF32, {"4"}))
      .node({"add",
             "torch.ops.aten.add.Tensor",
             {{"other", number(2)}, {"self", tensor("x")}},
             {tensor("add")}},
            {{"add", meta(kF32, {"4"})}})
      .node({"pool",
             "torch.ops.aten.softmax.int",
             {{"self", tensor("add")}, {"dim", number(0)}},
             {tensor("pool")}},
            {{"pool", meta(kF32, {"4"})}})
      .output(tensor("pool"));
  const Plan plan = plan_of(program.archive());
  const auto& add = node_of(plan, "add");
  REQUIRE(add.args.size() == 2);
  CHECK(add.args[0] == Arg{arg::Value{"x"}});
  CHECK(add.args[1] == Arg{std::int64_t{2}});  // a number in a Tensor position stays a number
  CHECK(add.kwargs.at("alpha") == Arg{std::int64_t{1}});
  const auto& softmax = node_of(plan, "pool");
  REQUIRE(softmax.args.size() == 3);
  CHECK(softmax.args[2] == Arg{arg::Null{}});  // dtype
}

TEST_CASE("an integer given for a float, or one number given for a list, takes the schema's type") {
  ProgramBuilder program;
  program.input("x", meta(kF32, {"1", "1", "8", "8"}))
      .node({"pool",
             "torch.ops.aten.max_pool2d.default",
             {{"self", tensor("x")}, {"kernel_size", number(2)}},
             {tensor("pool")}},
            {{"pool", meta(kF32, {"1", "1", "4", "4"})}})
      .node({"drop",
             "torch.ops.aten.dropout.default",
             {{"input", tensor("pool")}, {"p", number(0)}, {"train", R"({"as_bool":true})"}},
             {tensor("drop")}},
            {{"drop", meta(kF32, {"1", "1", "4", "4"})}})
      .output(tensor("drop"));
  const Plan plan = plan_of(program.archive());
  CHECK(node_of(plan, "pool").args[1] == Arg{arg::List{{Arg{std::int64_t{2}}, Arg{std::int64_t{2}}}}});
  CHECK(node_of(plan, "drop").args[1] == Arg{0.0});
}

TEST_CASE("integers beyond 2^53, NaN, infinities and negative zero arrive exactly") {
  ProgramBuilder program;
  program.input("x", meta(kF32, {"4"}))
      .node({"slice_1",
             "torch.ops.aten.slice.Tensor",
             {{"self", tensor("x")},
              {"dim", number(0)},
              {"start", number(1)},
              {"end", number(9223372036854775807)}},
             {tensor("slice_1")}},
            {{"slice_1", meta(kF32, {"3"})}});
  const std::pair<const char*, const char*> floats[] = {
      {"a", "\"NaN\""}, {"b", "\"Infinity\""}, {"c", "\"-Infinity\""}, {"d", "-0.0"}, {"e", "1"}};
  for (const auto& [name, text] : floats)
    program.node({name,
                  "torch.ops.aten.mul.Tensor",
                  {{"self", tensor("slice_1")}, {"other", R"({"as_float":)" + std::string(text) + "}"}},
                  {tensor(name)}},
                 {{name, meta(kF32, {"3"})}});
  program.output(tensor("a"));
  const Plan plan = plan_of(program.archive());
  CHECK(node_of(plan, "slice_1").args[3] == Arg{std::int64_t{9223372036854775807}});
  const auto real = [&](const char* id) { return std::get<double>(node_of(plan, id).args[1].is); };
  CHECK(real("a") != real("a"));
  CHECK(real("b") > 1e308);
  CHECK(real("c") < -1e308);
  CHECK(real("d") == 0);
  CHECK(std::signbit(real("d")));
  CHECK(real("e") == 1);
}

TEST_CASE("assertions that the declared types prove are left out; others stay, and nothing drops them") {
  const auto with = [](const char* dtype) {
    return simple()
        .node({"assert_1",
               "torch.ops.aten._assert_tensor_metadata.default",
               {{"a", tensor("x")}, {"dtype=", std::string(R"({"as_scalar_type":)") + dtype + "}"}},
               {}})
        .archive();
  };
  CHECK(plan_of(with("7")).methods.at("forward").nodes.size() == 1);
  const Plan kept = plan_of(with("8"));
  CHECK(node_of(kept, "assert_1").effects == "io");
}

TEST_CASE("several results: a list is one each, unused and absent ones are empty") {
  ProgramBuilder program;
  program.input("x", meta(kF32, {"4", "2"}))
      .node({"split",
             "torch.ops.aten.split.Tensor",
             {{"self", tensor("x")}, {"split_size", number(2)}},
             {R"({"as_tensors":[{"name":"a"},{"name":"b"}]})"}},
            {{"a", meta(kF32, {"2", "2"})}, {"b", meta(kF32, {"2", "2"})}})
      .node({"max_1",
             "torch.ops.aten.max.dim",
             {{"self", tensor("a")}, {"dim", number(0)}},
             {tensor("m"), tensor("max_1_unused_1")}},
            {{"m", meta(kF32, {"2"})}, {"max_1_unused_1", meta(kI64, {"2"})}})
      .output(tensor("m"))
      .output(tensor("b"));
  const Plan plan = plan_of(program.archive());
  CHECK(node_of(plan, "split").results == std::vector<std::string>{"a", "b"});
  CHECK(plan.methods.at("forward").values.at("b").alias_of == "x");
  CHECK(node_of(plan, "max_1").results == std::vector<std::string>{"m", ""});
}

TEST_CASE("random operators say so, unless their arguments switch the randomness off") {
  const auto effects = [](const char* train) {
    ProgramBuilder program;
    program.input("x", meta(kF32, {"2"}))
        .node({"drop",
               "torch.ops.aten.dropout.default",
               {{"input", tensor("x")},
                {"p", R"({"as_float":0.5})"},
                {"train", std::string(R"({"as_bool":)") + train + "}"}},
               {tensor("drop")}},
              {{"drop", meta(kF32, {"2"})}})
        .output(tensor("drop"));
    return node_of(plan_of(program.archive()), "drop").effects;
  };
  CHECK(effects("true") == "rng");
  CHECK(effects("false") == "pure");
}

TEST_CASE(
    "operators outside the table are carried when their name declares no mutation, else refused by name "
    "(GE0240)") {
  const auto with = [](const char* target) {
    return ProgramBuilder()
        .input("x", meta(kF32, {"2"}))
        .node({"n", target, {{"self", tensor("x")}, {"mode=", R"({"as_string":"fast"})"}}, {tensor("n")}},
              {{"n", meta(kF32, {"2"})}})
        .output(tensor("n"))
        .archive();
  };
  const Plan plan = plan_of(with("torch.ops.vendor.fancy.default"));
  CHECK(node_of(plan, "n").op == "vendor.fancy.default");
  CHECK(node_of(plan, "n").kwargs.at("mode") == Arg{arg::Str{"fast"}});
  CHECK(plan.opsets.empty());  // no op set that Genie knows
  for (const char* target : {"torch.ops.vendor.fancy_.default", "torch.ops.vendor.fancy.out"}) {
    const auto captured = capture_bytes(with(target));
    REQUIRE_FALSE(captured.ok());
    CHECK(captured.errors().front().code == "GE0240");
    CHECK(captured.errors().front().node == "n");
    CHECK(captured.errors().front().scope == "block.0");
    CHECK(captured.errors().front().source == "net.py:5");
  }
}

TEST_CASE("what switching gradients off wraps stands in the graph itself") {
  const std::string inner =
      R"({"inputs":[)" + tensor("y") + R"(],"outputs":[)" + tensor("relu") +
      R"(],"nodes":[{"target":"torch.ops.aten.relu.default","name":"relu","inputs":[{"name":"self","kind":1,"arg":)" +
      tensor("y") + R"(}],"outputs":[)" + tensor("relu") + R"(],"metadata":{}}],"tensor_values":{"y":)" +
      meta(kF32, {"2"}) + R"(,"relu":)" + meta(kF32, {"2"}) +
      R"(},"sym_int_values":{},"sym_bool_values":{},"is_single_tensor_return":false})";
  ProgramBuilder program;
  program.input("x", meta(kF32, {"2"}))
      .node(relu("relu", "x"), {{"relu", meta(kF32, {"2"})}})
      .node({"wrap",
             "torch.ops.higher_order.wrap_with_set_grad_enabled",
             {{"", R"({"as_bool":false})"},
              {"", R"({"as_graph":{"name":"submod","graph":)" + inner + "}}"},
              {"", tensor("relu")}},
             {tensor("getitem")}},
            {{"getitem", meta(kF32, {"2"})}})
      .node(relu("last", "getitem"), {{"last", meta(kF32, {"2"})}})
      .output(tensor("last"))
      .output(tensor("getitem"));
  const Plan plan = plan_of(program.archive());
  const auto& method = plan.methods.at("forward");
  REQUIRE(method.nodes.size() == 3);
  CHECK(method.nodes[1].args[0] == Arg{arg::Value{"relu"}});
  CHECK(method.nodes[1].results[0] != "relu");  // its own name in the outer graph
  CHECK(method.nodes[1].scope == "block.0");
  CHECK(method.nodes[2].args[0] == Arg{arg::Value{method.nodes[1].results[0]}});
  CHECK(method.outputs[1].value == Arg{arg::Value{method.nodes[1].results[0]}});
  CHECK(method.graphs.empty());
}

TEST_CASE("torch.cond becomes sub-graphs whose operands are their inputs") {
  const auto branch = [](const char* op) {
    return R"({"inputs":[)" + tensor("y") + R"(],"outputs":[)" + tensor("r") +
           R"(],"nodes":[{"target":"torch.ops.aten.)" + std::string(op) +
           R"(.default","name":"r","inputs":[{"name":"self","kind":1,"arg":)" + tensor("y") +
           R"(}],"outputs":[)" + tensor("r") + R"(],"metadata":{}}],"tensor_values":{"y":)" +
           meta(kF32, {"2"}) + R"(,"r":)" + meta(kF32, {"2"}) +
           R"(},"sym_int_values":{},"sym_bool_values":{},"is_single_tensor_return":false})";
  };
  ProgramBuilder program;
  program.input("p", meta(12, {}))
      .input("x", meta(kF32, {"2"}))
      .node({"cond",
             "torch.ops.higher_order.cond",
             {{"", tensor("p")},
              {"", R"({"as_graph":{"name":"true_graph_0","graph":)" + branch("sin") + "}}"},
              {"", R"({"as_graph":{"name":"false_graph_0","graph":)" + branch("cos") + "}}"},
              {"", R"({"as_tensors":[{"name":"x"}]})"}},
             {tensor("getitem")}},
            {{"getitem", meta(kF32, {"2"})}})
      .output(tensor("getitem"));
  const Plan plan = plan_of(program.archive());
  CHECK(plan.required == std::vector<std::string>{"graphs"});
  const auto& cond = node_of(plan, "cond");
  CHECK(cond.op == "higher_order.cond");
  CHECK(cond.args[1] == Arg{arg::Graph{"true_graph_0"}});
  CHECK(cond.args[3] == Arg{arg::List{{Arg{arg::Value{"x"}}}}});
  const auto& branch_graph = plan.methods.at("forward").graphs.at("false_graph_0");
  CHECK(branch_graph.inputs[0].name == "y");
  CHECK(branch_graph.nodes[0].id == "false_graph_0.r");
  CHECK(branch_graph.nodes[0].op == "aten.cos.default");
}
