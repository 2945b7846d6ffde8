// What a person reads when a stage cannot be compiled or run: exact texts.
#include <doctest/doctest.h>

#include "values.hpp"

using namespace kernels_test;

namespace {

constexpr const char* kPair =
    R"("x": {"dtype": "f32", "shape": [2, 3]}, "y": {"dtype": "f32", "shape": [2, 3]})";

std::string stage_of(const std::string& node, const std::string& values = kPair) {
  Document document;
  document.inputs = R"({"name": "x", "value": "x"})";
  document.outputs = R"({"name": "y", "value": "y"})";
  document.values = values;
  document.nodes =
      R"({"id": "n7", )" + node + R"(, "results": ["y"], "scope": "encoder.layer.0.attention.self.query",
                       "source": {"file": "modeling_bert.py", "line": 184}})";
  return document.text();
}

genie::Error compile_error(const std::string& text) {
  const TestHost host;
  const OpenDevice device(host, plugin());
  try {
    (void)device.compile(text);
  } catch (const Failure& failure) {
    return failure.error;
  }
  FAIL("compiled");
  return {};
}

genie::Error run_error(const std::string& text, std::initializer_list<const Buffer*> inputs,
                       RunOptions options = {}, std::size_t outputs = 1) {
  const TestHost host;
  const OpenDevice device(host, plugin());
  const auto stage = device.compile(text);
  try {
    (void)run(device, stage.get(), inputs, outputs, options);
  } catch (const Failure& failure) {
    return failure.error;
  }
  FAIL("ran");
  return {};
}

/// Any torch: its version stands in texts.
std::string without_version(std::string text) {
  const std::string word = "torch ";
  for (std::size_t at = text.find(word); at != std::string::npos; at = text.find(word, at + word.size())) {
    std::size_t end = at + word.size();
    while (end < text.size() && (std::isdigit(static_cast<unsigned char>(text[end])) != 0 ||
                                 (text[end] == '.' && end + 1 < text.size() &&
                                  std::isdigit(static_cast<unsigned char>(text[end + 1])) != 0)))
      ++end;
    if (end > at + word.size()) text.replace(at + word.size(), end - at - word.size(), "VERSION");
  }
  return text;
}

}  // namespace

TEST_CASE(
    "GE0630: an operator that fails names its node, module, source line, arguments and torch's reason") {
  Document document;
  document.inputs = R"({"name": "x", "value": "x"}, {"name": "w", "value": "w"})";
  document.outputs = R"({"name": "y", "value": "y"})";
  document.values =
      R"("x": {"dtype": "f32", "shape": [2, 3]}, "w": {"dtype": "f32", "shape": [4]}, "y": {"dtype": "f32", "shape": [2, 3]})";
  document.nodes =
      R"({"id": "n7", "op": "aten.add.Tensor", "args": [{"value": "x"}, {"value": "w"}], "results": ["y"], "scope": "encoder.add",
                       "source": {"file": "model.py", "line": 12}})";
  const Buffer x = f32({2, 3}, {1, 2, 3, 4, 5, 6});
  const Buffer w = f32({4}, {1, 2, 3, 4});
  const genie::Error error = run_error(document.text(), {&x, &w});
  CHECK(error.code == GENIE_INVALID_ARGUMENT);
  CHECK(error.node == "n7");
  CHECK(error.domain == "torch");
  CHECK(error.message ==
        "GE0630: aten.add.Tensor(self: f32[2, 3], other: f32[4], alpha: 1) failed: The size of tensor a (3) "
        "must match the size of tensor b (4) "
        "at non-singleton dimension 1 (node n7, encoder.add, model.py:12). Compare these arguments with what "
        "the model gives the operator there; "
        "if they are right, the model fails the same way in PyTorch");
  CHECK(error.diagnostics.find(R"("code":"GE0630")") != std::string::npos);
  CHECK(error.diagnostics.find(R"("scope":"encoder.add")") != std::string::npos);
  CHECK(error.diagnostics.find(R"("source":"model.py:12")") != std::string::npos);
}

