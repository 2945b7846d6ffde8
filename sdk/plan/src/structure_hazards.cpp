// Mutation: only what may be mutated is, and reads of a mutated storage are ordered against its writes.
//
// A storage is named by its root: a value's number, or the state at the end of the alias chains. Nodes that touch a mutated
// storage are walked in listed order; a reader must follow the last writer, and a writer all readers since the last writer,
// by data flow or "after". What comes earlier follows from these.
#include <algorithm>
#include <map>

#include "structure.hpp"

namespace genie::plan::detail {
namespace {

constexpr std::string_view kState = "state:";
constexpr std::string_view kWeight = "weight:";

/// "state:NAME" with NAME the state that owns the storage.
std::string state_root(const Plan& plan, std::string_view name) {
  std::string root(name);
  for (std::size_t steps = 0; steps <= plan.states.size(); ++steps) {
    const auto found = plan.states.find(root);
    if (found == plan.states.end() || found->second.alias_of.empty()) break;
    root = found->second.alias_of;
  }
  return std::string(kState) + root;
}

struct Access {
  std::uint32_t node;
  bool writes;
};

class HazardCheck {
 public:
  HazardCheck(const Plan& plan, const GraphPlace& place, const Graph& graph, const GraphIndex& index,
              Findings& findings)
      : plan_(plan),
        place_(place),
        graph_(graph),
        index_(index),
        findings_(findings),
        seen_(graph.nodes.size(), 0) {}

  void run(const std::vector<std::uint32_t>& mutators) {
    collect_mutations(mutators);
    if (!accesses_.empty()) {
      collect_reads();
      for (auto& [storage, list] : accesses_)
        check_order(storage, list);
    }
    check_in_place_writes();
  }

 private:
  [[nodiscard]] std::string node_at(std::uint32_t n) const {
    return place_.pointer + "/nodes/" + std::to_string(n);
  }

  /// The storage behind a value id or "state:NAME"/"weight:NAME".
  [[nodiscard]] std::string storage_of(std::string_view reference) const {
    if (reference.rfind(kWeight, 0) == 0) return std::string(reference);
    if (reference.rfind(kState, 0) == 0) return state_root(plan_, reference.substr(kState.size()));
    const std::uint32_t v = index_.value(reference);
    if (v == kNone) return {};
    const GraphIndex::ValueInfo& root = index_.values()[index_.values()[v].storage];
    if (root.value != nullptr && !root.value->alias_of.empty()) return storage_of(root.value->alias_of);
    return "value:" + *root.id;
  }

  void collect_mutations(const std::vector<std::uint32_t>& mutators) {
    for (const std::uint32_t n : mutators) {
      const Node& node = graph_.nodes[n];
      for (std::size_t i = 0; i < node.mutates.size(); ++i) {
        const std::string storage = storage_of(node.mutates[i]);
        if (!check_mutable(n, i, storage)) continue;
        accesses_[storage].push_back({n, true});
      }
    }
  }

  bool check_mutable(std::uint32_t n, std::size_t i, const std::string& storage) {
    const Node& node = graph_.nodes[n];
    const std::string at = node_at(n) + "/mutates/" + std::to_string(i);
    if (storage.rfind(kWeight, 0) == 0) {
      findings_.add(node, at, "GE0350",
                    "the node writes into the weight " + quoted(storage.substr(kWeight.size())),
                    "weights are shared and read-only: a buffer that is written is a state");
      return false;
    }
    if (storage.rfind(kState, 0) == 0) return true;
    const std::uint32_t root = index_.value(storage.substr(std::string_view("value:").size()));
    const std::uint32_t input = root == kNone ? kNone : index_.values()[root].input;
    if (input == kNone || !place_.graph.empty())
      return true;  // a sub-graph's inputs are its owner's business
    findings_.add(node, at, "GE0350", "the node writes into the input " + quoted(graph_.inputs[input].name),
                  "inputs belong to the caller: copy the input first, or return the new tensor");
    return false;
  }

  void note_read(std::uint32_t n, const std::string& storage) {
    const auto found = accesses_.find(storage);
    if (found == accesses_.end()) return;
    for (const Access& access : found->second)
      if (access.node == n) return;  // a writer, or noted already
    found->second.push_back({n, false});
  }

  void collect_reads() {
    for (std::uint32_t n = 0; n < graph_.nodes.size(); ++n) {
      for (const std::uint32_t v : index_.reads(n))
        note_read(n, storage_of(*index_.values()[v].id));
      collect_state_reads(n, graph_.nodes[n], 0);
    }
  }

