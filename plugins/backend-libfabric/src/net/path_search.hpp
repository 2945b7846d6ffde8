// The asking half of finding a data path over a connection that has greeted: of a client towards a worker, and of a worker towards
// another. What both have, the best that works when it is tried, and why not the others. The answering half is worker/data_meeting.
#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <vector>

#include "net/connection.hpp"
#include "protocol/messages.hpp"

namespace genie::remote {

/// What carries frames when nothing better does: the socket itself.
inline constexpr std::string_view kControl = "control";
/// How long two ends of a data path may take to meet.
inline constexpr std::chrono::seconds kMeetingLimit{5};

/// What is looked for, and where from.
struct PathWish {
  std::string provider =
      "auto";  ///< "auto" for the best, a name for no other, "none" for the control channel
  /// Paths that do not encrypt may be taken though the control channel does; memory of one host always may.
  bool plain = true;
  std::string local_address;  ///< as the other end sees this one
};

struct FoundPath {
  std::string path{kControl};
  std::vector<datapath::Finding> findings;  ///< all that were considered, with the reason for each
};

/// Sends a request over the connection and waits for its `done`; an error is what the other end answered, or the end of the connection.
using Ask = std::function<genie::Expected<Frame>(Outgoing)>;

/// Waits. Afterwards the connection uses what was found. `alive`: whether the other end is still there to try the next path with. A
/// path that is asked for by name and cannot be taken is GE0850.
[[nodiscard]] genie::Expected<FoundPath> find_data_path(Connection& connection, const PathWish& wish,
                                                        const Ask& ask, const std::function<bool()>& alive);

/// All paths there are, not only those that the search had to look at, best first: `usable` says that one could be taken. For people who
/// want to know; a search is over, and what it found stays.
[[nodiscard]] genie::Expected<std::vector<datapath::Finding>> all_paths(const PathWish& wish,
                                                                        const FoundPath& found,
                                                                        const Ask& ask);

}  // namespace genie::remote
