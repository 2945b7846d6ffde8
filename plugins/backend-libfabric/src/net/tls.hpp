// TLS 1.3, both sides with a certificate of one private authority (`genie-host keys`).
#pragma once

#include <boost/asio/ssl/context.hpp>
#include <memory>
#include <string>

#include "genie/cpp/core.hpp"
#include "net/connection.hpp"

namespace genie::remote {

/// Files, PEM. All or none are given.
struct Keys {
  std::string ca;
  std::string certificate;
  std::string key;
  [[nodiscard]] bool given() const { return !ca.empty(); }
};

/// GE0804 names the file that cannot be used. The key may be readable by its owner alone.
[[nodiscard]] genie::Expected<std::shared_ptr<boost::asio::ssl::context>> tls_context(const Keys& keys);
/// "sha256:…" of the own certificate.
[[nodiscard]] genie::Expected<std::string> fingerprint(const Keys& keys);
/// The name in the peer's certificate; the handshake is done.
[[nodiscard]] std::string peer_name(TlsStream& stream);

}  // namespace genie::remote
