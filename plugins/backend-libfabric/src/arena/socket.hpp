// The Unix socket between two ends on one host: it hands memory files over, it is the doorbell, and its end says that the peer
// is gone.
//
// A doorbell that is a socket rather than a futex or an eventfd cannot be made to block by a hostile peer (it shares no file
// flags), sleeps on the same descriptor that tells of the peer's death, and wakes a worker that watches many.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "../datapath/deadline.hpp"
#include "../datapath/fd.hpp"
#include "genie/cpp/core.hpp"

namespace genie::arena {

/// What one end hands to the other beside a file.
struct Handover {
  std::uint64_t id = 0;
  std::uint64_t size = 0;  ///< of the file, in bytes
};

class Socket {
 public:
  explicit Socket(datapath::Fd fd) : fd_(std::move(fd)) {}
  [[nodiscard]] int get() const { return fd_.get(); }

  /// Wakes the peer. Never blocks; a peer with unheard rings needs no more.
  void ring() const;
  /// Sends a file. Waits while the peer's queue is full.
  [[nodiscard]] Outcome hand_over(const Handover& what, int file, datapath::Deadline deadline) const;

  struct Taken {
    enum class What : std::uint8_t { nothing, ring, handover, ended, nonsense } what = What::nothing;
    Handover handover = {};
    datapath::Fd file = {};
  };
  /// What came next, without blocking.
  [[nodiscard]] Taken take() const;
  /// Waits for a file; rings are passed over.
  [[nodiscard]] Expected<Taken> await(datapath::Deadline deadline) const;

 private:
  datapath::Fd fd_;
};

/// Where one end waits for the other: a socket in the abstract namespace, under a name and with a secret that nobody can guess.
/// To connect, the peer must be in the same network namespace of the same host; to be accepted, it must have the same user and the
/// secret, which went over the control channel.
class Meeting {
 public:
  [[nodiscard]] static Expected<Meeting> open();
  [[nodiscard]] const std::string& name() const { return name_; }
  [[nodiscard]] std::uint64_t secret() const { return secret_; }
  /// Waits for the one peer that knows the secret; others are turned away.
  [[nodiscard]] Expected<Socket> accept(datapath::Deadline deadline);

 private:
  Meeting(datapath::Fd fd, std::string name, std::uint64_t secret)
      : fd_(std::move(fd)), name_(std::move(name)), secret_(secret) {}
  datapath::Fd fd_;
  std::string name_;
  std::uint64_t secret_;
};

/// Goes to a meeting that a peer has opened. NOT_FOUND: there is none of this name here, so the peer is on another host (or in
/// another network namespace).
[[nodiscard]] Expected<Socket> go_to_meeting(std::string_view name, std::uint64_t secret,
                                             datapath::Deadline deadline);

/// A number from the system's generator.
[[nodiscard]] std::uint64_t random_number();

}  // namespace genie::arena
