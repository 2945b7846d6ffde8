#include "capture/translate.hpp"

#include <algorithm>
#include <unordered_set>
#include <utility>

#include "capture/op_effects.hpp"
#include "capture/ordering.hpp"
#include "genie/plan/index.hpp"
#include "genie/plan/opset.hpp"
#include "genie/plan/optional_members.hpp"

namespace genie::pytorch {
namespace {

constexpr std::string_view kStatePrefix = "state:";
constexpr std::string_view kWeightPrefix = "weight:";
constexpr int kAtenVersion = 1;
constexpr int kOtherDomainVersion = 1;

std::string domain_of(std::string_view op) {
  return std::string(op.substr(0, op.find('.')));
}

/// Operators that only tell sizes.
bool is_size_query(std::string_view op) {
  return op.starts_with("aten.sym_size.") || op.starts_with("aten.sym_stride.") ||
         op.starts_with("aten.sym_numel.") || op.starts_with("aten.sym_storage_offset.");
}

/// How `mutates` and `alias_of` name what an argument is; empty for numbers.
std::string storage_name(const plan::Arg& arg) {
  if (const auto* value = std::get_if<plan::arg::Value>(&arg.is)) return value->id;
  if (const auto* state = std::get_if<plan::arg::State>(&arg.is))
    return std::string(kStatePrefix) + state->name;
  if (const auto* weight = std::get_if<plan::arg::Weight>(&arg.is))
    return std::string(kWeightPrefix) + weight->name;
  return {};
}

std::string source_text(const std::optional<plan::SourceLine>& source) {
  return source ? source->file + ":" + std::to_string(source->line) : std::string();
}

class GraphTranslator {
 public:
  GraphTranslator(MethodContext& context, const Graph& graph, const Aliases& aliases,
                  Environment& environment, plan::Graph& into, const std::string& prefix)
      : context_(context),
        graph_(graph),
        aliases_(aliases),
        environment_(environment),
        into_(into),
        prefix_(prefix) {}

  void run() {
    for (std::size_t i = 0; i < graph_.nodes.size(); ++i) {
      const Node& node = graph_.nodes[i];
      const std::size_t before = into_.nodes.size();
      if (const std::string_view op = higher_order(node.target); !op.empty())
        nested(node, op);
      else
        plain(node, i);
      if (into_.nodes.size() > before) access_.push_back(aliases_.nodes[i]);
    }
    drop_unused_numbers();
    add_orderings(into_, access_, aliases_.mutated);
  }

 private:
  // --- ordinary operators ---

  void plain(const Node& node, std::size_t number) {
    const std::string op = plan_op(node.target);
    const bool python = is_python(op);
    const plan::OpTable* table = plan::OpTable::find("aten", kAtenVersion);
    const plan::OpSchema* schema = table == nullptr || python ? nullptr : table->op(op);
    if (stands_for_another(node, op) || is_proven(node, op) ||
        (all_numbers_bound(node) && (python || is_size_query(op))))
      return;
    if (python && !makes_numbers(node)) return python_function(node);
    if (schema == nullptr && !python && plan::name_declares_mutation(op)) {
      refuse(node, "GE0240",
             "operator '" + op + "' changes its arguments, and this Genie's op table does not know how",
             "export the module the recommended way (genie.export, or program.run_decompositions()), which "
             "leaves no in-place "
             "operators, or replace this one in the module");
      return;
    }
    if (node.autocast && node.autocast->to) {
      refuse(node, "GE0241",
             "operator '" + op + "' runs under torch.autocast and converts element types in its inside",
             "export the module the recommended way (genie.export, or program.run_decompositions()), which "
             "takes the operator apart and writes the conversions out");
      return;
    }
    plan::Node out = begin(node, op);
    if (const std::string error = translate_arguments(node, schema, environment_, out); !error.empty()) {
      if (error.ends_with(kMadeByNothing)) {
        refuse(node, "GE0230", "operator '" + op + "': " + error,
               "the file was damaged or edited: save the model again with torch.export.save");
        return;
      }
      refuse(node, "GE0244", "operator '" + op + "' cannot be captured: " + error,
             schema == nullptr ? "replace the operator in the module, or export with decompositions"
                               : "export again with a torch that this Genie's op table was made from, or "
                                 "export with decompositions");
      return;
    }
    // Operators of other libraries belong to no op set: the kernels plug-in alone knows them.
    if (python || op.starts_with("aten."))
      context_.domains[domain_of(op)] = python ? kOtherDomainVersion : kAtenVersion;
    const OpEffects effects = effects_of(node, schema, graph_);
    const bool may_have_aliases = schema != nullptr && !effects.unknown;
    for (const std::size_t i : effects.writes)
      for (const std::string& name : storage_names(node.inputs[i].arg))
        if (std::find(out.mutates.begin(), out.mutates.end(), name) == out.mutates.end())
          out.mutates.push_back(name);
    for (std::size_t i = 0; i < node.outputs.size(); ++i) {
      const std::vector<std::size_t>* shared =
          may_have_aliases && i < effects.return_aliases.size() ? &effects.return_aliases[i] : nullptr;
      add_result(node, node.outputs[i], shared, 0, out);
    }
    out.effects = effect_word(node, schema, number, out);
    if (out.effects == "rng") plan::set_rng_stream(out, context_.rng_streams++);
    into_.nodes.push_back(std::move(out));
  }

