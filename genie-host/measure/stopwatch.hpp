// Runs methods of a prepared plan and says how long they take.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "genie/plan/model.hpp"
#include "runtime/engine.hpp"
#include "tensors/tensor.hpp"

namespace genie::measure {

/// Times by one clock: the backend's own where it has one, else this process's.
class Stopwatch {
 public:
  /// Opens a session; the engine has prepared a plan, and outlives this.
  [[nodiscard]] static runtime::Result<Stopwatch> start(runtime::Engine& engine);

  /// A step of each method, in ns, each added to the times of that method.
  [[nodiscard]] runtime::Status turn(std::span<const std::string> methods,
                                     std::vector<std::vector<double>>& times);

 private:
  Stopwatch(runtime::Engine& engine, runtime::Session session)
      : engine_(&engine), session_(std::move(session)) {}
  [[nodiscard]] runtime::Result<runtime::StepResult> step(const std::string& method);
  [[nodiscard]] runtime::Result<std::map<std::uint64_t, std::uint64_t>> virtual_times();

  runtime::Engine* engine_;
  runtime::Session session_;
  std::map<std::uint64_t, tensors::Tensor> inputs_;  ///< by elements
};

/// Methods of one backend that are timed together.
struct Series {
  Stopwatch* stopwatch = nullptr;
  std::vector<std::string> methods;
  std::vector<double> ns;  ///< the lower quartile of the times of each, once they were timed
};
/// Methods and series take turns, so that what disturbs the machine for a while disturbs all of them alike; a turn before the first is
/// not counted. The failure is that of the first series that has one.
[[nodiscard]] runtime::Status time_together(std::span<Series> series, std::uint32_t repeat);

}  // namespace genie::measure
