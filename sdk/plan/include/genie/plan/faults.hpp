// What goes wrong, when, where and for how long: the `genie.faults` document of the emulated cluster.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "genie/plan/json.hpp"
#include "genie/plan/model.hpp"
#include "genie/plan/result.hpp"
#include "genie/plan/topology.hpp"

namespace genie::plan {

enum class FaultKind : std::uint8_t {
  crash,      ///< a device is gone, with all it holds
  stall,      ///< a device makes no progress
  slow,       ///< a device takes `factor` times as long
  memory,     ///< `bytes` of a device are taken by somebody else
  drop,       ///< a link carries nothing
  partition,  ///< nothing passes between the sets of devices
  loss,       ///< messages are lost
  latency,    ///< messages take `delay_ns` longer, and their senders know
  corrupt,    ///< messages arrive damaged
  duplicate,  ///< messages arrive twice
  late        ///< messages arrive `delay_ns` late, when their senders may have sent them again
};
inline constexpr std::size_t kFaultKinds = 11;
[[nodiscard]] std::string_view name(FaultKind kind);

/// Members that a kind does not have keep their defaults. Times are virtual nanoseconds.
struct Fault {
  std::string id;  ///< by default its kind and place in the list: "crash-0"
  FaultKind kind = FaultKind::crash;
  std::string pointer;  ///< where the document says so

  // When. With a step or a stage the clock starts there, else when the backend was created.
  std::uint64_t at_ns = 0;
  std::optional<std::uint64_t> step;    ///< the first step of this number in its session
  std::string stage;                    ///< the first time this stage starts…
  std::string scope;                    ///< …or one that holds a node of this module
  std::optional<std::uint64_t> for_ns;  ///< absent: for ever
  std::optional<std::uint64_t> count;   ///< of messages at most

  // Where.
  std::string device;                          ///< crash, stall, slow, memory
  std::string link;                            ///< drop; of messages: those that cross it
  std::vector<std::vector<std::string>> sets;  ///< partition; the client is with the first
  std::string from, to;                        ///< of messages: device ids, or "client"; empty: any
  std::string transfer;                        ///< of messages: a transfer of the plan; empty: any
  std::string value;                           ///< of messages: a value of the plan; empty: any

  // How.
  double factor = 1;           ///< slow
  std::uint64_t bytes = 0;     ///< memory
  std::uint64_t delay_ns = 0;  ///< latency, late
  double probability = 1;      ///< of each message
  bool retry = true;           ///< corrupt: whether a damaged message is sent again

  [[nodiscard]] bool on_device() const { return kind <= FaultKind::memory; }
  [[nodiscard]] bool on_messages() const { return kind >= FaultKind::loss; }
};

/// Faults drawn at random; the same seed and topology draw the same ones.
struct RandomFaults {
  std::uint64_t seed = 0;
  std::uint64_t count = 0;
  std::vector<FaultKind> kinds;         ///< empty: all
  std::uint64_t steps = 1;              ///< each strikes in one of the first so many steps…
  std::uint64_t within_ns = 1'000'000;  ///< …within so long of its start
};

struct FaultScript {
  Version version;
  struct Delivery {
    std::uint64_t timeout_ns = 1'000'000;       ///< a sender waits so long for an answer, then sends again
    std::uint64_t retries = 3;                  ///< how often it does
    std::uint64_t patience_ns = 1'000'000'000;  ///< a device without progress for so long is given up
  };
  Delivery delivery;
  std::vector<Fault> faults;
  std::optional<RandomFaults> random;
  std::uint64_t seed = 0;  ///< of everything that probabilities decide
};

[[nodiscard]] Result<FaultScript> decode_faults(std::string_view bytes, const json::ReadOptions& options = {},
                                                std::string_view file = {});

/// GE0618: devices and links that the topology lacks. The pointers are the script's.
[[nodiscard]] Diagnostics check_faults(const FaultScript& script, const Topology& topology);

/// The script's own faults, then the random ones, whose ids are "random-N".
[[nodiscard]] std::vector<Fault> expand_faults(const FaultScript& script, const Topology& topology);

/// Draws of independent streams: SplitMix64's finaliser over the words (Steele et al., "Fast splittable pseudorandom number
/// generators", 2014). Uniform in [0, 2^64).
[[nodiscard]] std::uint64_t fault_draw(std::initializer_list<std::uint64_t> words);

}  // namespace genie::plan
