// A timeline drawn in text: a row for each device and for each link that carried something.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "format.hpp"
#include "timeline.hpp"

namespace genie::report {

struct TimelineView {
  std::string_view title = "timeline";
  std::vector<std::string> devices;  ///< their order; others follow
  std::size_t shown_devices = 0;     ///< rows; 0: all. The busiest are kept
  std::size_t shown_links = 0;       ///< rows; 0: all. Those that carried most are kept
};

/// One line for the scale, then one for each row. In a row, a column is a slice of time: a device's is as high as the share
/// of the slice in which it computed, and else says what it waited for; a link's is as high as the share in which it carried
/// something. A stage's id stands where it begins, if there is room.
[[nodiscard]] std::vector<std::string> timeline_lines(const CallTimeline& call,
                                                      const plan::MethodSchedule& scheduled,
                                                      const TimelineView& view, const Style& style);

/// What the signs of a timeline mean, in one line.
[[nodiscard]] std::string timeline_legend(const Style& style);

}  // namespace genie::report
