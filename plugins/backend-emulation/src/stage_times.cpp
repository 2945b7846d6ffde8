#include "stage_times.hpp"

#include <algorithm>

namespace genie::emulation {

genie::Expected<plan::Timeline> observed_timeline(const Options& options, const Program& program,
                                                  const CompiledMethod& method, const plan::Bindings& sizes,
                                                  const StageTimes& measured, std::uint64_t step) {
  const bool recorded = options.costs == Costs::recorded;
  if (recorded && step >= options.durations.size())
    return problem(GENIE_FAILED_PRECONDITION, "GE0600",
                   "step " + std::to_string(step) + " was not recorded: there are the durations of " +
                       std::to_string(options.durations.size()) + " steps",
                   "replay a recording as it was written, or use `costs: measured`");
  const StageTimes& times = recorded ? options.durations[step] : measured;
  for (const CompiledStage& stage : method.stages)
    if (!times.contains(stage.stage->id))
      return problem(GENIE_FAILED_PRECONDITION, "GE0600",
                     "stage " + stage.stage->id + " has no duration in step " + std::to_string(step) +
                         " of the recording",
                     "replay a recording as it was written, or use `costs: measured`", stage.stage->id);
  return program.timeline(method, sizes, [&](std::string_view, const plan::Stage& stage) {
    const auto ns = times.find(stage.id);
    const auto device = program.device_number(stage.device);
    const double speed = !recorded && device ? std::max(1e-9, program.device(*device).spec().speed) : 1.0;
    return recorded ? ns->second : static_cast<std::uint64_t>(static_cast<double>(ns->second) / speed);
  });
}

}  // namespace genie::emulation
