// "results": "close": nodes computed together and weights packed, near torch's results; what must not be fused is not.
#include <doctest/doctest.h>

#include <cmath>
#include <limits>

#include "values.hpp"

using namespace kernels_test;

namespace {

constexpr const char* kDigest = "sha256:3333333333333333333333333333333333333333333333333333333333333333";
constexpr std::int64_t kIn = 6, kOut = 8;

/// Some numbers of either sign, no two alike.
std::vector<float> numbers(std::int64_t count, float from) {
  std::vector<float> out;
  for (std::int64_t i = 0; i < count; ++i)
    out.push_back(from + 0.37f * static_cast<float>((i * 7) % count) - 0.11f * static_cast<float>(i));
  return out;
}

/// A device with the weights that documents here name: "w" [8, 6], "wt" (its bytes as [6, 8]), "b" [8], "w64" (f64, [4, 6]).
class Rig {
 public:
  explicit Rig(const char* options) : device_(host_, plugin(), options) {
    device_.put(kDigest, blob_.data(), blob_.bytes());
  }
  OpenDevice& device() { return device_; }

 private:
  TestHost host_;
  Buffer blob_ = f32({kIn * kOut + kOut}, numbers(kIn* kOut + kOut, -0.5f));
  OpenDevice device_;
};

constexpr const char* kClose = R"({"threads": 1, "results": "close"})";
constexpr const char* kExact = R"({"threads": 1})";

std::string weight(const char* name, const char* type, const char* strides, int offset) {
  return '"' + std::string(name) + R"(": {"kind": "parameter", )" + type + R"(, "strides": )" + strides +
         R"(, "blob": ")" + kDigest + R"(", "offset_bytes": )" + std::to_string(offset) + "}";
}

Document document(const std::string& inputs, const std::string& outputs, const std::string& values,
                  const std::string& nodes) {
  Document made;
  const auto ports = [](const std::string& names) {
    std::string text;
    for (const char name : names)
      text +=
          std::string(text.empty() ? "" : ", ") + R"({"name": ")" + name + R"(", "value": ")" + name + "\"}";
    return text;
  };
  made.inputs = ports(inputs);
  made.outputs = ports(outputs);
  made.values = values;
  made.nodes = nodes;
  made.blobs =
      '"' + std::string(kDigest) + R"(": {"size_bytes": )" + std::to_string((kIn * kOut + kOut) * 4) + "}";
  made.weights = weight("b", R"("dtype": "f32", "shape": [8])", "[1]", kIn * kOut * 4) + ", " +
                 weight("w", R"("dtype": "f32", "shape": [8, 6])", "[6, 1]", 0) + ", " +
                 weight("w64", R"("dtype": "f64", "shape": [4, 6])", "[6, 1]", 0) + ", " +
                 weight("wt", R"("dtype": "f32", "shape": [6, 8])", "[8, 1]", 0);
  return made;
}

std::string value(char name, const char* shape, const char* dtype = "f32") {
  return std::string("\"") + name + R"(": {"dtype": ")" + dtype + R"(", "shape": )" + shape + "}";
}

