// GE0301…GE0339: a plan's bytes and schema (V0, V1).
#include "codes_tables.hpp"

namespace genie::plan::detail {

std::span<const CodeInfo> plan_codes() { return {}; }

}  // namespace genie::plan::detail
