#include "net/peer_memory.hpp"

#include <algorithm>

namespace genie::remote {

std::optional<std::uint64_t> FreeParts::take(std::uint64_t size) {
  const auto fits = std::ranges::find_if(free_, [&](const auto& part) { return part.second >= size; });
  if (fits == free_.end()) return std::nullopt;
  const auto [offset, free] = *fits;
  free_.erase(fits);
  taken_bytes_ += size;
  if (free > size) free_.emplace(offset + size, free - size);
  taken_.emplace(offset, size);
  return offset;
}

bool FreeParts::give_back(std::uint64_t offset) {
  const auto taken = taken_.find(offset);
  if (taken == taken_.end()) return false;
  auto at = free_.emplace(offset, taken->second).first;
  taken_bytes_ -= taken->second;
  taken_.erase(taken);
  if (const auto next = std::next(at); next != free_.end() && at->first + at->second == next->first) {
    at->second += next->second;
    free_.erase(next);
  }
  if (at != free_.begin()) {
    if (const auto before = std::prev(at); before->first + before->second == at->first) {
      before->second += at->second;
      free_.erase(at);
    }
  }
  return true;
}

void PeerMemory::add(std::shared_ptr<datapath::RemoteRegion> region) {
  const std::uint64_t size = region->size();
  targets_.push_back({std::move(region), FreeParts(size)});
}

std::uint64_t PeerMemory::bytes() const {
  std::uint64_t all = 0;
  for (const Target& target : targets_)
    all += target.region->size();
  return all;
}

std::optional<PeerMemory::Place> PeerMemory::take(std::uint64_t bytes) {
  for (std::uint32_t region = 0; region < targets_.size(); ++region)
    if (const auto offset = targets_[region].parts.take(bytes)) return Place{region, *offset};
  return std::nullopt;
}

std::optional<PeerMemory::Room> PeerMemory::reserve(std::uint64_t bytes) {
  const std::uint64_t size = kMessage + payload_aligned(bytes);
  for (std::uint32_t region = 0; region < targets_.size(); ++region) {
    Target& target = targets_[region];
    if (target.parts.taken_bytes() + size > target.region->size() / 2) continue;
    const auto offset = target.parts.take(size);
    if (!offset) continue;
    std::byte* const data = target.region->shared().bytes().data() + *offset + kMessage;
    const Place part{region, *offset};
    reservations_.emplace(data, Reservation{.part = part});
    reserved_parts_.emplace(part, data);
    return Room{target.region, data};
  }
  return std::nullopt;
}

void PeerMemory::release(const std::byte* reserved) {
  const auto at = reservations_.find(reserved);
  if (at == reservations_.end()) return;
  at->second.held = false;
  forget_if_free(at);
}

void PeerMemory::forget_if_free(Reservations::iterator reservation) {
  const Reservation& is = reservation->second;
  if (is.held || is.at_peer) return;
  (void)targets_[is.part.region].parts.give_back(is.part.offset);
  reserved_parts_.erase(is.part);
  reservations_.erase(reservation);
}

std::optional<PeerMemory::Place> PeerMemory::announce(const std::byte* payload, std::uint64_t message_bytes) {
  const std::uint64_t room = payload_aligned(message_bytes);
  const auto at = reservations_.find(payload);
  if (at == reservations_.end() || at->second.at_peer || room > kMessage) return std::nullopt;
  at->second.at_peer = true;
  const Place place{at->second.part.region, at->second.part.offset + kMessage - room};
  announced_.emplace(place, payload);
  return place;
}

bool PeerMemory::give_back(Place place) {
  if (place.region >= targets_.size()) return false;
  if (const auto known = announced_.find(place); known != announced_.end()) {
    const auto at = reservations_.find(known->second);
    announced_.erase(known);
    at->second.at_peer = false;
    forget_if_free(at);
    return true;
  }
  return !reserved_parts_.contains(place) && targets_[place.region].parts.give_back(place.offset);
}

}  // namespace genie::remote
