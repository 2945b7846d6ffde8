// Errors of the data path: a status, a diagnostic with its code, and the words of whoever refused.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "genie/exec/budget.hpp"

namespace genie::datapath {

inline constexpr std::string_view kPathRefused = "GE0850";   ///< a path that cannot be opened here
inline constexpr std::string_view kOperation = "GE0851";     ///< an operation that failed
inline constexpr std::string_view kDeadline = "GE0852";      ///< an operation that was not done in time
inline constexpr std::string_view kBrokenRules = "GE0853";   ///< a peer that breaks the rules
inline constexpr std::string_view kSharedMemory = "GE0854";  ///< memory that cannot be made or shared
inline constexpr std::string_view kPeerGone = "GE0855";      ///< a peer that closed or died

using exec::problem;

/// The same for a system call that set errno.
[[nodiscard]] genie::Error system_problem(std::uint32_t status, std::string_view code, std::string message,
                                          int error_number, std::string help = {});

}  // namespace genie::datapath
