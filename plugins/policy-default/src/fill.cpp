#include "fill.hpp"

#include <algorithm>
#include <map>
#include <numeric>
#include <set>
#include <tuple>

namespace genie::policy {

namespace {

constexpr std::size_t kNoDevice = ~std::size_t{0};

class Filler {
 public:
  Filler(const Problem& problem, const std::vector<const Rule*>& rules,
         const std::vector<std::uint64_t>& memory, bool cautious)
      : p_(problem),
        rules_(rules),
        memory_(memory),
        cautious_(cautious),
        used_(problem.device_count, 0),
        live_(problem.device_count, 0),
        most_live_(problem.device_count, 0),
        blob_at_(problem.blobs.size(), kNoDevice) {
    placed_.units = make_units(problem, rules);
    unit_at_.assign(placed_.units.members.size(), kNoDevice);
    placed_.resident.states.assign(problem.states.size(), kNowhere);
    placed_.resident.bytes.assign(problem.device_count, 0);
    placed_.resident.most_live.assign(problem.device_count, 0);
    order_devices();
    index_rules();
  }

  std::optional<Placed> run() {
    for (const Rule* rule : rules_)
      if (rule->kind == Rule::Kind::replicate) replicate(*rule);
    for (const MethodGraph& m : p_.methods)
      if (!place_method(m)) return std::nullopt;
    for (Index s = 0; s < p_.states.size(); ++s)
      if (placed_.resident.states[s] == kNowhere && !place_idle(s)) return std::nullopt;
    return std::move(placed_);
  }

  /// The node that found no device.
  [[nodiscard]] Index stuck() const { return stuck_; }
  [[nodiscard]] bool may_run(Index node, std::size_t device) const { return permitted(node, device); }

 private:
  void order_devices() {
    std::vector<std::uint64_t> work(p_.group_count, 0);
    for (Index n = 0; n < p_.node_count; ++n)
      for (std::size_t g = 0; g < p_.group_count; ++g)
        work[g] += p_.cost[n * p_.group_count + g];
    std::map<std::string_view, std::size_t> hosts;
    std::vector<std::size_t> host;
    for (const plan::Device& device : p_.topology->devices)
      host.push_back(hosts.try_emplace(device.host, hosts.size()).first->second);
    order_.resize(p_.device_count);
    std::iota(order_.begin(), order_.end(), std::size_t{0});
    std::ranges::sort(order_, {}, [&](std::size_t d) { return std::tuple(work[p_.group[d]], host[d], d); });
  }

  void index_rules() {
    of_node_.resize(p_.node_count);
    for (const Rule* rule : rules_)
      if (rule->kind == Rule::Kind::pin || rule->kind == Rule::Kind::forbid)
        for (const Index n : rule->nodes)
          of_node_[n].push_back(rule);
    for (const Rule* rule : rules_)
      if (rule->kind == Rule::Kind::separate)
        for (std::size_t g = 0; g < rule->groups.size(); ++g)
          for (const Index n : rule->groups[g])
            apart_[n].emplace_back(rule, g);
  }

  void replicate(const Rule& rule) {
    for (Index b = 0; b < p_.blobs.size(); ++b)
      for (const std::string& name : rule.weights)
        if (const auto at = p_.plan->weights.find(name);
            at != p_.plan->weights.end() && p_.blobs[b].name == at->second.blob) {
          everywhere_.insert(b);
          for (std::uint64_t& bytes : used_)
            bytes += p_.blobs[b].bytes;
        }
  }

  [[nodiscard]] bool permitted(Index node, std::size_t device) const {
    if (p_.node_kernels(node, device) == kNoKernels) return false;
    for (const Rule* rule : of_node_[node])
      if ((rule->kind == Rule::Kind::pin) == (rule->device != device)) return false;
    return true;
  }

  /// Whether all nodes that must go along may.
  [[nodiscard]] bool unit_permitted(Index unit, std::size_t device) const {
    return std::ranges::all_of(placed_.units.members[unit], [&](Index n) {
      if (!permitted(n, device)) return false;
      const auto at = apart_.find(n);
      if (at == apart_.end()) return true;
      return std::ranges::all_of(at->second, [&](const auto& part) {
        const auto taken = taken_.find({part.first, device});
        return taken == taken_.end() || taken->second == part.second;
      });
    });
  }

  bool has_blob(Index blob, std::size_t device) const {
    return everywhere_.contains(blob) || blob_at_[blob] == device || copies_.contains({blob, device});
  }

