// From programs made by hand to plans: one behaviour a case.
#include <doctest/doctest.h>

#include <cmath>
#include <string>

#include "capture/capture.hpp"
#include "genie/plan/codec.hpp"
#include "genie/plan/validate.hpp"
#include "program_builder.hpp"
#include "scratch.hpp"

using genie::plan::Arg;
using genie::plan::Expr;
using genie::plan::Plan;
namespace arg = genie::plan::arg;
using genie::pytorch::Capture;
using genie::pytorch::Options;
using genie::pytorch::Result;
using genie::pytorch::testing::meta;
using genie::pytorch::testing::number;
using genie::pytorch::testing::ProgramBuilder;
using genie::pytorch::testing::Scratch;
using genie::pytorch::testing::tensor;
using genie::pytorch::testing::TestNode;
using genie::pytorch::testing::ZipBuilder;

namespace {

constexpr int kF32 = 7;
constexpr int kI64 = 5;
const std::string kFloats16(16, '\1');
const std::string kZeros16(16, '\0');

Result<Capture> capture_bytes(const std::string& bytes, const Options& options = {}) {
  const Scratch scratch;
  bool stopped = false;
  // The digest cache is the user's: tests hash anew, and young files are never remembered.
  return genie::pytorch::capture(scratch.write("m.pt2", bytes), options, {}, stopped);
}

Plan plan_of(const std::string& bytes, const Options& options = {}) {
  auto captured = capture_bytes(bytes, options);
  if (!captured.ok())
    for (const auto& error : captured.errors()) MESSAGE(genie::plan::to_text(error));
  REQUIRE(captured.ok());
  // What is captured can be written and read back.
  const auto decoded = genie::plan::decode(genie::plan::encode(captured->plan, {.locations = true}));
  if (!decoded.ok())
    for (const auto& error : decoded.errors()) MESSAGE(genie::plan::to_text(error));
  REQUIRE(decoded.ok());
  return captured->plan;
}

std::string code_of(const std::string& bytes, const Options& options = {}) {
  const auto captured = capture_bytes(bytes, options);
  return captured.ok() ? "ok" : captured.errors().front().code;
}

const genie::plan::Node& node_of(const Plan& plan, const std::string& id, const std::string& method = "forward") {
  for (const auto& node : plan.methods.at(method).nodes)
    if (node.id == id) return node;
  FAIL("no node " << id);
  return plan.methods.at(method).nodes.front();
}

TestNode relu(const std::string& name, const std::string& from) {
  return {name, "torch.ops.aten.relu.default", {{"self", tensor(from)}}, {tensor(name)}};
}
TestNode add_in_place(const std::string& name, const std::string& to) {
  return {name, "torch.ops.aten.add_.Tensor", {{"self", tensor(to)}, {"other", number(1)}}, {tensor(name)}};
}

/// x → relu → output, and nothing else.
ProgramBuilder simple() {
  return ProgramBuilder().input("x", meta(kF32, {"2", "4"})).node(relu("relu", "x"), {{"relu", meta(kF32, {"2", "4"})}}).output(tensor("relu"));
}

}  // namespace

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
      .node({"add", "torch.ops.aten.add.Tensor", {{"other", number(2)}, {"self", tensor("x")}}, {tensor("add")}}, {{"add", meta(kF32, {"4"})}})
      .node({"pool", "torch.ops.aten.softmax.int", {{"self", tensor("add")}, {"dim", number(0)}}, {tensor("pool")}}, {{"pool", meta(kF32, {"4"})}})
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
      .node({"pool", "torch.ops.aten.max_pool2d.default", {{"self", tensor("x")}, {"kernel_size", number(2)}}, {tensor("pool")}},
            {{"pool", meta(kF32, {"1", "1", "4", "4"})}})
      .node({"drop", "torch.ops.aten.dropout.default", {{"input", tensor("pool")}, {"p", number(0)}, {"train", R"({"as_bool":true})"}}, {tensor("drop")}},
            {{"drop", meta(kF32, {"1", "1", "4", "4"})}})
      .output(tensor("drop"));
  const Plan plan = plan_of(program.archive());
  CHECK(node_of(plan, "pool").args[1] == Arg{arg::List{{Arg{std::int64_t{2}}, Arg{std::int64_t{2}}}}});
  CHECK(node_of(plan, "drop").args[1] == Arg{0.0});
}

