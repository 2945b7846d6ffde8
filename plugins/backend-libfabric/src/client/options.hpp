// Options of the run config's `backend.options`.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "genie/cpp/core.hpp"
#include "net/endpoint.hpp"
#include "net/tls.hpp"

namespace genie::remote {

struct ClientOptions {
  std::vector<Endpoint> workers;
  std::string token_file;
  Keys keys;
  std::uint64_t connect_ms = 5000;
  std::string provider = "auto";  ///< the data path; "none": the control channel carries all
  bool check_values = false;      ///< not weights alone, which always are
  /// What plans are scheduled with: nothing is measured.
  double bandwidth_bytes_per_s = 1e9;
  std::uint64_t latency_ns = 50'000;
};

/// Errors name the option, what is known, and the nearest known name (GE0800 and following).
[[nodiscard]] genie::Expected<ClientOptions> read_client_options(std::string_view json);

}  // namespace genie::remote
