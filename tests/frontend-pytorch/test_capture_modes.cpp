// Higher-order operators that say how others run: autocast regions, effects in order, sequences of random numbers.
#include <doctest/doctest.h>

#include <string>

#include "capture_helpers.hpp"
#include "genie/plan/optional_members.hpp"

using namespace genie::pytorch::testing;
namespace plan = genie::plan;

namespace {

constexpr int kBf16 = 13;

/// A graph of one input "y" and one node "r" of y alone.
std::string graph_of(const std::string& op, int result, const std::string& more = {}) {
  return R"({"inputs":[)" + tensor("y") + R"(],"outputs":[)" + tensor("r") +
         R"(],"nodes":[{"target":"torch.ops.aten.)" + op +
         R"(","name":"r","inputs":[{"name":"self","kind":1,"arg":)" + tensor("y") + "}" + more +
         R"(],"outputs":[)" + tensor("r") + R"(],"metadata":{}}],"tensor_values":{"y":)" +
         meta(kF32, {"2", "2"}) + R"(,"r":)" + meta(result, {"2", "2"}) +
         R"(},"sym_int_values":{},"sym_bool_values":{},"is_single_tensor_return":false})";
}

std::string other() {
  return R"(,{"name":"mat2","kind":1,"arg":)" + tensor("y") + "}";
}

ProgramBuilder autocast(const std::string& inner, const std::string& device = "cpu",
                        const std::string& enabled = "true") {
  ProgramBuilder program;
  program.input("x", meta(kF32, {"2", "2"}))
      .node({"wrap",
             "torch.ops.higher_order.wrap_with_autocast",
             {{"", R"({"as_string":")" + device + R"("})"},
              {"", R"({"as_scalar_type":13})"},
              {"", R"({"as_bool":)" + enabled + "}"},
              {"", R"({"as_bool":true})"},
              {"", R"({"as_graph":{"name":"submod","graph":)" + inner + "}}"},
              {"", tensor("x")}},
             {tensor("getitem")}},
            {{"getitem", meta(kBf16, {"2", "2"})}})
      .output(tensor("getitem"));
  return program;
}

}  // namespace

TEST_CASE(
    "autocast becomes conversions: a product is computed in the region's type, once for equal arguments") {
  const Plan plan = plan_of(autocast(graph_of("mm.default", kBf16, other())).archive());
  const auto& nodes = plan.methods.at("forward").nodes;
  REQUIRE(nodes.size() == 2);
  CHECK(nodes[0].op == "aten._to_copy.default");
  CHECK(nodes[0].args[0] == Arg{arg::Value{"x"}});
  CHECK(nodes[0].kwargs.at("dtype") == Arg{plan::DType::bf16});
  CHECK(nodes[1].op == "aten.mm.default");
  CHECK(nodes[1].args[0] == Arg{arg::Value{nodes[0].results[0]}});
  CHECK(nodes[1].args[1] == nodes[1].args[0]);
  CHECK(plan.methods.at("forward").values.at(nodes[0].results[0]).dtype == plan::DType::bf16);
}

TEST_CASE(
    "autocast leaves alone what has no policy, what is f32 already, other devices, and regions switched "
    "off") {
  const auto operators = [](const ProgramBuilder& program) {
    std::string text;
    const Plan plan = plan_of(program.archive());
    for (const auto& node : plan.methods.at("forward").nodes)
      text += node.op + " ";
    return text;
  };
  CHECK(operators(autocast(graph_of("sin.default", kF32))) == "aten.sin.default ");
  CHECK(operators(autocast(graph_of("trace.default", kF32))) == "aten.trace.default ");
  CHECK(operators(autocast(graph_of("mm.default", kF32, other()), "cuda")) == "aten.mm.default ");
  CHECK(operators(autocast(graph_of("mm.default", kF32, other()), "cpu", "false")) == "aten.mm.default ");
}

TEST_CASE("GE0241: an operator that converts in its inside is refused under autocast, by name") {
  const auto captured = capture_bytes(autocast(graph_of("linalg_pinv.default", kF32)).archive());
  REQUIRE_FALSE(captured.ok());
  CHECK(captured.errors().front().code == "GE0241");
  CHECK(captured.errors().front().message ==
        "operator 'aten.linalg_pinv.default' runs under torch.autocast and converts element types in its "
        "inside");
}

