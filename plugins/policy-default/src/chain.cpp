#include "chain.hpp"

#include <algorithm>
#include <limits>
#include <map>
#include <numeric>

namespace genie::policy {

// A run [start, …): grows to the right; every amount only grows, so the first device that is exceeded stays exceeded.
class Chain::Run {
 public:
  explicit Run(const Chain& chain)
      : chain_(chain),
        p_(*chain.task_->problem),
        m_(*chain.task_->method),
        taken_(m_.values.size(), 0),
        blob_taken_(p_.blobs.size(), 0),
        state_taken_(p_.states.size(), 0),
        gone_(m_.values.size(), 0) {}

  /// start: position of the first node.
  void begin(std::size_t start) {
    ++stamp_;
    start_ = start;
    resident_.assign(p_.device_count, 0);
    inputs_ = live_ = most_ = 0;
    allowed_ = ~DeviceSet{0};
  }

  void add(Index node) {
    const Index g = m_.global(node);
    allowed_ &= chain_.task_->node_allowed(node);
    for (const Index b : p_.node_blobs[g]) {
      if (blob_taken_[b] == stamp_) continue;
      blob_taken_[b] = stamp_;
      for (std::size_t d = 0; d < p_.device_count; ++d)
        if (!has(chain_.resident_.blobs[b], d)) resident_[d] += p_.blobs[b].bytes;
    }
    for (const Index s : p_.node_states[g]) {
      if (state_taken_[s] == stamp_ || chain_.resident_.states[s] != kNowhere) continue;
      state_taken_[s] = stamp_;
      for (std::uint64_t& bytes : resident_)
        bytes += p_.states[s].bytes;
    }
    for (const Index v : m_.reads[node]) {
      if (v == kNone || taken_[v] == stamp_) continue;
      taken_[v] = stamp_;  // what the run itself makes is marked below, before anything reads it
      inputs_ += m_.values[v].bytes;
    }
    for (const Index v : m_.makes[node]) {
      taken_[v] = stamp_;
      if (m_.values[v].resident || owner(v) != v) continue;
      live_ += m_.values[v].bytes;
    }
    most_ = std::max(most_, live_ + m_.scratch[node]);
    for (const Index v : m_.reads[node])
      free_after(v, node);
    for (const Index v : m_.makes[node])
      free_after(v, node);
  }

  [[nodiscard]] std::uint64_t need(std::size_t device) const {
    return chain_.resident_.bytes[device] + resident_[device] +
           std::max(chain_.resident_.most_live[device], inputs_ + most_);
  }
  [[nodiscard]] bool fits(std::size_t device) const {
    return has(allowed_, device) && need(device) <= chain_.task_->memory[device];
  }
  [[nodiscard]] bool fits_anywhere() const {
    for (std::size_t d = 0; d < p_.device_count; ++d)
      if (fits(d)) return true;
    return false;
  }

 private:
  [[nodiscard]] Index owner(Index v) const {
    return m_.values[v].storage == kNone ? v : m_.values[v].storage;
  }
  // Freed when the last reader of the value has run; what leaves the run is read beyond it and so stays.
  void free_after(Index v, Index node) {
    if (v == kNone) return;
    const ValueUse& value = m_.values[v];
    if (value.resident || owner(v) != v || value.is_output || value.producer == kNone || gone_[v] == stamp_)
      return;
    const Index last =
        value.consumers.empty() ? value.producer : std::max(value.producer, value.consumers.back());
    if (last != node || chain_.position_[value.producer] == kNone || made_before(value.producer)) return;
    gone_[v] = stamp_;
    live_ -= std::min(live_, value.bytes);
  }
  [[nodiscard]] bool made_before(Index producer) const { return chain_.position_[producer] < start_; }