  /// Nodes whose result is one of their arguments: detach_, and the copy of a constant that nothing changes.
  bool stands_for_another(const Node& node, std::string_view op) {
    const bool copy = op == "aten.lift_fresh_copy.default" || op == "aten.lift_fresh.default";
    if (op != "aten.detach_.default" && !copy) return false;
    if (node.inputs.size() != 1 || node.outputs.size() != 1) return false;
    const auto* from = std::get_if<argument::Tensor>(&node.inputs.front().arg.is);
    const auto* to = std::get_if<argument::Tensor>(&node.outputs.front().is);
    if (from == nullptr || to == nullptr || (copy && aliases_.is_mutated(to->name))) return false;
    const auto at = environment_.names.find(from->name);
    if (at == environment_.names.end() || (copy && !std::holds_alternative<plan::arg::Weight>(at->second.is)))
      return false;
    const plan::Arg same = at->second;
    environment_.names[to->name] = same;
    return true;
  }

  /// Assertions that hold by the declared types, or that become guards checked before each call.
  bool is_proven(const Node& node, std::string_view op) {
    if (op == "aten._assert_tensor_metadata.default") return metadata_holds(node);
    if (op != "aten._assert_scalar.default" || node.inputs.empty()) return false;
    const auto* flag = std::get_if<argument::SymBool>(&node.inputs.front().arg.is);
    const std::vector<Condition>* conditions =
        flag == nullptr ? nullptr : bound_condition(environment_, flag->name);
    if (conditions == nullptr) return false;
    const std::string* text =
        node.inputs.size() > 1 ? std::get_if<std::string>(&node.inputs[1].arg.is) : nullptr;
    for (const Condition& condition : *conditions)
      context_.guards.push_back(
          {condition.relation, condition.a, condition.b, text == nullptr ? std::string() : *text});
    return true;
  }

  bool metadata_holds(const Node& node) const {
    const Argument* subject = find_input(node, "a");
    const auto* tensor = subject == nullptr ? nullptr : std::get_if<argument::Tensor>(&subject->is);
    const auto declared = tensor == nullptr ? graph_.tensors.end() : graph_.tensors.find(tensor->name);
    if (declared == graph_.tensors.end()) return false;
    const auto numbers_hold = [&](std::string_view name, const plan::Exprs& known) {
      const Argument* given = find_input(node, name);
      const auto* list = given == nullptr ? nullptr : std::get_if<argument::List>(&given->is);
      if (list == nullptr) return true;
      if (list->items.size() != known.size()) return false;
      for (std::size_t i = 0; i < known.size(); ++i) {
        const auto* number = std::get_if<std::int64_t>(&list->items[i].is);
        if (number == nullptr || !known[i].is_int() || known[i].as_int() != *number) return false;
      }
      return true;
    };
    if (const Argument* type = find_input(node, "dtype"))
      if (const auto* dtype = std::get_if<plan::DType>(&type->is);
          dtype != nullptr && *dtype != declared->second.dtype)
        return false;
    return numbers_hold("size", declared->second.sizes) && numbers_hold("stride", declared->second.strides);
  }