/// {"id": "nK", …}; arguments as JSON, with $x for a value and %w for a weight.
std::string node(const char* op, const std::string& args, const char* results, int number,
                 const char* more = "") {
  std::string text;
  for (std::size_t i = 0; i < args.size(); ++i) {
    if (args[i] != '$' && args[i] != '%') {
      text += args[i];
      continue;
    }
    const std::size_t end = std::min(args.find_first_of(",]}", i), args.size());
    text += std::string(args[i] == '$' ? R"({"value": ")" : R"({"weight": ")") +
            args.substr(i + 1, end - i - 1) + "\"}";
    i = end - 1;
  }
  return R"({"id": "n)" + std::to_string(number) + R"(", "op": "aten.)" + op + R"(", "args": [)" + text +
         R"(], "results": [)" + (*results == '\0' ? "" : std::string("\"") + results + "\"") + "]" + more +
         "}";
}

std::string nodes(std::initializer_list<std::string> list) {
  std::string text;
  for (const std::string& one : list)
    text += (text.empty() ? "" : ", ") + one;
  return text;
}

/// What the close device counted.
struct Counts {
  std::uint64_t fused = 0, packed = 0, calls = 0;
};

/// Runs a document on both sides: shapes and strides must be the same, elements within 1e-5 of the largest.
Counts compare(const Document& given, std::initializer_list<const Buffer*> inputs, std::size_t outputs,
               const RunOptions& options = {}) {
  Rig exact(kExact), close(kClose);
  const auto wanted_stage = exact.device().compile(given.text());
  const auto stage = close.device().compile(given.text());
  const Outputs wanted = run(exact.device(), wanted_stage.get(), inputs, outputs, options);
  const Outputs got = run(close.device(), stage.get(), inputs, outputs, options);
  for (std::size_t i = 0; i < outputs; ++i) {
    CHECK(shape_of(got[i].tensor->view) == shape_of(wanted[i].tensor->view));
    CHECK(strides_of(got[i].tensor->view) == strides_of(wanted[i].tensor->view));
    if (!(wanted[i].tensor->view.dtype == kF32)) continue;
    const auto a = elements<float>(got[i].tensor->view);
    const auto b = elements<float>(wanted[i].tensor->view);
    float scale = 0;
    for (const float x : b)
      if (std::isfinite(x)) scale = std::max(scale, std::abs(x));
    for (std::size_t e = 0; e < b.size(); ++e) {
      CHECK(std::isnan(a[e]) == std::isnan(b[e]));
      if (std::isfinite(b[e])) CHECK(std::abs(a[e] - b[e]) <= 1e-5f * scale);
    }
  }
  CHECK(exact.device().counter("fused_nodes") == 0);
  CHECK(exact.device().counter("packed_bytes") == 0);
  return {close.device().counter("fused_nodes"), close.device().counter("packed_weights"),
          close.device().counter("kernel_calls")};
}

const std::string kRows = value('x', "[3, 6]");

Buffer rows() {
  return f32({3, kIn}, numbers(3 * kIn, -1.0f));
}
Buffer wide() {
  return f32({3, kOut}, numbers(3 * kOut, -2.0f));
}

/// The curves of activations, spelt in elementwise operators over x into y.
std::string gelu_tanh() {
  return nodes(
      {node("mul.Tensor", R"($x, {"float": 0.5})", "a", 0),
       node("pow.Tensor_Scalar", R"($x, {"float": 3.0})", "c", 1),
       node("mul.Tensor", R"($c, {"float": 0.044715})", "d", 2), node("add.Tensor", "$x, $d", "e", 3),
       node("mul.Tensor", R"($e, {"float": 0.7978845608028654})", "f", 4), node("tanh.default", "$f", "g", 5),
       node("add.Tensor", R"($g, {"float": 1.0})", "h", 6), node("mul.Tensor", "$a, $h", "y", 7)});
}

std::string typed(const std::string& names, const char* shape, const char* dtype = "f32") {
  std::string text;
  for (const char name : names)
    text += (text.empty() ? "" : ", ") + value(name, shape, dtype);
  return text;
}

}  // namespace

TEST_CASE("GE0640: results are exact or close") {
  const TestHost host;
  try {
    const OpenDevice device(host, plugin(), R"({"results": "fast"})");
    FAIL("accepted");
  } catch (const Failure& failure) {
    CHECK(std::string(failure.what()).find("\"results\" is \"fast\"") != std::string::npos);
    CHECK(failure.error.diagnostics.find(R"(Give \"exact\" or \"close\")") != std::string::npos);
  }
}

TEST_CASE("a product with a weight is computed with a packed one, however it is spelt") {
  const Buffer x = rows();
  const std::string values = kRows + ", " + value('y', "[3, 8]");
  for (const std::string& one :
       {node("linear.default", "$x, %w, %b", "y", 0), node("linear.default", "$x, %w", "y", 0),
        node("addmm.default", "%b, $x, %wt", "y", 0), node("mm.default", "$x, %wt", "y", 0),
        node("matmul.default", "$x, %wt", "y", 0)}) {
    CAPTURE(one);
    CHECK(compare(document("x", "y", values, one), {&x}, 1).packed == 1);
  }
  // Through a view of the weight, which is taken once.
  const Counts counts =
      compare(document("x", "y", values + R"(, "t": {"dtype": "f32", "shape": [6, 8], "strides": [1, 6]})",
                       nodes({node("t.default", "%w", "t", 0), node("mm.default", "$x, $t", "y", 1)})),
              {&x}, 1);
  CHECK(counts.packed == 1);
  CHECK(counts.calls == 1);
}

