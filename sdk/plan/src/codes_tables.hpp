// One table of diagnostic codes per range; codes.cpp puts them together. Each table is ascending.
#pragma once

#include <span>

#include "genie/plan/codes.hpp"

namespace genie::plan::detail {

[[nodiscard]] std::span<const CodeInfo> usage_codes();   ///< GE00xx usage and configuration
[[nodiscard]] std::span<const CodeInfo> plugin_codes();  ///< GE01xx plug-ins
[[nodiscard]] std::span<const CodeInfo> source_codes();  ///< GE02xx sources and archives
[[nodiscard]] std::span<const CodeInfo> plan_codes();    ///< GE0301…GE0339 bytes and schema (V0, V1)
[[nodiscard]] std::span<const CodeInfo> plan_structure_codes();  ///< GE0340…GE0399 structure (V2)
[[nodiscard]] std::span<const CodeInfo> type_codes();            ///< GE04xx types (V3)
[[nodiscard]] std::span<const CodeInfo> schedule_codes();        ///< GE05xx schedules (V4, V5) and policies
[[nodiscard]] std::span<const CodeInfo> scheduler_codes();  ///< GE0580…GE0599 the host's half of scheduling
[[nodiscard]] std::span<const CodeInfo> execution_codes();  ///< GE0600…GE0629 execution by backends
[[nodiscard]] std::span<const CodeInfo> kernel_codes();     ///< GE0630…GE0649 kernels
[[nodiscard]] std::span<const CodeInfo> runtime_codes();    ///< GE0650…GE0699 steps, sessions and blobs
[[nodiscard]] std::span<const CodeInfo> verify_codes();     ///< GE07xx verification and tensors
[[nodiscard]] std::span<const CodeInfo> worker_codes();     ///< GE0800…GE0849 remote workers
[[nodiscard]] std::span<const CodeInfo> datapath_codes();   ///< GE0850…GE0869 data between peers
[[nodiscard]] std::span<const CodeInfo> bug_codes();        ///< GE09xx bugs in Genie

}  // namespace genie::plan::detail
