// The unit of the control channel: a header of fixed size, the message's own bytes, and the payloads it carries.
//
//   u32 check | u16 type | u16 flags | u64 id | u32 message bytes | u32 checksum | u64 payload bytes
//
// The check is a CRC-32 of "GNW1" and the rest of the header: a length that was damaged on the way would be waited for. Flag 1: the
// checksum is there; else it is 0.
//
// docs/protocol.md is the contract. Nothing is allocated for a length before the bytes arrive (net/connection.cpp).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace genie::remote {

/// What a frame is about. Numbers are for ever.
enum class Type : std::uint16_t {
  hello = 1,
  auth = 2,
  welcome = 3,
  refused = 4,
  ping = 10,
  pong = 11,
  done = 20,
  failed = 21,
  prepare = 30,
  blob = 31,
  compile = 32,
  release_program = 33,
  open_session = 34,
  close_session = 35,
  step = 36,
  cancel = 37,
  value = 38,
  release_value = 39,
  read_state = 40,
  write_state = 41,
  stats = 42,
  goodbye = 43,
  watch = 44,
  event = 45,
  go_on = 46,
  look = 47,
  describe = 48,
  data_paths = 50,
  data_open = 51,
  data_use = 52,
};
[[nodiscard]] bool known(std::uint16_t type);
[[nodiscard]] std::string_view name(Type type);

inline constexpr std::size_t kHeaderBytes = 32;
inline constexpr std::size_t kPayloadAlign = 64;

struct Header {
  Type type = Type::ping;
  std::uint64_t id = 0;  ///< of a request; its answer has the same one
  std::uint32_t message_bytes = 0;
  std::uint64_t payload_bytes = 0;
  std::optional<std::uint32_t>
      checksum;  ///< CRC-32 of message and payload, where the sender wants them checked
};

/// How large frames may be. Before a peer has proved who it is, hardly anything is accepted.
struct Limits {
  std::uint32_t message_bytes = 0;
  std::uint64_t payload_bytes = 0;
};
inline constexpr Limits kStranger{64u << 10, 0};
inline constexpr Limits kTrusted{1u << 30, std::uint64_t{16} << 30};

using RawHeader = std::array<std::byte, kHeaderBytes>;
/// Writes the check of the other bytes.
void seal(RawHeader& raw);
[[nodiscard]] RawHeader encode(const Header& header);
/// Nothing for bytes that are no header within the limits; `why` then says what is wrong.
[[nodiscard]] std::optional<Header> decode_header(const std::byte* bytes, const Limits& limits,
                                                  std::string& why);

/// Memory that payloads arrived in, 64-byte aligned.
struct Buffer {
  explicit Buffer(std::size_t bytes);
  /// Memory of somebody else, who is held.
  Buffer(std::byte* at, std::size_t bytes, std::shared_ptr<const void> its_owner)
      : data(at), size(bytes), owner(std::move(its_owner)) {}
  Buffer(const Buffer&) = delete;
  ~Buffer();
  std::byte* data = nullptr;
  std::size_t size = 0;
  std::shared_ptr<const void> owner;  ///< null: the memory is its own
};

/// A frame that arrived.
struct Frame {
  Header header;
  std::string message;
  std::shared_ptr<Buffer> payload;  ///< null: none

  [[nodiscard]] Type type() const { return header.type; }
  [[nodiscard]] std::uint64_t id() const { return header.id; }
  [[nodiscard]] std::size_t bytes() const {
    return kHeaderBytes + message.size() + static_cast<std::size_t>(header.payload_bytes);
  }
};

/// Whether message and payload are those that the checksum was made of; true where there is none.
[[nodiscard]] bool intact(const Frame& frame);

/// Bytes that go out as they lie, held until they are gone. `gap`: bytes of nothing before them.
struct Piece {
  const void* data = nullptr;
  std::size_t size = 0;
  std::size_t gap = 0;
  std::shared_ptr<const void> hold;
};

/// A frame to be sent.
struct Outgoing {
  Type type = Type::ping;
  std::uint64_t id = 0;
  std::string message;
  std::vector<Piece> payload;
  bool checked = false;  ///< with a checksum
  /// Of a value: how much later than planned it may arrive without making the step longer.
  std::optional<std::uint64_t> slack_ns = std::nullopt;

  [[nodiscard]] std::uint64_t payload_bytes() const {
    std::uint64_t total = 0;
    for (const Piece& piece : payload)
      total += piece.gap + piece.size;
    return total;
  }
};
/// Puts a frame behind those that wait, but a value before the values with more slack that are last. The first `under_way` frames stay.
void queue_up(std::deque<Outgoing>& waiting, Outgoing frame, std::size_t under_way = 0);
/// Reads all that the frame carries where it is checked.
[[nodiscard]] Header header_of(const Outgoing& frame);

/// What lies in the gaps.
inline constexpr std::byte kNothing[kPayloadAlign] = {};

}  // namespace genie::remote
