// What happened when a worker was lost and the run went on without it. For the report.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "genie/plan/diagnostic.hpp"
#include "genie/plan/model.hpp"
#include "genie/plan/topology.hpp"

namespace genie::runtime {

/// What a topology lacks that an earlier one had.
struct Loss {
  std::vector<std::string> devices;
  std::vector<std::string> links;
  std::vector<std::string> memory;  ///< devices that have less of it

  [[nodiscard]] bool empty() const { return devices.empty() && links.empty() && memory.empty(); }
  /// "device w1", "devices w1 and w2, link a-b"
  [[nodiscard]] std::string text() const;
};

[[nodiscard]] Loss loss_between(const plan::Topology& had, const plan::Topology& has);

struct Recovery {
  std::uint64_t step = 0;  ///< of its session, that failed and was repeated
  Loss lost;
  plan::Diagnostic cause;           ///< why the step failed
  std::vector<std::string> left;    ///< devices
  std::string plan_id;              ///< of the plan that replaced the one before
  std::uint64_t replayed = 0;       ///< earlier steps that were repeated to make the session's states anew
  std::uint64_t wall_ns = 0;        ///< from the failed step's start until it could be repeated
  std::vector<std::uint64_t> jobs;  ///< of the failed step and the replayed ones
  std::shared_ptr<const plan::Plan> replaced;  ///< what ran until then…
  std::uint64_t first_job = 0;                 ///< …in the jobs below this one
};

}  // namespace genie::runtime
