// The placement problem by dense numbers: devices, nodes of all methods, what they cost, hold and exchange.
//
// Built once per request; everything the search touches in its inner loops is an index into one of these vectors.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "genie/plan/index.hpp"
#include "genie/plan/schedule.hpp"

namespace genie::policy {

using plan::kNone;
using Index = std::uint32_t;

using DeviceNumber = std::uint16_t;
inline constexpr std::size_t kMaxDevices = 4096;
inline constexpr std::size_t kMaxSearched =
    64;  ///< the search's sets of devices are one word; more are filled (fill.cpp)
using DeviceSet = std::uint64_t;
[[nodiscard]] constexpr DeviceSet only(std::size_t device) {
  return DeviceSet{1} << device;
}
[[nodiscard]] constexpr bool has(DeviceSet set, std::size_t device) {
  return ((set >> device) & 1u) != 0;
}

/// Time for a message between two devices; the last row and column are the client.
struct Path {
  bool ok = false;
  std::uint64_t latency_ns = 0;
  double ns_per_byte = 0;
  [[nodiscard]] std::uint64_t time_ns(std::uint64_t bytes) const {
    return latency_ns + static_cast<std::uint64_t>(ns_per_byte * static_cast<double>(bytes));
  }
};

/// A value of a method that crosses node boundaries.
struct ValueUse {
  Index producer = kNone;        ///< local node number; kNone for method inputs
  std::vector<Index> consumers;  ///< local node numbers, ascending
  std::uint64_t bytes = 0;
  Index storage = kNone;  ///< value number at the root of its alias set
  bool resident = false;  ///< lies in the storage of a weight or a state: needs no memory of its own
  bool is_output = false;
};

/// One method. Nodes are numbered as the document lists them, which is an order that runs.
struct MethodGraph {
  const std::string* name = nullptr;
  const plan::Method* method = nullptr;
  std::unique_ptr<plan::GraphIndex> index;
  Index first = 0;  ///< global number of its node 0
  Index count = 0;
  std::vector<ValueUse> values;
  std::vector<std::vector<Index>>
      reads;  ///< per node: value numbers, also those whose data a symbol of its needs
  std::vector<std::vector<Index>> makes;
  std::vector<std::vector<Index>> before;  ///< per node: nodes that must run before it
  std::vector<std::uint64_t> scratch;      ///< per node: bytes needed while it runs, beside its results
  bool writes_states = false;
  [[nodiscard]] Index global(Index node) const { return first + node; }
};

/// A blob or a root state: bytes that are resident wherever a node that uses them runs.
struct Holding {
  std::string_view name;
  std::uint64_t bytes = 0;
};

struct Problem {
  const plan::Plan* plan = nullptr;
  const plan::Topology* topology = nullptr;
  plan::Bindings sizes;  ///< every symbol bound

  std::size_t device_count = 0;
  std::vector<std::uint64_t> memory;  ///< per device, after budgets
  std::vector<Path> paths;            ///< (device_count + 1)², of at most kMaxSearched devices
  std::vector<std::uint32_t> group;   ///< per device: of those that cost the same and have the same kernels
  std::size_t group_count = 0;

  std::vector<MethodGraph> methods;
  Index node_count = 0;
  std::vector<std::uint64_t> cost;    ///< node × group, ns
  std::vector<std::uint8_t> kernels;  ///< node × group: place in the devices' kernels, kNoKernels if none
  std::vector<std::vector<std::string>> offers;  ///< per device: kernels ids, preferred first

  std::vector<Holding> blobs;
  std::vector<std::vector<Index>> node_blobs;   ///< per node, unique
  std::vector<Holding> states;                  ///< root states
  std::vector<std::vector<Index>> node_states;  ///< per node, unique: roots it reads, writes or views

  [[nodiscard]] const Path& path(std::size_t from, std::size_t to) const {
    return paths[from * (device_count + 1) + to];
  }
  [[nodiscard]] std::size_t client() const { return device_count; }
  [[nodiscard]] std::uint64_t node_cost(Index node, std::size_t device) const {
    return cost[node * group_count + group[device]];
  }
  [[nodiscard]] std::uint8_t node_kernels(Index node, std::size_t device) const {
    return kernels[node * group_count + group[device]];
  }
  [[nodiscard]] const std::string& device_id(std::size_t device) const {
    return topology->devices[device].id;
  }
  [[nodiscard]] const plan::Node& node(Index global) const;
};

inline constexpr std::uint8_t kNoKernels = 0xff;

/// Borrows all three. `costs` must hold every node (decode_costs of the request, completed by the caller).
[[nodiscard]] plan::Result<Problem> make_problem(const plan::Plan& plan, const plan::Topology& topology,
                                                 const plan::Costs& costs);

/// The state at the root of `alias_of`.
[[nodiscard]] std::string_view root_state(const plan::Plan& plan, std::string_view state);

}  // namespace genie::policy
