#include "problem.hpp"

#include <algorithm>
#include <map>
#include <set>
#include <tuple>

namespace genie::policy {

namespace {

using plan::Diagnostic;
using plan::Severity;

/// What a node refers to, through its sub-graphs too: a sub-graph runs whole on its node's device.
struct References {
  std::set<std::string_view> weights;
  std::set<std::string_view> states;
  std::set<std::string_view> ops;
  std::set<std::string, std::less<>> symbols;
  std::set<std::string_view> graphs;
};

void collect(const plan::Method& method, const plan::Node& node, References& into) {
  into.ops.insert(node.op);
  const auto from_arg = [&](const plan::Arg& a) {
    if (const auto* w = std::get_if<plan::arg::Weight>(&a.is)) into.weights.insert(w->name);
    if (const auto* s = std::get_if<plan::arg::State>(&a.is)) into.states.insert(s->name);
    if (const auto* d = std::get_if<plan::arg::Dim>(&a.is)) d->expr.collect_symbols(into.symbols);
    const auto* g = std::get_if<plan::arg::Graph>(&a.is);
    if (g == nullptr || !into.graphs.insert(g->name).second) return;
    const auto graph = method.graphs.find(g->name);
    if (graph == method.graphs.end()) return;
    for (const plan::Node& inner : graph->second.nodes)
      collect(method, inner, into);
    for (const plan::Port& out : graph->second.outputs) {
      if (const auto* w = std::get_if<plan::arg::Weight>(&out.value.is)) into.weights.insert(w->name);
      if (const auto* s = std::get_if<plan::arg::State>(&out.value.is)) into.states.insert(s->name);
    }
    for (const plan::StateWrite& w : graph->second.writes)
      into.states.insert(w.state);
  };
  plan::for_each_arg(node, from_arg);
  for (const std::string& name : node.mutates)
    if (name.starts_with("state:")) into.states.insert(std::string_view(name).substr(6));
}

bool contains(const std::vector<std::string>& list, std::string_view item) {
  return std::ranges::find(list, item) != list.end();
}

/// Whether one kernels plug-in computes these ops with these element types on a device of that kind. A plug-in that the
/// topology says nothing about is taken at the device's word.
bool supports(const plan::Topology& topology, const std::string& id, const std::string& device_kind,
              const References& uses, const std::set<plan::DType>& dtypes) {
  const auto at = topology.kernels.find(id);
  if (at == topology.kernels.end()) return true;
  const plan::KernelsInfo& info = at->second;
  if (!info.kinds.empty() && !contains(info.kinds, device_kind)) return false;
  if (info.ops &&
      !std::ranges::all_of(uses.ops, [&](std::string_view op) { return contains(*info.ops, op); }))
    return false;
  return info.dtypes.empty() || std::ranges::all_of(dtypes, [&](plan::DType d) {
           return std::ranges::find(info.dtypes, d) != info.dtypes.end();
         });
}

class Builder {
 public:
  Builder(const plan::Plan& plan, const plan::Topology& topology, const plan::Costs& costs)
      : plan_(plan), topology_(topology), costs_(costs) {}

  plan::Result<Problem> build() {
    p_.plan = &plan_;
    p_.topology = &topology_;
    p_.sizes = costs_.assumes;
    for (const auto& [id, symbol] : plan_.symbols)
      p_.sizes.try_emplace(id, symbol.max.value_or(1));
    if (auto ok = add_devices(); !ok) return std::move(ok).errors();
    add_states();
    for (const auto& [name, method] : plan_.methods)
      if (auto ok = add_method(name, method); !ok) return std::move(ok).errors();
    return std::move(p_);
  }

 private:
  plan::Status add_devices() {
    if (topology_.devices.empty() || topology_.devices.size() > kMaxDevices)
      return Diagnostic{.code = "GE0550",
                        .message = "the topology has " + std::to_string(topology_.devices.size()) +
                                   " devices; policy-default places on 1 to " + std::to_string(kMaxDevices),
                        .pointer = "/devices",
                        .help = "describe fewer devices, or choose another policy"};
    p_.device_count = topology_.devices.size();
    std::map<std::tuple<std::size_t, std::string_view, std::vector<std::string>>, std::uint32_t> groups;
    for (const plan::Device& device : topology_.devices) {
      p_.memory.push_back(device.memory_bytes);
      std::vector<std::string> offers = device.kernels;
      if (offers.empty())
        for (const auto& [id, info] : topology_.kernels)
          offers.push_back(id);
      if (offers.size() >= kNoKernels) offers.resize(kNoKernels - 1);
      const std::size_t column = costs_.column(device.id).value_or(costs_.devices.size() + p_.group.size());
      const auto [at, added] =
          groups.try_emplace({column, device.kind, offers}, static_cast<std::uint32_t>(groups.size()));
      if (added) examples_.push_back(p_.group.size());
      p_.group.push_back(at->second);
      p_.offers.push_back(std::move(offers));
    }
    p_.group_count = groups.size();
    if (p_.device_count > kMaxSearched) return plan::Unit{};
    for (std::size_t from = 0; from <= p_.device_count; ++from)
      for (std::size_t to = 0; to <= p_.device_count; ++to)
        p_.paths.push_back(path(from, to));
    return plan::Unit{};
  }

