#include "search.hpp"

#include <algorithm>
#include <numeric>

#include "room.hpp"
#include "timetable.hpp"

namespace genie::policy {

namespace {

/// Nodes looked at by all estimates of one local search: bounds its work, not its time, so that results are reproducible.
constexpr std::uint64_t kImproveWork = 3'000'000;
/// How often chains are made anew for less memory.
constexpr int kTighterRounds = 6;
/// What a value sent to another device must save at least, as a share of the time (of what the time would be with all others):
/// simple placements are worth something to whoever reads them, and a message costs more than the model knows.
constexpr double kCrossingWorth = 0.02;

/// Units that are moved one by one and in pairs; with more, only stages and their borders move.
constexpr std::size_t kMaxSwapped = 64;
/// Starting points of a plan with at most `kMaxSwapped` units, and of a larger one.
constexpr std::size_t kStarts = 5, kFewStarts = 2;
/// Descents from random moves that may find nothing better, in a row.
constexpr int kFruitless = 12;

/// Units that may run on no device make a task impossible.
bool possible(const Task& task) {
  for (Index n = 0; n < task.method->count; ++n)
    if (task.node_allowed(n) == 0) return false;
  return true;
}

/// The best of an assignment's forms: fine stages start and send early, ranked ones come in the order that serves the longest
/// way first, coarse ones need less memory.
Score judge(const Task& task, Estimator& estimator, const Assignment& assignment) {
  Score best = score(task, estimator.of(assignment));
  if (best.unreachable) return best;
  if (task.method->count <= kMaxRanked)
    best = std::min(best,
                    score(task, estimator.of_stages(ranked_stages(*task.problem, *task.method, assignment))));
  if (task.method->count <= kMaxSwapped)
    best = std::min(best,
                    score(task, estimator.of_stages(filled_stages(*task.problem, *task.method, assignment))));
  if (best.feasible()) return best;
  return std::min(
      best, score(task, estimator.of_stages(form_stages(*task.problem, *task.method, assignment, false))));
}

std::vector<Index> units_of_method(const Task& task) {
  std::vector<Index> units;
  for (Index n = 0; n < task.method->count; ++n)
    units.push_back(task.unit(n));
  std::ranges::sort(units);
  units.erase(std::unique(units.begin(), units.end()), units.end());
  return units;
}

/// Puts a unit's nodes of this method on a device.
void put(const Task& task, Index unit, DeviceNumber device, Assignment& assignment) {
  for (const Index g : task.units->members[unit])
    if (g >= task.method->first && g < task.method->first + task.method->count)
      assignment[g - task.method->first] = device;
}

/// Every unit on the next device that may run it: spreads weights evenly where nothing else does.
Assignment in_turns(const Task& task) {
  Assignment assignment(task.method->count, kNowhere);
  std::size_t next = 0;
  for (Index n = 0; n < task.method->count; ++n) {
    if (assignment[n] != kNowhere) continue;
    while (!has(task.node_allowed(n), next % task.problem->device_count))
      ++next;
    put(task, task.unit(n), static_cast<DeviceNumber>(next++ % task.problem->device_count), assignment);
  }
  return assignment;
}

/// Every node where its weights already are, else where its predecessor runs: for methods that share weights with one placed
/// before.
std::optional<Assignment> follow_weights(const Task& task) {
  const Problem& p = *task.problem;
  const MethodGraph& m = *task.method;
  Assignment assignment(m.count, kNowhere);
  const auto weights_at = [&](Index unit) {
    DeviceSet at = task.allowed[unit];
    bool any = false;
    for (const Index g : task.units->members[unit])
      if (g >= m.first && g < m.first + m.count)
        for (const Index b : p.node_blobs[g])
          if ((task.resident->blobs[b] & at) != 0) {
            at &= task.resident->blobs[b];
            any = true;
          }
    return any ? at : DeviceSet{0};
  };
  DeviceSet found = 0;
  for (Index n = 0; n < m.count; ++n) {
    if (assignment[n] != kNowhere) continue;
    const Index unit = task.unit(n);
    if (const DeviceSet at = weights_at(unit); at != 0) {
      found |= at;
      put(task, unit, static_cast<DeviceNumber>(std::countr_zero(at)), assignment);
    }
  }
  if (found == 0) return std::nullopt;
  for (Index n = 0; n < m.count; ++n) {
    if (assignment[n] != kNowhere) continue;
    const DeviceSet allowed = task.node_allowed(n);
    DeviceNumber device = static_cast<DeviceNumber>(std::countr_zero(allowed));
    const auto take = [&](DeviceNumber d) {
      if (d == kNowhere || !has(allowed, d)) return false;
      device = d;
      return true;
    };
    bool taken = std::ranges::any_of(m.before[n], [&](Index b) { return take(assignment[b]); });
    for (const Index v : m.makes[n])
      for (const Index c : m.values[v].consumers)
        taken = taken || take(assignment[c]);
    put(task, task.unit(n), device, assignment);
  }
  return assignment;
}

/// Nodes by the longest way to the end over mean costs: an order that runs, most urgent first.
std::vector<Index> by_urgency(const Task& task) {
  const Problem& p = *task.problem;
  const MethodGraph& m = *task.method;
  double latency = 0, ns_per_byte = 0, paths = 0;
  for (std::size_t a = 0; a < p.device_count; ++a)
    for (std::size_t b = 0; b < p.device_count; ++b)
      if (a != b && p.path(a, b).ok) {
        latency += static_cast<double>(p.path(a, b).latency_ns);
        ns_per_byte += p.path(a, b).ns_per_byte;
        ++paths;
      }
  std::vector<double> rank(m.count, 0);
  for (Index n = m.count; n-- > 0;) {
    double work = 0;
    for (std::size_t d = 0; d < p.device_count; ++d)
      work += static_cast<double>(p.node_cost(m.global(n), d));
    // Never zero: what comes before something has the higher rank.
    rank[n] += std::max(1.0, work / static_cast<double>(p.device_count));
    for (const Index b : m.before[n])
      rank[b] = std::max(rank[b], rank[n]);
    for (const Index v : m.reads[n]) {
      if (v == kNone || m.values[v].producer == kNone || paths == 0) continue;
      const double sent = (latency + ns_per_byte * static_cast<double>(m.values[v].bytes)) / paths;
      rank[m.values[v].producer] = std::max(rank[m.values[v].producer], sent + rank[n]);
    }
  }
  std::vector<Index> order(m.count);
  std::iota(order.begin(), order.end(), Index{0});
  std::ranges::stable_sort(order, std::ranges::greater{}, [&](Index n) { return rank[n]; });
  return order;
}

/// List scheduling (as HEFT, with memory): each node in that order to the device where it would end earliest.
Assignment earliest_finish(const Task& task, const std::vector<Index>& order,
                           const std::vector<std::uint64_t>& memory) {
  const Problem& p = *task.problem;
  const MethodGraph& m = *task.method;
  Assignment assignment(m.count, kNowhere);
  Resident resident = *task.resident;
  std::vector<Timetable> busy(p.device_count, Timetable(m.count <= kMaxSwapped));
  std::vector<std::uint64_t> ends(m.count, 0);
  const auto extra = [&](Index unit, std::size_t d) {
    std::uint64_t bytes = 0;
    std::vector<Index> blobs, states;
    for (const Index g : task.units->members[unit]) {
      blobs.insert(blobs.end(), p.node_blobs[g].begin(), p.node_blobs[g].end());
      states.insert(states.end(), p.node_states[g].begin(), p.node_states[g].end());
    }
    for (auto* list : {&blobs, &states}) {
      std::ranges::sort(*list);
      list->erase(std::unique(list->begin(), list->end()), list->end());
    }
    for (const Index b : blobs)
      bytes += has(resident.blobs[b], d) ? 0 : p.blobs[b].bytes;
    for (const Index s : states)
      bytes += resident.states[s] != kNowhere ? 0 : p.states[s].bytes;
    return bytes;
  };
  const auto start_on = [&](Index n, std::size_t d) {
    std::uint64_t start = 0;
    for (const Index v : m.reads[n]) {
      if (v == kNone) continue;
      const Index from = m.values[v].producer;
      const std::uint64_t bytes = m.values[v].bytes;
      start = std::max(start, from == kNone ? p.path(p.client(), d).time_ns(bytes)
                                            : ends[from] + p.path(assignment[from], d).time_ns(bytes));
    }
    for (const Index b : m.before[n])
      start = std::max(start, ends[b]);
    return busy[d].earliest(start, p.node_cost(m.global(n), d));
  };
  for (const Index n : order) {
    if (assignment[n] == kNowhere) {
      const Index unit = task.unit(n);
      std::size_t best = p.device_count;
      bool best_fits = false;
      std::uint64_t best_end = 0;
      for (std::size_t d = 0; d < p.device_count; ++d) {
        if (!has(task.allowed[unit], d)) continue;
        const bool fits = resident.bytes[d] + extra(unit, d) <= memory[d];
        const std::uint64_t end = start_on(n, d) + p.node_cost(m.global(n), d);
        if (best == p.device_count || (fits && !best_fits) || (fits == best_fits && end < best_end)) {
          best = d;
          best_fits = fits;
          best_end = end;
        }
      }
      put(task, unit, static_cast<DeviceNumber>(best), assignment);
      resident.bytes[best] += extra(unit, best);
      for (const Index g : task.units->members[unit]) {
        for (const Index b : p.node_blobs[g])
          resident.blobs[b] |= only(best);
        for (const Index s : p.node_states[g])
          if (resident.states[s] == kNowhere) resident.states[s] = static_cast<DeviceNumber>(best);
      }
    }
    const std::size_t d = assignment[n];
    const std::uint64_t start = start_on(n, d);
    ends[n] = start + p.node_cost(m.global(n), d);
    busy[d].take(start, ends[n]);
  }
  return assignment;
}

class Improver {
 public:
  Improver(const Task& task, Estimator& estimator)
      : task_(task), estimator_(estimator), units_(units_of_method(task)) {}

