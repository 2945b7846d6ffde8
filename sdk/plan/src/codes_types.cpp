// GE04xx: ops, signatures, shapes and dtypes (V3).
#include "codes_tables.hpp"

namespace genie::plan::detail {

std::span<const CodeInfo> type_codes() { return {}; }

}  // namespace genie::plan::detail