TEST_CASE("an index out of range is OUT_OF_RANGE") {
  const Buffer x = f32({2, 3}, {1, 2, 3, 4, 5, 6});
  const genie::Error error = run_error(
      stage_of(R"("op": "aten.select.int", "args": [{"value": "x"}, {"int": 5}, {"int": 0}])"), {&x});
  CHECK(error.code == GENIE_OUT_OF_RANGE);
  CHECK(error.message.find("Dimension out of range (expected to be in range of [-2, 1], but got 5)") !=
        std::string::npos);
}

TEST_CASE("GE0631: an unknown operator is UNIMPLEMENTED and names what there is") {
  const genie::Error overload =
      compile_error(stage_of(R"("op": "aten.neg.Tensor", "args": [{"value": "x"}])"));
  CHECK(overload.code == GENIE_UNIMPLEMENTED);
  CHECK(without_version(overload.message) ==
        "GE0631: torch VERSION has no operator aten.neg.Tensor (node n7, "
        "encoder.layer.0.attention.self.query, modeling_bert.py:184). "
        "This operator has the overloads default, out");
  const genie::Error base = compile_error(stage_of(R"("op": "aten.sofmtax.int", "args": [{"value": "x"}])"));
  CHECK(base.message.find("Did you mean aten.softmax?") != std::string::npos);
}

TEST_CASE("every node that cannot run is reported, not only the first") {
  Document document;
  document.inputs = R"({"name": "x", "value": "x"})";
  document.outputs = R"({"name": "y", "value": "y"})";
  document.values =
      R"("x": {"dtype": "f32", "shape": [1]}, "a": {"dtype": "f32", "shape": [1]}, "y": {"dtype": "f32", "shape": [1]})";
  document.nodes = R"({"id": "n0", "op": "aten.frob.default", "args": [{"value": "x"}], "results": ["a"]},
                      {"id": "n1", "op": "aten.nicate.default", "args": [{"value": "a"}], "results": ["y"]})";
  const genie::Error error = compile_error(document.text());
  CHECK(error.diagnostics.find("aten.frob.default") != std::string::npos);
  CHECK(error.diagnostics.find("aten.nicate.default") != std::string::npos);
  CHECK(error.message.find("and 1 more") != std::string::npos);
}

TEST_CASE("GE0633: an argument that the operator does not take") {
  const auto message = [](const std::string& node) {
    const genie::Error error = compile_error(stage_of(node));
    CHECK(error.code == GENIE_INVALID_ARGUMENT);
    CHECK(error.node == "n7");
    return error.message.substr(0, error.message.find(" (node"));
  };
  CHECK(message(R"("op": "aten.neg.default", "args": [{"str": "x"}])") ==
        "GE0633: aten.neg.default: argument \"self\" wants Tensor, and the plan gives {\"str\"}");
  CHECK(message(R"("op": "aten.neg.default", "args": [{"value": "x"}, {"int": 1}])") ==
        "GE0633: aten.neg.default: it takes 1 arguments, and the plan gives 2");
  CHECK(message(R"("op": "aten.neg.default", "args": [{"value": "x"}], "kwargs": {"slef": {"int": 1}})") ==
        "GE0633: aten.neg.default: it has no argument \"slef\"");
  CHECK(
      message(R"("op": "aten.neg.default", "args": [{"value": "x"}], "kwargs": {"self": {"value": "x"}})") ==
      "GE0633: aten.neg.default: argument \"self\" is given twice, by position and by name");
  CHECK(message(R"("op": "aten.neg.default", "args": [])") ==
        "GE0633: aten.neg.default: argument \"self\" (Tensor) is missing");
  CHECK(message(R"("op": "aten.neg.default", "args": [{"value": "ghost"}])") ==
        "GE0633: aten.neg.default: value \"ghost\" is made by no earlier node and is no input of this stage");
  CHECK(message(R"("op": "aten.transpose.int", "args": [{"value": "x"}, {"float": 0.5}, {"int": 1}])") ==
        "GE0633: aten.transpose.int: argument \"dim0\" wants int, and the plan gives {\"float\"}");
}

