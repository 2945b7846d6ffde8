// A fast estimate of one method under an assignment of nodes to devices: time, bytes moved, memory.
//
// The search calls it thousands of times, so it simplifies what the plan library's simulator does exactly: messages from one
// place to another queue up, links are not shared with other pairs, and memory is counted in stage order. The best
// candidates are judged by the simulator afterwards (place.cpp).
#pragma once

#include <vector>

#include "problem.hpp"

namespace genie::policy {

/// Device per node of one method.
using Assignment = std::vector<DeviceNumber>;

/// Nodes that run together. Local node numbers, ascending.
struct StageNodes {
  DeviceNumber device = 0;
  std::uint8_t kernels = 0;
  Index level = 0;  ///< how many times something crossed devices before it
  std::vector<Index> nodes;
};

/// Stages in an order that runs. `fine`: a stage begins where something comes from another device and ends where something
/// leaves for one, so that nothing waits without need; otherwise stages are as few as the dependences between devices allow.
[[nodiscard]] std::vector<StageNodes> form_stages(const Problem& problem, const MethodGraph& method,
                                                  const Assignment& assignment, bool fine);

/// Each node a stage of its own, in document order.
[[nodiscard]] std::vector<StageNodes> listed_stages(const Problem& problem, const MethodGraph& method,
                                                    const Assignment& assignment);
/// Each node a stage of its own, in the order of list scheduling: of the nodes whose inputs are made, the one with the longest
/// way to the end goes first. What needs no waiting for others then does not wait.
[[nodiscard]] std::vector<StageNodes> ranked_stages(const Problem& problem, const MethodGraph& method,
                                                    const Assignment& assignment);
/// The same, but what would only wait behind others goes into a gap before them that is long enough. Takes time in the square of
/// the nodes.
[[nodiscard]] std::vector<StageNodes> filled_stages(const Problem& problem, const MethodGraph& method,
                                                    const Assignment& assignment);

/// What earlier methods left on the devices.
struct Resident {
  std::vector<DeviceSet> blobs;          ///< per blob: devices that have it
  std::vector<DeviceNumber> states;      ///< per state: its device, kNowhere if none yet
  std::vector<std::uint64_t> bytes;      ///< per device
  std::vector<std::uint64_t> most_live;  ///< per device: the most that any placed method needs beside
};
inline constexpr DeviceNumber kNowhere = 0xffff;
[[nodiscard]] Resident nothing_resident(const Problem& problem);
/// A blob on every device, whoever uses it.
void replicate(const Problem& problem, Index blob, Resident& resident);
/// Adds what a method's assignment makes resident, and `live` bytes beside.
void make_resident(const Problem& problem, const MethodGraph& method, const Assignment& assignment,
                   const std::vector<std::uint64_t>& live, Resident& resident);

struct Estimate {
  std::uint64_t time_ns = 0;
  std::uint64_t busiest_ns = 0;  ///< of one device, or of one way between two places
  std::uint64_t wire_bytes = 0;
  Index crossings = 0;    ///< values times devices that they are sent to
  bool reachable = true;  ///< false when something must cross where nothing connects
  std::vector<std::uint64_t>
      resident_bytes;                     ///< per device: weights and states, with those of earlier methods
  std::vector<std::uint64_t> live_bytes;  ///< per device: the most that values need at one time
  std::vector<std::uint64_t> stage_live_bytes;  ///< per stage: what its device needs for values while it runs
  [[nodiscard]] std::uint64_t needs(std::size_t device) const {
    return resident_bytes[device] + live_bytes[device];
  }
  /// Bytes beyond the budgets, all devices together.
  [[nodiscard]] std::uint64_t excess(const std::vector<std::uint64_t>& memory) const;
};

/// Keeps its buffers between calls. One per search.
class Estimator {
 public:
  Estimator(const Problem& problem, const MethodGraph& method, const Resident& resident);
  [[nodiscard]] const Estimate& of_stages(const std::vector<StageNodes>& stages);
  [[nodiscard]] const Estimate& of(const Assignment& assignment) {
    return of_stages(form_stages(problem_, method_, assignment, true));
  }
  /// Estimates made so far: the search's measure of work.
  [[nodiscard]] std::uint64_t calls() const { return calls_; }

 private:
  void time(const std::vector<StageNodes>& stages);
  /// When a message arrives that is sent after all others of its path.
  std::uint64_t send(std::size_t from, std::size_t to, std::uint64_t at_ns, std::uint64_t bytes);
  void residents(const std::vector<StageNodes>& stages);
  void live(const std::vector<StageNodes>& stages);

  const Problem& problem_;
  const MethodGraph& method_;
  const Resident& resident_;
  Estimate result_;
  std::uint64_t calls_ = 0;
  std::vector<Index> stage_of_;             // per node
  std::vector<std::uint64_t> stage_end_;    // per stage
  std::vector<std::uint64_t> device_free_;  // per device
  std::vector<std::uint64_t> arrival_;      // value × device, 0: not sent
  std::vector<std::uint64_t> path_free_;    // (devices + 1)²: when the last message has left
  std::vector<std::uint64_t> path_busy_;    // (devices + 1)²
  std::vector<std::uint64_t> device_busy_;  // per device
  std::vector<Index> method_outputs_;       // values, in the order in which they are made
  std::vector<Index> last_stage_;           // value × device: last stage there that reads it, plus 1
  std::vector<Index> last_node_;            // value: last reader inside the stage being looked at
  std::vector<std::uint64_t> freed_;        // per position in a stage
  std::vector<std::uint64_t> released_;     // per stage: bytes its device gets back when it ends
};

}  // namespace genie::policy