  /// States are named by arguments, also inside the sub-graphs that the node runs.
  void collect_state_reads(std::uint32_t n, const Node& node, std::size_t depth) {
    for_each_arg(node, [&](const Arg& argument) {
      if (const auto* state = std::get_if<arg::State>(&argument.is))
        note_read(n, state_root(plan_, state->name));
      const auto* sub = std::get_if<arg::Graph>(&argument.is);
      if (sub == nullptr || depth > place_.owner->graphs.size()) return;
      const auto found = place_.owner->graphs.find(sub->name);
      if (found == place_.owner->graphs.end()) return;
      for (const Node& inner : found->second.nodes)
        collect_state_reads(n, inner, depth + 1);
    });
  }

  /// Whether `before` runs before `after` whatever else is reordered.
  [[nodiscard]] bool ordered(std::uint32_t before, std::uint32_t after) {
    ++round_;
    stack_.assign(1, after);
    while (!stack_.empty()) {
      const std::uint32_t here = stack_.back();
      stack_.pop_back();
      for (const std::uint32_t earlier : index_.predecessors(here)) {
        if (earlier == before) return true;
        if (earlier < before || seen_[earlier] == round_) continue;  // the list is an order that runs
        seen_[earlier] = round_;
        stack_.push_back(earlier);
      }
    }
    return false;
  }

  void demand_order(const std::string& storage, Access before, Access after) {
    if (before.node == after.node || ordered(before.node, after.node)) return;
    const Node& first = graph_.nodes[before.node];
    const Node& second = graph_.nodes[after.node];
    const auto verb = [](const Access& access) { return access.writes ? " writes " : " reads "; };
    findings_.add(second, node_at(after.node), "GE0347",
                  "node " + quoted(second.id) + verb(after) + storage + " and node " + quoted(first.id) +
                      verb(before) + "it, and nothing orders the two",
                  "add " + quoted(first.id) + " to the \"after\" of node " + quoted(second.id));
  }

  void check_order(const std::string& storage, std::vector<Access>& list) {
    std::stable_sort(list.begin(), list.end(),
                     [](const Access& a, const Access& b) { return a.node < b.node; });
    const Access* writer = nullptr;
    std::vector<Access> readers;
    for (const Access& access : list) {
      if (!access.writes) {
        if (writer != nullptr) demand_order(storage, *writer, access);
        readers.push_back(access);
        continue;
      }
      for (const Access& reader : readers)
        demand_order(storage, reader, access);
      if (writer != nullptr && readers.empty()) demand_order(storage, *writer, access);
      readers.clear();
      writer = &access;
    }
  }

  /// A state updated in place loses its old content when the new one is made: nobody may read the old one later.
  void check_in_place_writes() {
    for (std::size_t i = 0; i < graph_.writes.size(); ++i) {
      const StateWrite& write = graph_.writes[i];
      const std::uint32_t v = index_.value(write.value);
      if (!write.in_place || v == kNone || index_.values()[v].producer == kNone) continue;
      const std::string root = state_root(plan_, write.state);
      for (std::uint32_t n = index_.values()[v].producer + 1; n < graph_.nodes.size(); ++n) {
        bool reads = false;
        for_each_arg(graph_.nodes[n], [&](const Arg& argument) {
          const auto* state = std::get_if<arg::State>(&argument.is);
          reads = reads || (state != nullptr && state_root(plan_, state->name) == root);
        });
        if (!reads) continue;
        findings_.add(graph_.nodes[n], node_at(n), "GE0347",
                      "node " + quoted(graph_.nodes[n].id) + " reads the old content of state " +
                          quoted(write.state) + " after it was replaced in place",
                      "remove \"in_place\" from " + place_.pointer + "/writes/" + std::to_string(i) +
                          ", or read the new value");
        break;
      }
    }
  }

  const Plan& plan_;
  const GraphPlace& place_;
  const Graph& graph_;
  const GraphIndex& index_;
  Findings& findings_;
  std::map<std::string, std::vector<Access>> accesses_;  // of storages that some node mutates
  std::vector<std::uint32_t> seen_;
  std::vector<std::uint32_t> stack_;
  std::uint32_t round_ = 0;
};

}  // namespace

void check_mutations(const Plan& plan, const GraphPlace& place, const Graph& graph, const GraphIndex& index,
                     const std::vector<std::uint32_t>& mutators, Findings& findings) {
  HazardCheck(plan, place, graph, index, findings).run(mutators);
}

}  // namespace genie::plan::detail