TEST_CASE("a product that is scaled, of another type, or of no weight stays torch's") {
  const Buffer x = rows(), y64 = Buffer(kF64, {3, kIn}, std::vector<double>(3 * kIn, 0.5));
  const std::string values = kRows + ", " + value('y', "[3, 8]");
  CHECK(
      compare(
          document(
              "x", "y", values,
              R"({"id": "n0", "op": "aten.addmm.default", "args": [{"weight": "b"}, {"value": "x"}, {"weight": "wt"}],
                             "kwargs": {"alpha": {"int": 2}}, "results": ["y"]})"),
          {&x}, 1)
          .packed == 0);
  CHECK(compare(document("x", "y", value('x', "[3, 6]", "f64") + ", " + value('y', "[3, 4]", "f64"),
                         node("linear.default", "$x, %w64", "y", 0)),
                {&y64}, 1)
            .packed == 0);
  const Buffer right = f32({kIn, kOut}, numbers(kIn * kOut, 0.1f));
  CHECK(
      compare(document("xr", "y", values + ", " + value('r', "[6, 8]"), node("mm.default", "$x, $r", "y", 0)),
              {&x, &right}, 1)
          .packed == 0);
}

TEST_CASE("sizes that differ from run to run, none and one among them, are computed with one packed weight") {
  Document given = document(
      "x", "y", R"("x": {"dtype": "f32", "shape": ["s0", 6]}, "y": {"dtype": "f32", "shape": ["s0", 8]})",
      node("linear.default", "$x, %w, %b", "y", 0));
  given.symbols = R"("s0": {"min": 0, "max": 9})";
  for (const std::int64_t batch : {0, 1, 5}) {
    const Buffer x = f32({batch, kIn}, numbers(batch * kIn, -1.0f));
    RunOptions options;
    options.dims = {batch};
    CHECK(compare(given, {&x}, 1, options).packed == 1);
  }
}

TEST_CASE("an operand with gaps, or in another order, is put in order first") {
  Buffer gaps = f32({3, 2 * kIn}, numbers(6 * kIn, -1.0f));
  gaps.viewed({3, kIn}, {2 * kIn, 1}, 8);
  Buffer turned = f32({kIn, 3}, numbers(3 * kIn, -1.0f));
  turned.viewed({3, kIn}, {1, 3});
  Buffer summand = f32({kOut, 3}, numbers(3 * kOut, -1.0f));
  summand.viewed({3, kOut}, {1, 3});
  for (const auto& [x, strides] : {std::pair(&gaps, "[12, 1]"), std::pair(&turned, "[1, 3]")}) {
    const Counts counts = compare(
        document("xr", "y",
                 std::string(R"("x": {"dtype": "f32", "shape": [3, 6], "strides": )") + strides +
                     R"(}, "r": {"dtype": "f32", "shape": [3, 8], "strides": [1, 3]}, )" +
                     typed("py", "[3, 8]"),
                 nodes({node("linear.default", "$x, %w, %b", "p", 0), node("add.Tensor", "$p, $r", "y", 1)})),
        {x, &summand}, 1);
    CHECK(counts.packed == 1);
    CHECK(counts.fused == 1);
  }
}

TEST_CASE("an activation spelt in elementwise operators is one operator") {
  const Buffer x = wide();
  CHECK(compare(document("x", "y", typed("xacdefghy", "[3, 8]"), gelu_tanh()), {&x}, 1).fused == 7);
  const Counts erf = compare(
      document(
          "x", "y", typed("xacdey", "[3, 8]"),
          nodes({node("div.Tensor", R"($x, {"float": 1.4142135623730951})", "a", 0),
                 node("erf.default", "$a", "c", 1), node("add.Tensor", R"($c, {"int": 1})", "d", 2),
                 node("mul.Tensor", R"($x, {"float": 0.5})", "e", 3), node("mul.Tensor", "$e, $d", "y", 4)})),
      {&x}, 1);
  CHECK(erf.fused == 4);
  CHECK(erf.calls == 1);
  CHECK(
      compare(document("x", "y", typed("xay", "[3, 8]"),
                       nodes({node("sigmoid.default", "$x", "a", 0), node("mul.Tensor", "$a, $x", "y", 1)})),
              {&x}, 1)
          .fused == 1);
  CHECK(compare(document("x", "y", typed("xacdy", "[3, 8]"),
                         nodes({node("neg.default", "$x", "a", 0), node("exp.default", "$a", "c", 1),
                                node("add.Tensor", R"($c, {"int": 1})", "d", 2),
                                node("div.Tensor", "$x, $d", "y", 3)})),
                {&x}, 1)
            .fused == 3);
}

