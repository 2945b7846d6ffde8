// The seam of the data path: how two peers that know each other over a control channel move bytes.
//
// Each side opens an End of the same path ("arena" or a libfabric provider), sends its address() to the other over the
// control channel, and calls connect() with the other's. From then on each side may
//   * expose arenas: the descriptor of the exposure goes to the peer inside a message, and the peer reaches the memory by it;
//   * write into and read from what the peer exposed, without the peer's help;
//   * send and receive short messages, which never overtake earlier writes of the same side.
// On the arena path an imported region is the same memory: RemoteRegion::shared() is it, and nothing need be moved.
//
// All members are [any-thread] unless they say otherwise. Whoever waits also makes the connection's progress, for all: while a
// peer moves bytes, or the last message sent is a long one, somebody must be inside receive(), wait() or close(), as a worker's
// connection thread always is.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "../arena/arena.hpp"
#include "deadline.hpp"
#include "genie/cpp/core.hpp"
#include "memory.hpp"

namespace genie::datapath {

using Message = std::vector<std::byte>;

/// What a connection can do; nothing of it is assumed.
struct Facts {
  std::string path;     ///< "arena", or the name that the provider gives itself: "net", "verbs;ofi_rxm"
  std::string version;  ///< of the path: "libfabric 1.17 net 117.0"
  std::string peer;     ///< the peer's address, for people
  std::uint64_t max_message = 0;   ///< bytes of one message, at most
  std::uint64_t max_transfer = 0;  ///< bytes of one operation of the provider; longer transfers are split
  std::uint64_t inline_size = 0;   ///< a message up to this leaves without a buffer of its own
  bool shared = false;             ///< imported regions are the same memory here
  bool sleeps_on_fd = true;        ///< an idle wait sleeps on a descriptor (else: in naps of up to 5 ms)
  bool ordered_after_writes =
      false;  ///< messages follow writes by the provider's own order (else: writes are awaited first)
};

/// Counted since the connection was made.
struct Traffic {
  std::uint64_t messages_sent = 0, messages_received = 0, message_bytes_sent = 0, message_bytes_received = 0;
  std::uint64_t transfers = 0, bytes_written = 0, bytes_read = 0;
  std::uint64_t bytes_staged = 0;   ///< of those written, the ones that were copied first
  std::uint64_t registrations = 0;  ///< of memory; a cached one counts once
};

/// An arena that the peer may reach. It is withdrawn when the last owner lets go, at the latest with the connection: some providers
/// keep registrations for later, and a peer on the same host keeps its mapping, so that an arena is never given to another peer.
class Region {
 public:
  virtual ~Region() = default;
  [[nodiscard]] virtual const std::shared_ptr<arena::Arena>& arena() const = 0;
  /// What the peer imports. At most 64 bytes.
  [[nodiscard]] virtual std::span<const std::byte> descriptor() const = 0;
};

/// What the peer exposed.
class RemoteRegion {
 public:
  virtual ~RemoteRegion() = default;
  [[nodiscard]] virtual MemoryKind kind() const = 0;
  [[nodiscard]] virtual std::uint64_t size() const = 0;
  /// The memory itself where both ends share it, else of size 0. The peer may change it at any time: what is judged is
  /// copied out first.
  [[nodiscard]] virtual Memory shared() const = 0;
};

/// A part of the peer's memory.
struct Remote {
  std::shared_ptr<RemoteRegion> region;
  std::uint64_t offset = 0;
};

/// A write or read under way. Copies mean the same transfer.
class Transfer {
 public:
  struct State {
    virtual ~State() = default;
    Deadline deadline;
  };
  explicit Transfer(std::shared_ptr<State> state) : state_(std::move(state)) {}
  [[nodiscard]] const std::shared_ptr<State>& state() const { return state_; }

 private:
  std::shared_ptr<State> state_;
};

class Connection {
 public:
  /// Closes at once. What is under way is cancelled before the memory it uses is released.
  virtual ~Connection() = default;

  [[nodiscard]] virtual const Facts& facts() const = 0;
  [[nodiscard]] virtual Traffic traffic() const = 0;

  /// Lets the peer read and write an arena, as long as the region lives.
  [[nodiscard]] virtual Expected<std::shared_ptr<Region>> expose(std::shared_ptr<arena::Arena> memory,
                                                                 Deadline deadline) = 0;
  /// Makes what the peer exposed reachable. The descriptor is judged here; the peer's exposure of it may still be on its way.
  [[nodiscard]] virtual Expected<std::shared_ptr<RemoteRegion>> import(std::span<const std::byte> descriptor,
                                                                       Deadline deadline) = 0;

  /// Starts to put memory.size bytes into the peer's memory. Complete means: there. Blocks only while the queue is full.
  [[nodiscard]] virtual Expected<Transfer> write(const Local& from, const Remote& to, Deadline deadline) = 0;
  /// Starts to fetch memory.size bytes from the peer's memory.
  [[nodiscard]] virtual Expected<Transfer> read(const Remote& from, const Local& to, Deadline deadline) = 0;
  /// Waits until a transfer is complete, or its deadline. After an error its bytes are undefined.
  [[nodiscard]] virtual Outcome wait(const Transfer& transfer) = 0;

  /// Sends a message; the bytes may be reused on return. Whoever receives it sees all earlier writes of this side. Blocks while
  /// the peer has no room.
  [[nodiscard]] virtual Outcome send(std::span<const std::byte> message, Deadline deadline) = 0;
  /// The next message: the bytes are this side's own.
  [[nodiscard]] virtual Expected<Message> receive(Deadline deadline) = 0;

  /// Gives the connection up: everything that waits, or is asked for later, ends with this error. The first one counts.
  virtual void fail(genie::Error why) = 0;
  /// Takes no more work, waits until what is under way is done and the peer has let go too, and closes. An error says what was
  /// left undone; it is closed all the same.
  virtual Outcome close(Deadline deadline) = 0;
};

/// One side of a connection to be.
class End {
 public:
  virtual ~End() = default;
  /// What the peer needs; goes over the authenticated control channel, for it may hold a secret. At most 512 bytes.
  [[nodiscard]] virtual std::span<const std::byte> address() const = 0;
  /// Meets the peer, which does the same, and proves that bytes get through both ways. Once.
  [[nodiscard]] virtual Expected<std::unique_ptr<Connection>> connect(std::span<const std::byte> peer_address,
                                                                      Deadline deadline) = 0;
};

/// How waits behave: spin first, for what is about to happen, then sleep.
struct WaitOptions {
  std::chrono::nanoseconds spin = std::chrono::microseconds(20);
};

}  // namespace genie::datapath