  /// Every result is a number or a truth that the call's inputs decide: written where it is used.
  bool all_numbers_bound(const Node& node) const {
    return std::all_of(node.outputs.begin(), node.outputs.end(), [&](const Argument& output) {
      if (const auto* number = std::get_if<argument::SymInt>(&output.is))
        return bound_integer(environment_, number->name).has_value();
      return std::holds_alternative<std::int64_t>(output.is);
    });
  }

  // --- results ---

  void add_result(const Node& node, const Argument& output, const std::vector<std::size_t>* shared,
                  std::size_t item, plan::Node& out) {
    if (const auto* list = std::get_if<argument::List>(&output.is)) {
      for (std::size_t i = 0; i < list->items.size(); ++i)
        add_result(node, list->items[i], shared, i, out);
      return;
    }
    if (const auto* tensor = std::get_if<argument::Tensor>(&output.is)) {
      const auto meta = graph_.tensors.find(tensor->name);
      // The serializer names results that nothing uses after the node; some of them have no description.
      if (meta == graph_.tensors.end() || tensor->name.starts_with(node.name + "_unused_")) {
        out.results.emplace_back();
        return;
      }
      if (meta->second.layout != "strided") {
        refuse(node, "GE0246",
               "'" + tensor->name + "' has layout " + meta->second.layout + ", which no plan has",
               "make it a dense tensor in the module: t.to_dense()");
        return;
      }
      plan::Value value = tensor_value(meta->second);
      if (shared != nullptr && !shared->empty()) value.alias_of = alias_name(node, *shared, item);
      declare(tensor->name, std::move(value), out);
      return;
    }
    if (const auto* number = std::get_if<argument::SymInt>(&output.is))
      return declare(number->name, scalar_value(plan::ScalarKind::integer), out);
    if (const auto* number = std::get_if<argument::SymFloat>(&output.is))
      return declare(number->name, scalar_value(plan::ScalarKind::floating), out);
    if (const auto* flag = std::get_if<argument::SymBool>(&output.is))
      return declare(flag->name, scalar_value(plan::ScalarKind::boolean), out);
    out.results.emplace_back();  // None, or a number known when it was exported
  }

  void declare(const std::string& name, plan::Value value, plan::Node& out) {
    out.results.push_back(name);
    into_.values.insert_or_assign(name, std::move(value));
    environment_.names[name] = {plan::arg::Value{name}};
  }

  /// What the item-th tensor of a result is a view of.
  std::string alias_name(const Node& node, const std::vector<std::size_t>& shared, std::size_t item) const {
    for (const std::size_t i : shared) {
      const std::vector<std::string> names = storage_names(node.inputs[i].arg);
      if (!names.empty()) return names.size() > 1 && item < names.size() ? names[item] : names.front();
    }
    return {};
  }

  std::vector<std::string> storage_names(const Argument& argument) const {
    std::vector<std::string> names;
    if (const auto* list = std::get_if<argument::List>(&argument.is)) {
      for (const Argument& item : list->items)
        for (std::string& name : storage_names(item))
          names.push_back(std::move(name));
    } else if (const auto* tensor = std::get_if<argument::Tensor>(&argument.is)) {
      if (const auto at = environment_.names.find(tensor->name); at != environment_.names.end())
        if (std::string name = storage_name(at->second); !name.empty()) names.push_back(std::move(name));
    }
    return names;
  }

  static bool makes_numbers(const Node& node) {
    return std::all_of(node.outputs.begin(), node.outputs.end(), [](const Argument& output) {
      return !std::holds_alternative<argument::Tensor>(output.is) &&
             !std::holds_alternative<argument::None>(output.is) &&
             !std::holds_alternative<argument::List>(output.is);
    });
  }

