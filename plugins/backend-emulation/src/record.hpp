// What happened, for the run report and the trace: virtual time since the backend was created.
#pragma once

#include <cstdint>
#include <mutex>
#include <string>
#include <vector>

#include "executor.hpp"
#include "options.hpp"

namespace genie::emulation {

struct StepRecord {
  std::uint64_t job = 0;
  std::uint64_t index = 0;  ///< in its session
  std::string method;
  std::uint64_t virtual_ns = 0;
  std::uint64_t wall_ns = 0;
  std::uint32_t micro_batches = 1;  ///< of the call, from `index` on
};

/// [any-thread]; one lock guards it.
class Record {
 public:
  /// Adds a step; its events start where the last step's ended.
  void add(genie::Host host, const genie::Call& call, const CompiledMethod& method, const plan::Plan& plan,
           const plan::Timeline& timeline, StepRecord step);
  /// Virtual time so far: when the next step starts.
  [[nodiscard]] std::uint64_t clock_ns() const;
  /// The stats document of backend.h; `faults`: its list of them as JSON, if there is one.
  [[nodiscard]] std::string stats(genie::Host host, const Options& options, const Devices& devices,
                                  const Counters& counters, std::string_view faults = {}) const;

 private:
  struct LinkUse {
    std::uint64_t bytes = 0;
    std::uint64_t messages = 0;
    std::uint64_t busy_ns = 0;
  };
  void trace(genie::Host host, const genie::Call& call, const CompiledMethod& method, const plan::Plan& plan,
             const plan::Timeline& timeline, std::uint64_t step, std::uint64_t start_ns,
             std::uint64_t first_flow) const;

  mutable std::mutex lock_;
  std::uint64_t clock_ns_ = 0;
  std::uint64_t next_flow_ = 1;
  std::map<std::string, std::uint64_t> busy_ns_;
  std::map<std::string, std::uint64_t> peak_bytes_;
  std::map<std::string, LinkUse> links_;
  std::vector<StepRecord> steps_;
};

}  // namespace genie::emulation
