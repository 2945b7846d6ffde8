// Writing result files: whole or not at all.
#pragma once

#include <filesystem>
#include <string_view>

#include "genie/plan/result.hpp"

namespace genie::report {

/// Makes the folder, writes beside the file and renames, so that nobody reads half a report. GE0003 names the file and why.
[[nodiscard]] plan::Status write_file(const std::filesystem::path& path, std::string_view text);

}  // namespace genie::report
