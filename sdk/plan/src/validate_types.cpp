// V3: operators exist, arguments fit their signatures, marks agree with what operators do, declared types with the rules.
#include <algorithm>

#include "arg_kinds.hpp"
#include "facts.hpp"
#include "messages.hpp"
#include "op_call.hpp"
#include "op_lookup.hpp"
#include "placement.hpp"
#include "validate_internal.hpp"

namespace genie::plan::detail {

namespace {

// Nodes, far enough that memory answers in time. A value is found where what is known of it says.
constexpr std::size_t kAhead = 8;
constexpr std::size_t kValuesAhead = 4;

/// Checks the nodes of one graph.
class GraphTypes {
 public:
  GraphTypes(const Plan& plan, std::string_view method, std::string_view graph_name, const Graph& graph,
             const GraphIndex& index, const WeightNames& weights, const OpLookup& ops, const Facts& facts,
             Diagnostics& into, Unchecked& unchecked)
      : method_(method),
        graph_name_(graph_name),
        graph_(graph),
        index_(index),
        scope_(scope_of(plan, index)),
        ops_(ops),
        facts_(facts),
        into_(into),
        unchecked_(unchecked) {
    scope_.value = [this](std::string_view id) {
      const std::uint32_t v = number_of(id);
      return v == kNone ? nullptr : index_.values()[v].value;
    };
    scope_.weight = [&weights](std::string_view name) { return weights.find(name); };
  }
  GraphTypes(const GraphTypes&) = delete;
  GraphTypes& operator=(const GraphTypes&) = delete;

  void run() {
    for (number_ = 0; number_ < graph_.nodes.size(); ++number_) {
      node_ = &graph_.nodes[number_];
      prefetch();
      const OpSchema* schema = ops_.find(node_->op);
      if (schema == nullptr) {
        outside_the_table();
        continue;
      }
      note_given();
      const std::size_t before = into_.size();
      check_signature(*schema);
      check_result_kinds(*schema);
      if (into_.size() == before) check_mutation(*schema);
      if (into_.size() == before) check_aliases();
      if (into_.size() == before) check_types(*schema);
    }
  }

 private:
  void prefetch() const {
    if (number_ + kAhead < graph_.nodes.size()) {
      __builtin_prefetch(graph_.nodes[number_ + kAhead].op.data());
      __builtin_prefetch(graph_.nodes[number_ + kAhead].args.data());
      for (const std::uint32_t v : index_.makes(static_cast<std::uint32_t>(number_ + kAhead)))
        if (v != kNone) __builtin_prefetch(&index_.values()[v]);
    }
    if (number_ + kValuesAhead >= graph_.nodes.size()) return;
    for (const std::uint32_t v : index_.makes(static_cast<std::uint32_t>(number_ + kValuesAhead)))
      if (v != kNone && index_.values()[v].value != nullptr) {
        __builtin_prefetch(&index_.values()[v].value->dtype);
        __builtin_prefetch(&index_.values()[v].value->strides);
        __builtin_prefetch(&index_.values()[v].value->alias_of);
      }
  }

  /// The node's argument values, whose numbers the index knows.
  void note_given() {
    given_.clear();
    auto number = index_.arguments(static_cast<std::uint32_t>(number_)).begin();
    for_each_arg(*node_, [&](const Arg& argument) {
      if (const auto* value = std::get_if<arg::Value>(&argument.is))
        given_.emplace_back(value->id.data(), *number++);
    });
  }
  /// Most often asked for the very string that an argument holds.
  [[nodiscard]] std::uint32_t number_of(std::string_view id) const {
    for (const auto& [text, number] : given_)
      if (text == id.data()) return number;
    return index_.value(id);
  }

  void problem(std::string_view code, std::string message, const std::string& where, std::string help) {
    into_.push_back(node_diagnostic(*node_, code, node_->op + ": " + std::move(message),
                                    node_pointer(method_, graph_name_, number_) + where, std::move(help)));
  }

  // Kernels may know it: it is carried unless its name says that it writes to its arguments, which nobody could order.
  void outside_the_table() {
    if (name_declares_mutation(node_->op))
      problem("GE0401",
              "the operator is not in the plan's op sets, and its name says that it writes to its arguments",
              "/op",
              "export the model in functional form (run_decompositions), or use an operator of the op set");
    else
      ++unchecked_.ops[node_->op];
  }

