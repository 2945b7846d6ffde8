// Trying a plug-in out in a child process (A18): whatever it does there, the host goes on.
//
// The child is the installed genie-host with an internal command, `genie-host __probe LIBRARY`, started by posix_spawn. It
// loads the library, asks for its interfaces, and writes one JSON object to file descriptor 3. Its stdout is watched, because
// a plug-in that writes there would spoil the host's results (A11).
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "genie/plan/result.hpp"
#include "plugin/library.hpp"
#include "plugin/manifest.hpp"

namespace genie::plugin {

inline constexpr std::string_view kProbeCommand = "__probe";
inline constexpr std::chrono::seconds kProbeLimit{
    60};  ///< a first load of a large framework from a cold disk takes a while

/// A shared object that came with the plug-in, and when it was last changed: part of what a remembered result holds for.
struct Dependency {
  std::string path;
  std::string identity;  ///< FileIdentity's text
  friend bool operator==(const Dependency&, const Dependency&) = default;
};

struct Probe {
  enum class Outcome : std::uint8_t { ok, refused, crashed, timed_out };
  Outcome outcome = Outcome::refused;
  Description description;               ///< ok
  std::vector<std::string> interfaces;   ///< ok: those of the manifest that it answered
  std::vector<Dependency> dependencies;  ///< ok: libraries that the loader brought in with it
  plan::Diagnostics diagnostics;         ///< why not; with ok: warnings
};

/// Runs the child. GE0107 crash, GE0108 time limit, GE0118 (warning) output on stdout, else what the child found.
[[nodiscard]] Probe probe(const std::filesystem::path& host_executable, const std::filesystem::path& library,
                          const Manifest& manifest, std::chrono::milliseconds limit = kProbeLimit);

/// The child: arguments after the command. Returns its exit code.
int probe_main(int argc, const char* const* argv);

/// A probe as JSON and back: what the child writes, and what the cache keeps.
[[nodiscard]] std::string encode_probe(const Probe& probe);
[[nodiscard]] plan::Result<Probe> decode_probe(std::string_view json);

}  // namespace genie::plugin