  void improve(Candidate& best) { descend(best, estimator_.calls() + work()); }

  /// Leaves the best by a few random moves and descends again, as often as the work allows: deterministic, its numbers are its
  /// own.
  void wander(Candidate& best) {
    if (units_.size() < 2 || units_.size() > kMaxSwapped) return;
    const std::uint64_t limit = estimator_.calls() + work();
    std::uint64_t state = 1;
    const auto draw = [&state](std::size_t below) {
      state = state * 6364136223846793005u + 1442695040888963407u;
      return static_cast<std::size_t>(state >> 33) % below;
    };
    for (int fruitless = 0; fruitless < kFruitless && estimator_.calls() < limit; ++fruitless) {
      Candidate other = best;
      for (std::size_t kicks = 2 + draw(3); kicks > 0; --kicks) {
        const Index unit = units_[draw(units_.size())];
        const std::size_t device = draw(task_.problem->device_count);
        if (has(task_.allowed[unit], device))
          put(task_, unit, static_cast<DeviceNumber>(device), other.assignment);
      }
      other.score = judge(task_, estimator_, other.assignment);
      descend(other, limit);
      if (!(other.score < best.score)) continue;
      best = std::move(other);
      fruitless = -1;
    }
  }

 private:
  /// How many estimates one search may make.
  [[nodiscard]] std::uint64_t work() const {
    return kImproveWork / std::max<std::uint64_t>(64, task_.method->count);
  }

