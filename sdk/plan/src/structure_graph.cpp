// One graph: every reference resolves, every value has one producer, nodes stand in an order that runs.
#include <algorithm>
#include <set>
#include <unordered_set>

#include "structure.hpp"

namespace genie::plan::detail {
namespace {

constexpr std::string_view kState = "state:";
constexpr std::string_view kWeight = "weight:";

class GraphCheck {
 public:
  GraphCheck(const Plan& plan, const GraphPlace& place, const Graph& graph, const GraphIndex& index,
             const WeightNames& weights, Findings& findings)
      : plan_(plan), place_(place), graph_(graph), index_(index), weights_(weights), findings_(findings) {}

  /// The nodes that mutate something.
  std::vector<std::uint32_t> run() {
    check_inputs();
    check_values();
    check_producers();
    for (std::uint32_t n = 0; n < graph_.nodes.size(); ++n)
      check_node(n);
    check_outputs();
    check_writes();
    return std::move(mutators_);
  }

 private:
  [[nodiscard]] std::string node_at(std::uint32_t n) const {
    return place_.pointer + "/nodes/" + std::to_string(n);
  }

  /// What is known of a value id; null when nothing declares, gives or makes it.
  [[nodiscard]] const GraphIndex::ValueInfo* find(std::string_view id) const {
    const std::uint32_t v = index_.value(id);
    return v == kNone ? nullptr : &index_.values()[v];
  }
  [[nodiscard]] bool declared(std::string_view id) const {
    const GraphIndex::ValueInfo* const info = find(id);
    return info != nullptr && info->value != nullptr;
  }

  /// Ends in words that name the place a value id belongs to.
  [[nodiscard]] std::string home() const {
    return place_.graph.empty() ? "method " + quoted(place_.method) : "sub-graph " + quoted(place_.graph);
  }

  /// A value that something reads is declared, and an input or a node's result. Empty when it is.
  [[nodiscard]] std::string why_not_readable(const std::string& id, const GraphIndex::ValueInfo* info) const {
    if (info == nullptr || info->value == nullptr)
      return "the value " + quoted(id) + " is not declared in the values of " + home();
    if (info->input == kNone && info->producer == kNone)
      return "the value " + quoted(id) + " is no input and no node makes it";
    return {};
  }
  [[nodiscard]] std::string why_not_readable(const std::string& id) const {
    return why_not_readable(id, find(id));
  }

  [[nodiscard]] std::string hint_for_value(const std::string& id) const {
    return did_you_mean(id, graph_.values);
  }

  void check_inputs() {
    std::unordered_set<std::string_view> names;
    std::unordered_set<std::string_view> values;
    for (std::size_t i = 0; i < graph_.inputs.size(); ++i) {
      const Port& port = graph_.inputs[i];
      const std::string at = place_.pointer + "/inputs/" + std::to_string(i);
      if (!names.insert(port.name).second)
        findings_.add(at + "/name", "GE0342", "two inputs of " + home() + " are named " + quoted(port.name));
      const auto* value = std::get_if<arg::Value>(&port.value.is);
      if (value == nullptr) {
        findings_.add(at + "/value", "GE0343", "the input " + quoted(port.name) + " names no value");
        continue;
      }
      if (!declared(value->id))
        findings_.add(at + "/value", "GE0343",
                      "the value " + quoted(value->id) + " is not declared in the values of " + home(),
                      hint_for_value(value->id));
      if (!values.insert(value->id).second)
        findings_.add(at + "/value", "GE0344", "the value " + quoted(value->id) + " is two inputs at once");
    }
  }

