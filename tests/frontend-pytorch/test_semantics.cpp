// The rules of meaning: that the data is sound, and what it says of the module names of well-known models.
#include <doctest/doctest.h>

#include <string>

#include "genie/plan/model.hpp"
#include "semantics/rules.hpp"
#include "semantics/semantics.hpp"

using genie::plan::Arg;
using genie::plan::DType;
using genie::plan::Node;
using genie::plan::Plan;
using genie::pytorch::annotate;
using genie::pytorch::load_rules;
using genie::pytorch::matches_path;
using genie::pytorch::matches_text;
namespace arg = genie::plan::arg;

namespace {

std::string role_of(const std::string& scope, const std::string& op) {
  Plan plan;
  Node node;
  node.id = "n";
  node.op = op;
  node.scope = scope;
  plan.methods["forward"].nodes.push_back(node);
  annotate(plan);
  const auto& role = plan.methods["forward"].nodes[0].semantics.role;
  return role ? role->is : "";
}

const char* const kLinear = "aten.linear.default";

}  // namespace

TEST_CASE("patterns match text and dotted paths") {
  CHECK(matches_text("*cache*", "key_cache_0"));
  CHECK(matches_text("layer#", "Layer12"));
  CHECK_FALSE(matches_text("layer#", "layer"));
  CHECK_FALSE(matches_text("layer", "layers"));
  CHECK(matches_path("**.query", "encoder.layer.0.attention.self.query"));
  CHECK(matches_path("**.query", "query"));
  CHECK(matches_path("**.mlp.**", "h.0.mlp"));
  CHECK(matches_path("**.mlp.**", "h.0.mlp.c_fc"));
  CHECK(matches_path("**.h.#", "transformer.h.11"));
  CHECK_FALSE(matches_path("**.h.#", "transformer.h.x"));
  CHECK_FALSE(matches_path("**.query", "encoder.query.dense"));
  CHECK_FALSE(matches_path("lm_head", "model.lm_head"));
}

TEST_CASE("the embedded rules are sound: names, confidences, a phase for everything") {
  const auto rules = load_rules();
  for (const auto* list : {&rules.states, &rules.roles, &rules.modalities, &rules.modality_scopes,
                           &rules.phases, &rules.state_residency})
    for (const auto& rule : *list)
      CHECK_FALSE(rule.is.empty());
  for (const auto* list : {&rules.roles, &rules.modalities, &rules.modality_scopes, &rules.phases})
    for (const auto& rule : *list) {
      CHECK(rule.confidence > 0);
      CHECK(rule.confidence <= 1);
    }
  CHECK(rules.phases.back().is == "forward");
}

TEST_CASE("roles in the module names of well-known models") {
  // BERT, GPT-2, Llama, T5, ViT, Whisper
  CHECK(role_of("encoder.layer.0.attention.self.query", kLinear) == "attention.query");
  CHECK(role_of("encoder.layer.0.attention.output.dense", kLinear) == "attention.output");
  CHECK(role_of("encoder.layer.0.intermediate.dense", kLinear) == "mlp.up");
  CHECK(role_of("encoder.layer.0.output.dense", kLinear) == "mlp.down");
  CHECK(role_of("encoder.layer.0.output.LayerNorm", "aten.layer_norm.default") == "norm");
  CHECK(role_of("embeddings.word_embeddings", "aten.embedding.default") == "embedding.token");
  CHECK(role_of("embeddings.position_embeddings", "aten.embedding.default") == "embedding.position");
  CHECK(role_of("transformer.h.3.attn.c_attn", "aten.addmm.default") == "attention.qkv");
  CHECK(role_of("transformer.h.3.attn.c_proj", "aten.addmm.default") == "attention.output");
  CHECK(role_of("transformer.h.3.mlp.c_fc", "aten.addmm.default") == "mlp.up");
  CHECK(role_of("transformer.wte", "aten.embedding.default") == "embedding.token");
  CHECK(role_of("model.layers.0.self_attn.q_proj", kLinear) == "attention.query");
  CHECK(role_of("model.layers.0.self_attn.o_proj", kLinear) == "attention.output");
  CHECK(role_of("model.layers.0.mlp.gate_proj", kLinear) == "mlp.gate");
  CHECK(role_of("model.layers.0.input_layernorm", "aten.mul.Tensor") == "norm");
  CHECK(role_of("lm_head", kLinear) == "lm_head");
  CHECK(role_of("encoder.block.0.layer.0.SelfAttention.q", kLinear) == "attention.query");
  CHECK(role_of("encoder.block.0.layer.0.SelfAttention.o", kLinear) == "attention.output");
  CHECK(role_of("encoder.block.0.layer.1.DenseReluDense.wo", kLinear) == "mlp.down");
  CHECK(role_of("embeddings.patch_embeddings.projection", "aten.conv2d.default") == "embedding.patch");
  CHECK(role_of("encoder.layers.0.self_attn", "aten.scaled_dot_product_attention.default") ==
        "attention.scores");
  CHECK(role_of("encoder.stages.0.layers.0.layer.0.convolution", "aten.conv2d.default") == "conv.block");
  CHECK(role_of("anything.at.all", "aten.sin.default") == "");
}

