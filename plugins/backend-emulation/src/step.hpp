// One step: inputs in, stages in order, values moved between devices, outputs out. Runs on the worker.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "executor.hpp"
#include "faults.hpp"
#include "record.hpp"
#include "wire.hpp"
#include "worker.hpp"

namespace genie::emulation {

/// What a step needs of its backend.
struct StepContext {
  genie::Host host;
  const Options* options = nullptr;
  Worker* worker = nullptr;
  Counters* counters = nullptr;
  Record* record = nullptr;
  Faults* faults = nullptr;                            ///< null: nothing goes wrong
  Wire* wire = nullptr;                                ///< with faults
  std::function<genie_value*(KeptValue)> keep;         ///< makes the handle of a kept value
  std::function<const KeptValue*(genie_value*)> kept;  ///< null for a handle that is gone
  std::function<void(genie_value*)> release;
};

/// Runs it to its end. When it fails after a stage that writes states has begun, the session is lost.
[[nodiscard]] genie::Outcome run_step(const StepContext& context, Job& job,
                                      const std::shared_ptr<Session>& session, const genie_step& step);

}  // namespace genie::emulation
