#include "capture/method.hpp"

#include <algorithm>
#include <array>
#include <set>
#include <utility>

#include "capture/op_effects.hpp"
#include "genie/plan/index.hpp"
#include "genie/plan/optional_members.hpp"
#include "torch/tree.hpp"

namespace genie::pytorch {
namespace {

/// Operators that return their first argument with a part replaced: where the old content is dead they can work in place.
constexpr std::array<std::string_view, 16> kUpdates = {
    "aten.index_copy.default",       "aten.index_put.default",     "aten.index_add.default",
    "aten.index_fill.int_Scalar",    "aten.slice_scatter.default", "aten.select_scatter.default",
    "aten.diagonal_scatter.default", "aten.scatter.src",           "aten.scatter.value",
    "aten.scatter_add.default",      "aten.scatter_reduce.two",    "aten.masked_scatter.default",
    "aten.masked_fill.Scalar",       "aten.masked_fill.Tensor",    "aten.copy.default",
    "aten.index_fill.int_Tensor"};

class MethodBuilder {
 public:
  MethodBuilder(const Program& program, std::size_t number, const Aliases& aliases,
                const WeightTable& weights, MethodContext& context, plan::Method& method)
      : program_(program),
        number_(number),
        aliases_(aliases),
        weights_(weights),
        context_(context),
        method_(method) {}

  void build() {
    environment_.graph = &program_.graph;
    environment_.bound = &context_.bound;
    bind_inputs();
    translate_graph(context_, program_.graph, aliases_, environment_, method_, {});
    add_writes();
    add_outputs();
  }

 private:
  void bind_inputs() {
    for (const InputSpec& spec : program_.inputs) {
      switch (spec.kind) {
        case InputSpec::Kind::parameter:
        case InputSpec::Kind::buffer:
        case InputSpec::Kind::tensor_constant:
          environment_.names[spec.arg] = weights_.argument(number_, spec.target);
          break;
        case InputSpec::Kind::user:
          bind_user_input(spec);
          break;
        case InputSpec::Kind::constant:
          bind_constant(spec);
          break;
        case InputSpec::Kind::token:
          break;  // orders effects; inline_modes took its users away
        case InputSpec::Kind::custom_object:
          refuse("GE0245", "the program uses a custom object ('" + spec.target + "')",
                 "replace it by tensors before exporting");
          break;
      }
    }
  }

  void bind_user_input(const InputSpec& spec) {
    if (const auto meta = program_.graph.tensors.find(spec.arg);
        meta != program_.graph.tensors.end() && !spec.arg.empty()) {
      if (meta->second.layout != "strided")
        refuse("GE0246", "input '" + spec.arg + "' has layout " + meta->second.layout + ", which no plan has",
               "export with a dense tensor as this input");
      declare_input(spec.arg, tensor_value(meta->second));
      check_sizes(spec.arg, meta->second);
      const auto roots = aliases_.values.find(spec.arg);
      // A surely changed input: the one root of an input is its own.
      if (roots != aliases_.values.end() && aliases_.is_mutated(spec.arg))
        refuse("GE0242",
               "the program changes its input '" + spec.arg + "'" + where_changed(roots->second.front()),
               "work on a copy in the module (x = x.clone()), or keep what changes in a buffer");
      return;
    }
    if (std::holds_alternative<argument::SymInt>(spec.value.is))
      return declare_input(spec.arg, scalar_value(plan::ScalarKind::integer));
    if (std::holds_alternative<argument::SymFloat>(spec.value.is))
      return declare_input(spec.arg, scalar_value(plan::ScalarKind::floating));
    if (std::holds_alternative<argument::SymBool>(spec.value.is))
      return declare_input(spec.arg, scalar_value(plan::ScalarKind::boolean));
    // A plain constant among the inputs has no name here, and no node reads it.
  }

  /// Sizes that a call can be checked against and symbols solved from.
  void check_sizes(const std::string& name, const TensorMeta& meta) {
    SymbolSet symbols;
    for (const plan::Expr& size : meta.sizes)
      size.collect_symbols(symbols);
    for (const auto& [text, symbol] : program_.opaque_symbols) {
      const auto renamed = program_.renamed_symbols.find(symbol);
      if (symbols.contains(renamed == program_.renamed_symbols.end() ? symbol : renamed->second))
        refuse("GE0234", "a size of input '" + name + "' is `" + text + "`, which no plan can compute with",
               "give this dimension of the input a Dim of its own in dynamic_shapes");
    }
  }

