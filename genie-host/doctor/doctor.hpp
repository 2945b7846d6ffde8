// What this machine, and a config on it, can do: looked at without running anything.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "config/worker_config.hpp"
#include "doctor/findings.hpp"
#include "runtime/cancel.hpp"
#include "services/log.hpp"

namespace genie::doctor {

struct Options {
  services::LogSink log;
  std::vector<std::string> plugin_paths;       ///< of --plugin: searched before the config's
  std::filesystem::path host_executable;       ///< for probing
  std::shared_ptr<runtime::CancelToken> stop;  ///< the wish to stop
};

/// The machine alone. What is broken is a warning: nobody said that it is needed.
[[nodiscard]] Examination examine_machine(const Options& options);
/// A run: its plug-ins, its files, and all that its backend would meet.
[[nodiscard]] Examination examine(const config::RunConfig& config, const Options& options);
/// A worker that was to start now.
[[nodiscard]] Examination examine(const config::WorkerConfig& config, const Options& options);

}  // namespace genie::doctor
