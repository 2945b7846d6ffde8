#include "wire.hpp"

#include <boost/crc.hpp>
#include <cstring>

namespace genie::emulation {

namespace {

struct Header {
  std::uint32_t checksum = 0;  // of all that follows
  std::uint32_t attempt = 0;
  std::uint64_t sequence = 0;
  std::uint64_t payload_bytes = 0;
};

std::uint32_t checksum_of(std::span<const std::byte> bytes) {
  boost::crc_32_type crc;
  const auto rest = bytes.subspan(sizeof(std::uint32_t));
  crc.process_bytes(rest.data(), rest.size());
  return crc.checksum();
}

Header header_of(std::span<const std::byte> bytes) {
  Header header;
  std::memcpy(&header, bytes.data(), sizeof header);
  return header;
}

}  // namespace

Frame::Frame(std::uint64_t sequence, std::uint32_t attempt, std::span<const std::byte> payload)
    : bytes_(sizeof(Header) + payload.size()) {
  Header header{0, attempt, sequence, payload.size()};
  std::memcpy(bytes_.data(), &header, sizeof header);
  if (!payload.empty()) std::memcpy(bytes_.data() + sizeof header, payload.data(), payload.size());
  header.checksum = checksum_of(bytes_);
  std::memcpy(bytes_.data(), &header, sizeof header);
}

void Frame::damage(std::uint64_t draw) {
  // The payload where there is one: that is what must not get through.
  const std::size_t first = bytes_.size() > sizeof(Header) ? sizeof(Header) : 0;
  const std::uint64_t bits = (bytes_.size() - first) * 8;
  const std::uint64_t bit = draw % bits;
  bytes_[first + static_cast<std::size_t>(bit / 8)] ^= static_cast<std::byte>(1u << (bit % 8));
}

bool Frame::intact() const {
  return header_of(bytes_).checksum == checksum_of(bytes_);
}

std::uint64_t Frame::sequence() const {
  return header_of(bytes_).sequence;
}

std::span<const std::byte> Frame::payload() const {
  return std::span(bytes_).subspan(sizeof(Header));
}

Wire::Verdict Wire::receive(const Channel& channel, const Frame& frame) {
  if (!frame.intact()) return Verdict::damaged;
  Inbox& inbox = inboxes_[channel];
  const std::uint64_t sequence = frame.sequence();
  if (sequence < inbox.floor || !inbox.above.insert(sequence).second) return Verdict::duplicate;
  while (!inbox.above.empty() && *inbox.above.begin() == inbox.floor) {
    inbox.above.erase(inbox.above.begin());
    ++inbox.floor;
  }
  return Verdict::accepted;
}

void Wire::stray(const Channel& channel, std::uint64_t arrives_ns, Frame frame) {
  strays_.emplace(arrives_ns, std::pair(channel, std::move(frame)));
}

Wire::Strays Wire::receive_strays(std::uint64_t now_ns) {
  Strays came;
  while (!strays_.empty() && strays_.begin()->first <= now_ns) {
    const auto& [channel, frame] = strays_.begin()->second;
    if (receive(channel, frame) == Verdict::accepted)
      came.taken = true;
    else
      ++came.refused;
    strays_.erase(strays_.begin());
  }
  return came;
}

void Wire::abandon() {
  for (const auto& [channel, next] : sent_) {
    Inbox& inbox = inboxes_[channel];
    inbox.floor = next;
    inbox.above.clear();
  }
}

}  // namespace genie::emulation