  /// Bytes that a node adds to a device: weights, states and what it receives and makes.
  std::uint64_t needs(const MethodGraph& m, Index n, std::size_t device) const {
    const Index g = m.global(n);
    std::uint64_t bytes = m.scratch[n];
    for (const Index b : p_.node_blobs[g])
      if (!has_blob(b, device)) bytes += p_.blobs[b].bytes;
    for (const Index s : p_.node_states[g])
      if (placed_.resident.states[s] == kNowhere) bytes += p_.states[s].bytes;
    for (const Index v : m.reads[n])
      if (v != kNone && !m.values[v].resident && !held_.contains({v, device})) bytes += m.values[v].bytes;
    for (const Index v : m.makes[n])
      if (!m.values[v].resident && m.values[v].storage == v) bytes += m.values[v].bytes;
    return bytes;
  }

  bool fits(const MethodGraph& m, Index n, std::size_t device) const {
    return used_[device] + std::max(most_live_[device], live_[device] + needs(m, n, device)) <=
           memory_[device];
  }

  std::size_t choose(const MethodGraph& m, Index n) {
    const Index g = m.global(n);
    const Index unit = placed_.units.of_node[g];
    if (unit_at_[unit] != kNoDevice) return unit_at_[unit];
    for (const Rule* rule : of_node_[g])
      if (rule->kind == Rule::Kind::pin)
        return unit_permitted(unit, rule->device) && fits(m, n, rule->device) ? rule->device : kNoDevice;
    const auto good = [&](std::size_t d) { return unit_permitted(unit, d) && fits(m, n, d); };
    for (const Index b : p_.node_blobs[g])
      if (blob_at_[b] != kNoDevice && good(blob_at_[b])) return blob_at_[b];
    if (good(order_[next_])) return order_[next_];
    for (std::size_t i = 1; i < order_.size(); ++i) {
      const std::size_t at = (next_ + i) % order_.size();
      if (!good(order_[at])) continue;
      next_ = at;
      return order_[at];
    }
    return kNoDevice;
  }

  void put(const MethodGraph& m, Index n, std::size_t device) {
    const Index g = m.global(n);
    unit_at_[placed_.units.of_node[g]] = device;
    for (const Index b : p_.node_blobs[g]) {
      if (has_blob(b, device)) continue;
      used_[device] += p_.blobs[b].bytes;
      if (blob_at_[b] == kNoDevice)
        blob_at_[b] = device;
      else
        copies_.emplace(b, device);
    }
    for (const Index s : p_.node_states[g]) {
      if (placed_.resident.states[s] != kNowhere) continue;
      placed_.resident.states[s] = static_cast<DeviceNumber>(device);
      used_[device] += p_.states[s].bytes;
    }
    if (const auto at = apart_.find(g); at != apart_.end())
      for (const auto& part : at->second)
        taken_.emplace(std::pair{part.first, device}, part.second);
    const auto hold = [&](Index v, bool for_good) {
      if (m.values[v].resident || !held_.emplace(v, device).second) return;
      live_[device] += m.values[v].bytes;
      if (!for_good) holders_[v].push_back(device);
    };
    // What comes in stays until the stage ends, wherever that will be.
    for (const Index v : m.reads[n])
      if (v != kNone) hold(v, cautious_);
    for (const Index v : m.makes[n])
      if (m.values[v].storage == v) hold(v, false);
    most_live_[device] = std::max(most_live_[device], live_[device] + m.scratch[n]);
  }

  /// Values whose last reader this was, everywhere; storage that is viewed goes with its last view.
  void free_after(const MethodGraph& m, Index n) {
    for (const Index v : last_[n]) {
      for (const std::size_t device : holders_[v])
        live_[device] -= m.values[v].bytes;
      holders_[v].clear();
    }
  }

  void find_last_uses(const MethodGraph& m) {
    last_.assign(m.count, {});
    holders_.assign(m.values.size(), {});
    held_.clear();
    std::ranges::fill(live_, 0);
    std::vector<Index> last(m.values.size(), kNone);
    std::vector<bool> stays(m.values.size(), false);
    for (Index v = 0; v < m.values.size(); ++v) {
      const ValueUse& use = m.values[v];
      const Index root = use.storage == kNone ? v : use.storage;
      Index at = use.producer;
      if (!use.consumers.empty() && (at == kNone || use.consumers.back() > at)) at = use.consumers.back();
      for (const Index held : {v, root}) {
        if (at != kNone && (last[held] == kNone || last[held] < at)) last[held] = at;
        if (use.is_output) stays[held] = true;
      }
    }
    for (Index v = 0; v < m.values.size(); ++v)
      if (last[v] != kNone && !stays[v]) last_[last[v]].push_back(v);
  }

