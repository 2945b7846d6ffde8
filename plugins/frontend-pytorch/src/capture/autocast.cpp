#include "capture/autocast.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <map>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "capture/op_effects.hpp"
#include "genie/plan/json.hpp"
#include "genie/plan/opset.hpp"

namespace genie::pytorch {
namespace {

using plan::DType;

constexpr std::string_view kDevice = "cpu";
/// What torch takes on a CPU where the program names no type.
constexpr DType kDefaultType = DType::bf16;

enum class Policy : std::uint8_t { none, lower, single, widest, inside };

/// data/autocast.json: what torch's dispatcher does with each operator. Entries of `inside` name all overloads at once.
using Policies = std::unordered_map<std::string, Policy>;

const Policies& policies() {
  static const Policies table = [] {
    Policies read;
    // The text is part of the plug-in; a test reads it with another parser.
    const auto document = plan::json::Document::parse(kAutocastData);
    constexpr std::array<std::pair<std::string_view, Policy>, 4> kKinds = {{{"lower", Policy::lower},
                                                                            {"single", Policy::single},
                                                                            {"widest", Policy::widest},
                                                                            {"inside", Policy::inside}}};
    for (const auto& [kind, policy] : kKinds)
      if (const auto list = document ? document->root().find(kind) : std::nullopt)
        for (const auto& [key, op] : list->items())
          read.emplace("aten." + std::string(op.string()), policy);
    return read;
  }();
  return table;
}

const std::string* text_of(const Node& node, std::string_view name) {
  const Argument* argument = find_input(node, name);
  return argument == nullptr ? nullptr : std::get_if<std::string>(&argument->is);
}

/// Padding is one operator for several, of which some are converted.
Policy padding_policy(const Node& node) {
  const std::string* mode = text_of(node, "mode");
  return mode != nullptr && (*mode == "reflect" || *mode == "replicate") ? Policy::single : Policy::none;
}

/// Two operands become one batched matrix product, unless an index of only one of them is summed before.
Policy einsum_policy(const Node& node) {
  const std::string* equation = text_of(node, "equation");
  if (equation == nullptr) return Policy::inside;
  const std::size_t arrow = equation->find("->");
  const std::size_t comma = equation->find(',');
  if (arrow == std::string::npos || comma == std::string::npos ||
      equation->find(',', comma + 1) != std::string::npos)
    return Policy::inside;
  const std::string_view text = *equation;
  const std::array<std::string_view, 3> parts = {
      text.substr(0, comma), text.substr(comma + 1, arrow - comma - 1), text.substr(arrow + 2)};
  for (std::size_t side = 0; side < 2; ++side)
    for (const char index : parts[side])
      if (std::isalpha(static_cast<unsigned char>(index)) != 0 &&
          parts[1 - side].find(index) == std::string_view::npos &&
          parts[2].find(index) == std::string_view::npos)
        return Policy::inside;
  return Policy::lower;
}

Policy policy_of(const Node& node, std::string_view op) {
  const auto known = [](std::string_view name) {
    const auto at = policies().find(std::string(name));
    return at == policies().end() ? Policy::none : at->second;
  };
  if (op == "aten.pad.default") return padding_policy(node);
  if (op == "aten.einsum.default") return einsum_policy(node);
  if (op == "aten.nll_loss_nd.default") return Policy::single;  // one of two that are in the table
  const Policy exact = known(op);
  return exact != Policy::none ? exact : known(op.substr(0, op.rfind('.')));
}

bool is_converted(DType type) {
  return type == DType::f32 || type == DType::f16 || type == DType::bf16;
}

class Expander {
 public:
  explicit Expander(Graph& graph) : graph_(graph) {
    for (const auto& [name, meta] : graph_.tensors)
      names_.insert(name);
    for (const Node& node : graph_.nodes)
      names_.insert(node.name);
  }

  void run() {
    std::vector<Node> nodes = std::move(graph_.nodes);
    graph_.nodes.clear();
    for (Node& node : nodes) {
      const std::string op = plan_op(node.target);
      if (node.autocast && node.autocast->to) convert(node, policy_of(node, op), *node.autocast->to);
      // A conversion made before a change of its source must not serve a reader after it.
      if (plan::name_declares_mutation(op)) converted_.clear();
      graph_.nodes.push_back(std::move(node));
    }
  }

