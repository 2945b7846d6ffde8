// The manifest beside a plug-in library, <name>.genie.json (A17): what it is, known before anything is loaded.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "genie/plan/model.hpp"
#include "genie/plan/result.hpp"

namespace genie::plugin {

inline constexpr std::string_view kManifestSuffix = ".genie.json";

struct Manifest {
  std::string id;  ///< reverse DNS, as the descriptor says
  std::string version;
  std::vector<std::string> kinds;  ///< "policy", …
  std::string library;             ///< file name, in the manifest's folder
  int abi_major = 0;
  int abi_minor = 0;
  std::vector<std::string> interfaces;   ///< "genie.policy/1", …
  std::string sha256;                    ///< of the library: 64 hexadecimal digits
  plan::Table<std::string> environment;  ///< defaults to set before any plug-in is loaded (A19)

  [[nodiscard]] bool has_kind(std::string_view kind) const;
};

/// GE0102 with a pointer for each thing that is wrong. Keys it does not know are ignored: a later host may write them.
[[nodiscard]] plan::Result<Manifest> decode_manifest(std::string_view bytes, std::string_view file);
[[nodiscard]] plan::Result<Manifest> read_manifest(const std::filesystem::path& path);

}  // namespace genie::plugin
