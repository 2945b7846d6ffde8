#include "network.hpp"

#include <algorithm>
#include <cmath>

namespace genie::plan::detail {

namespace {

constexpr std::uint32_t kNoMedium = 0xffffffffu;

std::uint64_t whole_rate(double bytes_per_s) {
  if (!(bytes_per_s > 1)) return 1;
  return bytes_per_s >= 1e15 ? std::uint64_t{1'000'000'000'000'000}
                             : static_cast<std::uint64_t>(std::llround(bytes_per_s));
}

}  // namespace

Network::Network(const Topology& topology) : topology_(&topology), router_(topology) {
  std::map<std::string, std::uint64_t> media;
  for (const Link& link : topology.links)
    if (!link.shared.empty()) {
      std::uint64_t& rate = media[link.shared];
      rate = std::max(rate, whole_rate(link.bandwidth_bytes_per_s));
    }
  std::map<std::string, std::uint32_t> numbers;
  for (const auto& [name, rate] : media)
    numbers[name] = shares_.add_resource(rate);
  for (const Link& link : topology.links) {
    forward_.push_back(shares_.add_resource(whole_rate(link.bandwidth_bytes_per_s)));
    backward_.push_back(shares_.add_resource(whole_rate(link.bandwidth_bytes_per_s)));
    medium_.push_back(link.shared.empty() ? kNoMedium : numbers[link.shared]);
  }
  std::map<std::string, std::uint64_t> buses;
  for (const Device& device : topology.devices) {
    std::uint64_t& rate = buses[device.host];
    rate = std::max(rate, whole_rate(device.compute.memory_bytes_per_s));
  }
  for (const auto& [host, rate] : buses)
    bus_[host] = shares_.add_resource(rate);
  for (const Device& device : topology.devices)
    if (const std::uint64_t rate = whole_rate(device.compute.memory_bytes_per_s); rate < buses[device.host])
      slow_memory_[device.id] = shares_.add_resource(rate);
}

const Network::Path& Network::path(std::string_view from, std::string_view to) {
  std::pair<std::string, std::string> key{from, to};
  const auto at = paths_.find(key);
  if (at != paths_.end()) return at->second;
  Path found = find(from, to);
  return paths_.emplace(std::move(key), std::move(found)).first->second;
}

Network::Path Network::find(std::string_view from, std::string_view to) {
  const Route found = router_.find(from, to);
  Path path;
  path.ok = found.ok;
  path.latency_ns = found.latency_ns;
  path.wire = !found.links.empty();
  path.free = found.ok && found.links.empty() && !found.bus;
  if (!found.ok || path.free) return path;

  // A place is a device or a host; a device stands on its host without a link.
  const auto host_of = [this](std::string_view place) -> std::string_view {
    const Device* device = topology_->device(place);
    return device != nullptr ? std::string_view(device->host) : place;
  };
  std::string_view here = from.empty() ? std::string_view(topology_->client_host) : from;
  if (found.bus) {
    const std::string host(host_of(here));
    if (const auto at = bus_.find(host); at != bus_.end()) path.resources.push_back(at->second);
    path.places.push_back("bus:" + host);
  }
  for (const std::size_t number : found.links) {
    const Link& link = topology_->links[number];
    const bool forward = link.ends[0] == here || link.ends[0] == host_of(here);
    path.resources.push_back(forward ? forward_[number] : backward_[number]);
    if (medium_[number] != kNoMedium) path.resources.push_back(medium_[number]);
    here = forward ? link.ends[1] : link.ends[0];
    path.places.push_back(link.id);
  }
  // All messages of a slow device on a fast bus share what its memory takes.
  if (found.bus)
    for (const std::string_view device : {from, to})
      if (const auto at = slow_memory_.find(device); at != slow_memory_.end())
        path.resources.push_back(at->second);
  return path;
}

}  // namespace genie::plan::detail