  /// A number the program was exported for: an input that no node reads. Only that value may be passed; it may be left out.
  void bind_constant(const InputSpec& spec) {
    std::optional<plan::ScalarKind> kind;
    plan::Arg number;
    if (const auto* whole = std::get_if<std::int64_t>(&spec.value.is)) {
      kind = plan::ScalarKind::integer;
      number = {*whole};
      context_.constants[spec.arg] = *whole;
    } else if (const auto* real = std::get_if<double>(&spec.value.is)) {
      kind = plan::ScalarKind::floating;
      number = {*real};
    } else if (const auto* flag = std::get_if<bool>(&spec.value.is)) {
      kind = plan::ScalarKind::boolean;
      number = {*flag};
      context_.constants[spec.arg] = *flag ? 1 : 0;
    }
    if (!kind) return;  // None and text cannot be passed as tensors
    declare_input(spec.arg, scalar_value(*kind));
    plan::set_constant(method_.inputs.back(), number);
  }

  void declare_input(const std::string& name, plan::Value value) {
    method_.values.insert_or_assign(name, std::move(value));
    environment_.names[name] = {plan::arg::Value{name}};
    method_.inputs.push_back({name, {plan::arg::Value{name}}, {}});
  }

  [[nodiscard]] std::string where_changed(std::uint32_t root) const {
    for (std::size_t i = 0; i < aliases_.nodes.size(); ++i) {
      const RootSet& writes = aliases_.nodes[i].writes;
      if (!std::binary_search(writes.begin(), writes.end(), root)) continue;
      const Node& node = program_.graph.nodes[i];
      return " (" + plan_op(node.target) +
             (node.source ? ", " + node.source->file + ":" + std::to_string(node.source->line)
                          : std::string()) +
             ")";
    }
    return {};
  }

  // --- state ---

  void add_writes() {
    for (const OutputSpec& spec : program_.outputs) {
      if (spec.kind == OutputSpec::Kind::input_mutation) {
        refuse("GE0242", "the program changes its input '" + spec.target + "'",
               "work on a copy in the module (x = x.clone()), or keep what changes in a buffer");
        continue;
      }
      if (spec.kind != OutputSpec::Kind::buffer_mutation && spec.kind != OutputSpec::Kind::parameter_mutation)
        continue;
      const plan::Arg target = weights_.argument(number_, spec.target);
      const auto* state = std::get_if<plan::arg::State>(&target.is);
      const auto* made = std::get_if<argument::Tensor>(&spec.arg.is);
      const auto value = made == nullptr ? environment_.names.end() : environment_.names.find(made->name);
      if (state == nullptr || value == environment_.names.end()) continue;
      add_write(state->name, value->second);
    }
  }

  void add_write(const std::string& state, const plan::Arg& value) {
    if (const auto* same = std::get_if<plan::arg::State>(&value.is); same != nullptr && same->name == state)
      return;
    plan::StateWrite write;
    write.state = state;
    if (const auto* made = std::get_if<plan::arg::Value>(&value.is)) {
      write.value = made->id;
      write.in_place = replaces_in_place(made->id, state);
    } else {
      write.value = copy_of(value, state);
    }
    method_.writes.push_back(std::move(write));
  }

  /// A node that copies a weight or another state, so that its content can become a state's.
  std::string copy_of(const plan::Arg& value, const std::string& state) {
    plan::Node node;
    node.op = "aten.clone.default";
    node.id = context_.id_prefix + "copy_to_" + state;
    node.args = {value};
    node.kwargs.emplace("memory_format", plan::Arg{});
    node.results = {"copy_to_" + state};
    plan::Value result;
    const auto meta =
        std::find_if(program_.inputs.begin(), program_.inputs.end(),
                     [&](const InputSpec& spec) { return weights_.argument(number_, spec.target) == value; });
    if (meta != program_.inputs.end())
      if (const auto tensor = program_.graph.tensors.find(meta->arg); tensor != program_.graph.tensors.end())
        result = tensor_value(tensor->second);
    method_.values.insert_or_assign(node.results.front(), std::move(result));
    context_.domains["aten"] = 1;
    method_.nodes.push_back(std::move(node));
    return method_.nodes.back().results.front();
  }

