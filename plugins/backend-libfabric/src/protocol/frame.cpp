#include "protocol/frame.hpp"

#include <zlib.h>

#include <algorithm>
#include <cstdlib>
#include <new>

#include "protocol/bytes.hpp"

namespace genie::remote {

namespace {

struct Named {
  Type type;
  std::string_view name;
};
constexpr Named kTypes[] = {
    {Type::hello, "hello"},
    {Type::auth, "auth"},
    {Type::welcome, "welcome"},
    {Type::refused, "refused"},
    {Type::ping, "ping"},
    {Type::pong, "pong"},
    {Type::done, "done"},
    {Type::failed, "failed"},
    {Type::prepare, "prepare"},
    {Type::blob, "blob"},
    {Type::compile, "compile"},
    {Type::release_program, "release_program"},
    {Type::open_session, "open_session"},
    {Type::close_session, "close_session"},
    {Type::step, "step"},
    {Type::cancel, "cancel"},
    {Type::value, "value"},
    {Type::release_value, "release_value"},
    {Type::read_state, "read_state"},
    {Type::write_state, "write_state"},
    {Type::stats, "stats"},
    {Type::goodbye, "goodbye"},
    {Type::watch, "watch"},
    {Type::event, "event"},
    {Type::go_on, "go_on"},
    {Type::look, "look"},
    {Type::describe, "describe"},
    {Type::data_paths, "data_paths"},
    {Type::data_open, "data_open"},
    {Type::data_use, "data_use"},
};

constexpr std::uint16_t kChecked = 1;

std::uint32_t checksum_of(std::uint32_t before, const void* bytes, std::size_t size) {
  return static_cast<std::uint32_t>(::crc32_z(before, static_cast<const Bytef*>(bytes), size));
}

/// Of a header: what its first four bytes should be.
std::uint32_t check_of(const std::byte* header) {
  constexpr std::string_view kProtocol = "GNW1";
  const std::uint32_t begun = checksum_of(0, kProtocol.data(), kProtocol.size());
  return checksum_of(begun, header + sizeof begun, kHeaderBytes - sizeof begun);
}

}  // namespace

bool known(std::uint16_t type) {
  return std::ranges::any_of(kTypes,
                             [&](const Named& t) { return static_cast<std::uint16_t>(t.type) == type; });
}

std::string_view name(Type type) {
  const auto at = std::ranges::find(kTypes, type, &Named::type);
  return at == std::end(kTypes) ? "unknown" : at->name;
}

void seal(RawHeader& raw) {
  const std::uint32_t check = check_of(raw.data());
  std::memcpy(raw.data(), &check, sizeof check);
}

RawHeader encode(const Header& header) {
  Encoder out;
  out.number(std::uint32_t{0})
      .number(static_cast<std::uint16_t>(header.type))
      .number(header.checksum ? kChecked : std::uint16_t{0})
      .number(header.id)
      .number(header.message_bytes)
      .number(header.checksum.value_or(0))
      .number(header.payload_bytes);
  const std::string bytes = out.take();
  RawHeader raw{};
  std::memcpy(raw.data(), bytes.data(), raw.size());
  seal(raw);
  return raw;
}

std::optional<Header> decode_header(const std::byte* bytes, const Limits& limits, std::string& why) {
  Decoder in({reinterpret_cast<const char*>(bytes), kHeaderBytes});
  const auto check = in.number<std::uint32_t>();
  const auto type = in.number<std::uint16_t>();
  const auto flags = in.number<std::uint16_t>();
  Header header;
  header.id = in.number<std::uint64_t>();
  header.message_bytes = in.number<std::uint32_t>();
  const auto checksum = in.number<std::uint32_t>();
  header.payload_bytes = in.number<std::uint64_t>();
  if (check != check_of(bytes))
    why = "the bytes are not of Genie's protocol, or were damaged on the way";
  else if (!known(type))
    why = "message type " + std::to_string(type) + " is unknown";
  else if ((flags & ~kChecked) != 0 || (flags == 0 && checksum != 0))
    why = "reserved bits are set";
  else if (header.message_bytes > limits.message_bytes)
    why = "a message of " + std::to_string(header.message_bytes) + " bytes; at most " +
          std::to_string(limits.message_bytes) + " are accepted";
  else if (header.payload_bytes > limits.payload_bytes)
    why = "a payload of " + std::to_string(header.payload_bytes) + " bytes; at most " +
          std::to_string(limits.payload_bytes) + " are accepted";
  else {
    header.type = static_cast<Type>(type);
    if (flags == kChecked) header.checksum = checksum;
    return header;
  }
  return std::nullopt;
}

bool intact(const Frame& frame) {
  if (!frame.header.checksum) return true;
  std::uint32_t sum = checksum_of(0, frame.message.data(), frame.message.size());
  if (frame.payload) sum = checksum_of(sum, frame.payload->data, frame.payload->size);
  return sum == *frame.header.checksum;
}

void queue_up(std::deque<Outgoing>& waiting, Outgoing frame, std::size_t under_way) {
  auto at = waiting.end();
  const auto first = waiting.begin() + static_cast<std::ptrdiff_t>(std::min(under_way, waiting.size()));
  if (frame.slack_ns)
    while (at != first && std::prev(at)->slack_ns && *std::prev(at)->slack_ns > *frame.slack_ns)
      --at;
  waiting.insert(at, std::move(frame));
}

Header header_of(const Outgoing& frame) {
  Header header{frame.type, frame.id, static_cast<std::uint32_t>(frame.message.size()), frame.payload_bytes(),
                std::nullopt};
  if (!frame.checked) return header;
  std::uint32_t sum = checksum_of(0, frame.message.data(), frame.message.size());
  for (const Piece& piece : frame.payload) {
    sum = checksum_of(sum, kNothing, piece.gap);
    sum = checksum_of(sum, piece.data, piece.size);
  }
  header.checksum = sum;
  return header;
}

Buffer::Buffer(std::size_t bytes) : size(bytes) {
  const std::size_t rounded =
      (std::max<std::size_t>(bytes, 1) + kPayloadAlign - 1) / kPayloadAlign * kPayloadAlign;
  data = static_cast<std::byte*>(std::aligned_alloc(kPayloadAlign, rounded));
  if (data == nullptr) throw std::bad_alloc();
}

Buffer::~Buffer() {
  if (!owner) std::free(data);
}

}  // namespace genie::remote
