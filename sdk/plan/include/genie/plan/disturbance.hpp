// What goes wrong while a schedule runs on the virtual clock: the event simulator asks, the emulator's faults answer.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "genie/plan/schedule.hpp"

namespace genie::plan {

/// One sending of a transfer's bytes over a route that crosses something.
struct Sending {
  const Transfer* transfer = nullptr;
  std::string_view from, to;            ///< device ids, "" for the client
  std::span<const std::string> places;  ///< link ids in order, or one "bus:HOST"
  std::uint32_t attempt = 0;            ///< 0, then one more for each time it is sent again
  std::uint64_t sent_ns = 0;            ///< its first byte left
  std::uint64_t left_ns = 0;            ///< its last byte left
  std::uint64_t latency_ns = 0;         ///< of the route
};

struct SendingOutcome {
  std::optional<std::uint64_t> arrives_ns;  ///< nothing: it never does, or cannot be used
  std::optional<std::uint64_t> again_ns;    ///< when the sender, still without an answer, acts
  bool give_up = false;                     ///< what it does then: stop, instead of sending again
  bool twice = false;  ///< the network delivers a second copy, which takes the route once more
};

struct StageOutcome {
  std::uint64_t end_ns = 0;
  std::optional<std::uint64_t> given_up_ns;  ///< before that, nobody waits any longer
};

/// Asked in the order of virtual time; the answers decide what follows.
class Disturbance {
 public:
  virtual ~Disturbance() = default;
  /// When a stage ends that starts now and would take work_ns on an undisturbed device.
  [[nodiscard]] virtual StageOutcome stage(const Stage& stage, std::uint64_t start_ns,
                                           std::uint64_t work_ns) = 0;
  /// What becomes of a sending whose last byte has left.
  [[nodiscard]] virtual SendingOutcome sending(const Sending& sending) = 0;
  /// When the device is gone for good; nothing: never. The same whenever it is asked.
  [[nodiscard]] virtual std::optional<std::uint64_t> gone_ns(std::string_view device) = 0;
};

/// Why a call ended before it was done.
struct Halt {
  enum class Why : std::uint8_t { device_gone, stage_given_up, transfer_given_up };
  Why why = Why::device_gone;
  std::uint64_t at_ns = 0;
  std::string
      device;  ///< that is gone, or that does not answer; of a transfer: the receiver, "" for the client
  std::string
      stage;  ///< that was running, was next, or waits for the transfer; may be empty for one to the client
  std::string transfer;  ///< that was given up, or that the device had still to send or receive
};

struct DisturbedTimeline {
  /// Of what ended; the makespan is when the call ended or was halted.
  Timeline timeline;
  std::vector<Event> interrupted;  ///< what was under way at the halt, cut off there
  std::optional<Halt> halt;
};

/// simulate() of one micro-batch, disturbed. Nothing that a disturbance leaves alone takes another time than there.
[[nodiscard]] Result<DisturbedTimeline> simulate_disturbed(const Plan& scheduled, std::string_view method,
                                                           const Topology& topology, const Costs& costs,
                                                           Disturbance& disturbance);

}  // namespace genie::plan
