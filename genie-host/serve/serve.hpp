// `genie-host serve`: plug-ins loaded, a service started, clients served until somebody asks it to stop.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "config/worker_config.hpp"
#include "runtime/cancel.hpp"
#include "runtime/failure.hpp"
#include "services/log.hpp"

namespace genie::serve {

struct ServeOptions {
  services::LogSink log;
  std::vector<std::string> plugin_paths;       ///< of --plugin: searched before the config's
  std::filesystem::path host_executable;       ///< for probing
  std::shared_ptr<runtime::CancelToken> stop;  ///< the wish to stop; steps under way may end within drain_ms
  std::function<void(std::string_view json)> ready;  ///< once: the service listens
  bool set_environment = false;                      ///< as EngineOptions::set_environment
};

/// Returns when the service was stopped, or could not start.
[[nodiscard]] runtime::Status serve(const config::WorkerConfig& config, const ServeOptions& options);

}  // namespace genie::serve