TEST_CASE("GE0633: a weight is never written, directly or through a view") {
  const TestHost host;
  OpenDevice device(host, plugin());
  const Buffer blob = f32({2}, {1, 2});
  const std::string digest = "sha256:3333333333333333333333333333333333333333333333333333333333333333";
  device.put(digest, blob.data(), blob.bytes());
  Document document;
  document.values = R"("v": {"dtype": "f32", "shape": [1, 2], "alias_of": "weight:w"})";
  document.blobs = '"' + digest + R"(": {"size_bytes": 8})";
  document.weights = R"("w": {"kind": "buffer", "dtype": "f32", "shape": [2], "strides": [1], "blob": ")" +
                     digest + R"(", "offset_bytes": 0})";
  for (
      const char* nodes :
      {R"({"id": "n0", "op": "aten.add_.Tensor", "args": [{"weight": "w"}, {"int": 1}], "results": []})",
       R"({"id": "n0", "op": "aten.unsqueeze.default", "args": [{"weight": "w"}, {"int": 0}], "results": ["v"]},
                               {"id": "n1", "op": "aten.add_.Tensor", "args": [{"value": "v"}, {"int": 1}], "results": [], "mutates": ["v"]})"}) {
    document.nodes = nodes;
    try {
      (void)device.compile(document.text());
      FAIL("compiled");
    } catch (const Failure& failure) {
      CHECK(failure.error.message.find("what a model writes must be a state") != std::string::npos);
    }
  }
}

TEST_CASE("GE0634: an input that is not what the stage declares") {
  const std::string text = stage_of(R"("op": "aten.neg.default", "args": [{"value": "x"}])");
  const Buffer shape = f32({3, 2}, {1, 2, 3, 4, 5, 6});
  const genie::Error wrong_shape = run_error(text, {&shape});
  CHECK(wrong_shape.code == GENIE_INVALID_ARGUMENT);
  CHECK(wrong_shape.message.find("GE0634: input \"x\" is declared as f32[2, 3] and was given as f32[3, 2]") ==
        0);
  const Buffer type = i64({2, 3}, {1, 2, 3, 4, 5, 6});
  CHECK(run_error(text, {&type})
            .message.find("input \"x\" is declared as f32[2, 3] and was given as i64[2, 3]") !=
        std::string::npos);
  CHECK(run_error(text, {}).message.find("takes 1 inputs and was given 0") != std::string::npos);
}

TEST_CASE("GE0635: an operator that returns less than the plan names") {
  Document document;
  document.inputs = R"({"name": "x", "value": "x"})";
  document.outputs = R"({"name": "b", "value": "b"})";
  document.values =
      R"("x": {"dtype": "f32", "shape": [2]}, "a": {"dtype": "f32", "shape": [2]}, "b": {"dtype": "f32", "shape": [2]})";
  document.nodes =
      R"({"id": "n0", "op": "aten.neg.default", "args": [{"value": "x"}], "results": ["a", "b"]})";
  const Buffer x = f32({2}, {1, 2});
  CHECK(run_error(document.text(), {&x})
            .message.find("GE0635: aten.neg.default: it returned 1 results, and the plan names 2") == 0);
}

TEST_CASE("GE0637: weights that the device or the blob does not have") {
  const TestHost host;
  OpenDevice device(host, plugin());
  const std::string digest = "sha256:4444444444444444444444444444444444444444444444444444444444444444";
  Document document;
  document.blobs = '"' + digest + R"(": {"size_bytes": 8})";
  document.weights =
      R"("w": {"kind": "parameter", "dtype": "f32", "shape": [2, 2], "strides": [2, 1], "blob": ")" + digest +
      R"(", "offset_bytes": 0})";
  document.outputs = R"({"name": "w", "value": {"weight": "w"}})";
  const auto message = [&] {
    try {
      (void)device.compile(document.text());
    } catch (const Failure& failure) {
      return failure.error.message;
    }
    return std::string("compiled");
  };
  CHECK(message().find("GE0637: weight \"w\" lies in blob " + digest + ", which was not put on the device") ==
        0);
  const Buffer small = f32({2}, {1, 2});
  device.put(digest, small.data(), small.bytes());
  CHECK(message().find("GE0637: weight \"w\" reaches from byte 0 over 16 bytes, and its blob has 8") == 0);
}

