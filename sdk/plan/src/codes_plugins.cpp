// GE01xx: plug-ins: finding, loading and calling them.
#include "codes_tables.hpp"

namespace genie::plan::detail {

std::span<const CodeInfo> plugin_codes() { return {}; }

}  // namespace genie::plan::detail
