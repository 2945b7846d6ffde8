#include "capture/op_effects.hpp"

#include <algorithm>
#include <array>

namespace genie::pytorch {
namespace {

constexpr std::string_view kOps = "torch.ops.";
constexpr std::string_view kHigherOrder = "torch.ops.higher_order.";

/// Results that may be a view of (or be) their first argument although the schema has no alias mark.
constexpr std::array<std::string_view, 19> kUnmarkedViews = {"aten.alpha_dropout",
                                                             "aten.atleast_1d",
                                                             "aten.atleast_2d",
                                                             "aten.atleast_3d",
                                                             "aten.broadcast_tensors",
                                                             "aten.cartesian_prod",
                                                             "aten.chain_matmul",
                                                             "aten.conj_physical",
                                                             "aten.dropout",
                                                             "aten.einsum",
                                                             "aten.feature_alpha_dropout",
                                                             "aten.feature_dropout",
                                                             "aten.meshgrid",
                                                             "aten.native_dropout",
                                                             "aten.rrelu",
                                                             "aten.sum_to_size",
                                                             "aten.type_as",
                                                             "aten._unsafe_view",
                                                             "aten.pixel_shuffle"};

/// Normalisations that update their running statistics in training although the schema has no mutation mark.
struct UnmarkedWrites {
  std::string_view op;
  std::string_view when;  ///< the flag that turns the update on
};
constexpr std::array<UnmarkedWrites, 5> kUnmarkedWrites = {
    {{"aten.batch_norm.default", "training"},
     {"aten.native_batch_norm.default", "training"},
     {"aten.cudnn_batch_norm.default", "training"},
     {"aten.miopen_batch_norm.default", "training"},
     {"aten.instance_norm.default", "use_input_stats"}}};
constexpr std::array<std::string_view, 2> kRunningStatistics = {"running_mean", "running_var"};

/// Flags that, when false, turn a random operator into a plain one.
constexpr std::array<std::string_view, 2> kTrainingFlags = {"train", "training"};
/// Probabilities that, when zero, do the same.
constexpr std::array<std::string_view, 2> kProbabilities = {"dropout_p", "p"};

std::string_view base_name(std::string_view op) {
  return op.substr(0, op.rfind('.'));
}

bool is_flag(const Node& node, std::string_view name, bool value) {
  const Argument* argument = find_input(node, name);
  if (argument == nullptr) return false;
  const bool* flag = std::get_if<bool>(&argument->is);
  return flag != nullptr && *flag == value;
}

const std::string* tensor_name(const Argument& argument) {
  const auto* tensor = std::get_if<argument::Tensor>(&argument.is);
  return tensor == nullptr ? nullptr : &tensor->name;
}

/// A conversion that changes the element type, or is asked for a copy, makes a new tensor: its mark says only "may".
bool surely_copies(const Node& node, std::string_view base, const Graph& graph) {
  if (base != "aten.to" && base != "aten.type_as" && base != "aten._to_copy") return false;
  if (is_flag(node, "copy", true)) return true;
  if (node.inputs.empty() || node.outputs.empty()) return false;
  const std::string* from = tensor_name(node.inputs.front().arg);
  const std::string* to = tensor_name(node.outputs.front());
  if (from == nullptr || to == nullptr) return false;
  const auto a = graph.tensors.find(*from);
  const auto b = graph.tensors.find(*to);
  return a != graph.tensors.end() && b != graph.tensors.end() && a->second.dtype != b->second.dtype;
}

}  // namespace

const Argument* find_input(const Node& node, std::string_view name) {
  for (const NamedArgument& input : node.inputs)
    if (input.name == name) return &input.arg;
  return nullptr;
}

std::string_view higher_order(std::string_view target) {
  return target.starts_with(kHigherOrder) ? target.substr(kHigherOrder.size()) : std::string_view();
}

std::string plan_op(std::string_view target) {
  if (target.starts_with(kOps)) return std::string(target.substr(kOps.size()));
  // _operator.add, math.trunc, torch.sym_max, torch._sym_sqrt, builtins.max
  std::string_view name = target.substr(target.rfind('.') + 1);
  if (name.starts_with("_sym_")) name.remove_prefix(1);
  return "python." + std::string(name);
}

OpEffects effects_of(const Node& node, const plan::OpSchema* schema, const Graph& graph) {
  OpEffects effects;
  const std::string op = plan_op(node.target);
  if (is_python(op)) return effects;
  if (schema == nullptr) {
    // Operators of other libraries may not return views of their arguments (torch.library refuses that); of ATen.s own,
    // unlisted ones may.
    effects.unknown = op.starts_with("aten.");
    return effects;
  }
  // detach_ changes how gradients flow and no element: in inference it is the identity.
  const bool identity = op == "aten.detach_.default";
  std::vector<const plan::OpArgument*> declared;
  for (std::size_t i = 0; i < node.inputs.size(); ++i) {
    const auto at = std::find_if(schema->arguments.begin(), schema->arguments.end(),
                                 [&](const plan::OpArgument& a) { return a.name == node.inputs[i].name; });
    declared.push_back(at == schema->arguments.end() ? nullptr : &*at);
    if (declared.back() != nullptr && declared.back()->is_write && !identity) effects.writes.push_back(i);
  }
  const bool copies = surely_copies(node, base_name(op), graph);
  for (const plan::OpReturn& result : schema->returns) {
    std::vector<std::size_t>& aliases = effects.return_aliases.emplace_back();
    if (result.alias.empty() || copies) continue;
    for (std::size_t i = 0; i < declared.size(); ++i)
      if (declared[i] != nullptr && declared[i]->alias == result.alias) aliases.push_back(i);
  }
  if (std::find(kUnmarkedViews.begin(), kUnmarkedViews.end(), base_name(op)) != kUnmarkedViews.end() &&
      !copies) {
    for (std::size_t i = 0; i < node.inputs.size(); ++i) {
      const auto& arg = node.inputs[i].arg.is;
      if (!std::holds_alternative<argument::Tensor>(arg) && !std::holds_alternative<argument::List>(arg))
        continue;
      if (!effects.return_aliases.empty()) effects.return_aliases.front().push_back(i);
      break;
    }
  }
  for (const UnmarkedWrites& unmarked : kUnmarkedWrites) {
    if (op != unmarked.op || !is_flag(node, unmarked.when, true)) continue;
    for (std::size_t i = 0; i < node.inputs.size(); ++i)
      if (std::find(kRunningStatistics.begin(), kRunningStatistics.end(), node.inputs[i].name) !=
              kRunningStatistics.end() &&
          tensor_name(node.inputs[i].arg) != nullptr)
        effects.writes.push_back(i);
  }
  return effects;
}

bool draws_random(const Node& node, const plan::OpSchema& schema) {
  if (!schema.random) return false;
  for (const std::string_view flag : kTrainingFlags)
    if (is_flag(node, flag, false)) return false;
  for (const std::string_view name : kProbabilities) {
    const auto declared = std::find_if(schema.arguments.begin(), schema.arguments.end(),
                                       [&](const plan::OpArgument& a) { return a.name == name; });
    if (declared == schema.arguments.end() || declared->type != "float") continue;
    double probability = 1;
    if (declared->default_value)
      if (const double* value = std::get_if<double>(&declared->default_value->is)) probability = *value;
    if (const Argument* given = find_input(node, name)) {
      if (const double* value = std::get_if<double>(&given->is)) probability = *value;
      if (const auto* value = std::get_if<std::int64_t>(&given->is))
        probability = static_cast<double>(*value);
    }
    if (probability == 0) return false;
  }
  return true;
}

}  // namespace genie::pytorch
