// V3 on exact texts, and rules on symbolic sizes.
#include <doctest/doctest.h>

#include "genie/plan/codec.hpp"
#include "genie/plan/opset.hpp"
#include "genie/plan/validate.hpp"
#include "plans.hpp"

using namespace genie::plan;
using genie::plan::testing::kCaptured;
using genie::plan::testing::replaced;

namespace {

Validation validated(const std::string& text) {
  const Result<Plan> plan = decode(text);
  REQUIRE_MESSAGE(plan.ok(), (plan.ok() ? "" : to_text(plan.errors().front())));
  return validate(*plan, {});
}

/// The only finding.
Diagnostic finding(const std::string& text) {
  const Validation v = validated(text);
  REQUIRE_MESSAGE(v.diagnostics.size() == 1, to_json(v.diagnostics));
  return v.diagnostics.front();
}

/// A plan around one node over v0 f32 [s0, 8] and v1 i64 [s1, 8].
std::string around(const std::string& node, const std::string& values, const std::string& guards = "") {
  return R"({"schema": "genie.plan", "version": {"major": 0, "minor": 1}, "stage": "captured",
    "producer": {"plugin": "test", "version": "1"}, "opsets": {"aten": 1},
    "symbols": {"s0": {"min": 2, "max": 64, "from": {"input": "v0", "dim": 0}}, "s1": {"min": 2, "max": 64, "from": {"input": "v1", "dim": 0}}},
    "guards": [)" +
         guards + R"(],
    "methods": {"forward": {"inputs": [{"name": "v0", "value": "v0"}, {"name": "v1", "value": "v1"}], "outputs": [],
      "values": {"v0": {"dtype": "f32", "shape": ["s0", 8]}, "v1": {"dtype": "i64", "shape": ["s1", 8]}, )" +
         values + R"(}, "nodes": [)" + node + "]}}}";
}

}  // namespace

TEST_CASE("V3 passes a sound plan and says what it checked") {
  const Validation v = validated(std::string(kCaptured));
  CHECK_MESSAGE(v.ok(), to_json(v.diagnostics));
  CHECK(v.reached == Level::v3);
  CHECK(v.unchecked.ops.empty());
}

TEST_CASE("GE0401: an unknown operator is carried unless it writes") {
  const Validation carried = validated(replaced(kCaptured, "aten.relu.default", "mylib.act.default"));
  CHECK(carried.ok());
  CHECK(carried.unchecked.ops.at("mylib.act.default") == 1);

  const Diagnostic d = finding(replaced(kCaptured, "aten.relu.default", "mylib.act_.default"));
  CHECK(d.code == "GE0401");
  CHECK(d.message ==
        "mylib.act_.default: the operator is not in the plan's op sets, and its name says that it writes to "
        "its arguments");
  CHECK(d.pointer == "/methods/forward/nodes/0/op");
  CHECK(d.node == "n0");
  CHECK(d.scope == "act");
  CHECK(d.source == "model.py:7");
}

TEST_CASE("GE0402: an op set must be known") {
  const Diagnostic d = finding(replaced(kCaptured, R"("aten": 1)", R"("aten": 1, "onnx": 3)"));
  CHECK(d.code == "GE0402");
  CHECK(d.message == "op set onnx 3 is unknown to this version of Genie");
}

TEST_CASE("GE0403: all arguments are spelled out") {
  const Diagnostic d = finding(replaced(kCaptured, R"("kwargs": {"alpha": {"int": 1}},
       "results": ["v2"])",
                                        R"("results": ["v2"])"));
  CHECK(d.code == "GE0403");
  CHECK(d.message == "aten.add.Tensor: argument alpha (Scalar) is missing");
  CHECK(d.help == "write its default; a plan spells all arguments out");
}

TEST_CASE("GE0404: argument names are the operator's") {
  const Diagnostic d = finding(
      replaced(kCaptured, R"("args": [{"value": "v0"}], "results": ["v1"])",
               R"("args": [{"value": "v0"}], "kwargs": {"inplace": {"bool": false}}, "results": ["v1"])"));
  CHECK(d.code == "GE0404");
  CHECK(d.message == "aten.relu.default: the operator has no argument \"inplace\"");
  CHECK(d.help == "the operator is aten.relu.default(Tensor self)");
}

TEST_CASE("GE0405: argument kinds are the operator's") {
  const Diagnostic d = finding(around(
      R"({"id": "n0", "op": "aten.permute.default", "args": [{"value": "v0"}, {"int": 1}], "results": ["r"]})",
      R"("r": {"dtype": "f32", "shape": [8, "s0"]})"));
  CHECK(d.code == "GE0405");
  CHECK(d.message == "aten.permute.default: argument dims wants int[] and is int 1");
  CHECK(d.pointer == "/methods/forward/nodes/0/args/1");
}

TEST_CASE("a number may stand in a tensor's place, and promotes as a number") {
  const auto plan = [](const char* number, const char* dtype) {
    return around(std::string(R"({"id": "n0", "op": "aten.mul.Tensor", "args": [{"value": "v1"}, )") +
                      number + R"(], "results": ["r"]})",
                  std::string(R"("r": {"dtype": ")") + dtype + R"(", "shape": ["s1", 8]})");
  };
  CHECK(validated(plan(R"({"int": 3})", "i64")).ok());
  CHECK(validated(plan(R"({"float": 0.5})", "f32")).ok());
  const Diagnostic d = finding(plan(R"({"float": 0.5})", "f64"));
  CHECK(d.code == "GE0409");
  CHECK(d.message == "aten.mul.Tensor: result r is declared f64; the operator gives f32");
}

TEST_CASE("GE0406: \"mutates\" says what the operator writes") {
  const std::string node =
      R"({"id": "n0", "op": "aten.relu.default", "args": [{"value": "v0"}], "results": ["a"]},
    {"id": "n1", "op": "aten.add_.Tensor", "args": [{"value": "a"}, {"int": 1}], "kwargs": {"alpha": {"int": 1}}, "results": ["r"] )";
  const std::string values =
      R"("a": {"dtype": "f32", "shape": ["s0", 8]}, "r": {"dtype": "f32", "shape": ["s0", 8], "alias_of": "a"})";
  CHECK(validated(around(node + R"(, "mutates": ["a"]})", values)).ok());
  const Diagnostic d = finding(around(node + "}", values));
  CHECK(d.code == "GE0406");
  CHECK(d.message == "aten.add_.Tensor: the operator writes to a, which \"mutates\" does not say");
}

TEST_CASE("GE0410: a shape that the rule contradicts") {
  const Diagnostic d = finding(
      around(R"({"id": "n0", "op": "aten.relu.default", "args": [{"value": "v0"}], "results": ["r"]})",
             R"("r": {"dtype": "f32", "shape": ["s0", 9]})"));
  CHECK(d.code == "GE0410");
  CHECK(d.message == "aten.relu.default: result r is declared f32 [s0, 9]; the operator gives f32 [s0, 8]");
}

TEST_CASE("sizes that may be equal are no error; sizes that cannot be are") {
  const auto plan = [](const char* size, const char* guards) {
    return around(R"({"id": "n0", "op": "aten.relu.default", "args": [{"value": "v0"}], "results": ["r"]})",
                  std::string(R"("r": {"dtype": "f32", "shape": [)") + size + ", 8]}", guards);
  };
  CHECK(validated(plan(R"("s1")", "")).ok());  // no guard says that they differ
  CHECK(validated(plan(R"("s1")", R"(["eq", "s0", "s1", "equal"])")).ok());
  CHECK_FALSE(validated(plan(R"(["add", 1, "s0"])", "")).ok());
  CHECK_FALSE(validated(plan("65", "")).ok());  // beyond s0's maximum
  CHECK_FALSE(validated(plan(R"(["add", 1, "s1"])", R"(["eq", "s0", "s1", "equal"])")).ok());
}

TEST_CASE("GE0411: arguments that cannot go together") {
  const Diagnostic d = finding(around(
      R"({"id": "n0", "op": "aten.mm.default", "args": [{"value": "v0"}, {"value": "v0"}], "results": ["r"]})",
      R"("r": {"dtype": "f32", "shape": ["s0", 8]})", R"(["eq", "s0", 16, "s0 == 16"])"));
  CHECK(d.code == "GE0411");
  CHECK(d.message ==
        "aten.mm.default: the left's columns and the right's rows are 8 and s0 where equal sizes are needed");
}

TEST_CASE("GE0412: a view's strides follow from what it views") {
  const std::string node =
      R"({"id": "n0", "op": "aten.permute.default", "args": [{"value": "v0"}, {"list": [{"int": 1}, {"int": 0}]}], "results": ["r"]})";
  CHECK(validated(
            around(node, R"("r": {"dtype": "f32", "shape": [8, "s0"], "strides": [1, 8], "alias_of": "v0"})"))
            .ok());
  const Diagnostic d = finding(
      around(node, R"("r": {"dtype": "f32", "shape": [8, "s0"], "strides": [2, 8], "alias_of": "v0"})"));
  CHECK(d.code == "GE0412");
  CHECK(d.message ==
        "aten.permute.default: result r is declared with strides [2, 8]; the operator gives [1, 8]");
}

TEST_CASE("symbolic sizes run through views, joins and windows") {
  const auto shape_of = [](const std::string& op, const std::string& args, const std::string& kwargs = "{}") {
    const Result<Plan> plan = decode(around(R"({"id": "n0", "op": ")" + op + R"(", "args": [)" + args +
                                                R"(], "kwargs": )" + kwargs + R"(, "results": ["r"]})",
                                            R"("r": {"dtype": "f32", "shape": []})"));
    REQUIRE_MESSAGE(plan.ok(), (plan.ok() ? "" : to_text(plan.errors().front())));
    const Method& m = plan->methods.at("forward");
    TypeScope scope{[&](std::string_view id) {
                      auto at = m.values.find(id);
                      return at == m.values.end() ? nullptr : &at->second;
                    },
                    [](std::string_view) { return nullptr; }, [](std::string_view) { return nullptr; },
                    &*plan};
    auto types = infer_types(*OpTable::find("aten", 1)->op(op), m.nodes[0], scope);
    REQUIRE_MESSAGE(types.ok(), (types.ok() ? "" : types.errors().front().message));
    return *types ? to_text((*types)->front().shape) : std::string("undecided");
  };
  CHECK(shape_of("aten.view.default",
                 R"({"value": "v0"}, {"list": [{"int": -1}, {"int": 2}, {"int": 4}]})") == "[s0, 2, 4]");
  CHECK(shape_of("aten.view.default", R"({"value": "v0"}, {"list": [{"dim": "s0"}, {"int": -1}]})") ==
        "[s0, 8]");
  CHECK(shape_of("aten.view.default", R"({"value": "v0"}, {"list": [{"int": -1}]})") ==
        to_text(Shape{Expr(8) * Expr::symbol("s0")}));
  CHECK(shape_of("aten.cat.default", R"({"list": [{"value": "v0"}, {"value": "v1"}]}, {"int": 0})") ==
        to_text(Shape{Expr::symbol("s0") + Expr::symbol("s1"), Expr(8)}));
  CHECK(shape_of("aten.slice.Tensor",
                 R"({"value": "v0"}, {"int": 0}, {"int": 1}, {"int": "9223372036854775807"}, {"int": 1})") ==
        to_text(Shape{Expr::symbol("s0") - Expr(1), Expr(8)}));
  CHECK(shape_of("aten.slice.Tensor", R"({"value": "v0"}, {"int": 0}, {"int": -2}, null, {"int": 1})") ==
        "[2, 8]");
  CHECK(shape_of("aten.slice.Tensor",
                 R"({"value": "v0"}, {"int": 0}, {"int": 0}, {"dim": "s1"}, {"int": 1})") == "undecided");
  CHECK(shape_of("aten.add.Tensor", R"({"value": "v0"}, {"value": "v1"})", R"({"alpha": {"int": 1}})") ==
        "[s0, 8]");
  CHECK(shape_of("aten.expand.default", R"({"value": "v0"}, {"list": [{"int": 3}, {"int": -1}, {"int": 8}]})",
                 R"({"implicit": {"bool": false}})") == "[3, s0, 8]");
}

TEST_CASE("flops are counted as torch's flop counter does, bytes once each") {
  const auto cost_of = [](const std::string& op, std::vector<Arg> args, std::vector<Shape> shapes,
                          Shape result) {
    Table<Value> values;
    for (std::size_t i = 0; i < shapes.size(); ++i) {
      Value v;
      v.shape = shapes[i];
      v.strides = contiguous_strides(v.shape);
      values["v" + std::to_string(i)] = v;
    }
    Value r;
    r.shape = result;
    values["r"] = r;
    Node node;
    node.op = op;
    node.args = std::move(args);
    node.results = {"r"};
    TypeScope scope{[&](std::string_view id) {
                      auto at = values.find(id);
                      return at == values.end() ? nullptr : &at->second;
                    },
                    [](std::string_view) { return nullptr; }, [](std::string_view) { return nullptr; }};
    return infer_cost(OpTable::find("aten", 1)->op(op), node, scope);
  };
  const auto value = [](const char* id) { return Arg{arg::Value{id}}; };
  const auto ints = [](std::vector<std::int64_t> items) {
    arg::List list;
    for (const std::int64_t i : items)
      list.items.push_back({i});
    return Arg{list};
  };
  const Cost mm = cost_of("aten.mm.default", {value("v0"), value("v1")}, {{2, 3}, {3, 5}}, {2, 5});
  CHECK(mm.flops == Expr(2 * 2 * 3 * 5));
  CHECK(mm.read_bytes == Expr(4 * (6 + 15)));
  CHECK(mm.written_bytes == Expr(40));
  CHECK(cost_of("aten.linear.default", {value("v0"), value("v1"), Arg{arg::Null{}}},
                {{7, Expr::symbol("s"), 3}, {5, 3}}, {7, Expr::symbol("s"), 5})
            .flops == Expr(2 * 7 * 3 * 5) * Expr::symbol("s"));
  CHECK(cost_of("aten.convolution.default",
                {value("v0"), value("v1"), Arg{arg::Null{}}, ints({1, 1}), ints({0, 0}), ints({1, 1}),
                 Arg{false}, ints({0, 0}), Arg{std::int64_t{1}}},
                {{2, 3, 8, 8}, {4, 3, 3, 3}}, {2, 4, 6, 6})
            .flops == Expr(2 * 36 * 4 * 3 * 9 * 2));
  CHECK(cost_of("aten.relu.default", {value("v0")}, {{10}}, {10}).flops == Expr(0));
  const Cost view = cost_of("aten.permute.default", {value("v0"), ints({1, 0})}, {{2, 3}}, {3, 2});
  CHECK(view.read_bytes == Expr(0));
  CHECK(view.written_bytes == Expr(0));
  const Cost rows = cost_of("aten.embedding.default", {value("v0"), value("v1")}, {{1000, 16}, {4}}, {4, 16});
  CHECK(rows.read_bytes == Expr(4 * 4 + 4 * 64));
}
