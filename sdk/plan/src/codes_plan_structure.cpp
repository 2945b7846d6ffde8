// GE0340…GE0399: a plan's structure (V2).
#include "codes_tables.hpp"

namespace genie::plan::detail {

std::span<const CodeInfo> plan_structure_codes() { return {}; }

}  // namespace genie::plan::detail
