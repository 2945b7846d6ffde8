// A placement problem of a few nodes by plain numbers, and the least time that any placement and any order can reach.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "drawing.hpp"

namespace genie::bench {

/// One method of a drawing. Nodes in document order; devices in topology order, the client last.
struct Small {
  struct Read {
    std::size_t node;
    std::uint64_t bytes;
  };
  struct Node {
    std::vector<std::uint64_t> cost_ns;      ///< per device
    std::vector<Read> reads;                 ///< of other nodes
    std::vector<std::uint64_t> input_bytes;  ///< of method inputs it reads
    std::uint64_t weight_bytes = 0;
    std::uint64_t output_bytes = 0;  ///< 0: not an output
  };
  struct Path {
    std::uint64_t latency_ns = 0;
    double ns_per_byte = 0;
    [[nodiscard]] std::uint64_t time_ns(std::uint64_t bytes) const;
  };

  explicit Small(const policy::testing::Drawing& drawing);

  std::size_t devices = 0;
  std::vector<Node> nodes;
  std::vector<std::uint64_t> memory_bytes;  ///< per device
  std::vector<Path> paths;                  ///< (devices + 1)², client last
  [[nodiscard]] const Path& path(std::size_t from, std::size_t to) const {
    return paths[from * (devices + 1) + to];
  }
};

/// The least makespan over all placements and orders in which weights fit, if it is below `at_most_ns`; links are taken to carry
/// every message alone and values to need no memory, so no schedule of the real model is faster. Nothing when the search took more
/// than `steps`.
struct Optimum {
  std::uint64_t makespan_ns = 0;
  std::uint64_t steps = 0;
};
[[nodiscard]] std::optional<Optimum> optimum(const Small& problem, std::uint64_t at_most_ns,
                                             std::uint64_t steps);

}  // namespace genie::bench
