// Options of the worker config's `service.options`.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

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
  std::string cache_folder;  ///< weights on disk as well; empty: none
  std::uint64_t cache_bytes = std::uint64_t{16} << 30;
  std::vector<std::string> share_blobs;  ///< certificates whose weights everybody may use
};

/// Errors name the option, what is known, and the nearest known name (GE0800 and following).
[[nodiscard]] genie::Expected<ServiceOptions> read_service_options(std::string_view json);

}  // namespace genie::remote