  /// A function of Python that is no operator. Those of torch.func come in groups: one message is enough.
  void python_function(const Node& node) {
    const bool functorch = node.target.starts_with("torch._functorch.");
    if (functorch && std::exchange(refused_vmap_, true)) {
      for (const Argument& output : node.outputs)
        declare_refused(output);
      return;
    }
    refuse(node, "GE0241",
           functorch ? "torch.vmap cannot be captured as it stands in a plain export"
                     : "'" + node.target + "' is a function of Python and no operator",
           "export the module the recommended way (genie.export, or program.run_decompositions()), which "
           "writes operators "
           "in its place");
  }

  std::string effect_word(const Node& node, const plan::OpSchema* schema, std::size_t number,
                          const plan::Node& out) const {
    if (schema != nullptr && draws_random(node, *schema)) return "rng";
    for (const std::uint32_t root : aliases_.nodes[number].writes)
      if (aliases_.roots[root].kind == Root::Kind::weight) return "state";
    // An assertion makes nothing, and must run all the same.
    return out.results.empty() && out.mutates.empty() ? "io" : "pure";
  }

  // --- branches ---

  void nested(const Node& node, std::string_view op) {
    if (op != "cond") {
      refuse(
          node, "GE0241", "the higher-order operator '" + std::string(op) + "' cannot be captured yet",
          op.starts_with("auto_functionalized")
              ? "the module calls an operator of its own that changes its arguments: write it with PyTorch's "
                "operators"
              : "rewrite this part of the module with tensor operations or torch.cond, or unroll the loop");
      return;
    }
    plan::Node out = begin(node, "higher_order.cond");
    context_.domains["higher_order"] = kOtherDomainVersion;
    std::string why;
    for (const NamedArgument& input : node.inputs) {
      if (const auto* sub = std::get_if<argument::SubGraph>(&input.arg.is)) {
        const std::string name = unique_graph(prefix_ + sub->name);
        sub_graph(*sub->graph, name);
        out.args.push_back({plan::arg::Graph{name}});
        continue;
      }
      auto arg = translate_argument(input.arg, {}, environment_, why);
      if (!arg) {
        refuse(node, "GE0245", "an operand of '" + std::string(op) + "' is " + why,
               "pass only tensors and numbers to torch.cond");
        return;
      }
      out.args.push_back(std::move(*arg));
    }
    for (const Argument& output : node.outputs)
      add_result(node, output, nullptr, 0, out);
    into_.nodes.push_back(std::move(out));
  }

  std::string unique_graph(const std::string& wanted) const {
    std::string name = wanted;
    for (int i = 1; context_.method->graphs.contains(name); ++i)
      name = wanted + "_" + std::to_string(i);
    return name;
  }

  void sub_graph(const Graph& graph, const std::string& name) {
    plan::Graph inner;
    context_.method->graphs[name];  // taken from now on, for graphs inside this one
    Environment environment{{}, environment_.bound, &graph};
    for (const Argument& input : graph.inputs) {
      if (const auto* tensor = std::get_if<argument::Tensor>(&input.is)) {
        const auto meta = graph.tensors.find(tensor->name);
        if (meta != graph.tensors.end()) inner.values.emplace(tensor->name, tensor_value(meta->second));
        environment.names[tensor->name] = {plan::arg::Value{tensor->name}};
        inner.inputs.push_back({tensor->name, {plan::arg::Value{tensor->name}}, {}});
      } else if (const auto* number = std::get_if<argument::SymInt>(&input.is)) {
        inner.values.emplace(number->name, scalar_value(plan::ScalarKind::integer));
        environment.names[number->name] = {plan::arg::Value{number->name}};
        inner.inputs.push_back({number->name, {plan::arg::Value{number->name}}, {}});
      }
    }
    translate_graph(context_, graph, find_aliases(graph, {}), environment, inner, name + ".");
    std::string why;
    for (const Argument& output : graph.outputs)
      if (auto arg = translate_argument(output, {}, environment, why))
        inner.outputs.push_back({std::to_string(inner.outputs.size()), std::move(*arg), {}});
    context_.method->graphs[name] = std::move(inner);
  }

  // --- helpers ---