  void descend(Candidate& best, std::uint64_t limit) {
    bool better = true;
    while (better && estimator_.calls() < limit) {
      better = move_stages(best, limit);
      better = shift_boundaries(best, limit) || better;
      if (!better && units_.size() <= kMaxSwapped)
        better = move_units(best, limit) || swap_units(best, limit);
    }
  }

  /// Keeps the change if it is better.
  bool attempt(Candidate& best, Assignment&& changed) {
    if (changed == best.assignment) return false;
    const Score now = judge(task_, estimator_, changed);
    if (!(now < best.score)) return false;
    best = {std::move(changed), now};
    return true;
  }

  /// All nodes of a stage, with their units, to another device.
  bool move_stages(Candidate& best, std::uint64_t limit) {
    bool better = false;
    const std::vector<StageNodes> stages = form_stages(*task_.problem, *task_.method, best.assignment, true);
    for (const StageNodes& stage : stages)
      for (std::size_t d = 0; d < task_.problem->device_count; ++d) {
        if (estimator_.calls() >= limit) return better;
        Assignment changed = best.assignment;
        if (move(stage.nodes, static_cast<DeviceNumber>(d), changed))
          better = attempt(best, std::move(changed)) || better;
      }
    return better;
  }

  /// Where two neighbours in document order lie on different devices: the next or the last 1, 2, 4, … nodes change sides.
  bool shift_boundaries(Candidate& best, std::uint64_t limit) {
    bool better = false;
    for (Index n = 1; n < task_.method->count; ++n) {
      if (best.assignment[n - 1] == best.assignment[n]) continue;
      for (Index step = 1; step < task_.method->count; step *= 2) {
        if (estimator_.calls() >= limit) return better;
        std::vector<Index> after, before;
        for (Index i = n; i < task_.method->count && i < n + step && best.assignment[i] == best.assignment[n];
             ++i)
          after.push_back(i);
        for (Index i = n; i-- > 0 && i + step >= n && best.assignment[i] == best.assignment[n - 1];)
          before.push_back(i);
        Assignment changed = best.assignment;
        if (move(after, best.assignment[n - 1], changed) && attempt(best, std::move(changed))) {
          better = true;
          break;
        }
        changed = best.assignment;
        if (move(before, best.assignment[n], changed) && attempt(best, std::move(changed))) {
          better = true;
          break;
        }
        if (after.size() < step && before.size() < step) break;
      }
    }
    return better;
  }

