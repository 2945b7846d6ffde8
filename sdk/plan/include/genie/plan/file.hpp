// Reading a document's file.
#pragma once

#include <cstddef>
#include <filesystem>
#include <string>

#include "genie/plan/json.hpp"
#include "genie/plan/result.hpp"

namespace genie::plan {

/// All bytes of a file, or GE0002 with the operating system's reason. Reads pipes too, and stops one byte beyond `most_bytes`:
/// a document that large is refused by its parser, so nothing bigger is ever held.
[[nodiscard]] Result<std::string> read_file(const std::filesystem::path& path,
                                            std::size_t most_bytes = json::Limits{}.bytes);

}  // namespace genie::plan