  void check_signature(const OpSchema& schema) {
    std::size_t positional = 0;
    for (const OpArgument& a : schema.arguments)
      positional += a.kwarg_only ? 0 : 1;
    if (node_->args.size() > positional)
      problem("GE0403",
              std::to_string(node_->args.size()) + " positional arguments where the operator takes " +
                  std::to_string(positional),
              "/args", "the operator is " + signature(schema));
    for (std::size_t i = 0; i < schema.arguments.size(); ++i) {
      const OpArgument& wanted = schema.arguments[i];
      const bool by_position = !wanted.kwarg_only && i < node_->args.size();
      const auto named = node_->kwargs.find(wanted.name);
      const bool by_name = named != node_->kwargs.end();
      if (by_position && by_name) {
        problem("GE0404", "argument " + wanted.name + " is given twice, by position and by name",
                "/kwargs/" + wanted.name, "keep one of the two");
      } else if (!by_position && !by_name) {
        problem("GE0403", "argument " + wanted.name + " (" + wanted.type + ") is missing",
                wanted.kwarg_only ? "/kwargs" : "/args",
                wanted.default_value ? "write its default; a plan spells all arguments out"
                                     : "the operator is " + signature(schema));
      } else {
        const Arg& given = by_position ? node_->args[i] : named->second;
        if (!fits(given, wanted.type, scope_))
          problem("GE0405",
                  "argument " + wanted.name + " wants " + wanted.type + " and is " + describe(given, scope_),
                  by_position ? "/args/" + std::to_string(i) : "/kwargs/" + wanted.name,
                  "the operator is " + signature(schema));
      }
    }
    for (const auto& [name, value] : node_->kwargs)
      if (std::ranges::find(schema.arguments, name, &OpArgument::name) == schema.arguments.end())
        problem("GE0404", "the operator has no argument " + quoted(name),
                "/kwargs" + json::pointer_token(name), "the operator is " + signature(schema));
  }

  static std::string signature(const OpSchema& schema) {
    std::string text = schema.name + "(";
    bool first = true, keywords = false;
    for (const OpArgument& a : schema.arguments) {
      if (!std::exchange(first, false)) text += ", ";
      if (a.kwarg_only && !std::exchange(keywords, true)) text += "*, ";
      text += a.type + " " + a.name + (a.default_value ? "=…" : "");
    }
    return text + ")";
  }

  /// The declaration of the node's result; null where it has none.
  [[nodiscard]] const Value* result_value(std::size_t i) const {
    const std::uint32_t v = index_.makes(static_cast<std::uint32_t>(number_))[i];
    return v == kNone ? nullptr : index_.values()[v].value;
  }

  static bool is_list(const OpReturn& r) { return r.type.ends_with(']'); }

  void check_result_kinds(const OpSchema& schema) {
    const bool listed = std::ranges::any_of(schema.returns, is_list);
    if (!listed && node_->results.size() != schema.returns.size()) {
      const bool all_unused =
          std::ranges::all_of(node_->results, [](const std::string& id) { return id.empty(); });
      if (!(schema.returns.empty() && all_unused))
        problem("GE0408",
                std::to_string(node_->results.size()) + " results where the operator gives " +
                    std::to_string(schema.returns.size()),
                "/results", "name every result; \"\" for one that nothing uses");
      return;
    }
    if (listed && schema.returns.size() != 1)
      return;  // lists beside single results: no way to tell which is which
    for (std::size_t i = 0; i < node_->results.size(); ++i) {
      const Value* value = result_value(i);
      if (value == nullptr) continue;
      const std::string& type = schema.returns[listed ? 0 : i].type;
      const bool tensor = type.starts_with("Tensor");
      if (tensor == value->scalar.has_value())
        problem("GE0413",
                "result " + node_->results[i] + " is declared " + (tensor ? "a number" : "a tensor") +
                    "; the operator gives " + (tensor ? "a tensor" : type),
                "/results/" + std::to_string(i),
                tensor ? "drop \"scalar\" from the value" : "declare the value's \"scalar\"");
    }
  }

