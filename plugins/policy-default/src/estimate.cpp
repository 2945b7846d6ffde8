#include "estimate.hpp"

#include <algorithm>

namespace genie::policy {

Resident nothing_resident(const Problem& problem) {
  return {std::vector<DeviceSet>(problem.blobs.size(), 0),
          std::vector<DeviceNumber>(problem.states.size(), kNowhere),
          std::vector<std::uint64_t>(problem.device_count, 0),
          std::vector<std::uint64_t>(problem.device_count, 0)};
}

namespace {

void add_residents(const Problem& problem, Index global, DeviceNumber device, Resident& resident) {
  for (const Index b : problem.node_blobs[global]) {
    if (has(resident.blobs[b], device)) continue;
    resident.blobs[b] |= only(device);
    resident.bytes[device] += problem.blobs[b].bytes;
  }
  for (const Index s : problem.node_states[global]) {
    if (resident.states[s] != kNowhere) continue;
    resident.states[s] = device;
    resident.bytes[device] += problem.states[s].bytes;
  }
}

}  // namespace

void replicate(const Problem& problem, Index blob, Resident& resident) {
  for (std::size_t d = 0; d < problem.device_count; ++d) {
    if (has(resident.blobs[blob], d)) continue;
    resident.blobs[blob] |= only(d);
    resident.bytes[d] += problem.blobs[blob].bytes;
  }
}

void make_resident(const Problem& problem, const MethodGraph& method, const Assignment& assignment,
                   const std::vector<std::uint64_t>& live, Resident& resident) {
  for (Index n = 0; n < method.count; ++n)
    add_residents(problem, method.global(n), assignment[n], resident);
  for (std::size_t d = 0; d < live.size(); ++d)
    resident.most_live[d] = std::max(resident.most_live[d], live[d]);
}

std::uint64_t Estimate::excess(const std::vector<std::uint64_t>& memory) const {
  std::uint64_t sum = 0;
  for (std::size_t d = 0; d < memory.size(); ++d)
    sum += needs(d) > memory[d] ? needs(d) - memory[d] : 0;
  return sum;
}

Estimator::Estimator(const Problem& problem, const MethodGraph& method, const Resident& resident)
    : problem_(problem), method_(method), resident_(resident), stage_of_(method.count) {
  for (Index v = 0; v < method.values.size(); ++v)
    if (method.values[v].is_output && method.values[v].producer != kNone) method_outputs_.push_back(v);
}

const Estimate& Estimator::of_stages(const std::vector<StageNodes>& stages) {
  ++calls_;
  for (Index s = 0; s < stages.size(); ++s)
    for (const Index n : stages[s].nodes)
      stage_of_[n] = s;
  time(stages);
  residents(stages);
  live(stages);
  return result_;
}

void Estimator::time(const std::vector<StageNodes>& stages) {
  const std::size_t devices = problem_.device_count;
  result_.time_ns = result_.wire_bytes = 0;
  result_.crossings = 0;
  result_.reachable = true;
  stage_end_.assign(stages.size(), 0);
  device_free_.assign(devices, 0);
  arrival_.assign(method_.values.size() * devices, 0);
  path_free_.assign((devices + 1) * (devices + 1), 0);
  path_busy_.assign((devices + 1) * (devices + 1), 0);
  device_busy_.assign(devices, 0);
  last_stage_.assign(method_.values.size() * devices, 0);

  for (Index s = 0; s < stages.size(); ++s) {
    const std::size_t device = stages[s].device;
    std::uint64_t start = device_free_[device];
    std::uint64_t work = 0;
    for (const Index n : stages[s].nodes) {
      work += problem_.node_cost(method_.global(n), device);
      for (const Index b : method_.before[n])
        if (stage_of_[b] != s) start = std::max(start, stage_end_[stage_of_[b]]);
      for (const Index v : method_.reads[n]) {
        if (v == kNone) continue;
        const ValueUse& value = method_.values[v];
        last_stage_[v * devices + device] = s + 1;
        const bool from_client = value.producer == kNone;
        if (!from_client && stages[stage_of_[value.producer]].device == device) continue;
        std::uint64_t& arrival = arrival_[v * devices + device];
        if (arrival == 0) {
          const std::size_t from = from_client ? problem_.client() : stages[stage_of_[value.producer]].device;
          const Path& path = problem_.path(from, device);
          result_.reachable = result_.reachable && path.ok;
          if (!from_client) ++result_.crossings;
          // 0 means: not sent yet.
          arrival =
              1 + send(from, device, from_client ? 0 : stage_end_[stage_of_[value.producer]], value.bytes);
          result_.wire_bytes += value.bytes;
        }
        start = std::max(start, arrival - 1);
      }
    }
    stage_end_[s] = device_free_[device] = start + work;
    device_busy_[device] += work;
    result_.time_ns = std::max(result_.time_ns, stage_end_[s]);
  }
  // Outputs go home as they are made.
  for (const Index v : method_outputs_) {
    const ValueUse& value = method_.values[v];
    const Index s = stage_of_[value.producer];
    const Path& path = problem_.path(stages[s].device, problem_.client());
    result_.reachable = result_.reachable && path.ok;
    result_.wire_bytes += value.bytes;
  }
  std::ranges::sort(method_outputs_, {},
                    [&](Index v) { return std::pair(stage_end_[stage_of_[method_.values[v].producer]], v); });
  for (const Index v : method_outputs_) {
    const Index s = stage_of_[method_.values[v].producer];
    result_.time_ns = std::max(
        result_.time_ns, send(stages[s].device, problem_.client(), stage_end_[s], method_.values[v].bytes));
  }
  result_.busiest_ns =
      std::max(*std::ranges::max_element(device_busy_), *std::ranges::max_element(path_busy_));
}

std::uint64_t Estimator::send(std::size_t from, std::size_t to, std::uint64_t at_ns, std::uint64_t bytes) {
  const Path& path = problem_.path(from, to);
  std::uint64_t& free = path_free_[from * (problem_.device_count + 1) + to];
  const std::uint64_t busy_ns = path.time_ns(bytes) - path.latency_ns;
  path_busy_[from * (problem_.device_count + 1) + to] += busy_ns;
  free = std::max(free, at_ns) + busy_ns;
  return free + path.latency_ns;
}

void Estimator::residents(const std::vector<StageNodes>& stages) {
  Resident after = resident_;
  for (const StageNodes& stage : stages)
    for (const Index n : stage.nodes)
      add_residents(problem_, method_.global(n), stage.device, after);
  result_.resident_bytes = std::move(after.bytes);
}

// As the plan library counts: a stage needs what its nodes make (freed at the last use inside, kept to the end when it
// leaves the stage) beside what it takes in; values wait on a device for the last stage there that reads them.
void Estimator::live(const std::vector<StageNodes>& stages) {
  const std::size_t devices = problem_.device_count;
  result_.live_bytes = resident_.most_live;
  std::vector<std::uint64_t> waiting(devices, 0);
  released_.assign(stages.size(), 0);
  result_.stage_live_bytes.resize(stages.size());
  last_node_.assign(method_.values.size(), 0);
  const auto owner = [&](Index v) {
    return method_.values[v].storage == kNone ? v : method_.values[v].storage;
  };

  for (Index s = 0; s < stages.size(); ++s) {
    const std::size_t device = stages[s].device;
    const std::vector<Index>& nodes = stages[s].nodes;
    // What arrives for this stage waits from here on.
    for (const Index n : nodes)
      for (const Index v : method_.reads[n]) {
        if (v == kNone) continue;
        const ValueUse& value = method_.values[v];
        std::uint64_t& arrival = arrival_[v * devices + device];
        if (arrival == 0) continue;
        arrival = 0;
        waiting[device] += value.bytes;
        released_[last_stage_[v * devices + device] - 1] += value.bytes;
      }

    freed_.assign(nodes.size() + 1, 0);
    for (Index at = 0; at < nodes.size(); ++at) {
      for (const Index v : method_.makes[nodes[at]])
        last_node_[owner(v)] = at;
      for (const Index v : method_.reads[nodes[at]])
        if (v != kNone) last_node_[owner(v)] = at;
    }
    const auto outlives = [&](Index v) {
      const ValueUse& value = method_.values[v];
      return value.is_output ||
             (!value.consumers.empty() &&
              std::ranges::any_of(value.consumers, [&](Index c) { return stage_of_[c] != s; }));
    };
    std::uint64_t now = 0;
    std::uint64_t most = 0;
    std::uint64_t kept = 0;
    for (Index at = 0; at < nodes.size(); ++at) {
      for (const Index v : method_.makes[nodes[at]]) {
        const ValueUse& value = method_.values[v];
        if (value.resident || owner(v) != v) continue;
        now += value.bytes;
        if (outlives(v)) {
          const Index last = last_stage_[v * devices + device];
          if (last > s + 1) {  // otherwise it has left when this stage is over
            kept += value.bytes;
            released_[last - 1] += value.bytes;
          }
        } else {
          freed_[last_node_[v]] += value.bytes;
        }
      }
      most = std::max(most, now + method_.scratch[nodes[at]]);
      now -= freed_[at];
    }
    result_.stage_live_bytes[s] = waiting[device] + most;
    result_.live_bytes[device] = std::max(result_.live_bytes[device], waiting[device] + most);
    waiting[device] += kept;
    waiting[device] -= released_[s];
  }
}

}  // namespace genie::policy
