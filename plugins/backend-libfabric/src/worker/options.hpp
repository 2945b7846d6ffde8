// Options of the worker config's `service.options`.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "genie/cpp/core.hpp"
#include "net/endpoint.hpp"
#include "net/tls.hpp"

namespace genie::remote {

struct ServiceOptions {
  Endpoint listen{"127.0.0.1", "0"};
  std::uint64_t lease_ms = 3000;
  std::string provider = "auto";  ///< the data path that clients may use; "none": the control channel only
  std::string token_file;
  Keys keys;
  /// Weights kept in memory for clients that come back; nothing: as much as the devices have together.
  std::optional<std::uint64_t> blob_bytes;
};

/// Errors name the option, what is known, and the nearest known name (GE0800 and following).
[[nodiscard]] genie::Expected<ServiceOptions> read_service_options(std::string_view json);

}  // namespace genie::remote