 private:
  void convert(Node& node, Policy policy, DType lower) {
    if (policy == Policy::inside) return;  // keeps its mark
    node.autocast.reset();
    if (policy == Policy::none) return;
    DType to = policy == Policy::lower ? lower : DType::f32;
    if (policy == Policy::widest) {
      to = lower;
      for (const NamedArgument& input : node.inputs)
        if (any_single(input.arg)) to = DType::f32;
    }
    for (NamedArgument& input : node.inputs)
      convert(input.arg, to, node);
  }

  bool any_single(const Argument& argument) const {
    if (const auto* list = std::get_if<argument::List>(&argument.is))
      return std::any_of(list->items.begin(), list->items.end(),
                         [&](const Argument& item) { return any_single(item); });
    const auto* tensor = std::get_if<argument::Tensor>(&argument.is);
    const auto meta = tensor == nullptr ? graph_.tensors.end() : graph_.tensors.find(tensor->name);
    return meta != graph_.tensors.end() && meta->second.dtype == DType::f32;
  }

  void convert(Argument& argument, DType to, const Node& reader) {
    if (auto* list = std::get_if<argument::List>(&argument.is)) {
      for (Argument& item : list->items)
        convert(item, to, reader);
      return;
    }
    auto* tensor = std::get_if<argument::Tensor>(&argument.is);
    const auto meta = tensor == nullptr ? graph_.tensors.end() : graph_.tensors.find(tensor->name);
    if (meta == graph_.tensors.end() || !is_converted(meta->second.dtype) || meta->second.dtype == to) return;
    std::string& known = converted_[{tensor->name, to}];
    if (known.empty()) {
      TensorMeta result = meta->second;
      result.dtype = to;
      Node node;
      node.name = unique(tensor->name + "_" + std::string(plan::name(to)));
      node.target = "torch.ops.aten._to_copy.default";
      node.inputs = {{"self", {argument::Tensor{tensor->name}}, false}, {"dtype", {to}, true}};
      node.outputs = {{argument::Tensor{node.name}}};
      node.scope = reader.scope;
      node.source = reader.source;
      graph_.tensors[node.name] = std::move(result);
      known = node.name;
      graph_.nodes.push_back(std::move(node));
    }
    tensor->name = known;
  }

  std::string unique(const std::string& wanted) {
    std::string name = wanted;
    for (int i = 1; !names_.insert(name).second; ++i)
      name = wanted + "_" + std::to_string(i);
    return name;
  }

  Graph& graph_;
  std::unordered_set<std::string> names_;
  std::map<std::pair<std::string, DType>, std::string> converted_;
};

/// Changes every graph inside.
template <class Change>
void for_each_inner(Node& node, Change change) {
  for (NamedArgument& input : node.inputs)
    if (auto* sub = std::get_if<argument::SubGraph>(&input.arg.is)) {
      auto copy = std::make_shared<Graph>(*sub->graph);
      change(*copy);
      sub->graph = std::move(copy);
    }
}

}  // namespace

AutocastMode autocast_mode(const Node& wrapper) {
  // wrap_with_autocast(device, dtype, enabled, cache_enabled, graph, …)
  if (higher_order(wrapper.target) != "wrap_with_autocast" || wrapper.inputs.size() < 3) return {};
  const auto* device = std::get_if<std::string>(&wrapper.inputs[0].arg.is);
  const auto* type = std::get_if<DType>(&wrapper.inputs[1].arg.is);
  const auto* enabled = std::get_if<bool>(&wrapper.inputs[2].arg.is);
  if (device != nullptr && *device != kDevice) return {};
  AutocastMode mode{true, {}};
  if (enabled != nullptr && *enabled) mode.to = type == nullptr ? kDefaultType : *type;
  return mode;
}

void mark_autocast(Graph& graph, const AutocastMode& mode) {
  if (!mode.applies) return;
  for (Node& node : graph.nodes) {
    // What stands in a region inside this one is marked by that one already.
    if (!node.autocast) node.autocast = Autocast{mode.to};
    for_each_inner(node, [&](Graph& inner) { mark_autocast(inner, mode); });
  }
}

void expand_autocast(Graph& graph) {
  bool any = false;
  for (Node& node : graph.nodes) {
    for_each_inner(node, [](Graph& inner) { expand_autocast(inner); });
    any = any || (node.autocast && node.autocast->to);
  }
  if (any) Expander(graph).run();
}

}  // namespace genie::pytorch
