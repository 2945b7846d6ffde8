// GE05xx: schedules (V4, V5) and policies.
#include "codes_tables.hpp"

namespace genie::plan::detail {

std::span<const CodeInfo> schedule_codes() { return {}; }

}  // namespace genie::plan::detail