  /// The device of a unit's first node in this method.
  [[nodiscard]] DeviceNumber device_of(Index unit, const Assignment& assignment) const {
    for (const Index g : task_.units->members[unit])
      if (g >= task_.method->first && g < task_.method->first + task_.method->count)
        return assignment[g - task_.method->first];
    return kNowhere;
  }

  /// Every unit by itself to every other device.
  bool move_units(Candidate& best, std::uint64_t limit) {
    bool better = false;
    for (const Index unit : units_)
      for (std::size_t d = 0; d < task_.problem->device_count; ++d) {
        if (estimator_.calls() >= limit) return better;
        if (!has(task_.allowed[unit], d)) continue;
        Assignment changed = best.assignment;
        put(task_, unit, static_cast<DeviceNumber>(d), changed);
        better = attempt(best, std::move(changed)) || better;
      }
    return better;
  }

  /// Every two units on different devices change places: what full devices leave to try.
  bool swap_units(Candidate& best, std::uint64_t limit) {
    bool better = false;
    for (std::size_t i = 0; i < units_.size(); ++i)
      for (std::size_t j = i + 1; j < units_.size(); ++j) {
        if (estimator_.calls() >= limit) return better;
        const DeviceNumber a = device_of(units_[i], best.assignment);
        const DeviceNumber b = device_of(units_[j], best.assignment);
        if (a == b || !has(task_.allowed[units_[i]], b) || !has(task_.allowed[units_[j]], a)) continue;
        Assignment changed = best.assignment;
        put(task_, units_[i], b, changed);
        put(task_, units_[j], a, changed);
        better = attempt(best, std::move(changed)) || better;
      }
    return better;
  }

  bool move(const std::vector<Index>& nodes, DeviceNumber device, Assignment& assignment) const {
    for (const Index n : nodes)
      if (!has(task_.node_allowed(n), device)) return false;
    for (const Index n : nodes)
      put(task_, task_.unit(n), device, assignment);
    return true;
  }

