// GE00xx: usage and configuration.
#include "codes_tables.hpp"

namespace genie::plan::detail {

std::span<const CodeInfo> usage_codes() { return {}; }

}  // namespace genie::plan::detail