TEST_CASE(
    "elementwise operators that are no known activation, or whose values are wanted, stay as they are") {
  const Buffer x = wide();
  const std::string values = typed("xay", "[3, 8]");
  const auto silu = nodes({node("sigmoid.default", "$x", "a", 0), node("mul.Tensor", "$a, $x", "y", 1)});
  CHECK(compare(document("x", "ya", values, silu), {&x}, 2).fused == 0);  // the inner value leaves the stage
  CHECK(
      compare(document("x", "yz", typed("xayz", "[3, 8]"), nodes({silu, node("exp.default", "$a", "z", 2)})),
              {&x}, 2)
          .fused == 0);  // somebody else reads it
  CHECK(
      compare(document("x", "y", typed("xacy", "[3, 8]"),
                       nodes({node("mul.Tensor", R"($x, {"float": 1.702})", "c", 0),
                              node("sigmoid.default", "$c", "a", 1), node("mul.Tensor", "$a, $x", "y", 2)})),
              {&x}, 1)
          .fused == 0);  // nearly gelu
  const Buffer doubles(kF64, {3, kOut}, std::vector<double>(3 * kOut, 0.7));
  CHECK(compare(document("x", "y", typed("xay", "[3, 8]", "f64"), silu), {&doubles}, 1).fused == 0);
  const Buffer column = f32({3, 1}, {1, -2, 3});
  CHECK(
      compare(document("xk", "y", values + ", " + value('k', "[3, 1]"),
                       nodes({node("sigmoid.default", "$k", "a", 0), node("mul.Tensor", "$a, $x", "y", 1)})),
              {&x, &column}, 1)
          .fused == 0);  // of another value
}

TEST_CASE("a value that is written to between its uses is read where it was") {
  const Buffer x = wide();
  const Counts counts =
      compare(document("x", "y", typed("xqaby", "[3, 8]"),
                       nodes({node("neg.default", "$x", "q", 0), node("sigmoid.default", "$q", "a", 1),
                              node("add_.Tensor", R"($q, {"float": 1.0})", "b", 2, R"(, "mutates": ["q"])"),
                              node("mul.Tensor", "$a, $q", "y", 3)})),
              {&x}, 1);
  CHECK(counts.fused == 0);
}

TEST_CASE("an activation or a sum behind a product is computed with it, through views and copies") {
  const Buffer x = rows(), r = wide();
  const std::string values = kRows + ", " + typed("pqyr", "[3, 8]");
  const std::string product = node("linear.default", "$x, %w, %b", "p", 0);
  for (const char* op : {"gelu.default", "tanh.default", "sigmoid.default", "silu.default"}) {
    const Counts counts =
        compare(document("x", "y", values, nodes({product, node(op, "$p", "y", 1)})), {&x}, 1);
    CHECK(counts.fused == 1);
    CHECK(counts.calls == 1);
  }
  for (const char* sum : {"$p, $r", "$r, $p"}) {
    const Counts counts =
        compare(document("xr", "y", values, nodes({product, node("add.Tensor", sum, "y", 1)})), {&x, &r}, 1);
    CHECK(counts.fused == 1);
    CHECK(counts.calls == 1);
  }
  CHECK(compare(document("xr", "y", values,
                         nodes({product, node("clone.default", "$p", "q", 1),
                                node("add.Tensor", "$q, $r", "y", 2)})),
                {&x, &r}, 1)
            .fused == 2);
  // The summand has another shape than the product had.
  const Buffer r3 = f32({1, 3, kOut}, numbers(3 * kOut, 0.3f));
  const std::string view =
      node("view.default", R"($p, {"list": [{"int": 1}, {"int": 3}, {"int": 8}]})", "v", 1);
  for (const bool activation : {false, true}) {
    const Counts counts = compare(
        document(
            "xr", "y", kRows + ", " + value('p', "[3, 8]") + ", " + typed("vry", "[1, 3, 8]"),
            nodes({node("addmm.default", "%b, $x, %wt", "p", 0), view,
                   activation ? node("gelu.default", "$v", "y", 2) : node("add.Tensor", "$v, $r", "y", 2)})),
        {&x, &r3}, 1);
    CHECK(counts.fused == 1);
  }
}

