#include "place.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <numeric>

namespace genie::policy {

namespace {

constexpr std::size_t kMaxMethodOrders = 6;

/// Bytes of weights and states that nodes of these methods use.
std::uint64_t bytes_of(const Problem& p, const std::vector<std::size_t>& methods) {
  std::vector<bool> blobs(p.blobs.size(), false), states(p.states.size(), false);
  for (const std::size_t i : methods)
    for (Index n = 0; n < p.methods[i].count; ++n) {
      for (const Index b : p.node_blobs[p.methods[i].global(n)])
        blobs[b] = true;
      for (const Index s : p.node_states[p.methods[i].global(n)])
        states[s] = true;
    }
  std::uint64_t sum = 0;
  for (Index b = 0; b < blobs.size(); ++b)
    sum += blobs[b] ? p.blobs[b].bytes : 0;
  for (Index s = 0; s < states.size(); ++s)
    sum += states[s] ? p.states[s].bytes : 0;
  return sum;
}

/// Methods with the most bytes first: they have the least choice. Then other orders, for when that fails.
std::vector<std::vector<std::size_t>> method_orders(const Problem& p) {
  std::vector<std::size_t> order(p.methods.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::vector<std::uint64_t> bytes;
  for (const std::size_t i : order)
    bytes.push_back(bytes_of(p, {i}));
  std::ranges::stable_sort(order, std::ranges::greater{}, [&](std::size_t i) { return bytes[i]; });
  std::vector<std::vector<std::size_t>> orders;
  std::vector<std::size_t> places(order.size());
  std::iota(places.begin(), places.end(), std::size_t{0});
  do {
    std::vector<std::size_t> permuted;
    for (const std::size_t i : places)
      permuted.push_back(order[i]);
    orders.push_back(std::move(permuted));
  } while (orders.size() < kMaxMethodOrders && std::ranges::next_permutation(places).found);
  return orders;
}

/// Memory kept back for methods that are placed later: their bytes, spread over the devices by size.
std::vector<std::uint64_t> keep_back(const Problem& p, const std::vector<std::uint64_t>& memory,
                                     const std::vector<std::size_t>& placed,
                                     const std::vector<std::size_t>& later, double share) {
  std::vector<std::size_t> both = placed;
  both.insert(both.end(), later.begin(), later.end());
  const double extra = static_cast<double>(bytes_of(p, both) - bytes_of(p, placed)) * share;
  const double total = static_cast<double>(std::accumulate(memory.begin(), memory.end(), std::uint64_t{0}));
  std::vector<std::uint64_t> out = memory;
  for (std::uint64_t& m : out)
    m -= std::min(m, static_cast<std::uint64_t>(extra * static_cast<double>(m) / std::max(1.0, total)));
  return out;
}

/// A state that no node uses lives where most room is left. False when there is none.
bool place_idle_states(const Problem& p, const std::vector<std::uint64_t>& memory, Placed& placed) {
  for (Index s = 0; s < p.states.size(); ++s) {
    if (placed.resident.states[s] != kNowhere) continue;
    std::size_t best = 0;
    const auto room = [&](std::size_t d) {
      const std::uint64_t used = placed.resident.bytes[d] + placed.resident.most_live[d];
      return memory[d] > used ? memory[d] - used : 0;
    };
    for (std::size_t d = 1; d < p.device_count; ++d)
      if (room(d) > room(best)) best = d;
    if (room(best) < p.states[s].bytes) return false;
    placed.resident.states[s] = static_cast<DeviceNumber>(best);
    placed.resident.bytes[best] += p.states[s].bytes;
  }
  return true;
}

std::optional<Placed> place_in_order(const Problem& p, const Units& units,
                                     const std::vector<std::uint64_t>& memory, const Goal& goal,
                                     bool thorough, const std::vector<std::size_t>& order, double share,
                                     const Resident& replicas) {
  Placed placed;
  placed.assignments.resize(p.methods.size());
  placed.stages.resize(p.methods.size());
  placed.resident = replicas;
  std::vector<DeviceSet> allowed = units.allowed;
  for (std::size_t i = 0; i < order.size(); ++i) {
    const MethodGraph& m = p.methods[order[i]];
    Task task{&p, &m, &units, allowed, memory, &placed.resident, goal.objective, goal.micro_batches_of(m)};
    if (i + 1 < order.size() && share > 0) {
      const std::vector<std::size_t> now(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(i) + 1);
      const std::vector<std::size_t> later(order.begin() + static_cast<std::ptrdiff_t>(i) + 1, order.end());
      task.memory = keep_back(p, memory, now, later, share);
    }
    auto found = search(task, thorough);
    if (!found || !found->score.feasible()) return std::nullopt;
    std::vector<StageNodes> stages =
        thorough ? final_stages(task, found->assignment) : form_stages(p, m, found->assignment, false);
    Estimator estimator(p, m, placed.resident);
    const std::vector<std::uint64_t> live = estimator.of_stages(stages).live_bytes;
    make_resident(p, m, found->assignment, live, placed.resident);
    for (Index n = 0; n < m.count; ++n)
      allowed[units.of_node[m.global(n)]] = only(found->assignment[n]);
    placed.assignments[order[i]] = std::move(found->assignment);
    placed.stages[order[i]] = std::move(stages);
  }
  if (!place_idle_states(p, memory, placed)) return std::nullopt;
  return placed;
}

}  // namespace

Resident replicas_under(const Problem& problem, const std::vector<const Rule*>& rules) {
  Resident resident = nothing_resident(problem);
  for (const Rule* rule : rules) {
    if (rule->kind != Rule::Kind::replicate) continue;
    for (const std::string& name : rule->weights)
      for (Index b = 0; b < problem.blobs.size(); ++b)
        if (const auto at = problem.plan->weights.find(name);
            at != problem.plan->weights.end() && problem.blobs[b].name == at->second.blob)
          replicate(problem, b, resident);
  }
  return resident;
}

std::optional<Placed> place(const Problem& problem, const std::vector<const Rule*>& rules,
                            const std::vector<std::uint64_t>& memory, const Goal& goal, bool thorough) {
  Units units = make_units(problem, rules);
  if (std::ranges::find(units.allowed, DeviceSet{0}) != units.allowed.end()) return std::nullopt;
  const Resident replicas = replicas_under(problem, rules);
  const bool several = problem.methods.size() > 1;
  for (const double share : {0.0, 1.0, 1.15}) {
    if (share > 0 && !several) break;
    for (const auto& order : method_orders(problem))
      if (auto placed = place_in_order(problem, units, memory, goal, thorough, order, share, replicas)) {
        placed->units = std::move(units);
        return placed;
      }
  }
  return std::nullopt;
}

std::vector<Placed> contenders(const Problem& problem, const std::vector<const Rule*>& rules,
                               const std::vector<std::uint64_t>& memory) {
  std::vector<Placed> all;
  if (problem.methods.size() != 1) return all;
  const Units units = make_units(problem, rules);
  if (std::ranges::find(units.allowed, DeviceSet{0}) != units.allowed.end()) return all;
  const Resident replicas = replicas_under(problem, rules);
  const MethodGraph& m = problem.methods.front();
  const Task task{&problem, &m, &units, units.allowed, memory, &replicas, Objective::latency, 1, false};
  for (const Candidate& candidate : search_few(task))
    for (auto& stages :
         {final_stages(task, candidate.assignment), form_stages(problem, m, candidate.assignment, true),
          listed_stages(problem, m, candidate.assignment), ranked_stages(problem, m, candidate.assignment),
          filled_stages(problem, m, candidate.assignment)}) {
      Placed placed;
      placed.assignments = {candidate.assignment};
      placed.stages = {stages};
      placed.resident = replicas;
      Estimator estimator(problem, m, replicas);
      const std::vector<std::uint64_t> live = estimator.of_stages(stages).live_bytes;
      make_resident(problem, m, candidate.assignment, live, placed.resident);
      if (!place_idle_states(problem, memory, placed)) continue;
      placed.units = units;
      all.push_back(std::move(placed));
    }
  return all;
}

Placed merged_while(const Problem& problem, Placed placed, const std::function<bool(const Placed&)>& good) {
  const Resident nothing = nothing_resident(problem);
  const std::vector<DeviceSet> allowed = placed.units.allowed;
  const Task task{&problem, &problem.methods.front(), &placed.units, allowed, problem.memory,
                  &nothing, Objective::latency};
  Placed tried = placed;
  placed.stages.front() =
      merge_while(task, placed.stages.front(), [&](const std::vector<StageNodes>& stages) {
        tried.stages.front() = stages;
        return good(tried);
      });
  return placed;
}

std::string bytes_text(std::uint64_t bytes) {
  constexpr const char* kUnits[] = {"bytes", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
  if (bytes < 1024) return std::to_string(bytes) + " bytes";
  double value = static_cast<double>(bytes);
  std::size_t unit = 0;
  while (value >= 1024 && unit + 1 < std::size(kUnits)) {
    value /= 1024;
    ++unit;
  }
  char text[32];
  std::snprintf(text, sizeof text, "%.1f %s", std::ceil(value * 10) / 10, kUnits[unit]);
  return text;
}

}  // namespace genie::policy
