// `--record`: a run as a folder that runs again, with everything that decided it: the scheduled plan, the inputs, the options,
// measured times. Weights stay where they are, known by their digests.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "runtime/engine.hpp"
#include "runtime/job.hpp"
#include "tensors/tensor.hpp"

namespace genie::debugger {

class Recording {
 public:
  /// What there is before the run: schedules the engine's job first. Files of the folder of the same names are replaced.
  [[nodiscard]] static runtime::Result<Recording> begin(runtime::Engine& engine,
                                                        const std::filesystem::path& folder);
  /// What the run gave, and run.json, which `genie-host --config` runs again: the same outputs to the bit, the same times.
  [[nodiscard]] std::optional<runtime::Failure> finish(const runtime::JobOutcome& outcome) const;
  [[nodiscard]] std::string config_file() const { return (folder_ / "run.json").string(); }

 private:
  Recording(const runtime::Engine& engine, std::filesystem::path folder)
      : config_(engine.config()), folder_(std::move(folder)) {}
  [[nodiscard]] std::string run_config(const runtime::JobOutcome& outcome) const;
  [[nodiscard]] std::string backend_options(const runtime::JobOutcome& outcome) const;

  config::RunConfig config_;
  std::filesystem::path folder_;
  std::string plan_;
  std::vector<std::pair<std::string, tensors::Tensor>> inputs_;  ///< "<entry of steps>/<input>"
};

}  // namespace genie::debugger