  void check_values() {
    // By the index, which has the declared values first: a walk through the table waits for each of its entries.
    for (std::size_t v = 0; v < graph_.values.size(); ++v) {
      const GraphIndex::ValueInfo& info = index_.values()[v];
      const std::string& id = *info.id;
      const Value& value = *info.value;
      const auto at = [this, &id](std::string_view member) {
        return place_.pointer + "/values" + json::pointer_token(id) + std::string(member);
      };
      if (names_storage(id))
        findings_.add(at(""), "GE0342",
                      "the value id " + quoted(id) + " reads like a reference to a state or weight",
                      "value ids do not start with \"state:\" or \"weight:\"");
      if (value.strides.size() != value.shape.size())
        findings_.add(at("/strides"), "GE0346",
                      "the value has " + std::to_string(value.shape.size()) + " dimensions and " +
                          std::to_string(value.strides.size()) + " strides",
                      "give one stride per dimension, or none for a contiguous value");
      for (const Expr& dim : value.shape)
        check_declared(
            plan_, dim, [&] { return at("/shape"); }, findings_);
      for (const Expr& stride : value.strides)
        check_declared(
            plan_, stride, [&] { return at("/strides"); }, findings_);
      if (!value.alias_of.empty() && !has_sound_alias(value, info)) check_alias(id, value, at(""));
    }
  }

  /// Most often: the way to the storage's owner ends at a declared value, so all values on it are declared.
  [[nodiscard]] bool has_sound_alias(const Value& value, const GraphIndex::ValueInfo& info) const {
    const GraphIndex::ValueInfo& owner = index_.values()[info.storage];
    return &owner != &info && !info.in_circle && owner.value != nullptr && !names_storage(value.alias_of);
  }
  [[nodiscard]] static bool names_storage(std::string_view reference) {
    return reference.starts_with(kState) || reference.starts_with(kWeight);
  }

  void check_alias(const std::string& id, const Value& value, const std::string& at) {
    const std::string_view target = value.alias_of;
    if (names_storage(target)) {
      check_named_storage(target, at + "/alias_of", nullptr);
      return;
    }
    if (!declared(target)) {
      findings_.add(at + "/alias_of", "GE0343",
                    "the value shares storage with " + quoted(target) + ", which is not declared",
                    did_you_mean(target, graph_.values));
      return;
    }
    if (find(id)->in_circle) tell_circle(id);
  }

  /// Follows alias_of from a value into its circle, and tells of each circle once.
  void tell_circle(std::string_view id) {
    std::set<std::string_view> walked;
    while (followed_.insert(id).second) {
      walked.insert(id);
      const auto value = graph_.values.find(id);
      if (value == graph_.values.end()) return;
      id = value->second.alias_of;
    }
    if (!walked.contains(id)) return;  // told when its first value was followed
    findings_.add(place_.pointer + "/values" + json::pointer_token(id) + "/alias_of", "GE0349",
                  "the value " + quoted(id) + " shares storage with itself in a circle",
                  "alias_of leads to the value that owns the storage");
  }

  /// "state:NAME" or "weight:NAME".
  void check_named_storage(std::string_view reference, std::string pointer, const Node* node) {
    const bool state = reference.rfind(kState, 0) == 0;
    const std::string_view name = reference.substr(state ? kState.size() : kWeight.size());
    const bool known = state ? plan_.states.contains(name) : plan_.weights.contains(name);
    if (known) return;
    std::string message = "there is no " + std::string(state ? "state " : "weight ") + quoted(name);
    std::string help = state ? did_you_mean(name, plan_.states) : did_you_mean(name, plan_.weights);
    if (node != nullptr)
      findings_.add(*node, std::move(pointer), "GE0343", std::move(message), std::move(help));
    else
      findings_.add(std::move(pointer), "GE0343", std::move(message), std::move(help));
  }

  void check_producers() {
    for (std::uint32_t n = 0; n < graph_.nodes.size(); ++n) {
      const GraphIndex::Numbers made = index_.makes(n);
      for (std::size_t r = 0; r < made.size(); ++r)
        if (made[r] != kNone) check_result(n, r, index_.values()[made[r]]);
    }
  }

