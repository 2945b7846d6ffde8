// The sizes of a call, solved from the inputs; every refusal names the input, the dimension and the user's name.
#include <doctest/doctest.h>

#include "genie/plan/codec.hpp"
#include "genie/plan/validate.hpp"

using namespace genie::plan;

namespace {

Plan plan_of(const std::string& shapes, const std::string& guards = "") {
  const Result<Plan> plan =
      decode(R"({"schema": "genie.plan", "version": {"major": 0, "minor": 1}, "stage": "captured",
    "producer": {"plugin": "test", "version": "1"}, "opsets": {"aten": 1},
    "symbols": {"s77": {"name": "seq", "min": 2, "max": 512}, "s39": {"min": 1}},
    "guards": [)" +
             guards + R"(],
    "methods": {"forward": {"inputs": [{"name": "ids", "value": "v0"}, {"name": "mask", "value": "v1"}], "outputs": [], "nodes": [],
      "values": {)" +
             shapes + "}}}}");
  REQUIRE_MESSAGE(plan.ok(), (plan.ok() ? "" : to_text(plan.errors().front())));
  return *plan;
}

Result<Bindings> bind(const Plan& plan, std::vector<std::int64_t> ids, std::vector<std::int64_t> mask) {
  return bind_symbols(plan, plan.methods.at("forward"),
                      {{"ids", std::move(ids), {}}, {"mask", std::move(mask), {}}});
}

std::string refusal(const Result<Bindings>& result) {
  REQUIRE_FALSE(result.ok());
  return result.errors().front().code + " " + result.errors().front().message;
}

const std::string kPlain =
    R"("v0": {"dtype": "i64", "shape": [1, "s77"]}, "v1": {"dtype": "i64", "shape": [1, "s77"]})";
const std::string kExpression =
    R"("v0": {"dtype": "i64", "shape": [1, ["mul", 2, "s39"]]}, "v1": {"dtype": "i64", "shape": [1, ["add", 1, "s39"]]})";

}  // namespace

TEST_CASE("sizes are read off the inputs") {
  CHECK(*bind(plan_of(kPlain), {1, 7}, {1, 7}) == Bindings{{"s77", 7}});
}

TEST_CASE("a size inside an expression is solved for") {
  CHECK(*bind(plan_of(kExpression), {1, 14}, {1, 8}) == Bindings{{"s39", 7}});
}

TEST_CASE("GE0540 GE0541 GE0542: inputs missing, of another rank, of another size") {
  const Plan plan = plan_of(kPlain);
  CHECK(refusal(bind_symbols(plan, plan.methods.at("forward"), {{"ids", {1, 7}, {}}})) ==
        "GE0540 input mask is missing");
  CHECK(refusal(bind(plan, {7}, {1, 7})) ==
        "GE0541 input ids has 1 dimensions where the model has 2: [1, s77]");
  CHECK(refusal(bind(plan, {3, 7}, {1, 7})) ==
        "GE0542 input ids, dimension 0 is 3; the model was exported for 1");
}

TEST_CASE("GE0543: bounds") {
  CHECK(refusal(bind(plan_of(kPlain), {1, 600}, {1, 600})) ==
        "GE0543 input ids, dimension 1: seq (s77) is 600, more than the export's maximum 512");
  CHECK(refusal(bind(plan_of(kPlain), {1, 1}, {1, 1})) ==
        "GE0543 input ids, dimension 1: seq (s77) is 1, less than the export's minimum 2");
}

TEST_CASE("GE0544: guards") {
  const Plan plan =
      plan_of(R"("v0": {"dtype": "i64", "shape": [1, "s77"]}, "v1": {"dtype": "i64", "shape": [1, "s39"]})",
              R"(["eq", "s39", "s77", "L['mask'].size()[1] == L['ids'].size()[1]"])");
  CHECK(bind(plan, {1, 7}, {1, 7}).ok());
  CHECK(refusal(bind(plan, {1, 7}, {1, 8})) ==
        "GE0544 the inputs break a condition of the export: L['mask'].size()[1] == L['ids'].size()[1] (8 and "
        "7; input mask, "
        "dimension 1 gives s39 = 8; input ids, dimension 1 gives seq (s77) = 7)");
}

TEST_CASE("GE0545: a size that the expression cannot be") {
  CHECK(refusal(bind(plan_of(kExpression), {1, 14}, {1, 9})) ==
        "GE0545 input mask, dimension 1 is 9, which s39 + 1 cannot be with s39 = 7");
  const Plan odd = plan_of(
      R"("v0": {"dtype": "i64", "shape": [1, ["mul", 2, "s39"]]}, "v1": {"dtype": "i64", "shape": [1, "s39"]})");
  CHECK(refusal(bind(odd, {1, 7}, {1, 3})) ==
        "GE0545 input ids, dimension 1 is 7, which s39*2 cannot be with s39 = 3");
}

TEST_CASE("GE0543 GE0545: expressions in the user's names, with the size that was given") {
  const auto plan = [](const std::string& size) {
    return plan_of(R"("v0": {"dtype": "i64", "shape": [1, )" + size +
                   R"(]}, "v1": {"dtype": "i64", "shape": [1, 3]})");
  };
  CHECK(
      refusal(bind(plan(R"(["mul", 2, "s77"])"), {1, 1026}, {1, 3})) ==
      "GE0543 input ids, dimension 1 is 1026 = seq*2: seq (s77) is 513, more than the export's maximum 512");
  CHECK(refusal(bind(plan(R"(["mul", 2, "s77"])"), {1, 7}, {1, 3})) ==
        "GE0545 input ids, dimension 1 is 7, which seq*2 cannot be");
}

TEST_CASE("GE0546: two inputs disagree") {
  CHECK(refusal(bind(plan_of(kPlain), {1, 7}, {1, 8})) ==
        "GE0546 input mask, dimension 1 is 8, but seq (s77) is 7 by input ids, dimension 1");
}

TEST_CASE("GE0547: a size that nothing tells") {
  const Plan plan = plan_of(
      R"("v0": {"dtype": "i64", "shape": [["floordiv", "s39", 2]]}, "v1": {"dtype": "i64", "shape": [1]})");
  CHECK(refusal(bind(plan, {4}, {1}))
            .starts_with("GE0547 no input's size says what s39 is: input ids, dimension 0 is "));
}
