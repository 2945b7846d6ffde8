#include "fair_share.hpp"

#include <algorithm>
#include <limits>
#include <map>

namespace genie::plan::detail {

namespace {

constexpr unsigned kFractionBits = 24;
constexpr std::uint64_t kNsPerS = 1'000'000'000;
constexpr std::uint64_t kLargestDenominator = 1u << 20;
constexpr std::uint64_t kNever = std::numeric_limits<std::uint64_t>::max();

Wide gcd(Wide a, Wide b) {
  while (b != 0)
    a = std::exchange(b, a % b);
  return a;
}

Rate make_rate(Wide num, Wide den) {
  if (const Wide g = gcd(num, den); g > 1) num /= g, den /= g;
  // Deep sharing trees give long denominators: round up far below a byte per second.
  if (den > kLargestDenominator) {
    num = (num / den) * kLargestDenominator + ((num % den) * kLargestDenominator + den - 1) / den;
    den = kLargestDenominator;
  }
  return {num, static_cast<std::uint64_t>(den)};
}

Rate divide(const Rate& a, std::uint64_t by) {
  return make_rate(a.num, Wide{a.den} * by);
}

Rate minus(const Rate& a, const Rate& b) {
  const Wide left = a.num * b.den;
  const Wide right = b.num * a.den;
  return left <= right ? Rate{} : make_rate(left - right, Wide{a.den} * b.den);
}

bool less(const Rate& a, const Rate& b) {
  return a.num * b.den < b.num * a.den;
}

}  // namespace

std::uint32_t FairShare::add_resource(std::uint64_t bytes_per_s) {
  capacity_.push_back(std::max<std::uint64_t>(bytes_per_s, 1));
  users_.emplace_back();
  return static_cast<std::uint32_t>(capacity_.size() - 1);
}

FairShare::Flow FairShare::start(std::uint64_t now_ns, std::uint64_t bytes,
                                 std::vector<std::uint32_t> resources, bool urgent) {
  const Flow flow = static_cast<Flow>(flows_.size());
  State& state = flows_.emplace_back();
  std::ranges::sort(resources);
  resources.erase(std::unique(resources.begin(), resources.end()), resources.end());
  state.remaining = Wide{bytes} << kFractionBits;
  state.since_ns = now_ns;
  state.resources = std::move(resources);
  state.urgent = urgent;
  state.active = true;
  state.end_ns = now_ns;
  if (state.resources.empty() || bytes == 0) {
    state.resources.clear();
    ends_.emplace(now_ns, flow);
    return flow;
  }
  state.end_ns = kNever;
  ends_.emplace(kNever, flow);
  for (const std::uint32_t r : state.resources)
    users_[r].push_back(flow);
  reshare(now_ns, std::vector<std::uint32_t>(flows_[flow].resources));
  return flow;
}

std::optional<std::uint64_t> FairShare::next_end() const {
  if (ends_.empty() || ends_.begin()->first == kNever) return std::nullopt;
  return ends_.begin()->first;
}

FairShare::Flow FairShare::finish_next() {
  const auto [now, flow] = *ends_.begin();
  ends_.erase(ends_.begin());
  State& state = flows_[flow];
  state.active = false;
  for (const std::uint32_t r : state.resources)
    std::erase(users_[r], flow);
  if (!state.resources.empty()) reshare(now, state.resources);
  return flow;
}

// Only messages connected to the touched resources by shared ones can change.
void FairShare::reshare(std::uint64_t now_ns, const std::vector<std::uint32_t>& touched) {
  std::set<std::uint32_t> resources(touched.begin(), touched.end());
  std::vector<std::uint32_t> queue = touched;
  std::set<Flow> flows;
  while (!queue.empty()) {
    const std::uint32_t r = queue.back();
    queue.pop_back();
    for (const Flow f : users_[r])
      if (flows.insert(f).second)
        for (const std::uint32_t other : flows_[f].resources)
          if (resources.insert(other).second) queue.push_back(other);
  }
  left_.resize(capacity_.size());
  fresh_.resize(flows_.size());
  for (const std::uint32_t r : resources)
    left_[r] = {capacity_[r], 1};
  for (const bool urgent : {true, false}) {
    std::vector<Flow> group;
    for (const Flow f : flows)
      if (flows_[f].urgent == urgent) group.push_back(f);
    fill(group);
  }
  for (const Flow f : flows)
    set_rate(f, now_ns, fresh_[f]);
}

// Raises all rates together; a resource that is used up fixes its messages; the rest goes on.
void FairShare::fill(const std::vector<Flow>& flows) {
  std::vector<Flow> open = flows;
  while (!open.empty()) {
    std::map<std::uint32_t, std::uint64_t> counts;
    for (const Flow f : open)
      for (const std::uint32_t r : flows_[f].resources)
        ++counts[r];
    std::uint32_t narrowest = counts.begin()->first;
    Rate share = divide(left_[narrowest], counts.begin()->second);
    for (const auto& [r, count] : counts)
      if (const Rate candidate = divide(left_[r], count); less(candidate, share))
        narrowest = r, share = candidate;
    std::vector<Flow> still_open;
    for (const Flow f : open) {
      if (std::ranges::find(flows_[f].resources, narrowest) == flows_[f].resources.end()) {
        still_open.push_back(f);
        continue;
      }
      fresh_[f] = share;
      for (const std::uint32_t r : flows_[f].resources)
        left_[r] = minus(left_[r], share);
    }
    open = std::move(still_open);
  }
}

void FairShare::set_rate(Flow flow, std::uint64_t now_ns, const Rate& rate) {
  State& state = flows_[flow];
  if (state.end_ns != kNever && state.rate == rate) return;
  if (state.rate.num != 0 && now_ns > state.since_ns) {
    const Wide scale = Wide{state.rate.den} * kNsPerS;
    const Wide per_ns = state.rate.num << kFractionBits;
    const Wide elapsed = now_ns - state.since_ns;
    // per_ns * elapsed / scale without overflow, rounded up: a message never ends late.
    const Wide done = (per_ns / scale) * elapsed + ((per_ns % scale) * elapsed + scale - 1) / scale;
    state.remaining = done >= state.remaining ? 0 : state.remaining - done;
  }
  ends_.erase({state.end_ns, flow});
  state.since_ns = now_ns;
  state.rate = rate;
  if (rate.num == 0) {
    state.end_ns = kNever;
  } else {
    const Wide amount = state.remaining * rate.den;  // < 2^(64+24+20)
    const Wide divisor = rate.num << kFractionBits;
    const Wide whole_s = amount / divisor;
    const Wide rest_ns = ((amount % divisor) * kNsPerS + divisor - 1) / divisor;
    const Wide total = whole_s * kNsPerS + rest_ns;
    state.end_ns = total >= kNever - now_ns ? kNever - 1 : now_ns + static_cast<std::uint64_t>(total);
  }
  ends_.emplace(state.end_ns, flow);
}

}  // namespace genie::plan::detail