  plan::Node begin(const Node& node, const std::string& op) const {
    plan::Node out;
    out.id = context_.id_prefix + prefix_ + node.name;
    out.op = op;
    out.scope = node.scope;
    out.source = node.source;
    return out;
  }

  void refuse(const Node& node, const char* code, std::string message, std::string help) {
    Diagnostic diagnostic = source_error(code, context_.file, std::move(message), std::move(help));
    diagnostic.node = context_.id_prefix + prefix_ + node.name;
    diagnostic.scope = node.scope;
    diagnostic.source = source_text(node.source);
    context_.errors.push_back(std::move(diagnostic));
    // Later nodes may use its results: declare them, so that one error stays one.
    for (const Argument& output : node.outputs)
      declare_refused(output);
  }

  void declare_refused(const Argument& output) {
    if (const auto* tensor = std::get_if<argument::Tensor>(&output.is))
      environment_.names[tensor->name] = {plan::arg::Value{tensor->name}};
    if (const auto* number = std::get_if<argument::SymInt>(&output.is))
      environment_.names[number->name] = {plan::arg::Value{number->name}};
    if (const auto* number = std::get_if<argument::SymFloat>(&output.is))
      environment_.names[number->name] = {plan::arg::Value{number->name}};
    if (const auto* flag = std::get_if<argument::SymBool>(&output.is))
      environment_.names[flag->name] = {plan::arg::Value{flag->name}};
    if (const auto* list = std::get_if<argument::List>(&output.is))
      for (const Argument& item : list->items)
        declare_refused(item);
  }

  /// Arithmetic on numbers that ended up in guards or dimensions has no user left.
  void drop_unused_numbers() {
    std::unordered_set<std::string> used;
    for (const Argument& output : graph_.outputs) {
      std::string why;
      if (const auto arg = translate_argument(output, {}, environment_, why))
        if (const auto* value = std::get_if<plan::arg::Value>(&arg->is)) used.insert(value->id);
    }
    std::vector<bool> keep(into_.nodes.size(), true);
    for (std::size_t i = into_.nodes.size(); i-- > 0;) {
      const plan::Node& node = into_.nodes[i];
      const bool number = is_python(node.op) || is_size_query(node.op);
      keep[i] = !number || std::any_of(node.results.begin(), node.results.end(),
                                       [&](const std::string& r) { return used.contains(r); });
      if (!keep[i]) continue;
      plan::for_each_arg(node, [&](const plan::Arg& arg) {
        if (const auto* value = std::get_if<plan::arg::Value>(&arg.is)) used.insert(value->id);
      });
    }
    std::size_t kept = 0;
    for (std::size_t i = 0; i < keep.size(); ++i) {
      if (!keep[i]) {
        for (const std::string& result : into_.nodes[i].results)
          into_.values.erase(result);
        continue;
      }
      if (kept != i) {
        into_.nodes[kept] = std::move(into_.nodes[i]);
        access_[kept] = std::move(access_[i]);
      }
      ++kept;
    }
    into_.nodes.resize(kept);
    access_.resize(kept);
  }

  MethodContext& context_;
  const Graph& graph_;
  const Aliases& aliases_;
  Environment& environment_;
  plan::Graph& into_;
  const std::string& prefix_;
  bool refused_vmap_ = false;
  std::vector<NodeAccess> access_;  ///< parallel to into_.nodes
};

}  // namespace

plan::Value tensor_value(const TensorMeta& meta) {
  plan::Value value;
  value.dtype = meta.dtype;
  value.shape = meta.sizes;
  value.strides = meta.strides;
  return value;
}

plan::Value scalar_value(plan::ScalarKind kind) {
  plan::Value value;
  value.scalar = kind;
  value.dtype = kind == plan::ScalarKind::integer    ? plan::DType::i64
                : kind == plan::ScalarKind::floating ? plan::DType::f64
                                                     : plan::DType::boolean;
  return value;
}

void translate_graph(MethodContext& context, const Graph& graph, const Aliases& aliases,
                     Environment& environment, plan::Graph& into, const std::string& prefix) {
  GraphTranslator(context, graph, aliases, environment, into, prefix).run();
}

}  // namespace genie::pytorch
