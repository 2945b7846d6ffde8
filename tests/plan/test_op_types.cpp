// The shape rules against torch's own answers (sdk/schema/tools/record_types.py writes the corpus).
#include <doctest/doctest.h>

#include <cstdlib>
#include <fstream>
#include <map>
#include <set>
#include <string>

#include "genie/plan/codec.hpp"
#include "genie/plan/opset.hpp"
#include "validate_internal.hpp"

using namespace genie::plan;

TEST_CASE("rules give the types and shapes that torch gives") {
  const char* chosen = std::getenv("GENIE_OP_TYPES");
  std::ifstream corpus(chosen != nullptr ? chosen : GENIE_OP_TYPES);
  REQUIRE(corpus.good());
  std::map<std::string, std::size_t> checked, unchecked;
  std::size_t wrong = 0, cases = 0;
  for (std::string line; std::getline(corpus, line);) {
    ++cases;
    const Result<Plan> plan = decode(
        R"({"schema":"genie.plan","version":{"major":0,"minor":1},"stage":"captured","producer":{"plugin":"test","version":"1"},)"
        R"("opsets":{"aten":1},"methods":{"forward":)" +
        line + "}}");
    REQUIRE_MESSAGE(plan.ok(), (plan.ok() ? "" : to_text(plan.errors().front()) + line));
    Diagnostics found;
    Unchecked left;
    detail::check_types(*plan, found, left);
    const std::string& op = plan->methods.at("forward").nodes.front().op;
    ++(left.ops.empty() ? checked : unchecked)[op];
    if (found.empty()) continue;
    ++wrong;
    for (const Diagnostic& d : found)
      MESSAGE(d.code << " " << d.message << "\n  " << line);
  }
  std::string never;
  for (const auto& [op, count] : unchecked)
    if (!checked.contains(op)) never += " " + op;
  MESSAGE(cases << " cases, " << checked.size() << " operators checked, " << wrong
                << " mismatches; never decided:" << never);
  CHECK(wrong == 0);
  CHECK(checked.size() > 200);
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
