// Changes inside a graph: nodes, arguments, values, inputs and outputs.
#include <algorithm>
#include <set>

#include "diff_internal.hpp"
#include "genie/plan/index.hpp"
#include "genie/plan/opset.hpp"
#include "messages.hpp"

namespace genie::plan::detail {
namespace {

std::string label(const Node& node) {
  return node.id + " " + node.op;
}

/// A position's name in the op's signature, where the table knows it.
std::string argument_name(const Node& node, std::size_t position) {
  const OpTable* const table = OpTable::find("aten", 1);
  const OpSchema* const schema = table == nullptr ? nullptr : table->op(node.op);
  if (schema != nullptr && position < schema->arguments.size())
    return "argument " + schema->arguments[position].name;
  return "argument " + std::to_string(position);
}

/// An argument with the names that its values have in the other graph.
Arg renamed(const Arg& argument, const Renaming& names) {
  if (const auto* value = std::get_if<arg::Value>(&argument.is))
    return {arg::Value{std::string(names.value(value->id))}};
  if (const auto* list = std::get_if<arg::List>(&argument.is)) {
    arg::List result;
    for (const Arg& item : list->items)
      result.items.push_back(renamed(item, names));
    return {std::move(result)};
  }
  return argument;
}

/// Whether renamed(a, names) and b are the same, without writing either. A NaN is the same as none: its text decides.
bool same(const Arg& a, const Arg& b, const Renaming& names) {
  const auto* value = std::get_if<arg::Value>(&a.is);
  const auto* other_value = std::get_if<arg::Value>(&b.is);
  if (value != nullptr && other_value != nullptr) return names.value(value->id) == other_value->id;
  const auto* list = std::get_if<arg::List>(&a.is);
  const auto* other_list = std::get_if<arg::List>(&b.is);
  if (list == nullptr || other_list == nullptr) return a == b;
  return std::equal(list->items.begin(), list->items.end(), other_list->items.begin(),
                    other_list->items.end(), [&](const Arg& x, const Arg& y) { return same(x, y, names); });
}

bool same(const Boxed<Annotation>& a, const Boxed<Annotation>& b) {
  if (!a || !b) return !a && !b;
  return a->is == b->is && a->by == b->by && a->confidence == b->confidence && a->extra == b->extra;
}

bool same(const std::optional<SourceLine>& a, const std::optional<SourceLine>& b) {
  if (!a || !b) return !a && !b;
  return a->line == b->line && a->file == b->file && a->extra == b->extra;
}

bool same(const Boxed<Cost>& a, const Boxed<Cost>& b) {
  if (!a || !b) return !a && !b;
  return a->flops == b->flops && a->read_bytes == b->read_bytes && a->written_bytes == b->written_bytes &&
         a->peak_bytes == b->peak_bytes && a->by == b->by && a->extra == b->extra;
}

std::string joined_renamed(const std::vector<std::string>& ids, const auto& rename) {
  std::vector<std::string> result;
  for (const std::string& id : ids)
    result.emplace_back(rename(id));
  return joined(result);
}

class GraphDiff {
 public:
  GraphDiff(Changes& changes, const std::string& base, const Graph& a, const Graph& b)
      : changes_(changes),
        base_(base),
        a_(a),
        b_(b),
        alignment_(align(a, b)),
        names_(renaming(a, b, alignment_)) {}

  void run() {
    ports("input", "/inputs", a_.inputs, b_.inputs);
    ports("output", "/outputs", a_.outputs, b_.outputs);
    nodes();
    values();
    writes();
    compare_text(changes_, "graph-changed", base_, base_ + ": unknown keys", written(a_.extra),
                 written(b_.extra));
  }

 private:
  [[nodiscard]] std::string node_at(std::size_t i) const { return base_ + "/nodes/" + std::to_string(i); }

  [[nodiscard]] std::string port_text(const Port& port, bool rename) const {
    const Arg value = rename ? renamed(port.value, names_) : port.value;
    const auto* id = std::get_if<arg::Value>(&value.is);
    return (id != nullptr ? id->id : written(value, write_arg)) + written(port.extra);
  }

  void ports(const std::string& noun, const std::string& key, const std::vector<Port>& a,
             const std::vector<Port>& b) {
    const auto find = [](const std::vector<Port>& ports, const std::string& name) {
      return std::find_if(ports.begin(), ports.end(), [&](const Port& port) { return port.name == name; });
    };
    std::vector<std::string> before;
    std::vector<std::string> after;
    for (const Port& port : a) {
      const auto other = find(b, port.name);
      if (other == b.end()) {
        changes_.add(noun + "-removed", base_ + key, port.name, "", noun + " " + port.name + " removed");
        continue;
      }
      before.push_back(port.name);
      compare_text(changes_, noun + "-changed", base_ + key, noun + " " + port.name, port_text(port, true),
                   port_text(*other, false));
    }
    for (const Port& port : b) {
      if (find(a, port.name) == a.end())
        changes_.add(noun + "-added", base_ + key, "", port.name, noun + " " + port.name + " added");
      else
        after.push_back(port.name);
    }
    compare_text(changes_, noun + "s-reordered", base_ + key, "order of " + noun + "s", joined(before),
                 joined(after));
  }