  const Chain& chain_;
  const Problem& p_;
  const MethodGraph& m_;
  std::vector<std::uint32_t> taken_;  // per value
  std::vector<std::uint32_t> blob_taken_;
  std::vector<std::uint32_t> state_taken_;
  std::vector<std::uint32_t> gone_;
  std::uint32_t stamp_ = 0;
  std::size_t start_ = 0;
  std::vector<std::uint64_t> resident_;
  std::uint64_t inputs_ = 0;
  std::uint64_t live_ = 0;
  std::uint64_t most_ = 0;
  DeviceSet allowed_ = 0;
};

Chain::Chain(const Task& task, Assignment fixed)
    : task_(&task), fixed_(std::move(fixed)), resident_(*task.resident) {
  const MethodGraph& m = *task.method;
  position_.assign(m.count, kNone);
  for (Index n = 0; n < m.count; ++n) {
    if (fixed_[n] == kNowhere) {
      position_[n] = static_cast<Index>(nodes_.size());
      nodes_.push_back(n);
      continue;
    }
    for (const Index b : task.problem->node_blobs[m.global(n)])
      if (!has(resident_.blobs[b], fixed_[n])) {
        resident_.blobs[b] |= only(fixed_[n]);
        resident_.bytes[fixed_[n]] += task.problem->blobs[b].bytes;
      }
    for (const Index s : task.problem->node_states[m.global(n)])
      if (resident_.states[s] == kNowhere) {
        resident_.states[s] = fixed_[n];
        resident_.bytes[fixed_[n]] += task.problem->states[s].bytes;
      }
  }

  may_cut_.assign(nodes_.size() + 1, true);
  std::vector<int> inside(nodes_.size() + 1, 0);  // units that begin minus units that end
  for (const auto& members : task.units->members) {
    Index first = kNone, last = kNone;
    for (const Index g : members) {
      if (g < m.first || g >= m.first + m.count || position_[g - m.first] == kNone) continue;
      const Index at = position_[g - m.first];
      first = first == kNone ? at : std::min(first, at);
      last = last == kNone ? at : std::max(last, at);
    }
    if (first == last) continue;
    ++inside[first + 1];
    --inside[last + 1 <= nodes_.size() ? last + 1 : nodes_.size()];
  }
  std::partial_sum(inside.begin(), inside.end(), inside.begin());
  for (std::size_t i = 1; i < nodes_.size(); ++i)
    may_cut_[i] = inside[i] == 0;

  crossing_.assign(nodes_.size() + 1, 0);
  std::vector<std::int64_t> change(nodes_.size() + 1, 0);
  for (const ValueUse& value : m.values) {
    if (value.producer == kNone || position_[value.producer] == kNone) continue;
    Index last = kNone;
    for (const Index c : value.consumers)
      if (position_[c] != kNone) last = position_[c];
    if (last == kNone || last <= position_[value.producer]) continue;
    change[position_[value.producer] + 1] += static_cast<std::int64_t>(value.bytes);
    change[last + 1 <= nodes_.size() ? last + 1 : nodes_.size()] -= static_cast<std::int64_t>(value.bytes);
  }
  std::int64_t alive = 0;
  for (std::size_t i = 0; i < nodes_.size(); ++i) {
    alive += change[i];
    crossing_[i] = static_cast<std::uint64_t>(std::max<std::int64_t>(0, alive));
  }
  choose_cuts();
}

// Every allowed cut of a short method; of a long one, the cheapest in each of kMaxCuts equal windows.
void Chain::choose_cuts() {
  cuts_ = {0};
  const std::size_t windows = std::min(kMaxCuts, nodes_.size());
  for (std::size_t w = 0; w < windows; ++w) {
    std::size_t best = 0;
    for (std::size_t i = std::max<std::size_t>(1, nodes_.size() * w / windows);
         i < nodes_.size() * (w + 1) / windows; ++i)
      if (may_cut_[i] && (best == 0 || crossing_[i] < crossing_[best])) best = i;
    if (best != 0) cuts_.push_back(best);
  }
  if (!nodes_.empty()) cuts_.push_back(nodes_.size());
}

void Chain::measure_segments() {
  const std::size_t devices = task_->problem->device_count;
  segments_.assign(cuts_.size() * cuts_.size() * devices, {});
  work_.assign(cuts_.size() * devices, 0);
  for (std::size_t c = 1; c < cuts_.size(); ++c)
    for (std::size_t d = 0; d < devices; ++d) {
      work_[c * devices + d] = work_[(c - 1) * devices + d];
      for (std::size_t i = cuts_[c - 1]; i < cuts_[c]; ++i)
        work_[c * devices + d] += task_->problem->node_cost(task_->method->global(nodes_[i]), d);
    }
  Run run(*this);
  for (std::size_t from = 0; from + 1 < cuts_.size(); ++from) {
    run.begin(cuts_[from]);
    for (std::size_t to = from + 1; to < cuts_.size(); ++to) {
      for (std::size_t i = cuts_[to - 1]; i < cuts_[to]; ++i)
        run.add(nodes_[i]);
      for (std::size_t d = 0; d < devices; ++d)
        segments_[(from * cuts_.size() + to) * devices + d] = {run.need(d), run.fits(d)};
      if (!run.fits_anywhere()) break;
    }
  }
}

double Chain::combine(double a, double b) const {
  return task_->objective == Objective::memory || task_->objective == Objective::throughput ? std::max(a, b)
                                                                                            : a + b;
}

double Chain::cost(std::size_t from, std::size_t to, std::size_t device, std::size_t previous) const {
  const Problem& p = *task_->problem;
  const std::uint64_t bytes = crossing_[cuts_[from]];
  switch (task_->objective) {
    case Objective::memory:
      return static_cast<double>(segment(from, to, device).need) /
             static_cast<double>(std::max<std::uint64_t>(1, p.memory[device]));
    case Objective::bytes:
      return static_cast<double>(bytes);
    case Objective::latency:
    case Objective::throughput:
      break;
  }
  const std::uint64_t work = work_[to * p.device_count + device] - work_[from * p.device_count + device];
  std::uint64_t moving = 0;
  if (previous != p.device_count) {
    const Path& path = p.path(previous, device);
    if (!path.ok) return std::numeric_limits<double>::infinity();
    moving = path.time_ns(bytes);
    // In a pipeline the link works while both devices do.
    if (task_->objective == Objective::throughput)
      return static_cast<double>(std::max(work, moving - path.latency_ns));
  }
  return static_cast<double>(work) + static_cast<double>(moving);
}

// best[k][c]: the first c cuts' nodes placed, device order[k] the last one used.
std::optional<Chain::Plan> Chain::along(const std::vector<std::size_t>& order) const {
  constexpr double kNever = std::numeric_limits<double>::infinity();
  struct Cell {
    double cost = kNever;
    std::size_t from = 0;      // cut
    std::size_t previous = 0;  // place in order, or order.size()
  };
  const std::size_t last = cuts_.size() - 1;
  std::vector<std::vector<Cell>> best(order.size(), std::vector<Cell>(cuts_.size()));
  for (std::size_t k = 0; k < order.size(); ++k) {
    const auto extend = [&](std::size_t from, std::size_t previous, double so_far) {
      const std::size_t previous_device =
          previous == order.size() ? task_->problem->device_count : order[previous];
      for (std::size_t to = from + 1; to <= last && segment(from, to, order[k]).fits; ++to) {
        const double total = combine(so_far, cost(from, to, order[k], previous_device));
        if (total < best[k][to].cost) best[k][to] = {total, from, previous};
      }
    };
    extend(0, order.size(), 0.0);
    for (std::size_t j = 0; j < k; ++j)
      for (std::size_t from = 1; from < last; ++from)
        if (best[j][from].cost < kNever) extend(from, j, best[j][from].cost);
  }
  std::size_t end = order.size();
  for (std::size_t k = 0; k < order.size(); ++k)
    if (best[k][last].cost < kNever && (end == order.size() || best[k][last].cost < best[end][last].cost))
      end = k;
  if (end == order.size()) return std::nullopt;
  Plan plan{best[end][last].cost, {}};
  for (std::size_t k = end, cut = last; k != order.size();) {
    plan.runs.emplace_back(order[k], cut);
    const Cell& cell = best[k][cut];
    cut = cell.from;
    k = cell.previous;
  }
  std::ranges::reverse(plan.runs);
  return plan;
}

std::vector<std::size_t> Chain::device_classes() const {
  const Problem& p = *task_->problem;
  std::vector<std::size_t> classes(p.device_count);
  for (std::size_t d = 0; d < p.device_count; ++d) {
    classes[d] = d;
    for (std::size_t e = 0; e < d && classes[d] == d; ++e) {
      const bool same =
          task_->memory[d] == task_->memory[e] && resident_.bytes[d] == 0 && resident_.bytes[e] == 0 &&
          std::ranges::all_of(task_->allowed, [&](DeviceSet a) { return has(a, d) == has(a, e); });
      if (same) classes[d] = classes[e];
    }
  }
  return classes;
}

// All orders of few devices; of many, those that sorting suggests, each with every rotation.
std::vector<std::vector<std::size_t>> Chain::orders() const {
  const Problem& p = *task_->problem;
  std::vector<std::size_t> order(p.device_count);
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::vector<std::vector<std::size_t>> out;
  if (p.device_count <= 5) {
    do
      out.push_back(order);
    while (std::ranges::next_permutation(order).found && out.size() < kMaxOrders);
    return out;
  }
  const auto add_rotations = [&](std::vector<std::size_t> base) {
    for (std::size_t i = 0; i < base.size() && out.size() < kMaxOrders; ++i) {
      out.push_back(base);
      std::rotate(base.begin(), base.begin() + 1, base.end());
    }
  };
  add_rotations(order);
  std::ranges::stable_sort(order, std::ranges::greater{}, [&](std::size_t d) { return task_->memory[d]; });
  add_rotations(order);
  std::ranges::stable_sort(order, std::ranges::greater{},
                           [&](std::size_t d) { return p.topology->devices[d].speed; });
  add_rotations(order);
  return out;
}

Assignment Chain::assign(const Plan& plan) const {
  Assignment assignment = fixed_;
  std::size_t from = 0;
  for (const auto& [device, end] : plan.runs) {
    for (std::size_t i = from; i < cuts_[end]; ++i)
      assignment[nodes_[i]] = static_cast<DeviceNumber>(device);
    from = cuts_[end];
  }
  return assignment;
}

std::vector<Assignment> Chain::best() {
  if (nodes_.empty()) return {fixed_};
  measure_segments();
  std::vector<Plan> plans;
  for (const auto& order : orders())
    if (auto plan = along(order)) plans.push_back(*std::move(plan));
  std::ranges::stable_sort(plans, [](const Plan& a, const Plan& b) {
    return a.cost != b.cost ? a.cost < b.cost : a.runs.size() < b.runs.size();
  });
  std::vector<Assignment> out;
  for (const Plan& plan : plans) {
    Assignment assignment = assign(plan);
    if (std::ranges::find(out, assignment) == out.end()) out.push_back(std::move(assignment));
    if (out.size() == kResultCount) break;
  }
  return out;
}

// How far each set of devices reaches: reach(S) = max over d in S of the end of d's run begun where S \ {d} ends. Starting
// later never makes a run end earlier, so the furthest reach of a set is all that matters.
std::optional<Assignment> Chain::any() const {
  if (nodes_.empty()) return fixed_;
  const Problem& p = *task_->problem;
  const std::vector<std::size_t> classes = device_classes();
  struct Reach {
    std::size_t end = 0;
    std::size_t device = 0;            // the last one
    std::vector<std::uint8_t> before;  // the set without it
  };
  using Used = std::vector<std::uint8_t>;                    // per device
  std::map<std::size_t, std::vector<std::size_t>> furthest;  // start → end per device
  Run run(*this);
  const auto ends_from = [&](std::size_t start) -> const std::vector<std::size_t>& {
    const auto [at, added] = furthest.try_emplace(start);
    if (!added) return at->second;
    at->second.assign(p.device_count, start);
    run.begin(start);
    for (std::size_t i = start; i < nodes_.size(); ++i) {
      run.add(nodes_[i]);
      if (may_cut_[i + 1])
        for (std::size_t d = 0; d < p.device_count; ++d)
          if (run.fits(d)) at->second[d] = i + 1;
      if (!run.fits_anywhere()) break;
    }
    return at->second;
  };

  std::map<Used, Reach> layer{{Used(p.device_count, 0), {}}};
  std::vector<std::map<Used, Reach>> layers{layer};
  for (std::size_t step = 0; step < p.device_count; ++step) {
    std::map<Used, Reach> next;
    for (const auto& [used, reach] : layers.back()) {
      const std::vector<std::size_t>& ends = ends_from(reach.end);
      std::vector<bool> tried(p.device_count, false);  // one of each class is enough
      for (std::size_t d = 0; d < p.device_count; ++d) {
        if (used[d] != 0 || tried[classes[d]]) continue;
        tried[classes[d]] = true;
        Used with = used;
        with[d] = 1;
        Reach& there = next[with];
        if (ends[d] > there.end || there.before.empty()) there = {ends[d], d, used};
      }
    }
    if (next.size() > kMaxStates) {  // a beam: the furthest reaches go on
      std::vector<std::size_t> ends;
      for (const auto& [used, reach] : next)
        ends.push_back(reach.end);
      std::ranges::nth_element(ends, ends.begin() + kMaxStates, std::ranges::greater{});
      std::erase_if(next, [&](const auto& entry) { return entry.second.end <= ends[kMaxStates]; });
    }
    layers.push_back(std::move(next));
    for (const auto& [used, reach] : layers.back()) {
      if (reach.end != nodes_.size()) continue;
      Assignment assignment = fixed_;
      Used set = used;
      for (std::size_t l = layers.size() - 1; l > 0; --l) {
        const Reach& r = layers[l].at(set);
        const std::size_t begin = layers[l - 1].at(r.before).end;
        for (std::size_t i = begin; i < r.end; ++i)
          assignment[nodes_[i]] = static_cast<DeviceNumber>(r.device);
        set = r.before;
      }
      return assignment;
    }
  }
  return std::nullopt;
}

}  // namespace genie::policy
