// Dynamic sizes: symbols, bounds, guards, and numbers that data decides.
#include <doctest/doctest.h>

#include <string>

#include "capture_helpers.hpp"
#include "genie/plan/validate.hpp"

using namespace genie::pytorch::testing;
using genie::pytorch::Options;

TEST_CASE("dynamic sizes become symbols with bounds, origin and dims; shape arithmetic disappears") {
  ProgramBuilder program;
  program.input("x", meta(kF32, {"Symbol('s7', positive=True, integer=True)", "8"}))
      .input("y", meta(kF32, {"Mul(Integer(2), Symbol('s9', integer=True))"}))
      .node({"sz",
             "torch.ops.aten.sym_size.int",
             {{"self", tensor("x")}, {"dim", number(0)}},
             {R"({"as_sym_int":{"as_name":"sz"}})"}})
      .node({"mul",
             "_operator.mul",
             {{"a", R"({"as_sym_int":{"as_name":"sz"}})"}, {"b", number(8)}},
             {R"({"as_sym_int":{"as_name":"mul"}})"}})
      .node({"view",
             "torch.ops.aten.view.default",
             {{"self", tensor("x")}, {"size", R"({"as_sym_ints":[{"as_name":"mul"},{"as_int":1}]})"}},
             {tensor("view")}},
            {{"view", meta(kF32, {"Mul(Integer(8), Symbol('s7', integer=True))", "1"})}})
      .sym_int("sz", "Symbol('s7', positive=True, integer=True)")
      .sym_int("mul", "Mul(Integer(8), Symbol('s7', positive=True, integer=True))")
      .range("s7", "2", "512")
      .range("2*s9", "3", "9")
      .guard("L['x'].size()[0] == L['y'].size()[0]")
      .guard("L['x'].size()[1] == 8")
      .output(tensor("view"))
      .output(R"({"as_sym_int":{"as_name":"mul"}})");
  const Plan plan = plan_of(program.archive());
  const auto& s7 = plan.symbols.at("s7");
  CHECK(s7.min == 2);
  CHECK(s7.max == 512);
  REQUIRE(s7.from.has_value());
  CHECK(s7.from->input == "x");
  CHECK(s7.from->dim == 0);
  const auto& s9 = plan.symbols.at("s9");
  CHECK(s9.min == 2);  // 3 ≤ 2·s9 ≤ 9
  CHECK(s9.max == 4);
  CHECK_FALSE(s9.from.has_value());
  REQUIRE(plan.methods.at("forward").nodes.size() == 1);
  const Expr wanted = Expr(8) * Expr::symbol("s7");
  CHECK(node_of(plan, "view").args[1] == Arg{arg::List{{Arg{arg::Dim{wanted}}, Arg{std::int64_t{1}}}}});
  CHECK(plan.methods.at("forward").outputs[1].value == Arg{arg::Dim{wanted}});
  // The guard that holds by the declared sizes is gone; the other reads as a person would write it.
  REQUIRE(plan.guards.size() == 1);
  CHECK(plan.guards[0].relation == "eq");
  CHECK(plan.guards[0].text == "x.size(0) == y.size(0)");
}

TEST_CASE(
    "bounds of a derived dimension are bounds of its symbol, and replace the 2 that torch traces with") {
  const auto symbol = [](const std::string& size, const std::string& key, const std::string& min,
                         const std::string& max, const std::string& own_min) {
    ProgramBuilder program;
    program.input("x", meta(kF32, {size}))
        .node(relu("r", "x"), {{"r", meta(kF32, {size})}})
        .output(tensor("r"))
        .range("s9", own_min, "8")
        .range(key, min, max);
    const Plan plan = plan_of(program.archive());
    CHECK(plan.guards.empty());
    return plan.symbols.at("s9");
  };
  const auto next = symbol("Add(Integer(1), Symbol('s9', integer=True))", "s9 + 1", "4", "7", "2");
  CHECK(next.min == 3);
  CHECK(next.max == 6);
  const auto affine =
      symbol("Add(Integer(1), Mul(Integer(3), Symbol('s9', integer=True)))", "3*s9 + 1", "4", "24", "2");
  CHECK(affine.min == 1);
  CHECK(affine.max == 7);
  CHECK(symbol("Mul(Integer(2), Symbol('s9', integer=True))", "2*s9", "2", "16", "2").min == 1);
  // What the user declared of the symbol itself stays.
  CHECK(symbol("Mul(Integer(2), Symbol('s9', integer=True))", "2*s9", "2", "16", "3").min == 3);
}

