// All plug-ins that can be seen, and the ones that are loaded. Discovery reads manifests only; probing and loading happen for
// the plug-ins that are asked for, and for nothing else.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "config/run_config.hpp"
#include "genie/plan/result.hpp"
#include "plugin/library.hpp"
#include "plugin/manifest.hpp"
#include "plugin/probe.hpp"
#include "services/log.hpp"

namespace genie::plugin {

struct CatalogueOptions {
  std::vector<std::string> paths;            ///< of --plugin, searched first
  std::vector<std::string> config_paths;     ///< of the run config
  std::vector<config::AllowedPlugin> allow;  ///< not empty: nothing else is loaded (A20)
  bool search_environment = true;            ///< GENIE_PLUGIN_PATH, unless AT_SECURE
  std::filesystem::path install_folder;      ///< empty: the one of this build (find_install_folder)
  std::filesystem::path host_executable;     ///< for probing
  std::filesystem::path cache_folder;        ///< for what probes found; empty: the user's
  bool rescan = false;                       ///< forget what was remembered
  std::chrono::milliseconds probe_limit = kProbeLimit;
};

/// How a candidate was found.
inline constexpr std::string_view kThroughOption = "--plugin";
inline constexpr std::string_view kThroughConfig = "the run config";

/// One manifest that was found, or a place where one should be.
struct Candidate {
  enum class State : std::uint8_t {
    found,        ///< nothing is known but its manifest
    usable,       ///< probed
    loaded,       ///< in this process
    skipped,      ///< another one of the same id came first
    refused,      ///< not allowed, or others may write to it
    failed,       ///< cannot be loaded
    quarantined,  ///< crashed when it was tried out
  };
  State state = State::found;
  Manifest manifest;  ///< empty when it cannot be read
  std::filesystem::path manifest_path;
  std::filesystem::path library;
  std::string through;            ///< "--plugin", "the run config", "GENIE_PLUGIN_PATH", "the install folder"
  plan::Diagnostics diagnostics;  ///< why not; warnings of usable ones
  std::string build;              ///< once probed: compiler and libraries, one line
  bool remembered = false;        ///< the probe's result came from the cache
  bool named = false;             ///< a person named this very file, not a folder that it lies in
};

[[nodiscard]] std::string_view name(Candidate::State state);

/// [serial]. Loaded libraries stay in the process.
class Catalogue {
 public:
  /// Searches; loads nothing.
  [[nodiscard]] static Catalogue discover(CatalogueOptions options, services::LogSink log = {});

  [[nodiscard]] std::span<const Candidate> candidates() const { return candidates_; }
  /// Ids of a kind that could be used, in search order.
  [[nodiscard]] std::vector<std::string> ids_of_kind(std::string_view kind) const;
  /// The candidate that an id means, or null.
  [[nodiscard]] const Candidate* find(std::string_view id) const;

  /// What is wrong with the files that --plugin or the run config name themselves: whoever names a file means it to be used.
  [[nodiscard]] plan::Diagnostics check_named();
  /// Tries every candidate out without loading it: for `genie-host plugins`.
  void probe_all();
  /// Probes (or remembers), then loads. GE0101 when there is none, with near misses; else the candidate's diagnostics. The
  /// library is borrowed from the catalogue.
  [[nodiscard]] plan::Result<const Library*> load(std::string_view id);
  /// Sets what manifests of these plug-ins name as environment defaults, where the environment has nothing (A19). Only for
  /// a process with one thread, before any load.
  void set_environment(std::span<const std::string> ids) const;

  /// One line per candidate: id, version, state, path, and why.
  [[nodiscard]] std::vector<std::string> explain() const;

 private:
  Catalogue(CatalogueOptions options, services::LogSink log);
  void search(const std::filesystem::path& path, std::string_view through);
  void add_manifest(const std::filesystem::path& path, std::string_view through, bool named = false);
  void add_without_manifest(const std::filesystem::path& library, std::string_view through, bool named);
  void fail(Candidate& candidate, Candidate::State state, plan::Diagnostic diagnostic);
  /// Checks rights, allow-list and digest, then the probe. True when it may be loaded.
  bool make_usable(Candidate& candidate);

  CatalogueOptions options_;
  services::LogSink log_;
  std::vector<Candidate> candidates_;
  plan::Table<std::unique_ptr<Library>> libraries_;  ///< by id
};

/// Where the plug-ins that came with this build lie: beside the library or executable this code is in, under genie/plugins;
/// in a build tree, its plugins folder. Empty when there is no such folder.
[[nodiscard]] std::filesystem::path find_install_folder();

}  // namespace genie::plugin
