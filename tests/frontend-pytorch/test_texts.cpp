// The small languages inside an archive: treespecs, module stacks, stack traces, digests of programs.
#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "torch/metadata.hpp"
#include "torch/program_digest.hpp"
#include "torch/tree.hpp"

using genie::pytorch::input_paths;
using genie::pytorch::leaf_names;
using genie::pytorch::module_scope;
using genie::pytorch::parse_tree;
using genie::pytorch::program_digest;
using genie::pytorch::source_line;

namespace {

const std::string kLeaf = R"({"type":null,"context":null,"children_spec":[]})";

std::string container(const std::string& type, const std::string& context,
                      const std::vector<std::string>& children) {
  std::string text = R"({"type":")" + type + R"(","context":)" + context + R"(,"children_spec":[)";
  for (std::size_t i = 0; i < children.size(); ++i)
    text += (i ? "," : "") + children[i];
  return text + "]}";
}

std::vector<std::string> names(const std::string& spec, const genie::pytorch::NamedtupleFields& fields = {}) {
  const auto tree = parse_tree("[1," + spec + "]", fields, "m.pt2");
  REQUIRE(tree.ok());
  return leaf_names(*tree, "output");
}

using Names = std::vector<std::string>;

}  // namespace

TEST_CASE("outputs are named by their path in the tree") {
  CHECK(names(kLeaf) == Names{"output"});
  CHECK(names(container("builtins.tuple", "\"null\"", {kLeaf})) == Names{"0"});
  CHECK(names(container("builtins.tuple", "\"null\"",
                        {kLeaf, container("builtins.list", "\"null\"", {kLeaf, kLeaf})})) ==
        Names{"0", "1.0", "1.1"});
  CHECK(names(container("builtins.dict", R"("[\"a\", 1, \"b.c\"]")", {kLeaf, kLeaf, kLeaf})) ==
        Names{"a", "1", "b.c"});
  CHECK(names(container("transformers.modeling_outputs.BaseModelOutput", R"("[\"last_hidden_state\"]")",
                        {kLeaf})) == Names{"last_hidden_state"});
}

TEST_CASE("dataclasses name the fields that are there, also when there are two") {
  CHECK(names(container("my.DC", R"("[[\"p\"], [\"q\"]]")", {kLeaf})) == Names{"p"});
  CHECK(names(container("my.DC", R"("[[\"p\", \"q\"], []]")", {kLeaf, kLeaf})) == Names{"p", "q"});
}

TEST_CASE("namedtuples by the archive's table, else by index; unknown contexts by index") {
  CHECK(names(container("collections.namedtuple", "\"my.NT\"", {kLeaf, kLeaf}), {{"my.NT", {"a", "b"}}}) ==
        Names{"a", "b"});
  CHECK(names(container("collections.namedtuple", "\"my.NT\"", {kLeaf, kLeaf})) == Names{"0", "1"});
  CHECK(names(container("custom.Thing", "\"{!}\"", {kLeaf, kLeaf})) == Names{"0", "1"});
  CHECK(names(container("collections.defaultdict", R"({"default_factory_name":"list","dict_context":["k"]})",
                        {kLeaf})) == Names{"k"});
}

TEST_CASE("GE0230: a treespec that is none") {
  for (const char* text : {"{}", "[1]", "[2,{}]", R"([1,{"type":"builtins.tuple"}])"}) {
    const auto tree = parse_tree(text, {}, "m.pt2");
    REQUIRE_FALSE(tree.ok());
    CHECK(tree.errors().front().code == "GE0230");
  }
}

TEST_CASE("guards call inputs by argument name and path") {
  const std::string args =
      container("builtins.tuple", "\"null\"", {kLeaf, container("builtins.list", "\"null\"", {kLeaf})});
  const std::string kwargs =
      container("builtins.dict", R"("[\"d\"]")", {container("builtins.dict", R"("[\"k\"]")", {kLeaf})});
  const auto tree =
      parse_tree("[1," + container("builtins.tuple", "\"null\"", {args, kwargs}) + "]", {}, "m.pt2");
  REQUIRE(tree.ok());
  CHECK(input_paths(*tree, {"x", "list", "d"}) == Names{"['x']", "['list'][0]", "['d']['k']"});
}

TEST_CASE("the scope of a node is its innermost module, however the exporter spelt it") {
  CHECK(module_scope("L__self__,,m.Net;L__self__fc,fc,torch.nn.modules.linear.Linear") == "fc");
  CHECK(module_scope("L__self__,,m.Net") == "");
  CHECK(module_scope("L__self__,,m.Net;1397,l.0,torch.nn.Sequential;1396@1,seq.0,torch.nn.Linear") ==
        "seq.0");
  CHECK(module_scope("L__self__,,m.Net;k,L['self'].layers[0].fc,torch.nn.Linear") == "layers.0.fc");
  CHECK(module_scope("L__self__,,m.Net;k,L['self']._modules['a'].b,torch.nn.Linear") == "a.b");
  CHECK(module_scope("L__self__,,m.Net;k,layers.0@1,m.Block") == "layers.0");
  CHECK(module_scope("L__self__,,m.Net;k,a.b,m.Generic[int, m.T;x]") == "a.b");
  CHECK(module_scope("_empty_nn_module_stack_from_metadata_hook,_empty,_empty") == "");
  CHECK(module_scope("") == "");
}

TEST_CASE("the source of a node is its innermost frame outside PyTorch") {
  const auto line = source_line(
      "File \"/home/a/model.py\", line 10, in forward\n    x = self.block(x)\n"
      "  File \"/usr/lib/python3/site-packages/transformers/models/bert/modeling_bert.py\", line 184, in "
      "forward\n    y = self.q(x)\n"
      "  File \"/usr/lib/python3/site-packages/torch/nn/modules/linear.py\", line 134, in forward\n    "
      "return F.linear(x)");
  REQUIRE(line.has_value());
  CHECK(line->file == "transformers/models/bert/modeling_bert.py");
  CHECK(line->line == 184);
  const auto own =
      source_line("File \"/home/a/model.py\", line 10, in forward\n    print('File \"x.py\", line 3')");
  REQUIRE(own.has_value());
  CHECK(own->file == "model.py");
  CHECK(own->line == 10);
  CHECK_FALSE(source_line("File \"torch/fx/passes/runtime_assert.py\", line 24, in f").has_value());
  CHECK_FALSE(source_line("no frames").has_value());
}

TEST_CASE("a program's digest leaves out what holds process addresses, and nothing else") {
  const std::string a =
      R"({"metadata":{"from_node":"[{\"graph_id\": 1}]","nn_module_stack":"k,1","torch_fn":"f"},"x":1})";
  const std::string b =
      R"({"metadata":{"from_node":"[{\"graph_id\": 222}]","nn_module_stack":"k,2","torch_fn":"f"},"x":1})";
  const std::string c =
      R"({"metadata":{"from_node":"[{\"graph_id\": 1}]","nn_module_stack":"k,1","torch_fn":"g"},"x":1})";
  CHECK(program_digest(a) == program_digest(b));
  CHECK(program_digest(a) != program_digest(c));
  // The same words inside another text are content.
  CHECK(program_digest(R"({"s":"\"from_node\": \"1\""})") !=
        program_digest(R"({"s":"\"from_node\": \"2\""})"));
}
