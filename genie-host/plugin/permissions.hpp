// Who may change a plug-in (A20): files and folders that others may write to are refused.
#pragma once

#include <filesystem>
#include <string>

namespace genie::plugin {

/// Why a library, its manifest or their folder is not to be trusted, with the remedy; empty when they are fine.
[[nodiscard]] std::string writable_by_others(const std::filesystem::path& library,
                                             const std::filesystem::path& manifest);

}  // namespace genie::plugin
