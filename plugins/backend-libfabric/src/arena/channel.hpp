// What both ends of an arena connection map from its beginning: a ring each way, and what each tells the other about itself.
#pragma once

#include <array>
#include <atomic>
#include <memory>

#include "arena.hpp"
#include "ring.hpp"

namespace genie::arena {

/// Interests of waits; bits, as `sleeping` publishes them.
inline constexpr unsigned kMessage = 1;   ///< a message, or the end
inline constexpr unsigned kRoom = 2;      ///< room for a message
inline constexpr unsigned kHandover = 4;  ///< a file; comes over the socket, which wakes by itself

struct alignas(64) SideWords {
  std::atomic<std::uint32_t> sleeping;  ///< interests of the one who sleeps: ring for these
  std::atomic<std::uint32_t> closed;    ///< 1: this end sends no more
};

/// At the beginning of the channel's arena.
struct ChannelWords {
  std::array<RingWords, 2> rings;  ///< [0]: from the end that waited at the meeting, [1]: to it
  std::array<SideWords, 2> sides;
};

inline constexpr std::size_t kRingBytes = std::size_t{1} << 20;
inline constexpr std::size_t kRingsAt = 4096;
inline constexpr std::size_t kChannelSize = kRingsAt + 2 * kRingBytes;
static_assert(sizeof(ChannelWords) <= kRingsAt);

/// The end `mine` of a channel in this memory, which starts as zeros.
class Channel {
 public:
  Channel(std::shared_ptr<Arena> memory, unsigned mine, std::size_t longest)
      : memory_(std::move(memory)),
        words_(*reinterpret_cast<ChannelWords*>(memory_->bytes().data())),
        mine_(words_.sides[mine]),
        peer_(words_.sides[1 - mine]),
        out_(words_.rings[mine], memory_->bytes().subspan(kRingsAt + mine * kRingBytes, kRingBytes)),
        in_(words_.rings[1 - mine], memory_->bytes().subspan(kRingsAt + (1 - mine) * kRingBytes, kRingBytes),
            longest) {}

  [[nodiscard]] RingWriter& out() { return out_; }
  [[nodiscard]] RingReader& in() { return in_; }
  [[nodiscard]] SideWords& mine() { return mine_; }
  [[nodiscard]] SideWords& peer() { return peer_; }

 private:
  std::shared_ptr<Arena> memory_;
  ChannelWords& words_;
  SideWords& mine_;
  SideWords& peer_;
  RingWriter out_;
  RingReader in_;
};

}  // namespace genie::arena