  Path path(std::size_t from, std::size_t to) const {
    const auto id = [&](std::size_t d) {
      return d == p_.device_count ? std::string_view() : std::string_view(p_.device_id(d));
    };
    if (from == to) return {true, 0, 0};
    const plan::Route route = router_.find(id(from), id(to));
    const double rate = route.bandwidth_bytes_per_s;
    return {route.ok, route.latency_ns, rate > 0 ? 1e9 / rate : 0.0};
  }

  void add_states() {
    for (const auto& [name, state] : plan_.states) {
      if (root_state(plan_, name) != name) continue;
      state_numbers_.emplace(name, static_cast<Index>(p_.states.size()));
      p_.states.push_back({name, plan::state_bytes(state)});
    }
  }

  Index blob_of(std::string_view weight) {
    const auto at = plan_.weights.find(weight);
    if (at == plan_.weights.end()) return kNone;
    const auto [number, added] =
        blob_numbers_.try_emplace(at->second.blob, static_cast<Index>(p_.blobs.size()));
    if (added) {
      const auto blob = plan_.blobs.find(at->second.blob);
      p_.blobs.push_back({at->second.blob, blob != plan_.blobs.end() ? blob->second.size_bytes
                                                                     : plan::weight_bytes(at->second)});
    }
    return number->second;
  }

  void use_state(std::vector<Index>& into, std::string_view state) const {
    const auto at = state_numbers_.find(root_state(plan_, state));
    if (at != state_numbers_.end() && std::ranges::find(into, at->second) == into.end())
      into.push_back(at->second);
  }

  plan::Status add_method(const std::string& name, const plan::Method& method) {
    MethodGraph m;
    m.name = &name;
    m.method = &method;
    m.index = std::make_unique<plan::GraphIndex>(method);
    m.first = p_.node_count;
    m.count = static_cast<Index>(method.nodes.size());
    p_.node_count += m.count;
    m.writes_states = plan::writes_states(*m.index, method);
    add_values(m);
    for (Index n = 0; n < m.count; ++n)
      if (auto ok = add_node(m, n); !ok) return ok;
    for (const plan::StateWrite& write : method.writes)  // who makes what a state takes uses the state too
      if (const Index v = m.index->value(write.value); v != kNone && m.values[v].producer != kNone)
        use_state(p_.node_states[m.global(m.values[v].producer)], write.state);
    p_.methods.push_back(std::move(m));
    return plan::Unit{};
  }

  void add_values(MethodGraph& m) {
    for (const auto& info : m.index->values()) {
      ValueUse use;
      use.producer = info.producer;
      use.consumers.assign(info.consumers.begin(), info.consumers.end());
      use.storage = info.storage;
      use.is_output = info.is_output;
      if (info.value != nullptr) {
        use.bytes = plan::value_bytes(*info.value, p_.sizes).value_or(0);
        const Index root = info.storage;
        const plan::Value* owner = root == kNone ? info.value : m.index->values()[root].value;
        use.resident = owner != nullptr &&
                       (owner->alias_of.starts_with("state:") || owner->alias_of.starts_with("weight:"));
      }
      m.values.push_back(std::move(use));
    }
  }

