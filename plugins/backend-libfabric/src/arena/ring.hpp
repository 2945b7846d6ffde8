// Messages from one process to another through a ring in memory that both map.
//
// Neither end trusts the other: each keeps its own position, judges the one that the other publishes, and copies a length out
// before it believes it. A message is a length of 4 bytes and the bytes, padded to 8.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

namespace genie::arena {

/// In shared memory: what one end of a ring tells the other. Positions count bytes since the beginning and never wrap.
struct alignas(64) RingWords {
  std::atomic<std::uint64_t> written;           ///< by the writer
  alignas(64) std::atomic<std::uint64_t> read;  ///< by the reader
};
static_assert(std::atomic<std::uint64_t>::is_always_lock_free, "shared between processes");

enum class RingState : std::uint8_t { nothing, something, broken };

class RingWriter {
 public:
  /// `bytes`: a power of two. Both ends use the same words and bytes.
  RingWriter(RingWords& words, std::span<std::byte> bytes) : words_(words), bytes_(bytes) {}
  /// Whether a message of this size fits now.
  [[nodiscard]] RingState room_for(std::size_t size);
  /// Only after room_for said so.
  void push(std::span<const std::byte> message);
  /// Whether the reader has read anything since the last time this was asked.
  [[nodiscard]] bool moved();

 private:
  RingWords& words_;
  std::span<std::byte> bytes_;
  std::uint64_t written_ = 0;
  std::uint64_t seen_ = 0;
};

class RingReader {
 public:
  RingReader(RingWords& words, std::span<const std::byte> bytes, std::size_t longest)
      : words_(words), bytes_(bytes), longest_(longest) {}
  /// Whether a message is there.
  [[nodiscard]] RingState available() const;
  /// Copies the next message out. `broken`: its length is impossible.
  [[nodiscard]] RingState pop(std::vector<std::byte>& message);
  /// Whether the writer has written anything since the last time this was asked.
  [[nodiscard]] bool moved();

 private:
  RingWords& words_;
  std::span<const std::byte> bytes_;
  std::size_t longest_;
  std::uint64_t read_ = 0;
  std::uint64_t seen_ = 0;
};

/// Bytes of the ring that a message takes.
[[nodiscard]] constexpr std::uint64_t ring_size(std::size_t message) {
  return (sizeof(std::uint32_t) + message + 7) / 8 * 8;
}

}  // namespace genie::arena
