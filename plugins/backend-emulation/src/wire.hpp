// Messages between emulated devices, when faults are set: framed, numbered, checked. What arrives damaged is refused by its
// checksum, what arrives a second time or too late by its number. Used by the worker alone.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <utility>
#include <vector>

namespace genie::emulation {

/// One message as it is on a link: a header, then the payload.
class Frame {
 public:
  Frame(std::uint64_t sequence, std::uint32_t attempt, std::span<const std::byte> payload);

  /// Flips one bit somewhere, which `draw` decides.
  void damage(std::uint64_t draw);
  /// Whether the bytes are those that were sent (CRC-32 of everything but itself).
  [[nodiscard]] bool intact() const;
  [[nodiscard]] std::uint64_t sequence() const;
  [[nodiscard]] std::span<const std::byte> payload() const;

 private:
  std::vector<std::byte> bytes_;
};

class Wire {
 public:
  enum class Verdict : std::uint8_t { accepted, damaged, duplicate };
  /// Sender and receiver; numbers of devices, or the client's.
  using Channel = std::pair<std::uint32_t, std::uint32_t>;

  /// The number of the channel's next message; its resendings share it.
  [[nodiscard]] std::uint64_t next_sequence(const Channel& channel) { return sent_[channel]++; }
  /// What the receiver does with a frame.
  [[nodiscard]] Verdict receive(const Channel& channel, const Frame& frame);
  /// A copy that arrives later than what it repeats, at a time of the backend's clock.
  void stray(const Channel& channel, std::uint64_t arrives_ns, Frame frame);
  /// Receives the strays that have arrived by then; how many came, and whether each was refused.
  struct Strays {
    std::uint64_t refused = 0;
    bool taken = false;  ///< one was mistaken for a message that nobody had yet
  };
  [[nodiscard]] Strays receive_strays(std::uint64_t now_ns);
  /// A step ended early: whatever was sent and did not arrive is refused from now on.
  void abandon();

 private:
  struct Inbox {
    std::uint64_t floor = 0;        ///< all below were received, or are not wanted any more
    std::set<std::uint64_t> above;  ///< received out of order
  };
  std::map<Channel, std::uint64_t> sent_;
  std::map<Channel, Inbox> inboxes_;
  std::multimap<std::uint64_t, std::pair<Channel, Frame>> strays_;  // by arrival
};

}  // namespace genie::emulation
