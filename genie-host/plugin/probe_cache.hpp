// What probes found, remembered in the user's cache folder (A18): only successes and crashes, and only while the library, the
// host and every library that came with it are what they were.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "plugin/probe.hpp"

namespace genie::plugin {

/// One file per library. A folder that cannot be used (not ours, not private) is not used: then nothing is remembered.
class ProbeCache {
 public:
  /// host_executable: its identity is part of the key. An empty folder: nothing is remembered.
  ProbeCache(std::filesystem::path folder, const std::filesystem::path& host_executable);

  [[nodiscard]] std::optional<Probe> find(const std::filesystem::path& library,
                                          const Manifest& manifest) const;
  void store(const std::filesystem::path& library, const Manifest& manifest, const Probe& probe) const;

 private:
  /// Name of the file that a result is kept in; empty when there is no such library.
  [[nodiscard]] std::string key(const std::filesystem::path& library, const Manifest& manifest) const;

  std::filesystem::path folder_;
  std::string host_;  ///< identity of the host
};

/// $XDG_CACHE_HOME/genie/plugins, else ~/.cache/genie/plugins; empty when neither is known or the process runs with raised rights.
[[nodiscard]] std::filesystem::path user_cache_folder();

}  // namespace genie::plugin
