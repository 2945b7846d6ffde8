// GE02xx: model sources and archives.
#include "codes_tables.hpp"

namespace genie::plan::detail {

std::span<const CodeInfo> source_codes() { return {}; }

}  // namespace genie::plan::detail
