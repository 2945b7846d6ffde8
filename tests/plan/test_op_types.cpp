// The shape rules against torch's own answers (sdk/schema/tools/record_types.py writes the corpus).
#include <doctest/doctest.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <set>
#include <string>
#include <vector>

#include "genie/plan/codec.hpp"
#include "genie/plan/opset.hpp"
#include "op_call.hpp"
#include "validate_internal.hpp"

using namespace genie::plan;

namespace {

/// One line of the corpus: a graph of one node, as a plan.
Plan plan_of(const std::string& line) {
  const Result<Plan> plan = decode(
      R"({"schema":"genie.plan","version":{"major":0,"minor":1},"stage":"captured","producer":{"plugin":"test","version":"1"},)"
      R"("opsets":{"aten":1},"methods":{"forward":{"inputs":[],"outputs":[],)" +
      line.substr(1) + "}}");
  REQUIRE_MESSAGE(plan.ok(), (plan.ok() ? "" : to_text(plan.errors().front()) + line));
  return *plan;
}

std::vector<std::string> corpus_lines() {
  const char* chosen = std::getenv("GENIE_OP_TYPES");
  std::ifstream corpus(chosen != nullptr ? chosen : GENIE_OP_TYPES);
  REQUIRE(corpus.good());
  std::vector<std::string> lines;
  for (std::string line; std::getline(corpus, line);)
    lines.push_back(std::move(line));
  return lines;
}

TypeScope scope_of(const Plan& plan, const Method& method) {
  TypeScope scope;
  scope.value = [&method](std::string_view id) -> const Value* {
    const auto found = method.values.find(id);
    return found == method.values.end() ? nullptr : &found->second;
  };
  scope.weight = [](std::string_view) { return nullptr; };
  scope.state = [](std::string_view) { return nullptr; };
  scope.plan = &plan;
  return scope;
}

/// What the rule leaves to be desired beyond what V3 asks of it: every named result decided, numbers of their kind.
std::string shortfall(const OpSchema& schema, const Plan& plan, const Method& method) {
  const Node& node = method.nodes.front();
  const detail::Inference inference =
      detail::infer(schema, node, scope_of(plan, method), detail::Facts(plan));
  if (!inference.results) return "the rule cannot say";
  for (std::size_t i = 0; i < node.results.size(); ++i) {
    if (node.results[i].empty()) continue;
    if (i >= inference.results->size()) return "the rule gives fewer results";
    const detail::Inferred& inferred = (*inference.results)[i];
    const Value& declared = method.values.at(node.results[i]);
    if (declared.scalar != inferred.scalar) return node.results[i] + " is a number of another kind";
    if (!inferred.dtype_known || !inferred.shape_known ||
        (std::ranges::any_of(inferred.shape, detail::mentions_unknown) && !schema.data_dependent))
      return node.results[i] + " is left open";
  }
  return "";
}

}  // namespace

TEST_CASE("rules give the types and shapes that torch gives") {
  const OpTable* table = OpTable::find("aten", 1);
  std::set<std::string> checked;
  std::size_t wrong = 0, cases = 0;
  for (const std::string& line : corpus_lines()) {
    ++cases;
    const Plan plan = plan_of(line);
    const Method& method = plan.methods.at("forward");
    const std::string& op = method.nodes.front().op;
    checked.insert(op);
    Diagnostics found;
    Unchecked left;
    detail::check_types(plan, found, left);
    const std::string missing = shortfall(*table->op(op), plan, method);
    if (found.empty() && missing.empty()) continue;
    ++wrong;
    for (const Diagnostic& d : found)
      MESSAGE(d.code << " " << d.message << "\n  " << line);
    if (!missing.empty()) MESSAGE(op << ": " << missing << "\n  " << line);
  }
  MESSAGE("shapes: " << cases << " samples of " << checked.size() << " operators, " << wrong
                     << " mismatches");
  CHECK(wrong == 0);
  CHECK(checked.size() > 1200);
}

TEST_CASE("cost rules count the flops that torch's counter counts") {
  std::set<std::string> counted;
  std::size_t wrong = 0, cases = 0;
  for (const std::string& line : corpus_lines()) {
    Plan plan = plan_of(line);
    Node& node = plan.methods.at("forward").nodes.front();
    if (!node.cost) continue;
    ++cases;
    counted.insert(node.op);
    const Expr expected = node.cost->flops;
    node.cost.reset();
    annotate_costs(plan);
    if (node.cost->flops == expected) continue;
    ++wrong;
    MESSAGE(node.op << ": " << node.cost->flops.to_text() << " flops, torch counts " << expected.to_text()
                    << "\n  " << line);
  }
  MESSAGE("flops: " << cases << " samples of " << counted.size() << " operators, " << wrong << " mismatches");
  CHECK(wrong == 0);
  CHECK(counted.size() > 40);
}

TEST_CASE("the op table knows torch's operators") {
  const OpTable* table = OpTable::find("aten", 1);
  REQUIRE(table != nullptr);
  CHECK(table->size() > 1900);
  CHECK(OpTable::find("aten", 2) == nullptr);
  CHECK(OpTable::find("onnx", 1) == nullptr);
  CHECK(table->op("aten.nothing.default") == nullptr);

  const OpSchema* linear = table->op("aten.linear.default");
  REQUIRE(linear != nullptr);
  REQUIRE(linear->arguments.size() == 3);
  CHECK(linear->arguments[2].name == "bias");
  CHECK(linear->arguments[2].type == "Tensor?");
  REQUIRE(linear->arguments[2].default_value);
  CHECK(*linear->arguments[2].default_value == Arg{arg::Null{}});
  CHECK_FALSE(linear->arguments[1].default_value);
  CHECK_FALSE(linear->mutates());

  const OpSchema* add = table->op("aten.add_.Tensor");
  REQUIRE(add != nullptr);
  CHECK(add->mutates());
  CHECK(add->arguments[0].is_write);
  CHECK(add->returns[0].alias == add->arguments[0].alias);
  CHECK(add->arguments[2].kwarg_only);
  CHECK(*add->arguments[2].default_value == Arg{std::int64_t{1}});

  CHECK(table->op("aten.conv2d.default")->arguments[3].type == "SymInt[2]");
  CHECK(table->op("aten.randint.default")->random);
  CHECK(table->op("aten.nonzero.default")->data_dependent);
  CHECK(table->op("aten.relu.default")->core);
  CHECK(table->op("aten.add.out") == nullptr);

  std::size_t core = 0;
  for (const char* op : {"aten.mm.default", "aten.convolution.default", "aten.native_layer_norm.default"})
    core += table->op(op)->core;
  CHECK(core == 3);
}

TEST_CASE("a name declares a mutation by its last underscore or its out overload") {
  CHECK(name_declares_mutation("aten.add_.Tensor"));
  CHECK(name_declares_mutation("aten.add.out"));
  CHECK(name_declares_mutation("aten.add.Tensor_out"));
  CHECK(name_declares_mutation("mylib.scale_.default"));
  CHECK_FALSE(name_declares_mutation("aten.__and__.Tensor"));
  CHECK_FALSE(name_declares_mutation("aten.relu.default"));
  CHECK_FALSE(name_declares_mutation("_operator.add"));
}