  bool place_method(const MethodGraph& m) {
    find_last_uses(m);
    Assignment assignment(m.count, 0);
    for (Index n = 0; n < m.count; ++n) {
      const std::size_t device = choose(m, n);
      if (device == kNoDevice) {
        stuck_ = m.global(n);
        return false;
      }
      put(m, n, device);
      free_after(m, n);
      assignment[n] = static_cast<DeviceNumber>(device);
    }
    placed_.stages.push_back(form_stages(p_, m, assignment, false));
    placed_.assignments.push_back(std::move(assignment));
    return true;
  }

  bool place_idle(Index state) {
    for (const std::size_t d : order_)
      if (used_[d] + most_live_[d] + p_.states[state].bytes <= memory_[d]) {
        placed_.resident.states[state] = static_cast<DeviceNumber>(d);
        used_[d] += p_.states[state].bytes;
        return true;
      }
    return false;
  }

  const Problem& p_;
  const std::vector<const Rule*>& rules_;
  const std::vector<std::uint64_t>& memory_;
  const bool cautious_;  ///< what a device receives counts to the end of the method
  std::vector<std::size_t> order_;
  std::size_t next_ = 0;                            // in order_: the device being filled
  std::vector<std::uint64_t> used_;                 // per device: weights and states
  std::vector<std::uint64_t> live_, most_live_;     // per device: values
  std::vector<std::size_t> blob_at_;                // per blob: the first device that has it
  std::set<std::pair<Index, std::size_t>> copies_;  // blob, device: further ones
  std::set<Index> everywhere_;                      // replicated blobs
  std::vector<std::size_t> unit_at_;                // per unit
  std::vector<std::vector<const Rule*>> of_node_;   // pins and forbids
  std::map<Index, std::vector<std::pair<const Rule*, std::size_t>>> apart_;  // node → rule, group
  std::map<std::pair<const Rule*, std::size_t>, std::size_t> taken_;         // rule, device → group
  std::set<std::pair<Index, std::size_t>> held_;   // value, device, of the present method
  std::vector<std::vector<std::size_t>> holders_;  // per value
  std::vector<std::vector<Index>> last_;           // per node: values not wanted after it
  Index stuck_ = kNone;
  Placed placed_;
};

}  // namespace

std::optional<Placed> fill(const Problem& problem, const std::vector<const Rule*>& rules,
                           const std::vector<std::uint64_t>& memory, bool cautious) {
  return Filler(problem, rules, memory, cautious).run();
}

plan::Diagnostics explain_unfilled(const Problem& problem, const std::vector<const Rule*>& rules) {
  const std::vector<std::uint64_t> memory = memory_under(problem, rules);
  Filler filler(problem, rules, memory, false);
  (void)filler.run();
  plan::Diagnostic d;
  d.code = "GE0553";
  const auto sum = [](const auto& items, auto bytes) {
    return std::accumulate(items.begin(), items.end(), std::uint64_t{0},
                           [&](std::uint64_t total, const auto& item) { return total + bytes(item); });
  };
  const std::uint64_t held = sum(problem.blobs, [](const Holding& h) { return h.bytes; }) +
                             sum(problem.states, [](const Holding& h) { return h.bytes; });
  const std::uint64_t had = sum(memory, [](std::uint64_t m) { return m; });
  d.message = "weights and states need " + bytes_text(held) + "; " + std::to_string(problem.device_count) +
              " devices have " + bytes_text(had) + " together";
  d.help = "give the devices more memory, or relax hints";
  if (const Index node = filler.stuck(); node != kNone) {
    const plan::Node& n = problem.node(node);
    d.node = n.id;
    d.scope = n.scope;
    bool anywhere = false;
    for (std::size_t device = 0; device < problem.device_count && !anywhere; ++device)
      anywhere = filler.may_run(node, device);
    if (!anywhere) {
      d.code = "GE0552";
      d.message = "node " + n.id + " (" + n.op + ") may run on none of the " +
                  std::to_string(problem.device_count) + " devices";
      d.help = "relax a hint that pins or forbids it, or give a device kernels that compute it";
    } else {
      d.message += "; filled one after the other, node " + n.id + " (" + n.op + ") found no room";
    }
  }
  return {d};
}

}  // namespace genie::policy
