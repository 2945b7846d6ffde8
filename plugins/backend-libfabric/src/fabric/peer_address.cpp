#include "peer_address.hpp"

#include "../datapath/memory.hpp"
#include "../datapath/problem.hpp"
#include "../datapath/wire_bytes.hpp"
#include "endpoint.hpp"

namespace genie::fabric {
namespace {

using datapath::kBrokenRules;
using datapath::problem;

constexpr std::uint8_t kVersion = 1;
constexpr std::uint8_t kAddress = 'a';
constexpr std::uint8_t kRegion = 'r';
constexpr std::size_t kLongestProvider = 64;

}  // namespace

std::vector<std::byte> encode(const PeerAddress& address) {
  datapath::Writer writer;
  writer.number(kVersion)
      .number(kAddress)
      .number(static_cast<std::uint8_t>(address.virtual_addresses))
      .number(std::uint8_t{0});
  writer.number(address.largest_message).number(address.id).number(address.window);
  writer.number(static_cast<std::uint16_t>(address.provider.size()))
      .number(static_cast<std::uint16_t>(address.name.size()));
  writer.text(address.provider).bytes(address.name);
  return writer.take();
}

Expected<PeerAddress> decode_address(std::span<const std::byte> bytes) {
  datapath::Reader reader(bytes);
  PeerAddress address;
  const auto version = reader.number<std::uint8_t>();
  const auto form = reader.number<std::uint8_t>();
  const auto virtual_addresses = reader.number<std::uint8_t>();
  const auto reserved = reader.number<std::uint8_t>();
  address.largest_message = reader.number<std::uint32_t>();
  address.id = reader.number<std::uint64_t>();
  address.window = reader.number<std::uint16_t>();
  const std::size_t provider_size = reader.number<std::uint16_t>();
  const std::size_t name_size = reader.number<std::uint16_t>();
  const auto provider = reader.bytes(provider_size);
  const auto name = reader.bytes(name_size);
  if (!reader.complete() || version != kVersion || form != kAddress || virtual_addresses > 1 ||
      reserved != 0 || provider.empty() || provider.size() > kLongestProvider || name.empty() ||
      name.size() > kMaxAddress || address.window < 2 || address.largest_message < 1024)
    return problem(GENIE_INVALID_ARGUMENT, kBrokenRules,
                   "the peer's fabric address has a form unknown here; both ends need the same version of "
                   "the data path");
  address.virtual_addresses = virtual_addresses == 1;
  address.provider.assign(reinterpret_cast<const char*>(provider.data()), provider.size());
  address.name.assign(name.begin(), name.end());
  return address;
}

std::vector<std::byte> encode(const RegionDescriptor& descriptor) {
  datapath::Writer writer;
  writer.number(kVersion).number(kRegion).number(descriptor.kind).number(std::uint8_t{0});
  writer.number(descriptor.size).number(descriptor.base).number(descriptor.key);
  return writer.take();
}

Expected<RegionDescriptor> decode_descriptor(std::span<const std::byte> bytes) {
  datapath::Reader reader(bytes);
  RegionDescriptor descriptor;
  const auto version = reader.number<std::uint8_t>();
  const auto form = reader.number<std::uint8_t>();
  descriptor.kind = reader.number<std::uint8_t>();
  const auto reserved = reader.number<std::uint8_t>();
  descriptor.size = reader.number<std::uint64_t>();
  descriptor.base = reader.number<std::uint64_t>();
  descriptor.key = reader.number<std::uint64_t>();
  if (!reader.complete() || version != kVersion || form != kRegion || reserved != 0 || descriptor.size == 0 ||
      descriptor.base > UINT64_MAX - descriptor.size || !datapath::memory_kind(descriptor.kind))
    return problem(GENIE_INVALID_ARGUMENT, kBrokenRules, "the peer described a region in no form known here");
  return descriptor;
}

}  // namespace genie::fabric