TEST_CASE("numbers that data decides stay nodes with number results, and bind their symbol") {
  ProgramBuilder program;
  program.input("x", meta(kF32, {"6"}))
      .input("n", meta(kI64, {}))
      .node({"item",
             "torch.ops.aten.item.default",
             {{"self", tensor("n")}},
             {R"({"as_sym_int":{"as_name":"item"}})"}})
      .node({"plus",
             "_operator.add",
             {{"a", R"({"as_sym_int":{"as_name":"item"}})"}, {"b", number(1)}},
             {R"({"as_sym_int":{"as_name":"plus"}})"}})
      .node({"slice_1",
             "torch.ops.aten.slice.Tensor",
             {{"self", tensor("x")},
              {"dim", number(0)},
              {"start", R"({"as_none":true})"},
              {"end", R"({"as_sym_int":{"as_name":"item"}})"}},
             {tensor("slice_1")}},
            {{"slice_1", meta(kF32, {"Symbol('u0', integer=True)"})}})
      .sym_int("item", "Symbol('u0', integer=True)")
      .sym_int("plus", "Add(Symbol('u0', integer=True), Integer(1))")
      .range("u0", "0", "6")
      .output(tensor("slice_1"))
      .output(R"({"as_sym_int":{"as_name":"plus"}})");
  const Plan plan = plan_of(program.archive());
  CHECK(plan.symbols.at("u0").from->node == "item");
  CHECK(plan.symbols.at("u0").max == 6);
  CHECK(node_of(plan, "plus").op == "python.add");
  CHECK(node_of(plan, "slice_1").args[3] == Arg{arg::Value{"item"}});
  CHECK(plan.methods.at("forward").values.at("item").scalar == genie::plan::ScalarKind::integer);
  CHECK(plan.opsets.at("python") == 1);
  CHECK(plan.methods.at("forward").outputs[1].value == Arg{arg::Value{"plus"}});
}

TEST_CASE(
    "a size that no expression can say is a symbol that its node decides; as an input's size it is refused "
    "(GE0234)") {
  const char* size = "TruncToInt(Mul(Float('1.5', precision=53), ToFloat(Symbol('s7', integer=True))))";
  ProgramBuilder program;
  program.input("x", meta(kF32, {"Symbol('s7', integer=True)"}))
      .node(relu("r", "x"), {{"r", meta(kF32, {size})}})
      .output(tensor("r"));
  const Plan plan = plan_of(program.archive());
  CHECK(plan.methods.at("forward").values.at("r").shape[0] == Expr::symbol("x0"));
  CHECK(plan.symbols.at("x0").from->node == "r");
  CHECK(code_of(ProgramBuilder()
                    .input("x", meta(kF32, {size}))
                    .node(relu("r", "x"), {{"r", meta(kF32, {"2"})}})
                    .output(tensor("r"))
                    .archive()) == "GE0234");
}

TEST_CASE("GE0235: a guard that is not understood is a warning, and the capture goes on") {
  const auto captured =
      capture_bytes(simple().guard("L['x'].is_pinned() or L['x'].size()[0] == 4").archive());
  REQUIRE(captured.ok());
  REQUIRE(captured->warnings.size() == 1);
  CHECK(captured->warnings[0].code == "GE0235");
  CHECK(captured->warnings[0].message.find("x.is_pinned()") != std::string::npos);
}

TEST_CASE("a number that the program was exported for is an input that takes only that number") {
  const auto constant = [](const char* name, const char* value) {
    return R"({"constant_input":{"name":")" + std::string(name) + R"(","value":)" + value + "}}";
  };
  const Plan plan =
      plan_of(simple()
                  .constant("n", R"({"as_int":3})", constant("n", R"({"as_int":3})"))
                  .constant("a", R"({"as_float":2.5})", constant("a", R"({"as_float":2.5})"))
                  .constant("s", R"({"as_string":"hi"})", constant("s", R"({"as_string":"hi"})"))
                  .archive());
  const auto& method = plan.methods.at("forward");
  REQUIRE(method.inputs.size() == 3);  // text cannot be passed
  CHECK(method.inputs[1].name == "n");
  CHECK(method.inputs[1].extra.front().second == R"({"int":3})");
  CHECK(method.inputs[2].extra.front().second == R"({"float":2.5})");
  CHECK(method.values.at("a").scalar == genie::plan::ScalarKind::floating);
  const auto bind = [&](double n) {
    return genie::plan::bind_symbols(plan, method,
                                     {{"x", {2, 4}, std::nullopt}, {"n", {}, n}, {"a", {}, 2.5}});
  };
  CHECK(bind(3).ok());
  const auto wrong = bind(4);
  REQUIRE_FALSE(wrong.ok());
  CHECK(wrong.errors().front().message.find("maximum 3") != std::string::npos);
}
