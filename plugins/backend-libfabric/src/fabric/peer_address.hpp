// What the two ends of a fabric connection tell each other before they meet.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "genie/cpp/core.hpp"

namespace genie::fabric {

/// Version 1 of the address of an end. Little-endian, the provider's address last.
struct PeerAddress {
  std::uint64_t id = 0;               ///< random; every message to this end begins with it
  std::uint32_t largest_message = 0;  ///< bytes of a message that this end takes, without its header
  std::uint16_t window = 0;           ///< messages that this end holds before it must give room back
  bool virtual_addresses = false;     ///< remote addresses of this end are its virtual ones, not offsets
  std::string provider;
  std::vector<std::byte> name;  ///< as the provider writes addresses
};

[[nodiscard]] std::vector<std::byte> encode(const PeerAddress& address);
/// INVALID_ARGUMENT for what is no address; it is never believed further than its own bytes.
[[nodiscard]] Expected<PeerAddress> decode_address(std::span<const std::byte> bytes);

/// How a peer reaches an exposed arena. At most 64 bytes.
struct RegionDescriptor {
  std::uint8_t kind = 0;
  std::uint64_t size = 0;
  std::uint64_t base = 0;  ///< what the provider counts from: 0, or an address at the peer
  std::uint64_t key = 0;
};

[[nodiscard]] std::vector<std::byte> encode(const RegionDescriptor& descriptor);
[[nodiscard]] Expected<RegionDescriptor> decode_descriptor(std::span<const std::byte> bytes);

}  // namespace genie::fabric
