// The registry of diagnostic codes: stable numbers, titles and long explanations.
//
// GE00xx usage, config   GE01xx plug-ins   GE02xx sources and archives   GE03xx plan bytes, schema, structure (V0–V2)
// GE04xx types (V3)      GE05xx scheduling (V4, V5, policy)   GE06xx execution   GE07xx verification and tensors   GE09xx bugs
#pragma once

#include <span>
#include <string_view>

namespace genie::plan {

struct CodeInfo {
  std::string_view code;         ///< "GE0312"
  std::string_view title;        ///< one line
  std::string_view explanation;  ///< several paragraphs: what it means, an example, what to do
};

/// All codes, ascending. The tables live in src/codes_*.cpp, one per range, so that each part of Genie owns its range.
[[nodiscard]] std::span<const CodeInfo> all_codes();
[[nodiscard]] const CodeInfo* find_code(std::string_view code);

}  // namespace genie::plan
