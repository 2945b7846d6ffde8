// The host's own copies of plug-in tables (A9): zeroed, filled with what the plug-in has, holes answering UNIMPLEMENTED. No
// slot is ever null at a call site, whatever struct_size the plug-in was built with.
#pragma once

#include <cstring>
#include <optional>

#include "genie/genie.h"

namespace genie::plugin {

/// raw: what get_interface returned, not null. Nothing when the table is too small to create and destroy instances. A larger
/// table's tail is ignored, a smaller one's missing slots become stubs.
template <class Table>
[[nodiscard]] std::optional<Table> copy_table(const void* raw);

extern template std::optional<genie_frontend_v1> copy_table(const void*);
extern template std::optional<genie_policy_v1> copy_table(const void*);
extern template std::optional<genie_backend_v1> copy_table(const void*);
extern template std::optional<genie_kernels_v1> copy_table(const void*);
extern template std::optional<genie_service_v1> copy_table(const void*);

}  // namespace genie::plugin
