// The sender's account of memory that its peer exposed: which parts are free, which were written to and not given back, and which are
// reserved for payloads that somebody here makes in place.
//
// Threads: none of its own; its owner's lock is held.
#pragma once

#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "datapath/connection.hpp"
#include "protocol/frame.hpp"

namespace genie::remote {

[[nodiscard]] constexpr std::uint64_t payload_aligned(std::uint64_t bytes) {
  return (bytes + kPayloadAlign - 1) / kPayloadAlign * kPayloadAlign;
}

/// Which parts of a region are free. Parts are whole multiples of the payload's alignment.
class FreeParts {
 public:
  explicit FreeParts(std::uint64_t size) { free_.emplace(0, size); }
  [[nodiscard]] std::optional<std::uint64_t> take(std::uint64_t size);
  /// False for what was never taken.
  [[nodiscard]] bool give_back(std::uint64_t offset);
  [[nodiscard]] std::uint64_t taken_bytes() const { return taken_bytes_; }

 private:
  std::uint64_t taken_bytes_ = 0;
  std::map<std::uint64_t, std::uint64_t> free_;   // offset → size
  std::map<std::uint64_t, std::uint64_t> taken_;  // likewise
};

class PeerMemory {
 public:
  /// What the message of a frame with a payload takes at most, as far as is planned.
  static constexpr std::uint64_t kMessage = 1024;

  struct Place {
    std::uint32_t region = 0;
    std::uint64_t offset = 0;
    auto operator<=>(const Place&) const = default;
  };
  /// Where a payload can be made.
  struct Room {
    std::shared_ptr<datapath::RemoteRegion> region;  ///< keeps it mapped
    std::byte* data = nullptr;                       ///< a multiple of 64
  };

  void add(std::shared_ptr<datapath::RemoteRegion> region);
  [[nodiscard]] std::size_t regions() const { return targets_.size(); }
  [[nodiscard]] std::uint64_t bytes() const;
  [[nodiscard]] const std::shared_ptr<datapath::RemoteRegion>& region(std::uint32_t number) const {
    return targets_[number].region;
  }

  [[nodiscard]] std::optional<Place> take(std::uint64_t bytes);
  /// Room for a payload in shared memory, and for a message before it. None where it would leave less than half of every region to
  /// what is not reserved: what is reserved may be held for long.
  [[nodiscard]] std::optional<Room> reserve(std::uint64_t bytes);
  /// Nobody here uses what was reserved any more.
  void release(const std::byte* reserved);
  /// The peer is told of a payload in reserved room: where its frame begins, whose message takes so many bytes. None for other
  /// addresses, for a message that finds no room there, and while the peer has it already: what goes there a second time is given
  /// back a second time.
  [[nodiscard]] std::optional<Place> announce(const std::byte* payload, std::uint64_t message_bytes);
  /// The peer does not use it any more. False for what it was never given.
  [[nodiscard]] bool give_back(Place place);

 private:
  struct Target {
    std::shared_ptr<datapath::RemoteRegion> region;
    FreeParts parts;
  };
  struct Reservation {
    Place part;            // all of it
    bool held = true;      // by somebody here
    bool at_peer = false;  // announced, and not given back
  };
  using Reservations = std::map<const std::byte*, Reservation>;  // by the payload's address
  void forget_if_free(Reservations::iterator reservation);

  std::vector<Target> targets_;
  Reservations reservations_;
  std::map<Place, const std::byte*> reserved_parts_;
  std::map<Place, const std::byte*> announced_;
};

}  // namespace genie::remote
