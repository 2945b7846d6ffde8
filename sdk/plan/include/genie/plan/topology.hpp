// Devices, links and what they can do: the `genie.topology` document.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "genie/plan/json.hpp"
#include "genie/plan/model.hpp"
#include "genie/plan/result.hpp"

namespace genie::plan {

struct Device {
  struct Compute {
    double flops_per_s = 0;         ///< at speed 1
    double memory_bytes_per_s = 0;  ///< at speed 1; also the bus between devices of one host without a link
    std::uint64_t op_overhead_ns = 0;
  };
  std::string id;
  std::string kind;  ///< "cpu", "cuda", …
  std::uint64_t memory_bytes = 0;
  double speed = 1.0;                ///< relative factor on flops and memory rates
  std::string host;                  ///< devices of one host share memory bus; defaults to the id
  std::vector<std::string> kernels;  ///< ids of kernels plug-ins it offers, preferred first
  std::uint32_t copy_engines = 0;    ///< messages that it sends and receives at once at most; 0: any number
  Compute compute;
  Extra extra;
};

struct Link {
  std::string id;
  std::string ends[2];  ///< host or device ids
  double bandwidth_bytes_per_s = 0;
  std::uint64_t latency_ns = 0;
  std::string shared;  ///< links naming the same resource contend; may be empty
  Extra extra;
};

/// What one kernels plug-in can compute: from its describe(), filled in by the host, unless the topology says it.
struct KernelsInfo {
  std::vector<std::string> kinds;               ///< device kinds
  std::optional<std::vector<std::string>> ops;  ///< nothing: every op ("*")
  std::vector<DType> dtypes;
  Extra extra;
};

/// The entry of Topology::kernels that describes all kernels without one of their own. The host replaces it by theirs.
inline constexpr std::string_view kOtherKernels = "*";

struct Topology {
  Version version;
  std::vector<Device> devices;
  std::vector<Link> links;
  std::string client_host;  ///< key client.host: where inputs come from and outputs go
  Table<KernelsInfo> kernels;
  Extra extra;

  [[nodiscard]] const Device* device(std::string_view id) const;
};

[[nodiscard]] Result<Topology> decode_topology(std::string_view bytes, const json::ReadOptions& options = {},
                                               std::string_view file = {});
[[nodiscard]] std::string encode_topology(const Topology& topology, unsigned indent = 0);
/// Digest of the canonical bytes without `kernels`: the document that a person wrote and the one that the host completed with
/// what kernels say of themselves are the same topology.
[[nodiscard]] std::string topology_id(const Topology& topology);

/// How bytes get from one place to another: the links used, in order. Empty: same device (free), or, when `bus` is set,
/// the shared memory bus of one host. `ok` is false when nothing connects the two.
struct Route {
  bool ok = false;
  bool bus = false;
  double bandwidth_bytes_per_s = 0;  ///< of the narrowest part; 0 when free
  std::uint64_t latency_ns = 0;      ///< sum
  std::vector<std::size_t> links;    ///< indices into Topology::links
};
/// `from`/`to` are device ids, or "" for the client. Fewest links first, then highest bandwidth, then id order.
/// A topology whose client names no host (or one with no link) reaches every device at no cost.
[[nodiscard]] Route route(const Topology& topology, std::string_view from, std::string_view to);

/// The same for many questions about one topology, which it borrows: what does not depend on the two ends is kept.
class Router {
 public:
  explicit Router(const Topology& topology);
  Router(Router&&) noexcept;
  Router& operator=(Router&&) noexcept;
  ~Router();
  [[nodiscard]] Route find(std::string_view from, std::string_view to) const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace genie::plan
