// Where the time and the bytes of a run went, in lines: the middle of the report.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "format.hpp"
#include "report.hpp"

namespace genie::report {

using Lines = std::vector<std::string>;

/// How many rows each part may take; 0: as many as there are.
struct TimeRows {
  std::size_t devices = 4;
  std::size_t links = 3;
  std::size_t waits = 2;
  std::size_t modules = 4;
};

struct TimeText {
  Lines table;     ///< per device: computing, waiting for transfers, idle, memory, modules
  Lines modules;   ///< the user's modules that took longest
  Lines legend;    ///< of the timeline
  Lines timeline;  ///< of the slowest call, and per link its bytes
  Lines waits;     ///< the critical path of that call, and the longest pauses of devices
};

/// Parts that nothing is known for are empty. `elapsed_ns` is the time of all measured steps.
[[nodiscard]] TimeText time_text(const RunReport& report, std::uint64_t elapsed_ns, const TimeRows& rows,
                                 const Style& style);

/// What is foreseen for a call of each method, or of the named one: timeline, critical path, pauses.
[[nodiscard]] plan::Result<std::string> predicted_text(const plan::Plan& plan, const plan::Topology& topology,
                                                       const std::string& method, const Style& style);
/// The same as a JSON object.
[[nodiscard]] plan::Result<std::string> predicted_json(const plan::Plan& plan, const plan::Topology& topology,
                                                       const std::string& method);

/// The lines "path" and "wait" of one call, longest pauses first.
[[nodiscard]] Lines wait_lines(const CallTimeline& call, const plan::Plan& plan, std::size_t shown,
                               const Style& style);

/// What the links carried in all measured steps, the most first, a line for each.
[[nodiscard]] Lines link_lines(const RunReport& report, std::size_t shown, const Style& style);

/// A text in the column of labels: "  path       ".
[[nodiscard]] std::string labelled(const Style& style, std::string_view label, std::string_view text);
inline constexpr std::size_t kLabelColumns = 11;

}  // namespace genie::report