  void check_result(std::uint32_t n, std::size_t r, const GraphIndex::ValueInfo& info) {
    const GraphIndex::Numbers made = index_.makes(n);
    const auto first_here = std::find(made.begin(), made.end(), made[r]) - made.begin();
    const bool first = info.producer == n && first_here == static_cast<std::ptrdiff_t>(r);
    if (info.value != nullptr && first && info.input == kNone) return;
    const Node& node = graph_.nodes[n];
    const std::string& id = node.results[r];
    const auto at = [&] { return node_at(n) + "/results/" + std::to_string(r); };
    if (info.value == nullptr)
      findings_.add(node, at(), "GE0343",
                    "the result " + quoted(id) + " is not declared in the values of " + home(),
                    "declare its dtype and shape");
    if (!first)
      findings_.add(node, at(), "GE0344",
                    "the value " + quoted(id) + " is made twice, first by node " +
                        quoted(graph_.nodes[info.producer].id),
                    "give each result its own value");
    else if (info.input != kNone)
      findings_.add(node, at(), "GE0344",
                    "the value " + quoted(id) + " is an input and a node's result at once");
  }

  void check_node(std::uint32_t n) {
    const Node& node = graph_.nodes[n];
    auto number = index_.arguments(n).begin();
    for (std::size_t i = 0; i < node.args.size(); ++i) {
      const Arg& argument = node.args[i];
      check_argument(n, argument, number, [&] { return node_at(n) + "/args/" + std::to_string(i); });
    }
    for (const auto& [name, argument] : node.kwargs)
      check_argument(n, argument, number,
                     [&, key = &name] { return node_at(n) + "/kwargs" + json::pointer_token(*key); });
    for (std::size_t i = 0; i < node.after.size(); ++i)
      check_after(n, i);
    if (!node.mutates.empty()) mutators_.push_back(n);
    for (std::size_t i = 0; i < node.mutates.size(); ++i) {
      const std::string at = node_at(n) + "/mutates/" + std::to_string(i);
      const std::string& target = node.mutates[i];
      if (names_storage(target))
        check_named_storage(target, at, &node);
      else if (std::string why = why_not_readable(target); !why.empty())
        findings_.add(node, at, "GE0343", std::move(why), hint_for_value(target));
    }
    if (node.cost)
      for (const Expr* work : {&node.cost->flops, &node.cost->read_bytes, &node.cost->written_bytes})
        check_declared(
            plan_, *work, [&] { return node_at(n) + "/cost"; }, findings_);
  }

  /// `number` steps over the node's argument values as for_each_arg meets them.
  template <class Pointer>
  void check_argument(std::uint32_t n, const Arg& argument, GraphIndex::Numbers::iterator& number,
                      Pointer&& pointer) {
    const Node& node = graph_.nodes[n];
    for_each_arg(argument, [&](const Arg& item) {
      if (const auto* value = std::get_if<arg::Value>(&item.is)) {
        const std::uint32_t v = *number++;
        const GraphIndex::ValueInfo* const info = v == kNone ? nullptr : &index_.values()[v];
        if (std::string why = why_not_readable(value->id, info); !why.empty())
          findings_.add(node, pointer(), "GE0343", std::move(why), hint_for_value(value->id));
        else
          check_order(n, value->id, *info, pointer);
      } else if (const auto* weight = std::get_if<arg::Weight>(&item.is)) {
        if (weights_.find(weight->name) == nullptr)
          findings_.add(node, pointer(), "GE0343", "there is no weight " + quoted(weight->name),
                        did_you_mean(weight->name, plan_.weights));
      } else if (const auto* state = std::get_if<arg::State>(&item.is)) {
        if (!plan_.states.contains(state->name))
          findings_.add(node, pointer(), "GE0343", "there is no state " + quoted(state->name),
                        did_you_mean(state->name, plan_.states));
      } else if (const auto* dim = std::get_if<arg::Dim>(&item.is)) {
        check_declared(plan_, dim->expr, pointer, findings_);
      } else if (const auto* graph = std::get_if<arg::Graph>(&item.is)) {
        if (!place_.owner->graphs.contains(graph->name))
          findings_.add(node, pointer(), "GE0343",
                        "method " + quoted(place_.method) + " has no sub-graph " + quoted(graph->name),
                        did_you_mean(graph->name, place_.owner->graphs));
      }
    });
  }