TEST_CASE("integers beyond 2^53, NaN, infinities and negative zero arrive exactly") {
  ProgramBuilder program;
  program.input("x", meta(kF32, {"4"}))
      .node({"slice_1", "torch.ops.aten.slice.Tensor", {{"self", tensor("x")}, {"dim", number(0)}, {"start", number(1)}, {"end", number(9223372036854775807)}}, {tensor("slice_1")}},
            {{"slice_1", meta(kF32, {"3"})}});
  const std::pair<const char*, const char*> floats[] = {{"a", "\"NaN\""}, {"b", "\"Infinity\""}, {"c", "\"-Infinity\""}, {"d", "-0.0"}, {"e", "1"}};
  for (const auto& [name, text] : floats)
    program.node({name, "torch.ops.aten.mul.Tensor", {{"self", tensor("slice_1")}, {"other", R"({"as_float":)" + std::string(text) + "}"}}, {tensor(name)}},
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
  for (const char* name : {"a", "b", "c"}) CHECK(plan.weights.at(name).blob == digest);
  CHECK(plan.weights.at("c").offset_bytes == 8);
  CHECK(plan.locations.at(digest).uri.ends_with("m.pt2"));
  CHECK(plan.locations.at(digest).offset_bytes % 64 == 0);
  CHECK(plan.locations.at(digest).extra.front().first == "identity");
}

TEST_CASE("GE0219: a weight that reaches beyond its storage, also by overflow") {
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
  CHECK(code_of(with(meta(kF32, {"4"}), -1)) == "GE0219");
  CHECK(code_of(with(meta(kF32, {"2", "2"}, {4, 1}), 0)) == "GE0219");
  CHECK(code_of(with(meta(kF32, {"4611686018427387904", "4611686018427387904"}), 0)) == "GE0219");
}

TEST_CASE("a buffer that an in-place operator changes is a state, also through a view; a zero one needs no bytes") {
  ProgramBuilder program;
  program.weight("b_k", {"k", "weight_0", meta(kF32, {"4"}), 0, "buffer"})
      .weight("b_n", {"n", "weight_1", meta(kF32, {"4"}), 0, "buffer"})
      .input("x", meta(kF32, {"2"}))
      .node({"view", "torch.ops.aten.slice.Tensor", {{"self", tensor("b_k")}, {"dim", number(0)}, {"start", number(0)}, {"end", number(2)}}, {tensor("view")}},
            {{"view", meta(kF32, {"2"})}})
      .node({"copy_", "torch.ops.aten.copy_.default", {{"self", tensor("view")}, {"src", tensor("x")}}, {tensor("copy_")}}, {{"copy_", meta(kF32, {"2"})}})
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
        .node({"upd", "torch.ops.aten.index_copy.default", {{"self", tensor("b_k")}, {"dim", number(0)}, {"index", tensor("pos")}, {"source", tensor("x")}}, {tensor("upd")}},
              {{"upd", meta(kF32, {"4"})}});
    if (read_after) builder.node(relu("late", "b_k"), {{"late", meta(kF32, {"4"})}});
    return builder.mutation("upd", "k").output(tensor(read_after ? "late" : "before")).archive({{"weight_0", kZeros16}});
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
      .node({"drop", "torch.ops.aten.dropout.default", {{"input", tensor("x")}, {"p", R"({"as_float":0.1})"}, {"train", R"({"as_bool":false})"}}, {tensor("drop")}},
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
        .node({"bn", "torch.ops.aten.batch_norm.default",
               {{"input", tensor("x")}, {"weight", R"({"as_none":true})"}, {"bias", R"({"as_none":true})"}, {"running_mean", tensor("b_m")},
                {"running_var", tensor("b_v")}, {"training", flag[training ? 1 : 0]}, {"momentum", R"({"as_float":0.1})"}, {"eps", R"({"as_float":1e-5})"}, {"cudnn_enabled", flag[0]}},
               {tensor("bn")}},
              {{"bn", meta(kF32, {"2", "4"})}})
        .output(tensor("bn"));
    const Plan plan = plan_of(program.archive({{"weight_0", kZeros16}, {"weight_1", kFloats16}}));
    CHECK(plan.states.size() == (training ? 2 : 0));
    CHECK(node_of(plan, "bn").mutates.size() == (training ? 2 : 0));
  }
}

TEST_CASE("dynamic sizes become symbols with bounds, origin and dims; shape arithmetic disappears") {
  ProgramBuilder program;
  program.input("x", meta(kF32, {"Symbol('s7', positive=True, integer=True)", "8"}))
      .input("y", meta(kF32, {"Mul(Integer(2), Symbol('s9', integer=True))"}))
      .node({"sz", "torch.ops.aten.sym_size.int", {{"self", tensor("x")}, {"dim", number(0)}}, {R"({"as_sym_int":{"as_name":"sz"}})"}})
      .node({"mul", "_operator.mul", {{"a", R"({"as_sym_int":{"as_name":"sz"}})"}, {"b", number(8)}}, {R"({"as_sym_int":{"as_name":"mul"}})"}})
      .node({"view", "torch.ops.aten.view.default", {{"self", tensor("x")}, {"size", R"({"as_sym_ints":[{"as_name":"mul"},{"as_int":1}]})"}}, {tensor("view")}},
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

TEST_CASE("numbers that data decides stay nodes with number results, and bind their symbol") {
  ProgramBuilder program;
  program.input("x", meta(kF32, {"6"}))
      .input("n", meta(kI64, {}))
      .node({"item", "torch.ops.aten.item.default", {{"self", tensor("n")}}, {R"({"as_sym_int":{"as_name":"item"}})"}})
      .node({"plus", "_operator.add", {{"a", R"({"as_sym_int":{"as_name":"item"}})"}, {"b", number(1)}}, {R"({"as_sym_int":{"as_name":"plus"}})"}})
      .node({"slice_1", "torch.ops.aten.slice.Tensor", {{"self", tensor("x")}, {"dim", number(0)}, {"start", R"({"as_none":true})"}, {"end", R"({"as_sym_int":{"as_name":"item"}})"}}, {tensor("slice_1")}},
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

TEST_CASE("a size that no expression can say is a symbol that its node decides; as an input's size it is refused (GE0234)") {
  const char* size = "TruncToInt(Mul(Float('1.5', precision=53), ToFloat(Symbol('s7', integer=True))))";
  ProgramBuilder program;
  program.input("x", meta(kF32, {"Symbol('s7', integer=True)"}))
      .node(relu("r", "x"), {{"r", meta(kF32, {size})}})
      .output(tensor("r"));
  const Plan plan = plan_of(program.archive());
  CHECK(plan.methods.at("forward").values.at("r").shape[0] == Expr::symbol("x0"));
  CHECK(plan.symbols.at("x0").from->node == "r");
  CHECK(code_of(ProgramBuilder().input("x", meta(kF32, {size})).node(relu("r", "x"), {{"r", meta(kF32, {"2"})}}).output(tensor("r")).archive()) == "GE0234");
}

TEST_CASE("GE0235: a guard that is not understood is a warning, and the capture goes on") {
  const auto captured = capture_bytes(simple().guard("L['x'].stride()[0] == 4 or True").archive());
  REQUIRE(captured.ok());
  REQUIRE(captured->warnings.size() == 1);
  CHECK(captured->warnings[0].code == "GE0235");
  CHECK(captured->warnings[0].message.find("x.stride()") != std::string::npos);
}

TEST_CASE("constants that nothing changes are used as they are; changed ones are copied") {
  for (const bool changed : {false, true}) {
    ProgramBuilder program;
    program.weight("c_t", {"t", "weight_0", meta(kF32, {"4"}), 0, "tensor_constant"})
        .input("x", meta(kF32, {"4"}))
        .node({"fresh", "torch.ops.aten.lift_fresh_copy.default", {{"self", tensor("c_t")}}, {tensor("fresh")}}, {{"fresh", meta(kF32, {"4"})}})
        .node({"detach_", "torch.ops.aten.detach_.default", {{"self", tensor("fresh")}}, {tensor("detach_")}}, {{"detach_", meta(kF32, {"4"})}});
    if (changed) program.node(add_in_place("add_", "detach_"), {{"add_", meta(kF32, {"4"})}});
    program.node({"sum", "torch.ops.aten.mul.Tensor", {{"self", tensor("x")}, {"other", tensor("detach_")}}, {tensor("sum")}}, {{"sum", meta(kF32, {"4"})}})
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

TEST_CASE("assertions that the declared types prove are left out; others stay, and nothing drops them") {
  const auto with = [](const char* dtype) {
    return simple()
        .node({"assert_1", "torch.ops.aten._assert_tensor_metadata.default", {{"a", tensor("x")}, {"dtype=", std::string(R"({"as_scalar_type":)") + dtype + "}"}}, {}})
        .archive();
  };
  CHECK(plan_of(with("7")).methods.at("forward").nodes.size() == 1);
  const Plan kept = plan_of(with("8"));
  CHECK(node_of(kept, "assert_1").effects == "io");
}

TEST_CASE("several results: a list is one each, unused and absent ones are empty") {
  ProgramBuilder program;
  program.input("x", meta(kF32, {"4", "2"}))
      .node({"split", "torch.ops.aten.split.Tensor", {{"self", tensor("x")}, {"split_size", number(2)}}, {R"({"as_tensors":[{"name":"a"},{"name":"b"}]})"}},
            {{"a", meta(kF32, {"2", "2"})}, {"b", meta(kF32, {"2", "2"})}})
      .node({"max_1", "torch.ops.aten.max.dim", {{"self", tensor("a")}, {"dim", number(0)}}, {tensor("m"), tensor("max_1_unused_1")}},
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
        .node({"drop", "torch.ops.aten.dropout.default", {{"input", tensor("x")}, {"p", R"({"as_float":0.5})"}, {"train", std::string(R"({"as_bool":)") + train + "}"}}, {tensor("drop")}},
              {{"drop", meta(kF32, {"2"})}})
        .output(tensor("drop"));
    return node_of(plan_of(program.archive()), "drop").effects;
  };
  CHECK(effects("true") == "rng");
  CHECK(effects("false") == "pure");
}

TEST_CASE("operators outside the table are carried when their name declares no mutation, else refused by name (GE0240)") {
  const auto with = [](const char* target) {
    return ProgramBuilder()
        .input("x", meta(kF32, {"2"}))
        .node({"n", target, {{"self", tensor("x")}, {"mode=", R"({"as_string":"fast"})"}}, {tensor("n")}}, {{"n", meta(kF32, {"2"})}})
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

TEST_CASE("all refusals of a program are reported together, each once") {
  ProgramBuilder program;
  program.input("x", meta(kF32, {"2"}))
      .node({"a", "torch.ops.vendor.a_.default", {{"self", tensor("x")}}, {tensor("a")}}, {{"a", meta(kF32, {"2"})}})
      .node(relu("b", "a"), {{"b", meta(kF32, {"2"})}})
      .node({"c", "torch.ops.higher_order.while_loop", {}, {tensor("c")}}, {{"c", meta(kF32, {"2"})}})
      .node({"d", "torch.ops.aten.relu.default", {{"wrong", tensor("c")}}, {tensor("d")}}, {{"d", meta(kF32, {"2"})}})
      .output(tensor("d"));
  const auto captured = capture_bytes(program.archive());
  REQUIRE_FALSE(captured.ok());
  REQUIRE(captured.errors().size() == 3);
  CHECK(captured.errors()[0].code == "GE0240");
  CHECK(captured.errors()[1].code == "GE0241");
  CHECK(captured.errors()[2].code == "GE0244");
}

TEST_CASE("schema: another major is refused (GE0231), a newer minor is a warning (GE0232), unknown fields are left out") {
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
      .node({"n", "torch.ops.aten.relu.default", {{"self", R"({"as_hologram":{"name":"x"}})"}}, {tensor("n")}}, {{"n", meta(kF32, {"2"})}})
      .output(tensor("n"));
  const auto captured = capture_bytes(program.archive());
  REQUIRE_FALSE(captured.ok());
  CHECK(captured.errors().front().code == "GE0233");
  CHECK(captured.errors().front().message.find("as_hologram") != std::string::npos);
  CHECK(captured.errors().front().pointer == "/graph_module/graph/nodes/0/inputs/0/arg");
}

TEST_CASE("GE0216: a pickled weight") {
  ZipBuilder zip;
  zip.add("m/archive_format", "pt2").add("m/archive_version", "0");
  zip.add("m/models/model.json", simple().json());
  zip.add("m/data/constants/model_constants_config.json", R"({"config":{"o":{"path_name":"custom_obj_0","is_param":false,"use_pickle":true,"tensor_meta":null}}})");
  CHECK(code_of(zip.build()) == "GE0216");
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

TEST_CASE("a number that the program was exported for is an input that takes only that number") {
  const auto constant = [](const char* name, const char* value) {
    return R"({"constant_input":{"name":")" + std::string(name) + R"(","value":)" + value + "}}";
  };
  const Plan plan = plan_of(simple()
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
    return genie::plan::bind_symbols(plan, method, {{"x", {2, 4}, std::nullopt}, {"n", {}, n}, {"a", {}, 2.5}});
  };
  CHECK(bind(3).ok());
  const auto wrong = bind(4);
  REQUIRE_FALSE(wrong.ok());
  CHECK(wrong.errors().front().message.find("maximum 3") != std::string::npos);
}

TEST_CASE("what switching gradients off wraps stands in the graph itself") {
  const std::string inner = R"({"inputs":[)" + tensor("y") + R"(],"outputs":[)" + tensor("relu") +
                            R"(],"nodes":[{"target":"torch.ops.aten.relu.default","name":"relu","inputs":[{"name":"self","kind":1,"arg":)" + tensor("y") +
                            R"(}],"outputs":[)" + tensor("relu") + R"(],"metadata":{}}],"tensor_values":{"y":)" + meta(kF32, {"2"}) + R"(,"relu":)" +
                            meta(kF32, {"2"}) + R"(},"sym_int_values":{},"sym_bool_values":{},"is_single_tensor_return":false})";
  ProgramBuilder program;
  program.input("x", meta(kF32, {"2"}))
      .node(relu("relu", "x"), {{"relu", meta(kF32, {"2"})}})
      .node({"wrap", "torch.ops.higher_order.wrap_with_set_grad_enabled",
             {{"", R"({"as_bool":false})"}, {"", R"({"as_graph":{"name":"submod","graph":)" + inner + "}}"}, {"", tensor("relu")}}, {tensor("getitem")}},
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
    return R"({"inputs":[)" + tensor("y") + R"(],"outputs":[)" + tensor("r") + R"(],"nodes":[{"target":"torch.ops.aten.)" + std::string(op) +
           R"(.default","name":"r","inputs":[{"name":"self","kind":1,"arg":)" + tensor("y") + R"(}],"outputs":[)" + tensor("r") +
           R"(],"metadata":{}}],"tensor_values":{"y":)" + meta(kF32, {"2"}) + R"(,"r":)" + meta(kF32, {"2"}) +
           R"(},"sym_int_values":{},"sym_bool_values":{},"is_single_tensor_return":false})";
  };
  ProgramBuilder program;
  program.input("p", meta(12, {})).input("x", meta(kF32, {"2"}))
      .node({"cond", "torch.ops.higher_order.cond",
             {{"", tensor("p")}, {"", R"({"as_graph":{"name":"true_graph_0","graph":)" + branch("sin") + "}}"},
              {"", R"({"as_graph":{"name":"false_graph_0","graph":)" + branch("cos") + "}}"}, {"", R"({"as_tensors":[{"name":"x"}]})"}},
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

TEST_CASE("the same file gives the same plan, byte for byte") {
  const Scratch scratch;
  const std::string path = scratch.write("m.pt2", simple().archive());
  bool stopped = false;
  const auto first = genie::pytorch::capture(path, {}, {}, stopped);
  const auto second = genie::pytorch::capture(path, {}, {}, stopped);
  REQUIRE(first.ok());
  REQUIRE(second.ok());
  CHECK(genie::plan::encode(first->plan, {.locations = true}) == genie::plan::encode(second->plan, {.locations = true}));
}

TEST_CASE("a capture that is asked to stop stops") {
  const Scratch scratch;
  ProgramBuilder program;
  program.weight("p_w", {"w", "weight_0", meta(kF32, {"4"})}).input("x", meta(kF32, {"4"})).node(relu("r", "x"), {{"r", meta(kF32, {"4"})}}).output(tensor("r"));
  bool stopped = false;
  const auto captured = genie::pytorch::capture(scratch.write("m.pt2", program.archive({{"weight_0", kFloats16}})), {},
                                                [](std::uint64_t, std::uint64_t, std::string_view) { return false; }, stopped);
  CHECK(stopped);
  CHECK_FALSE(captured.ok());
}
