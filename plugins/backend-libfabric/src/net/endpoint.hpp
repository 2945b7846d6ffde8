// "host:port", and what may be listened on without keys.
#pragma once

#include <string>
#include <string_view>

#include "genie/cpp/core.hpp"

namespace genie::remote {

struct Endpoint {
  std::string host;
  std::string port;
  [[nodiscard]] std::string text() const;
};

/// "127.0.0.1:7000", "worker.example:7000", "[::1]:0".
[[nodiscard]] genie::Expected<Endpoint> parse_endpoint(std::string_view text);
/// Whether the host is a loopback address, or `localhost`.
[[nodiscard]] bool is_loopback(std::string_view host);

}  // namespace genie::remote
