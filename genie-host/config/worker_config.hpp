// The worker config (`genie.worker`) in memory: what `genie-host serve` offers to clients. docs/remote-workers.md is the user's page,
// sdk/schema/worker-config-0.1.schema.json the published schema; the decoder and the schema accept the same documents.
#pragma once

#include "config/run_config.hpp"
#include "genie/plan/topology.hpp"

namespace genie::config {

inline constexpr std::string_view kDefaultService = "org.genie.backend-libfabric";

struct WorkerConfig {
  std::string file;              ///< as the user wrote it; names the document in diagnostics
  std::filesystem::path folder;  ///< absolute; what relative paths are relative to
  Plugins plugins;
  PluginUse service{std::string(kDefaultService), "{}"};
  std::vector<PluginUse> kernels;  ///< empty: the first kernels plug-in that is found
  /// What the document leaves out has a default, but for `kernels`: empty means all that the worker has.
  std::vector<plan::Device> devices;
  std::uint64_t drain_ms = 10'000;  ///< how long SIGTERM lets steps under way go on
};

/// What a device is taken to be capable of when its config does not say.
inline constexpr plan::Device::Compute kDeclaredCompute{5.0e10, 1.2e10, 2000};

/// Decodes a worker config. `file` names it in diagnostics; relative paths are taken from `folder`. All errors are reported.
[[nodiscard]] plan::Result<WorkerConfig> decode_worker(std::string_view bytes, std::string_view file,
                                                       const std::filesystem::path& folder,
                                                       std::span<const Edit> edits = {});
/// Reads and decodes a file.
[[nodiscard]] plan::Result<WorkerConfig> read_worker(const std::filesystem::path& path,
                                                     std::span<const Edit> edits = {});

}  // namespace genie::config
