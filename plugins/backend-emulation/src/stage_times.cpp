#include "stage_times.hpp"

#include <algorithm>

namespace genie::emulation {

genie::Expected<plan::Timeline> observed_timeline(const Options& options, const Program& program,
                                                  const CompiledMethod& method, const plan::Bindings& sizes,
                                                  const std::vector<const StageTimes*>& measured,
                                                  std::uint64_t first) {
  const bool recorded = options.costs == Costs::recorded;
  std::vector<const StageTimes*> times = measured;
  for (std::uint64_t m = 0; recorded && m < times.size(); ++m) {
    if (first + m >= options.durations.size())
      return problem(GENIE_FAILED_PRECONDITION, "GE0600",
                     "step " + std::to_string(first + m) + " was not recorded: there are the durations of " +
                         std::to_string(options.durations.size()) + " steps",
                     "replay a recording as it was written, or use `costs: measured`");
    times[m] = &options.durations[first + m];
  }
  for (std::uint64_t m = 0; m < times.size(); ++m)
    for (const CompiledStage& stage : method.stages)
      if (!times[m]->contains(stage.stage->id))
        return problem(GENIE_FAILED_PRECONDITION, "GE0600",
                       "stage " + stage.stage->id + " has no duration in step " + std::to_string(first + m) +
                           " of the recording",
                       "replay a recording as it was written, or use `costs: measured`", stage.stage->id);
  const auto duration = [&](std::string_view, const plan::Stage& stage, std::uint32_t m) {
    const auto ns = times[m]->find(stage.id);
    const auto device = program.device_number(stage.device);
    const double speed = !recorded && device ? std::max(1e-9, program.device(*device).spec().speed) : 1.0;
    return recorded ? ns->second : static_cast<std::uint64_t>(static_cast<double>(ns->second) / speed);
  };
  return program.timeline(method, sizes, duration, static_cast<std::uint32_t>(times.size()));
}

}  // namespace genie::emulation