  void nodes() {
    for (std::size_t i = 0; i < a_.nodes.size(); ++i)
      if (alignment_.to_b[i] == kNone)
        changes_.add("node-removed", a_.nodes[i].id, written(a_.nodes[i], write_node), "",
                     "node " + label(a_.nodes[i]) + " removed" + in_scope(a_.nodes[i]));
    std::uint32_t furthest = 0;
    std::vector<std::string> before;
    std::vector<std::string> after;
    for (std::size_t j = 0; j < b_.nodes.size(); ++j) {
      const std::uint32_t i = alignment_.to_a[j];
      if (i == kNone) {
        changes_.add("node-added", b_.nodes[j].id, "", written(b_.nodes[j], write_node),
                     "node " + label(b_.nodes[j]) + " added" + in_scope(b_.nodes[j]));
        continue;
      }
      if (i < furthest)
        changes_.add("node-reordered", b_.nodes[j].id, node_at(i), node_at(j),
                     "node " + label(b_.nodes[j]) + " runs later than before");
      furthest = std::max(furthest, i);
      node(a_.nodes[i], b_.nodes[j]);
      if (a_.nodes[i].id != b_.nodes[j].id) {
        before.push_back(a_.nodes[i].id);
        after.push_back(b_.nodes[j].id);
      }
    }
    if (!before.empty())
      changes_.add("nodes-renamed", base_ + "/nodes", joined(before), joined(after),
                   std::to_string(before.size()) +
                       (before.size() == 1 ? " node has another id: " : " nodes have other ids: ") +
                       before.front() + " is now " + after.front() + (before.size() == 1 ? "" : ", …"));
  }

  [[nodiscard]] static std::string in_scope(const Node& node) {
    return node.scope.empty() ? std::string() : " in " + node.scope;
  }

  void node(const Node& a, const Node& b) {
    const auto compare = [&](std::string_view kind, const std::string& what, const std::string& before,
                             const std::string& after) {
      if (before != after) changes_.changed(kind, b.id, label(b) + ": " + what, before, after);
    };
    if (a.op != b.op) changes_.changed("op-changed", b.id, b.id + ": op", a.op, b.op);
    for (std::size_t i = 0; i < std::max(a.args.size(), b.args.size()); ++i) {
      if (i < a.args.size() && i < b.args.size() && same(a.args[i], b.args[i], names_)) continue;
      argument(b, argument_name(b, i), i < a.args.size() ? &a.args[i] : nullptr,
               i < b.args.size() ? &b.args[i] : nullptr);
    }
    for (const auto& [name, argument] : a.kwargs) {
      const auto other = b.kwargs.find(name);
      if (other != b.kwargs.end() && same(argument, other->second, names_)) continue;
      this->argument(b, "argument " + name, &argument, other == b.kwargs.end() ? nullptr : &other->second);
    }
    for (const auto& [name, argument] : b.kwargs)
      if (!a.kwargs.contains(name)) this->argument(b, "argument " + name, nullptr, &argument);

    const auto value = [&](const std::string& id) { return names_.value(id); };
    const auto id = [&](const std::string& node_id) { return names_.node(node_id); };
    compare("results-changed", "results", joined_renamed(a.results, value), joined(b.results));
    compare("effects-changed", "effects", a.effects, b.effects);
    compare("mutation-changed", "mutated values", joined_renamed(a.mutates, value), joined(b.mutates));
    compare("order-changed", "nodes that run before", joined_renamed(a.after, id), joined(b.after));
    compare("scope-changed", "module", a.scope, b.scope);
    rest(a, b, compare);
  }

  /// Null: not given.
  void argument(const Node& node, const std::string& what, const Arg* before, const Arg* after) {
    Said x = before == nullptr ? Said{} : said(renamed(*before, names_));
    Said y = after == nullptr ? Said{} : said(*after);
    if (x.exact != y.exact)
      changes_.changed("argument-changed", node.id, label(node) + ": " + what, std::move(x), std::move(y));
  }

  template <class Compare>
  void rest(const Node& a, const Node& b, Compare&& compare) {
    const auto source = [](const Node& node) {
      return node.source
                 ? node.source->file + ":" + std::to_string(node.source->line) + written(node.source->extra)
                 : std::string();
    };
    if (!same(a.source, b.source)) compare("source-changed", "source", source(a), source(b));
    const auto annotation = [](const Boxed<Annotation>& is) {
      if (!is) return std::string();
      return is->is + " (by " + is->by +
             (is->confidence ? ", " + written(*is->confidence, [](json::Writer& w, double c) { w.value(c); })
                             : "") +
             ")" + written(is->extra);
    };
    const auto compare_annotation = [&](std::string_view kind, const char* what, const auto& before,
                                        const auto& after) {
      if (!same(before, after)) compare(kind, what, annotation(before), annotation(after));
    };
    compare_annotation("phase-changed", "phase", a.semantics.phase, b.semantics.phase);
    compare_annotation("role-changed", "role", a.semantics.role, b.semantics.role);
    compare_annotation("modality-changed", "modality", a.semantics.modality, b.semantics.modality);
    compare("semantics-changed", "semantics", written(a.semantics.extra), written(b.semantics.extra));
    const auto cost = [](const Node& node) {
      if (!node.cost) return std::string();
      const Cost& c = *node.cost;
      return c.flops.to_text() + " flops, " + c.read_bytes.to_text() + " bytes read, " +
             c.written_bytes.to_text() + " written" +
             (c.peak_bytes ? ", peak " + c.peak_bytes->to_text() : "") + " (" + c.by + ")" + written(c.extra);
    };
    if (!same(a.cost, b.cost)) compare("cost-changed", "cost", cost(a), cost(b));
    compare("node-changed", "unknown keys", written(a.extra), written(b.extra));
  }