TEST_CASE("GE0639: a size without a value") {
  Document document;
  document.inputs = R"({"name": "x", "value": "x"})";
  document.outputs = R"({"name": "y", "value": "y"})";
  document.symbols = R"("s0": {"from": {"input": "x", "dim": 0}})";
  document.values = R"("x": {"dtype": "f32", "shape": ["s0"]}, "y": {"dtype": "f32", "shape": ["s0"]})";
  document.nodes = R"({"id": "n0", "op": "aten.neg.default", "args": [{"value": "x"}], "results": ["y"]})";
  const Buffer x = f32({2}, {1, 2});
  RunOptions options;
  options.dims = {INT64_MIN};
  CHECK(run_error(document.text(), {&x}, options)
            .message.find("GE0639: the size s0 cannot be computed from the sizes of this run") == 0);
}

TEST_CASE("documents that are no plan, or no stage") {
  CHECK(compile_error("{").code == GENIE_INVALID_ARGUMENT);
  CHECK(compile_error("{").message.find("GE03") == 0);
  std::string text = stage_of(R"("op": "aten.neg.default", "args": [{"value": "x"}])");
  const std::string methods = "\"methods\": {";
  text.replace(text.find(methods), methods.size(),
               methods + R"("other": {"inputs": [], "outputs": [], "values": {}, "nodes": []}, )");
  CHECK(compile_error(text).message.find(
            "GE0636: a stage document has exactly one method, and this one has 2") == 0);
}

TEST_CASE("a cancelled run stops before the next node") {
  const Buffer x = f32({2, 3}, {1, 2, 3, 4, 5, 6});
  TestCall call;
  call.cancel_after = 0;
  RunOptions options;
  options.call = &call;
  const genie::Error error =
      run_error(stage_of(R"("op": "aten.neg.default", "args": [{"value": "x"}])"), {&x}, options);
  CHECK(error.code == GENIE_CANCELLED);
}

TEST_CASE("a run past its deadline stops and names the node it did not reach") {
  const Buffer x = f32({2, 3}, {1, 2, 3, 4, 5, 6});
  TestCall call(1);
  RunOptions options;
  options.call = &call;
  const genie::Error error =
      run_error(stage_of(R"("op": "aten.neg.default", "args": [{"value": "x"}])"), {&x}, options);
  CHECK(error.code == GENIE_DEADLINE_EXCEEDED);
  CHECK(error.message == "the deadline passed before node n7");
}

TEST_CASE("after a failed run the next one is as good as the first") {
  const TestHost host;
  const OpenDevice device(host, plugin());
  Document document;
  document.inputs = R"({"name": "x", "value": "x"})";
  document.outputs = R"({"name": "y", "value": "y"})";
  document.symbols = R"("at": {"from": {"input": "x", "dim": 0}})";
  document.values = R"("x": {"dtype": "f32", "shape": [2]}, "y": {"dtype": "f32", "shape": []})";
  document.nodes =
      R"({"id": "n0", "op": "aten.select.int", "args": [{"value": "x"}, {"int": 0}, {"dim": "at"}], "results": ["y"]})";
  const auto stage = device.compile(document.text());
  const Buffer x = f32({2}, {1, 2});
  RunOptions options;
  options.dims = {9};
  CHECK_THROWS_AS((void)run(device, stage.get(), {&x}, 1, options), Failure);
  options.dims = {1};
  const Outputs out = run(device, stage.get(), {&x}, 1, options);
  CHECK(elements<float>(out[0].tensor->view) == std::vector<float>{2});
}
