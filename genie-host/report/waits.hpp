// Where the time of one call went: for each device what it computed and what it waited for, and the chain of work that no
// other order of the same work would have shortened.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "genie/plan/model.hpp"
#include "timeline.hpp"

namespace genie::report {

/// One pause of a device before a stage, and what ended it.
struct Wait {
  std::string device;
  std::string stage;     ///< that could not start
  std::string transfer;  ///< what arrived last; empty when the value was there once its stage was done
  std::string link;      ///< that it came over
  std::string from;      ///< the stage whose value it was; empty for the client's inputs
  std::string from_device;
  std::uint64_t start_ns = 0;
  std::uint64_t end_ns = 0;
  std::uint64_t transfer_ns = 0;  ///< the part of the pause in which the value was under way
};

struct DeviceTime {
  std::string device;
  std::uint64_t compute_ns = 0;
  std::uint64_t transfer_ns = 0;  ///< computed nothing, and what its next stage wants was under way
  std::uint64_t idle_ns =
      0;  ///< the rest: its next stage's values were not made yet, or it had nothing left to do
  std::uint64_t before_end_ns = 0;  ///< the part of idle_ns before its last stage
};

/// A link of the chain of work that decided when the call ended.
struct Critical {
  bool is_transfer = false;
  std::string id;     ///< stage or transfer
  std::string place;  ///< device or link
  std::uint64_t start_ns = 0;
  std::uint64_t end_ns = 0;
};

struct CallAnalysis {
  std::vector<DeviceTime> devices;  ///< those that computed, by id
  std::vector<Wait> waits;          ///< longest first
  std::vector<Critical> path;       ///< in order of time
  std::uint64_t path_compute_ns = 0;
  std::uint64_t path_transfer_ns = 0;
};

[[nodiscard]] CallAnalysis analyse(const CallTimeline& call, const plan::MethodSchedule& scheduled);

}  // namespace genie::report