  /// Follows alias_of to the start: a value id, "state:NAME" (of the state that owns the storage) or "weight:NAME".
  std::string root(std::string_view id) const {
    if (const std::uint32_t v = number_of(id); v != kNone) {
      const GraphIndex::ValueInfo& owner = index_.values()[index_.values()[v].storage];
      id = owner.value == nullptr || owner.value->alias_of.empty() ? *owner.id : owner.value->alias_of;
    }
    if (!id.starts_with("state:")) return std::string(id);
    return "state:" + std::string(root_state(*scope_.plan, id.substr(6)));
  }

  /// What a write argument names: ids as `mutates` spells them.
  void collect_written(const OpArgument& wanted, const Arg& given, std::vector<std::string>& into) {
    if (const auto* v = std::get_if<arg::Value>(&given.is))
      into.push_back(v->id);
    else if (const auto* s = std::get_if<arg::State>(&given.is))
      into.push_back("state:" + s->name);
    else if (const auto* list = std::get_if<arg::List>(&given.is))
      for (const Arg& item : list->items)
        collect_written(wanted, item, into);
    else if (!std::holds_alternative<arg::Null>(given.is))
      problem("GE0406",
              "argument " + wanted.name + " is written to, and " + describe(given, scope_) + " cannot be", "",
              "a tensor that anything writes to is a value or a state");
  }

  void check_mutation(const OpSchema& schema) {
    std::vector<std::string> written;
    for (std::size_t i = 0; i < schema.arguments.size(); ++i) {
      const OpArgument& wanted = schema.arguments[i];
      if (!wanted.is_write) continue;
      const auto named = node_->kwargs.find(wanted.name);
      if (!wanted.kwarg_only && i < node_->args.size())
        collect_written(wanted, node_->args[i], written);
      else if (named != node_->kwargs.end())
        collect_written(wanted, named->second, written);
    }
    const auto covered = [this](const std::string& id, const std::vector<std::string>& by) {
      return std::ranges::any_of(
          by, [&](const std::string& other) { return other == id || root(other) == root(id); });
    };
    for (const std::string& id : written)
      if (!covered(id, node_->mutates))
        problem("GE0406", "the operator writes to " + id + ", which \"mutates\" does not say", "/mutates",
                "add " + quoted(id) + " to \"mutates\"");
    for (std::size_t i = 0; i < node_->mutates.size(); ++i)
      if (!schema.may_mutate && !covered(node_->mutates[i], written))
        problem("GE0406", "\"mutates\" says " + node_->mutates[i] + ", which the operator does not write to",
                "/mutates/" + std::to_string(i), "remove it");
  }

  // What a result shares storage with must be something that the node was given.
  void check_aliases() {
    for (std::size_t i = 0; i < node_->results.size(); ++i) {
      const std::uint32_t v = index_.makes(static_cast<std::uint32_t>(number_))[i];
      const Value* const value = v == kNone ? nullptr : index_.values()[v].value;
      if (value == nullptr || value->alias_of.empty()) continue;
      // Most often of a value that the node reads.
      const std::uint32_t storage = index_.values()[v].storage;
      const bool read = std::ranges::any_of(given_, [&](const auto& given) {
        return given.second != kNone && index_.values()[given.second].storage == storage;
      });
      if (read || is_given(root(value->alias_of))) continue;
      problem("GE0407",
              "result " + node_->results[i] + " is declared to share the storage of " + value->alias_of +
                  ", which the node does not read",
              "/results/" + std::to_string(i), "correct \"alias_of\"");
    }
  }

  [[nodiscard]] bool is_given(const std::string& storage) const {
    bool found = false;
    for_each_arg(*node_, [&](const Arg& a) {
      if (const auto* v = std::get_if<arg::Value>(&a.is)) found = found || root(v->id) == storage;
      if (const auto* w = std::get_if<arg::Weight>(&a.is)) found = found || "weight:" + w->name == storage;
      if (const auto* s = std::get_if<arg::State>(&a.is))
        found = found || root("state:" + s->name) == storage;
    });
    return found;
  }

  static std::string text(DType dtype, std::span<const Expr> shape) {
    return std::string(name(dtype)) + " " + to_text(shape);
  }