  plan::Status add_node(MethodGraph& m, Index n) {
    const plan::Node& node = m.method->nodes[n];
    References uses;
    collect(*m.method, node, uses);

    const auto copied = [](plan::GraphIndex::Numbers numbers) {
      return std::vector<Index>(numbers.begin(), numbers.end());
    };
    m.reads.push_back(copied(m.index->reads(n)));
    m.makes.push_back(copied(m.index->makes(n)));
    std::erase(m.makes.back(), kNone);
    m.before.push_back(copied(m.index->predecessors(n)));
    add_symbol_sources(m, n, uses);
    for (const Index b : m.before.back())
      if (b >= n)
        return Diagnostic{
            .code = "GE0550",
            .message = "node " + node.id + " is listed before " + m.method->nodes[b].id + ", which it needs",
            .pointer = "/methods/" + *m.name + "/nodes/" + std::to_string(n),
            .node = node.id,
            .help = "list nodes in an order that runs (`genie-host plan validate` tells the whole story)"};
    const auto scratch =
        node.cost && node.cost->peak_bytes ? node.cost->peak_bytes->evaluate(p_.sizes) : std::nullopt;
    m.scratch.push_back(static_cast<std::uint64_t>(std::max<std::int64_t>(0, scratch.value_or(0))));

    std::vector<Index> blobs;
    for (const std::string_view w : uses.weights)
      if (const Index b = blob_of(w); b != kNone && std::ranges::find(blobs, b) == blobs.end())
        blobs.push_back(b);
    p_.node_blobs.push_back(std::move(blobs));
    std::vector<Index> states;
    for (const std::string_view s : uses.states)
      use_state(states, s);
    for (const auto* side : {&m.reads.back(), &m.makes.back()})
      for (const Index v : *side)
        if (const std::string* state = viewed_state(m, v))
          use_state(states, std::string_view(*state).substr(6));
    p_.node_states.push_back(std::move(states));

    std::set<plan::DType> dtypes;
    for (const Index v : m.makes.back())
      if (const plan::Value* value = m.index->values()[v].value) dtypes.insert(value->dtype);
    return add_costs(m, n, uses, dtypes);
  }

  /// "state:NAME" when the value lies in a state's storage.
  const std::string* viewed_state(const MethodGraph& m, Index v) const {
    const Index root = m.index->values()[v].storage;
    const plan::Value* owner = root == kNone ? nullptr : m.index->values()[root].value;
    return owner != nullptr && owner->alias_of.starts_with("state:") ? &owner->alias_of : nullptr;
  }

  /// A symbol that a node's data decides travels with that node's first result.
  void add_symbol_sources(MethodGraph& m, Index n, const References& uses) {
    for (const std::string& symbol : uses.symbols) {
      const auto at = plan_.symbols.find(symbol);
      if (at == plan_.symbols.end() || !at->second.from || at->second.from->node.empty()) continue;
      const Index source = m.index->node(at->second.from->node);
      if (source == kNone || source == n) continue;
      auto& before = m.before[n];
      if (std::ranges::find(before, source) == before.end()) before.push_back(source);
      if (source >= n || m.makes[source].empty()) continue;
      const Index value = m.makes[source].front();
      if (std::ranges::find(m.reads[n], value) != m.reads[n].end()) continue;
      m.reads[n].push_back(value);
      auto& consumers = m.values[value].consumers;
      if (std::ranges::find(consumers, n) == consumers.end())
        consumers.insert(std::ranges::upper_bound(consumers, n), n);
    }
  }

  plan::Status add_costs(const MethodGraph& m, Index n, const References& uses,
                         const std::set<plan::DType>& dtypes) {
    const plan::Node& node = m.method->nodes[n];
    const auto method = costs_.methods.find(*m.name);
    const plan::Costs::Entry* entry = nullptr;
    if (method != costs_.methods.end())
      if (const auto at = method->second.find(node.id); at != method->second.end()) entry = &at->second;
    for (const std::size_t d : examples_) {
      const auto column = costs_.column(p_.device_id(d));
      const bool known = entry != nullptr && column && *column < entry->ns.size();
      p_.cost.push_back(known ? entry->ns[*column] : topology_.devices[d].compute.op_overhead_ns);
      std::uint8_t choice = kNoKernels;
      for (std::size_t k = 0; k < p_.offers[d].size() && choice == kNoKernels; ++k)
        if (supports(topology_, p_.offers[d][k], topology_.devices[d].kind, uses, dtypes))
          choice = static_cast<std::uint8_t>(k);
      p_.kernels.push_back(choice);
    }
    return plan::Unit{};
  }

  const plan::Plan& plan_;
  const plan::Topology& topology_;
  const plan::Costs& costs_;
  Problem p_;
  std::map<std::string_view, Index> blob_numbers_;
  std::map<std::string_view, Index> state_numbers_;
  plan::Router router_{topology_};
  std::vector<std::size_t> examples_;  // a device of each group
};

}  // namespace

const plan::Node& Problem::node(Index global) const {
  const auto after = std::ranges::upper_bound(methods, global, {}, &MethodGraph::first);
  const MethodGraph& m = *std::prev(after);
  return m.method->nodes[global - m.first];
}

std::string_view root_state(const plan::Plan& plan, std::string_view state) {
  // A broken plan may hold a cycle; a chain longer than the table is one.
  for (std::size_t steps = 0; steps <= plan.states.size(); ++steps) {
    const auto at = plan.states.find(state);
    if (at == plan.states.end() || at->second.alias_of.empty()) break;
    state = at->second.alias_of;
  }
  return state;
}

plan::Result<Problem> make_problem(const plan::Plan& plan, const plan::Topology& topology,
                                   const plan::Costs& costs) {
  return Builder(plan, topology, costs).build();
}

}  // namespace genie::policy
