// GE06xx: prepare and execution.
#include "codes_tables.hpp"

namespace genie::plan::detail {

std::span<const CodeInfo> execution_codes() { return {}; }

}  // namespace genie::plan::detail
