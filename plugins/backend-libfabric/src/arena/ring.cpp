#include "ring.hpp"

#include <algorithm>
#include <cstring>

namespace genie::arena {
namespace {

/// Copies into and out of the ring, in two pieces where its end comes between.
void copy_in(std::span<std::byte> ring, std::uint64_t position, const void* from, std::size_t size) {
  const auto at = static_cast<std::size_t>(position & (ring.size() - 1));
  const std::size_t first = std::min(size, ring.size() - at);
  if (first > 0) std::memcpy(ring.data() + at, from, first);
  if (size > first) std::memcpy(ring.data(), static_cast<const std::byte*>(from) + first, size - first);
}

void copy_out(std::span<const std::byte> ring, std::uint64_t position, void* to, std::size_t size) {
  const auto at = static_cast<std::size_t>(position & (ring.size() - 1));
  const std::size_t first = std::min(size, ring.size() - at);
  if (first > 0) std::memcpy(to, ring.data() + at, first);
  if (size > first) std::memcpy(static_cast<std::byte*>(to) + first, ring.data(), size - first);
}

}  // namespace

RingState RingWriter::room_for(std::size_t size) {
  const std::uint64_t read = words_.read.load();
  if (read > written_ || written_ - read > bytes_.size()) return RingState::broken;
  return bytes_.size() - (written_ - read) >= ring_size(size) ? RingState::something : RingState::nothing;
}

void RingWriter::push(std::span<const std::byte> message) {
  const auto length = static_cast<std::uint32_t>(message.size());
  copy_in(bytes_, written_, &length, sizeof length);
  copy_in(bytes_, written_ + sizeof length, message.data(), message.size());
  written_ += ring_size(message.size());
  // Sequentially consistent, here and below: whoever is about to sleep must see this, or be seen sleeping.
  words_.written.store(written_);
}

bool RingWriter::moved() {
  const std::uint64_t read = words_.read.load();
  return std::exchange(seen_, read) != read;
}

RingState RingReader::available() const {
  const std::uint64_t written = words_.written.load();
  if (written == read_) return RingState::nothing;
  if (written < read_ || written - read_ > bytes_.size() || written % 8 != 0) return RingState::broken;
  return RingState::something;
}

RingState RingReader::pop(std::vector<std::byte>& message) {
  const std::uint64_t written = words_.written.load();
  if (written == read_) return RingState::nothing;
  if (written < read_ || written - read_ > bytes_.size() || written % 8 != 0) return RingState::broken;
  std::uint32_t length = 0;
  copy_out(bytes_, read_, &length, sizeof length);
  if (length > longest_ || ring_size(length) > written - read_) return RingState::broken;
  message.resize(length);
  copy_out(bytes_, read_ + sizeof length, message.data(), length);
  read_ += ring_size(length);
  words_.read.store(read_);
  return RingState::something;
}

bool RingReader::moved() {
  const std::uint64_t written = words_.written.load();
  return std::exchange(seen_, written) != written;
}

}  // namespace genie::arena