TEST_CASE("GE0241: loops, scans and maps are refused by name") {
  for (const std::string op : {"while_loop", "scan", "map_impl", "associative_scan"}) {
    ProgramBuilder program;
    program.input("x", meta(kF32, {"2"}))
        .node({"loop",
               "torch.ops.higher_order." + op,
               {{"", R"({"as_graph":{"name":"body","graph":)" + graph_of("sin.default", kF32) + "}}"},
                {"", R"({"as_tensors":[{"name":"x"}]})"}},
               {tensor("getitem")}},
              {{"getitem", meta(kF32, {"2"})}})
        .output(tensor("getitem"));
    const auto captured = capture_bytes(program.archive());
    REQUIRE_FALSE(captured.ok());
    CHECK(captured.errors().front().code == "GE0241");
    CHECK(captured.errors().front().message.find("'" + op + "'") != std::string::npos);
    CHECK_FALSE(captured.errors().front().help.empty());
  }
}

TEST_CASE("GE0241: what torch.vmap leaves in a plain export is refused once, by the name that users know") {
  ProgramBuilder program;
  const auto functorch = [](const std::string& name) { return "torch._functorch.predispatch." + name; };
  program.input("x", meta(kF32, {"2", "3"}))
      .node({"up", functorch("_vmap_increment_nesting"), {{"a", number(2)}}, {R"({"as_none":true})"}})
      .node({"add", functorch("_add_batch_dim"), {{"self", tensor("x")}}, {tensor("add")}},
            {{"add", meta(kF32, {"3"})}})
      .node(relu("r", "add"), {{"r", meta(kF32, {"3"})}})
      .output(tensor("r"));
  const auto captured = capture_bytes(program.archive());
  REQUIRE_FALSE(captured.ok());
  REQUIRE(captured.errors().size() == 1);
  CHECK(captured.errors().front().code == "GE0241");
  CHECK(captured.errors().front().message == "torch.vmap cannot be captured as it stands in a plain export");
  CHECK(captured.errors().front().help.find("genie.export") != std::string::npos);
}

TEST_CASE("with_effects becomes the operator that it names; its tokens go") {
  ProgramBuilder program;
  program.constant("token", tensor("token"), R"({"token":{"arg":{"name":"token"}}})")
      .input("info", meta(4, {}))
      .node({"with_effects",
             "torch.ops.higher_order.with_effects",
             {{"", tensor("token")},
              {"", R"({"as_operator":"torch.ops.aten._linalg_check_errors.default"})"},
              {"", tensor("info")},
              {"", R"({"as_string":"linalg.inv"})"},
              {"is_matrix=", R"({"as_bool":true})"}},
             {tensor("getitem"), R"({"as_none":true})"}})
      .output(tensor("getitem"), R"({"token":{"arg":{"name":"getitem"}}})")
      .output(tensor("info"));
  const Plan plan = plan_of(program.archive());
  const auto& method = plan.methods.at("forward");
  REQUIRE(method.nodes.size() == 1);
  CHECK(method.nodes[0].op == "aten._linalg_check_errors.default");
  CHECK(method.nodes[0].args[0] == Arg{arg::Value{"info"}});
  CHECK(method.nodes[0].effects == "io");
  CHECK(method.nodes[0].results.empty());
  CHECK(method.inputs.size() == 1);
  CHECK(method.outputs.size() == 1);
}

TEST_CASE("nodes that draw random numbers have sequences of their own, numbered in the program's order") {
  ProgramBuilder program;
  program.input("x", meta(kF32, {"2"}));
  std::string last = "x";
  for (const std::string name : {"first", "second"}) {
    program.node({name, "torch.ops.aten.rand_like.default", {{"self", tensor(last)}}, {tensor(name)}},
                 {{name, meta(kF32, {"2"})}});
    last = name;
  }
  program.output(tensor(last));
  const Plan plan = plan_of(program.archive());
  CHECK(plan::rng_stream(node_of(plan, "first")) == 0);
  CHECK(plan::rng_stream(node_of(plan, "second")) == 1);
}
