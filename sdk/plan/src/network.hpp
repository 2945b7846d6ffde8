// The links of a topology as resources that messages share. Private to the library.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "fair_share.hpp"
#include "genie/plan/topology.hpp"

namespace genie::plan::detail {

/// A link carries each direction at its full bandwidth; links that name one `shared` medium share it, both directions
/// together, and it is as fast as the fastest of them. A host's memory bus is as fast as its fastest device's memory; a
/// slower device's messages share what its own memory takes.
class Network {
 public:
  explicit Network(const Topology& topology);

  struct Path {
    bool ok = false;
    bool free = false;  ///< nothing is crossed: no time, no bytes on any link
    std::uint64_t latency_ns = 0;
    std::vector<std::uint32_t> resources;  ///< of shares()
    std::vector<std::string> places;       ///< link ids in order, or one "bus:HOST"
    bool wire = false;                     ///< crosses a link
  };
  /// Between two devices; "" is the client.
  [[nodiscard]] const Path& path(std::string_view from, std::string_view to);
  [[nodiscard]] FairShare& shares() { return shares_; }

 private:
  [[nodiscard]] Path find(std::string_view from, std::string_view to);

  const Topology* topology_;
  Router router_;
  FairShare shares_;
  std::vector<std::uint32_t> forward_, backward_;  // per link
  std::vector<std::uint32_t> medium_;              // per link, or the link's own
  std::map<std::string, std::uint32_t, std::less<>> bus_;
  std::map<std::string, std::uint32_t, std::less<>> slow_memory_;  // devices slower than their host's bus
  std::map<std::pair<std::string, std::string>, Path> paths_;
};

}  // namespace genie::plan::detail
