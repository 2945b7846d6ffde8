// `--record`: a run as a folder that runs again, with everything that decided it: the scheduled plan, the inputs, the options,
// measured times. Weights stay where they are, known by their digests.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "runtime/job.hpp"
#include "tensors/tensor.hpp"

namespace genie::debugger {

class Recording {
 public:
  /// What there is before the run. Fails when a file that the backend's options name cannot be read.
  [[nodiscard]] static runtime::Result<Recording> begin(const runtime::ScheduledJob& job,
                                                        const std::filesystem::path& folder);
  /// Writes it with what the run gave, and run.json, which `genie-host --config` runs again: the same outputs to the bit, the
  /// same times. Files of the folder of the same names are replaced. GE0668 when measured times are missing.
  [[nodiscard]] std::optional<runtime::Failure> finish(const runtime::JobOutcome& outcome) const;
  [[nodiscard]] std::string config_file() const { return (folder_ / "run.json").string(); }

 private:
  Recording(const runtime::Engine& engine, std::filesystem::path folder)
      : config_(engine.config()), folder_(std::move(folder)) {}
  [[nodiscard]] runtime::Status take_options();
  [[nodiscard]] std::string run_config(const runtime::JobOutcome& outcome) const;
  [[nodiscard]] std::optional<runtime::Failure> missing_times(const report::RunReport& report) const;

  config::RunConfig config_;
  std::filesystem::path folder_;
  std::string plan_;
  std::vector<std::pair<std::string, std::string>>
      options_;            ///< of the backend: name → JSON, documents included
  bool measured_ = false;  ///< its costs were measured
  std::vector<std::pair<std::string, tensors::Tensor>> inputs_;  ///< "<entry of steps>/<input>"
};

/// A backend's options without the durations that a recording gave it: of a run in other stages, they say nothing. Its times are
/// the cost model's then. Options that record none come back as they are.
[[nodiscard]] std::string without_durations(const std::string& options);

}  // namespace genie::debugger