TEST_CASE("modality follows the data from named inputs; two of them fuse; every annotation is an inference") {
  Plan plan;
  auto& method = plan.methods["forward"];
  for (const char* name : {"input_ids", "pixel_values"}) {
    method.inputs.push_back({name, Arg{arg::Value{name}}, {}});
    genie::plan::Value value;
    value.dtype = name[0] == 'i' ? DType::i64 : DType::f32;
    method.values[name] = value;
  }
  const auto add = [&](const char* id, std::vector<Arg> args) {
    Node node;
    node.id = id;
    node.op = "aten.add.Tensor";
    node.args = std::move(args);
    node.results = {id};
    method.nodes.push_back(std::move(node));
  };
  add("text", {Arg{arg::Value{"input_ids"}}});
  add("image", {Arg{arg::Value{"pixel_values"}}});
  add("both", {Arg{arg::Value{"text"}}, Arg{arg::Value{"image"}}});
  annotate(plan);
  CHECK(method.nodes[0].semantics.modality->is == "text");
  CHECK(method.nodes[1].semantics.modality->is == "vision");
  CHECK(method.nodes[1].semantics.phase->is == "vision_encode");
  CHECK(method.nodes[2].semantics.modality->is == "fusion");
  CHECK(method.nodes[2].semantics.phase->is == "multimodal_fusion");
  for (const Node& node : method.nodes) {
    CHECK(node.semantics.modality->by == "inferred");
    CHECK(node.semantics.modality->confidence.has_value());
  }
}

TEST_CASE(
    "states: roles by name or by use, residency of the values that share their storage, phases by method and "
    "length") {
  const auto make = [](const std::string& method_name, const std::string& state_name, std::int64_t length) {
    Plan plan;
    plan.states[state_name].shape = {1, 2, 16, 4};
    auto& method = plan.methods[method_name];
    method.inputs.push_back({"input_ids", Arg{arg::Value{"input_ids"}}, {}});
    method.values["input_ids"].dtype = DType::i64;
    method.values["input_ids"].shape = {1, length};
    Node node;
    node.id = "n";
    node.op = "aten.index_copy_.default";
    node.args = {Arg{arg::State{state_name}}};
    node.results = {"v"};
    node.mutates = {"state:" + state_name};
    method.values["v"].alias_of = "state:" + state_name;
    method.nodes.push_back(node);
    annotate(plan);
    return plan;
  };
  Plan plan = make("forward", "key_cache_0", 7);
  CHECK(plan.states["key_cache_0"].role == "kv_cache");
  CHECK(plan.methods["forward"].values["v"].residency == "stateful_kv_cache");
  CHECK(plan.methods["forward"].nodes[0].semantics.role->is == "kv_update");
  CHECK(plan.methods["forward"].nodes[0].semantics.phase->is == "llm_prefill");
  CHECK(make("forward", "b0", 7).states["b0"].role == "kv_cache");
  CHECK(make("forward", "k", 1).methods["forward"].nodes[0].semantics.phase->is == "llm_decode");
  CHECK(make("prefill", "k", 1).methods["prefill"].nodes[0].semantics.phase->is == "llm_prefill");
  CHECK(make("decode", "k", 7).methods["decode"].nodes[0].semantics.phase->is == "llm_decode");
}

TEST_CASE("what the user or another tool wrote is left as it is") {
  Plan plan;
  Node node;
  node.id = "n";
  node.op = kLinear;
  node.scope = "lm_head";
  node.semantics.role = genie::plan::Annotation{"mine", "user", std::nullopt, {}};
  plan.methods["forward"].nodes.push_back(node);
  annotate(plan);
  CHECK(plan.methods["forward"].nodes[0].semantics.role->is == "mine");
}
