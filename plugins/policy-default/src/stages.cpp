// Assignment → stages.
#include <algorithm>

#include "estimate.hpp"

namespace genie::policy {

std::vector<StageNodes> form_stages(const Problem& problem, const MethodGraph& method,
                                    const Assignment& assignment, bool fine) {
  // A lane is a device and one of its kernels plug-ins: two nodes run in one stage only if one plug-in computes both.
  std::size_t width = 1;
  for (const auto& offers : problem.offers)
    width = std::max(width, offers.size());
  const Index count = method.count;
  std::vector<std::size_t> lane(count);
  std::vector<Index> level(count, 0);
  std::vector<bool> leaves(count, false);    // something it makes, or the order, is awaited on another lane
  std::vector<bool> receives(count, false);  // it awaits another lane
  Index levels = 1;
  for (Index n = 0; n < count; ++n) {
    const std::uint8_t device = assignment[n];
    lane[n] =
        device * width + std::min<std::size_t>(width - 1, problem.node_kernels(method.global(n), device));
    for (const Index b : method.before[n]) {
      const bool crosses = lane[b] != lane[n];
      if (crosses) leaves[b] = receives[n] = true;
      level[n] = std::max(level[n], level[b] + (crosses ? 1u : 0u));
    }
    levels = std::max(levels, level[n] + 1);
  }

  // Nodes by level; inside a level in document order, so that a stage's nodes are in an order that runs.
  std::vector<Index> start(levels + 1, 0);
  for (Index n = 0; n < count; ++n)
    ++start[level[n] + 1];
  for (Index l = 0; l < levels; ++l)
    start[l + 1] += start[l];
  std::vector<Index> order(count);
  for (Index n = 0; n < count; ++n)
    order[start[level[n]]++] = n;

  std::vector<StageNodes> stages;
  std::vector<Index> open(problem.device_count * width, kNone);  // lane → stage still growing
  Index at_level = kNone;
  for (const Index n : order) {
    if (level[n] != at_level) {
      std::ranges::fill(open, kNone);
      at_level = level[n];
    }
    Index& stage = open[lane[n]];
    if (stage == kNone || (fine && receives[n])) {
      stage = static_cast<Index>(stages.size());
      stages.push_back({assignment[n], static_cast<std::uint8_t>(lane[n] % width), level[n], {}});
    }
    stages[stage].nodes.push_back(n);
    if (fine && leaves[n]) stage = kNone;
  }
  return stages;
}

}  // namespace genie::policy
