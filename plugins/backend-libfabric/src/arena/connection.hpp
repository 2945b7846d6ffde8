// The arena path: two ends on one host that map the same memory.
#pragma once

#include <memory>

#include "../datapath/connection.hpp"

namespace genie::arena {

/// Which of the two opens the meeting.
enum class Role : std::uint8_t { waits, goes };

/// Bytes of one message at most.
inline constexpr std::size_t kMaxMessage = 256 * 1024;

/// An end on this host. The meeting is open from now on, so that the peer may come at any time.
[[nodiscard]] Expected<std::unique_ptr<datapath::End>> open_end(Role role, datapath::WaitOptions options);

}  // namespace genie::arena