  template <class Pointer>
  void check_order(std::uint32_t n, const std::string& id, const GraphIndex::ValueInfo& info,
                   Pointer&& pointer) {
    if (info.input != kNone || info.producer < n) return;
    const Node& node = graph_.nodes[n];
    const Node& producer = graph_.nodes[info.producer];
    findings_.add(node, pointer(), "GE0345",
                  info.producer == n ? "node " + quoted(node.id) + " reads its own result " + quoted(id)
                                     : "node " + quoted(node.id) + " reads " + quoted(id) + " before node " +
                                           quoted(producer.id) + " makes it",
                  "list nodes in an order that runs; a circle of nodes has none");
  }

  void check_after(std::uint32_t n, std::size_t i) {
    const Node& node = graph_.nodes[n];
    const std::string at = node_at(n) + "/after/" + std::to_string(i);
    const std::uint32_t before = index_.node(node.after[i]);
    if (before == kNone)
      findings_.add(node, at, "GE0343", home() + " has no node " + quoted(node.after[i]),
                    "\"after\" names nodes of the same graph");
    else if (before >= n)
      findings_.add(node, at, "GE0345",
                    "node " + quoted(node.id) + " must run after node " + quoted(node.after[i]) +
                        ", which stands behind it",
                    "list nodes in an order that runs; a circle of nodes has none");
  }

  void check_outputs() {
    std::unordered_set<std::string_view> names;
    for (std::size_t i = 0; i < graph_.outputs.size(); ++i) {
      const Port& port = graph_.outputs[i];
      const std::string at = place_.pointer + "/outputs/" + std::to_string(i);
      if (!names.insert(port.name).second)
        findings_.add(at + "/name", "GE0342", "two outputs of " + home() + " are named " + quoted(port.name));
      if (const auto* value = std::get_if<arg::Value>(&port.value.is)) {
        if (std::string why = why_not_readable(value->id); !why.empty())
          findings_.add(at + "/value", "GE0343", std::move(why), hint_for_value(value->id));
      } else if (const auto* weight = std::get_if<arg::Weight>(&port.value.is)) {
        if (weights_.find(weight->name) == nullptr)
          findings_.add(at + "/value", "GE0343", "there is no weight " + quoted(weight->name),
                        did_you_mean(weight->name, plan_.weights));
      } else if (const auto* state = std::get_if<arg::State>(&port.value.is)) {
        if (!plan_.states.contains(state->name))
          findings_.add(at + "/value", "GE0343", "there is no state " + quoted(state->name),
                        did_you_mean(state->name, plan_.states));
      } else if (const auto* dim = std::get_if<arg::Dim>(&port.value.is)) {
        check_declared(
            plan_, dim->expr, [&] { return at + "/value"; }, findings_);
      }
    }
  }

  void check_writes() {
    std::unordered_set<std::string_view> written;
    for (std::size_t i = 0; i < graph_.writes.size(); ++i) {
      const StateWrite& write = graph_.writes[i];
      const std::string at = place_.pointer + "/writes/" + std::to_string(i);
      if (!plan_.states.contains(write.state))
        findings_.add(at + "/state", "GE0343", "there is no state " + quoted(write.state),
                      did_you_mean(write.state, plan_.states));
      if (!written.insert(write.state).second)
        findings_.add(at + "/state", "GE0344",
                      "the state " + quoted(write.state) + " is written twice in one call",
                      "only the last content can remain: write that one");
      if (std::string why = why_not_readable(write.value); !why.empty())
        findings_.add(at + "/value", "GE0343", std::move(why), hint_for_value(write.value));
    }
  }

  const Plan& plan_;
  const GraphPlace& place_;
  const Graph& graph_;
  const GraphIndex& index_;
  const WeightNames& weights_;
  Findings& findings_;
  std::vector<std::uint32_t> mutators_;
  std::set<std::string_view> followed_;  ///< values that tell_circle() has seen
};

}  // namespace

std::vector<std::uint32_t> check_graph(const Plan& plan, const GraphPlace& place, const Graph& graph,
                                       const GraphIndex& index, const WeightNames& weights,
                                       Findings& findings) {
  return GraphCheck(plan, place, graph, index, weights, findings).run();
}

}  // namespace genie::plan::detail