  /// The value is an update of the state itself, and nothing reads the old content afterwards. Readers from before are then
  /// ordered before it.
  bool replaces_in_place(const std::string& value, const std::string& state) {
    const plan::Arg old{plan::arg::State{state}};
    const auto maker = std::find_if(method_.nodes.begin(), method_.nodes.end(), [&](const plan::Node& node) {
      return !node.results.empty() && node.results.front() == value;
    });
    if (maker == method_.nodes.end() ||
        std::find(kUpdates.begin(), kUpdates.end(), maker->op) == kUpdates.end())
      return false;
    if (maker->args.empty() || !(maker->args.front() == old)) return false;
    // Everything that shares the old storage: the state and its views, transitively.
    std::set<std::string> views = {"state:" + state};
    std::vector<std::string> readers;
    for (auto node = method_.nodes.begin(); node != method_.nodes.end(); ++node) {
      bool reads = false;
      for_each_arg(*node, [&](const plan::Arg& arg) {
        if (arg == old) reads = true;
        if (const auto* used = std::get_if<plan::arg::Value>(&arg.is))
          reads = reads || views.contains(used->id);
      });
      for (const std::string& result : node->results)
        if (const auto made = method_.values.find(result);
            made != method_.values.end() && views.contains(made->second.alias_of))
          views.insert(result);
      if (!reads || node == maker) continue;
      if (node > maker) return false;
      readers.push_back(node->id);
    }
    for (const Argument& output : program_.graph.outputs) {
      const auto* tensor = std::get_if<argument::Tensor>(&output.is);
      const auto known = tensor == nullptr ? environment_.names.end() : environment_.names.find(tensor->name);
      if (known == environment_.names.end()) continue;
      if (known->second == old) return false;
      if (const auto* shown = std::get_if<plan::arg::Value>(&known->second.is);
          shown != nullptr && views.contains(shown->id))
        return false;
    }
    for (const std::string& reader : readers)
      if (std::find(maker->after.begin(), maker->after.end(), reader) == maker->after.end())
        maker->after.push_back(reader);
    return true;
  }

  // --- outputs ---

  void add_outputs() {
    const std::vector<std::string> names = leaf_names(program_.out_tree, "output");
    std::set<std::string> taken;
    std::size_t leaf = 0;
    for (const OutputSpec& spec : program_.outputs) {
      if (spec.kind == OutputSpec::Kind::gradient) {
        refuse("GE0247", "the program returns gradients: it was exported for training",
               "export the module for inference: model.eval(), then torch.export.export");
        continue;
      }
      if (spec.kind != OutputSpec::Kind::user && spec.kind != OutputSpec::Kind::loss) continue;
      std::string name = leaf < names.size() ? names[leaf] : std::to_string(leaf);
      ++leaf;
      for (int i = 2; !taken.insert(name).second; ++i)
        name += "_" + std::to_string(i);
      std::string why;
      auto value = translate_argument(spec.arg, {}, environment_, why);
      if (!value) {
        refuse("GE0245", "output '" + name + "' is " + why, "return tensors, numbers and containers of them");
        continue;
      }
      method_.outputs.push_back({std::move(name), std::move(*value), {}});
    }
  }

  void refuse(const char* code, std::string message, std::string help) {
    context_.errors.push_back(source_error(code, context_.file, std::move(message), std::move(help)));
  }

  const Program& program_;
  std::size_t number_;
  const Aliases& aliases_;
  const WeightTable& weights_;
  MethodContext& context_;
  plan::Method& method_;
  Environment environment_;
};

}  // namespace

void build_method(const Program& program, std::size_t number, const Aliases& aliases,
                  const WeightTable& weights, MethodContext& context, plan::Method& method) {
  MethodBuilder(program, number, aliases, weights, context, method).build();
}

}  // namespace genie::pytorch
