// Max–min fair sharing of links among messages under way, in exact arithmetic (Bertsekas and Gallager, Data Networks, 6.5:
// progressive filling). Private to the library.
//
// Rates are rational bytes per second, progress is counted in 2^-24 bytes, and a message ends on the next whole nanosecond:
// results do not depend on the machine's floating point.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <utility>
#include <vector>

namespace genie::plan::detail {

__extension__ using Wide = unsigned __int128;

/// Bytes per second, num / den.
struct Rate {
  Wide num = 0;
  std::uint64_t den = 1;
  friend bool operator==(const Rate&, const Rate&) = default;
};

class FairShare {
 public:
  using Flow = std::uint32_t;

  /// A link direction, a shared medium or a bus; at least 1 byte per second.
  std::uint32_t add_resource(std::uint64_t bytes_per_s);

  /// A message starts. `urgent` ones share first, the others get what is left. No resources: it ends at once.
  Flow start(std::uint64_t now_ns, std::uint64_t bytes, std::vector<std::uint32_t> resources, bool urgent);

  /// When the next message ends, were nothing to change.
  [[nodiscard]] std::optional<std::uint64_t> next_end() const;
  /// Ends the message that ends next, at its time.
  Flow finish_next();

 private:
  struct State {
    Wide remaining = 0;  // 2^-24 bytes
    Rate rate;
    std::uint64_t since_ns = 0;
    std::uint64_t end_ns = 0;
    std::vector<std::uint32_t> resources;
    bool urgent = false;
    bool active = false;
  };

  void reshare(std::uint64_t now_ns, const std::vector<std::uint32_t>& touched);
  void fill(const std::vector<Flow>& flows);
  void set_rate(Flow flow, std::uint64_t now_ns, const Rate& rate);

  std::vector<std::uint64_t> capacity_;
  std::vector<std::vector<Flow>> users_;  // per resource, active flows in start order
  std::vector<State> flows_;
  std::set<std::pair<std::uint64_t, Flow>> ends_;
  std::vector<Rate> left_;   // per resource, while sharing anew
  std::vector<Rate> fresh_;  // per flow, while sharing anew
};

}  // namespace genie::plan::detail