  const Task& task_;
  Estimator& estimator_;
  std::vector<Index> units_;
};

/// Nodes of units that span much of the method, which would forbid every cut inside: each such unit on one device.
std::vector<Index> wide_units(const Task& task) {
  std::vector<Index> wide;
  for (const Index u : units_of_method(task)) {
    Index first = kNone, last = 0;
    for (const Index g : task.units->members[u]) {
      if (g < task.method->first || g >= task.method->first + task.method->count) continue;
      first = std::min(first, g);
      last = std::max(last, g);
    }
    if ((last - first) * 8 > task.method->count) wide.push_back(u);
  }
  return wide;
}

void add_chains(const Task& task, std::vector<Assignment>& candidates, bool thorough) {
  const MethodGraph& m = *task.method;
  const auto add = [&](Chain chain) {
    std::vector<Assignment> found;
    if (thorough) found = chain.best();
    if (found.empty())
      if (auto any = chain.any()) found.push_back(*std::move(any));
    candidates.insert(candidates.end(), found.begin(), found.end());
  };
  add(Chain(task, Assignment(m.count, kNowhere)));

  const std::vector<Index> wide = wide_units(task);
  if (wide.empty()) return;
  for (std::size_t d = 0; d < task.problem->device_count; ++d) {
    Assignment fixed(m.count, kNowhere);
    bool may = true;
    for (const Index u : wide) {
      // A unit that may not go there stays on the first device it may use.
      const DeviceSet allowed = task.allowed[u];
      may = may && allowed != 0;
      if (may)
        put(task, u,
            static_cast<DeviceNumber>(has(allowed, d) ? d
                                                      : static_cast<std::size_t>(std::countr_zero(allowed))),
            fixed);
    }
    if (may) add(Chain(task, std::move(fixed)));
  }
}

/// The assignments with their scores, best first.
std::vector<Candidate> judged(const Task& task, Estimator& estimator, std::vector<Assignment> assignments) {
  std::vector<Candidate> candidates;
  for (Assignment& assignment : assignments) {
    const Score s = judge(task, estimator, assignment);
    candidates.push_back({std::move(assignment), s});
  }
  std::ranges::stable_sort(candidates, {}, &Candidate::score);
  return candidates;
}

/// A chain fills devices to the brim by its own count, which leaves out what a device holds while values travel. Where that is
/// too much, chains are made anew for less memory: by the excess, then by twice as much, and so on.
void add_tighter_chains(const Task& task, Estimator& estimator, bool thorough,
                        std::vector<Candidate>& candidates) {
  Task tighter = task;
  for (int round = 0; round < kTighterRounds && !candidates.front().score.feasible(); ++round) {
    const Estimate& estimate =
        estimator.of_stages(form_stages(*task.problem, *task.method, candidates.front().assignment, false));
    for (std::size_t d = 0; d < task.memory.size(); ++d)
      if (estimate.needs(d) > task.memory[d])
        tighter.memory[d] -= std::min(tighter.memory[d], (estimate.needs(d) - task.memory[d]) << round);
    std::vector<Assignment> assignments;
    add_chains(tighter, assignments, thorough);
    if (assignments.empty()) return;
    for (Candidate& candidate : judged(task, estimator, std::move(assignments)))
      candidates.push_back(std::move(candidate));
    std::ranges::stable_sort(candidates, {}, &Candidate::score);
  }
}

}  // namespace

Score score(const Task& task, const Estimate& estimate) {
  Score s;
  s.excess_bytes = estimate.excess(task.memory);
  s.unreachable = !estimate.reachable;
  s.crossings = estimate.crossings;
  s.wire_bytes = estimate.wire_bytes;
  s.tie = static_cast<double>(estimate.time_ns);
  switch (task.objective) {
    case Objective::latency:
      s.objective = s.tie;
      if (task.prefers_few_crossings) s.objective *= 1 + kCrossingWorth * estimate.crossings;
      break;
    case Objective::throughput:
      // The first micro-batch takes its time; then one comes out whenever the busiest has done one.
      s.tie += static_cast<double>(estimate.busiest_ns) * (task.micro_batches - 1);
      s.objective = s.tie;
      if (task.prefers_few_crossings) s.objective *= 1 + kCrossingWorth * estimate.crossings;
      break;
    case Objective::bytes:
      s.objective = static_cast<double>(estimate.wire_bytes);
      break;
    case Objective::memory:
      for (std::size_t d = 0; d < task.memory.size(); ++d)
        s.objective =
            std::max(s.objective, static_cast<double>(estimate.needs(d)) /
                                      static_cast<double>(std::max<std::uint64_t>(1, task.memory[d])));
      break;
  }
  return s;
}

namespace {

/// All candidates, improved where `thorough`, best first; empty when a node may run nowhere.
std::vector<Candidate> candidates_of(const Task& task, bool thorough) {
  if (!possible(task)) return {};
  const Problem& p = *task.problem;
  Estimator estimator(p, *task.method, *task.resident);
  std::vector<Assignment> assignments;
  for (std::size_t d = 0; d < p.device_count; ++d) {
    Assignment one(task.method->count, static_cast<DeviceNumber>(d));
    for (const Index u : units_of_method(task))
      if (!has(task.allowed[u], d))
        put(task, u, static_cast<DeviceNumber>(std::countr_zero(task.allowed[u])), one);
    assignments.push_back(std::move(one));
  }
  if (p.device_count > 1) {
    if (thorough) assignments.push_back(in_turns(task));
    if (auto follow = follow_weights(task)) assignments.push_back(*std::move(follow));
    add_chains(task, assignments, thorough);
  }
  if (p.device_count > 1 && thorough) {
    std::vector<Index> as_listed(task.method->count);
    std::iota(as_listed.begin(), as_listed.end(), Index{0});
    for (const std::vector<Index>& order : {by_urgency(task), as_listed}) {
      std::vector<std::uint64_t> memory = task.memory;
      for (int attempt = 0; attempt < 3; ++attempt) {
        assignments.push_back(earliest_finish(task, order, memory));
        const Estimate& estimate = estimator.of(assignments.back());
        if (estimate.excess(task.memory) == 0) break;
        for (std::size_t d = 0; d < memory.size(); ++d)
          if (estimate.needs(d) > task.memory[d])
            memory[d] -= std::min(memory[d], estimate.needs(d) - task.memory[d]);
      }
    }
  }
  std::vector<Candidate> candidates = judged(task, estimator, std::move(assignments));
  if (p.device_count > 1 && !candidates.front().score.feasible())
    add_tighter_chains(task, estimator, thorough, candidates);
  if (!thorough || p.device_count == 1) return candidates;
  // Several starting points, for the case that the best is a dead end.
  const std::size_t starts = task.method->count <= kMaxSwapped ? kStarts : kFewStarts;
  std::vector<Candidate> improved(
      candidates.begin(),
      candidates.begin() + static_cast<std::ptrdiff_t>(std::min(starts, candidates.size())));
  for (Candidate& candidate : improved)
    Improver(task, estimator).improve(candidate);
  Candidate wanderer = *std::ranges::min_element(improved, {}, &Candidate::score);
  Improver(task, estimator).wander(wanderer);
  candidates.push_back(std::move(wanderer));
  candidates.insert(candidates.end(), improved.begin(), improved.end());
  std::ranges::stable_sort(candidates, {}, &Candidate::score);
  if (!candidates.front().score.feasible() && task.method->count <= kMaxRanked)
    if (auto found = make_room(task, estimator, {candidates.front().assignment, in_turns(task)}))
      candidates.insert(candidates.begin(), *std::move(found));
  return candidates;
}

}  // namespace

std::optional<Candidate> search(const Task& task, bool thorough) {
  std::vector<Candidate> candidates = candidates_of(task, thorough);
  if (candidates.empty()) return std::nullopt;
  return std::move(candidates.front());
}

std::vector<Candidate> search_few(const Task& task) {
  constexpr std::size_t kFew = 24;
  std::vector<Candidate> few;
  for (Candidate& candidate : candidates_of(task, true))
    if (few.size() < kFew && candidate.score.feasible() &&
        std::ranges::none_of(few, [&](const Candidate& c) { return c.assignment == candidate.assignment; }))
      few.push_back(std::move(candidate));
  return few;
}

}  // namespace genie::policy