  void check_types(const OpSchema& schema) {
    const Inference inference = infer(schema, *node_, scope_, facts_);
    if (!inference.error.empty()) {
      problem("GE0411", inference.error, "",
              "the arguments' types do not go together; see the node that made the wrong one");
      return;
    }
    if (!inference.results) {
      ++unchecked_.ops[node_->op];
      return;
    }
    const std::vector<Inferred>& results = *inference.results;
    if (results.size() != node_->results.size() && !node_->results.empty() && !results.empty()) {
      problem("GE0408",
              std::to_string(node_->results.size()) + " results where the operator gives " +
                  std::to_string(results.size()),
              "/results", "name every result; \"\" for one that nothing uses");
      return;
    }
    for (std::size_t i = 0; i < std::min(results.size(), node_->results.size()); ++i) {
      const Value* value = result_value(i);
      if (value != nullptr) check_result(*value, results[i], i);
    }
  }

  void check_result(const Value& declared, const Inferred& inferred, std::size_t i) {
    const std::string& id = node_->results[i];
    const auto where = [i] { return "/results/" + std::to_string(i); };
    if (inferred.scalar || declared.scalar) return;  // kinds were compared already
    if (inferred.dtype_known && declared.dtype != inferred.dtype) {
      problem("GE0409",
              "result " + id + " is declared " + std::string(name(declared.dtype)) + "; the operator gives " +
                  std::string(name(inferred.dtype)),
              where(), "correct the value's dtype, or the operator's arguments");
      return;
    }
    if (!inferred.shape_known) return;
    bool same = declared.shape.size() == inferred.shape.size();
    for (std::size_t d = 0; same && d < declared.shape.size(); ++d)
      same = mentions_unknown(inferred.shape[d]) ||
             facts_.equal(declared.shape[d], inferred.shape[d]) != Truth::no;
    if (!same) {
      problem("GE0410",
              "result " + id + " is declared " + text(declared.dtype, declared.shape) +
                  "; the operator gives " +
                  text(inferred.dtype_known ? inferred.dtype : declared.dtype, inferred.shape),
              where(), "correct the value's shape, or the operator's arguments");
      return;
    }
    if (inferred.strides.size() != declared.strides.size()) return;
    for (std::size_t d = 0; d < declared.strides.size(); ++d) {
      // The stride of a dimension of one element says nothing; an empty tensor has none.
      if (!declared.shape[d].is_int() || declared.shape[d].as_int() == 1) continue;
      if (std::ranges::find(declared.shape, Expr(0)) != declared.shape.end()) return;
      if (facts_.equal(declared.strides[d], inferred.strides[d]) != Truth::no) continue;
      problem("GE0412",
              "result " + id + " is declared with strides " + to_text(declared.strides) +
                  "; the operator gives " + to_text(inferred.strides),
              where(), "correct the value's strides");
      return;
    }
  }

  std::string_view method_;
  std::string_view graph_name_;
  const Graph& graph_;
  const GraphIndex& index_;
  TypeScope scope_;
  const OpLookup& ops_;
  const Facts& facts_;
  Diagnostics& into_;
  Unchecked& unchecked_;
  std::size_t number_ = 0;
  const Node* node_ = nullptr;
  std::vector<std::pair<const char*, std::uint32_t>> given_;  ///< texts of the node's argument values
};

}  // namespace

void check_types(const Plan& plan, Indices& indices, Diagnostics& into, Unchecked& unchecked) {
  for (const auto& [domain, version] : plan.opsets) {
    if (is_known_opset(domain, version)) continue;
    Diagnostic d;
    d.code = "GE0402";
    d.message = "op set " + domain + " " + std::to_string(version) + " is unknown to this version of Genie";
    d.pointer = "/opsets" + json::pointer_token(domain);
    d.help =
        "known: aten 1, higher_order 1, python 1; use a newer Genie, or have the frontend translate the "
        "operators";
    into.push_back(std::move(d));
  }
  const Facts facts(plan);
  const OpLookup ops(plan);
  const WeightNames& weights = indices.weights(plan);
  for (const auto& [method_name, method] : plan.methods) {
    GraphTypes(plan, method_name, "", method, indices.of(method), weights, ops, facts, into, unchecked).run();
    for (const auto& [graph_name, graph] : method.graphs)
      GraphTypes(plan, method_name, graph_name, graph, indices.of(graph), weights, ops, facts, into,
                 unchecked)
          .run();
  }
}

}  // namespace genie::plan::detail