TEST_CASE("what is wanted of a product as it is, or cannot be added as it is, stays apart") {
  const Buffer x = rows(), r = wide();
  const std::string values = kRows + ", " + typed("pqyrz", "[3, 8]");
  const std::string product = node("linear.default", "$x, %w, %b", "p", 0);
  const auto unfused = [&](const Document& given, std::initializer_list<const Buffer*> inputs,
                           std::size_t outputs) {
    CAPTURE(given.nodes);
    const Counts counts = compare(given, inputs, outputs);
    CHECK(counts.fused == 0);
    CHECK(counts.packed == 1);
  };
  const std::string gelu = node("gelu.default", "$p", "y", 1);
  unfused(document("x", "yp", values, nodes({product, gelu})), {&x}, 2);  // it leaves the stage
  unfused(document("x", "yz", values, nodes({product, gelu, node("neg.default", "$p", "z", 2)})), {&x}, 2);
  unfused(document("x", "y", values, nodes({product, node("add.Tensor", "$p, $p", "y", 1)})), {&x}, 1);
  unfused(document("x", "y", values, nodes({product, node("relu.default", "$p", "y", 1)})), {&x}, 1);
  unfused(document("xr", "y", values,
                   nodes({product,
                          R"({"id": "n1", "op": "aten.add.Tensor", "args": [{"value": "p"}, {"value": "r"}],
                                      "kwargs": {"alpha": {"int": 2}}, "results": ["y"]})"})),
          {&x, &r}, 1);
  const Buffer row = f32({kOut}, numbers(kOut, 0.3f));
  unfused(document("xk", "y", values + ", " + value('k', "[8]"),
                   nodes({product, node("add.Tensor", "$p, $k", "y", 1)})),
          {&x, &row}, 1);
  // The summand is written to after the product, or does not exist before it.
  unfused(document("xr", "y", values + ", " + value('s', "[3, 8]"),
                   nodes({node("neg.default", "$r", "q", 9), product,
                          node("mul_.Scalar", R"($q, {"float": 3.0})", "s", 1, R"(, "mutates": ["q"])"),
                          node("add.Tensor", "$p, $q", "y", 2)})),
          {&x, &r}, 1);
  unfused(document("xr", "y", values,
                   nodes({product, node("neg.default", "$r", "q", 1), node("add.Tensor", "$p, $q", "y", 2)})),
          {&x, &r}, 1);
}

TEST_CASE("what is not a number stays so behind a product") {
  std::vector<float> some = numbers(3 * kIn, -1.0f);
  some[7] = std::numeric_limits<float>::quiet_NaN();
  some[14] = std::numeric_limits<float>::infinity();
  const Buffer x = f32({3, kIn}, some);
  for (const char* op : {"relu.default", "gelu.default", "tanh.default", "sigmoid.default"})
    compare(document("x", "y", kRows + ", " + typed("py", "[3, 8]"),
                     nodes({node("linear.default", "$x, %w, %b", "p", 0), node(op, "$p", "y", 1)})),
            {&x}, 1);
}

TEST_CASE(
    "a packed weight is one for all stages of a device, is counted while a stage uses it, and keeps to the "
    "room given") {
  Rig rig(kClose);
  const std::string text =
      document("x", "y", kRows + ", " + value('y', "[3, 8]"), node("linear.default", "$x, %w, %b", "y", 0))
          .text();
  {
    const auto first = rig.device().compile(text);
    const std::uint64_t bytes = rig.device().counter("packed_bytes");
    CHECK(bytes >= kIn * kOut * sizeof(float));
    const auto second = rig.device().compile(text);
    CHECK(rig.device().counter("packed_weights") == 1);
    CHECK(rig.device().counter("packed_bytes") == bytes);
  }
  CHECK(rig.device().counter("packed_weights") == 0);
  CHECK(rig.device().counter("packed_bytes") == 0);
  const auto narrow = rig.device().compile(text, R"({"spare_bytes": 100})");
  CHECK(rig.device().counter("packed_weights") == 0);
  const Buffer x = rows();
  CHECK(run(rig.device(), narrow.get(), {&x}, 1)[0].tensor != nullptr);
  CHECK_THROWS_AS((void)rig.device().compile(text, R"({"spare_bytes": -1})"), Failure);
  CHECK_THROWS_AS((void)rig.device().compile(text, R"({"spare": 1})"), Failure);
}