  /// Results of nodes that the other graph has not: said with the node.
  [[nodiscard]] static std::set<std::string_view> results_of(const Graph& graph,
                                                             const std::vector<std::uint32_t>& to_other) {
    std::set<std::string_view> results;
    for (std::size_t i = 0; i < graph.nodes.size(); ++i)
      if (to_other[i] == kNone) results.insert(graph.nodes[i].results.begin(), graph.nodes[i].results.end());
    return results;
  }

  void values() {
    const std::set<std::string_view> gone = results_of(a_, alignment_.to_b);
    const std::set<std::string_view> fresh = results_of(b_, alignment_.to_a);
    std::set<std::string_view> seen;
    for (const auto& [id, value] : a_.values) {
      const std::string now(names_.value(id));
      seen.insert(names_.value(id));
      const auto other = b_.values.find(now);
      if (other == b_.values.end() && gone.contains(id)) continue;
      if (other == b_.values.end())
        changes_.add("value-removed", base_ + "/values" + json::pointer_token(id), type(value), "",
                     "value " + id + " removed (" + type(value) + ")");
      else
        this->value(now, value, other->second);
    }
    for (const auto& [id, value] : b_.values)
      if (!seen.contains(id) && !fresh.contains(id))
        changes_.add("value-added", base_ + "/values" + json::pointer_token(id), "", type(value),
                     "value " + id + " added (" + type(value) + ")");
  }

  [[nodiscard]] static std::string type(const Value& value) {
    constexpr std::string_view kScalars[] = {"int", "float", "bool"};
    if (value.scalar) return std::string(kScalars[static_cast<std::size_t>(*value.scalar)]);
    return std::string(name(value.dtype)) + to_text(value.shape);
  }

  void value(const std::string& id, const Value& a, const Value& b) {
    const auto compare = [&](std::string_view kind, const std::string& what, const std::string& before,
                             const std::string& after) {
      if (before != after)
        changes_.changed(kind, base_ + "/values" + json::pointer_token(id), "value " + id + ": " + what,
                         before, after);
    };
    if (a.scalar != b.scalar) {
      compare("type-changed", "type", type(a), type(b));
    } else {
      compare("dtype-changed", "dtype", std::string(name(a.dtype)), std::string(name(b.dtype)));
      if (a.shape != b.shape) compare("shape-changed", "shape", to_text(a.shape), to_text(b.shape));
      const auto contiguous = [](const Value& value) {
        return value.strides == contiguous_strides(value.shape);
      };
      if (a.strides != b.strides && !(contiguous(a) && contiguous(b)))
        compare("strides-changed", "strides", to_text(a.strides), to_text(b.strides));
    }
    compare("alias-changed", "shared storage", std::string(names_.value(a.alias_of)), b.alias_of);
    compare("residency-changed", "residency", a.residency, b.residency);
    compare("value-changed", "unknown keys", written(a.extra), written(b.extra));
  }

  void writes() {
    const auto text = [](const StateWrite& write, std::string_view value) {
      return std::string(value) + (write.in_place ? " in place" : "") + written(write.extra);
    };
    const auto find = [](const std::vector<StateWrite>& list, const std::string& state) {
      return std::find_if(list.begin(), list.end(),
                          [&](const StateWrite& write) { return write.state == state; });
    };
    for (const StateWrite& write : a_.writes) {
      const auto other = find(b_.writes, write.state);
      if (other == b_.writes.end())
        changes_.add("write-removed", base_ + "/writes", write.state, "",
                     "state " + write.state + " is no longer written");
      else
        compare_text(changes_, "write-changed", base_ + "/writes", "new content of state " + write.state,
                     text(write, names_.value(write.value)), text(*other, other->value));
    }
    for (const StateWrite& write : b_.writes)
      if (find(a_.writes, write.state) == a_.writes.end())
        changes_.add("write-added", base_ + "/writes", "", write.state,
                     "state " + write.state + " is written");
  }

  Changes& changes_;
  std::string base_;
  const Graph& a_;
  const Graph& b_;
  Alignment alignment_;
  Renaming names_;
};

}  // namespace

void diff_graphs(Changes& changes, const std::string& base, const Graph& a, const Graph& b) {
  GraphDiff(changes, base, a, b).run();
}

}  // namespace genie::plan::detail
