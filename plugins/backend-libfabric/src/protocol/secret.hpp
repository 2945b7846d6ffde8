// Secrets of the control channel: random bytes, the proof that a peer knows a secret without sending it, and the token file.
#pragma once

#include <string>
#include <string_view>

#include "genie/cpp/core.hpp"

namespace genie::remote {

[[nodiscard]] std::string random_bytes(std::size_t count);
[[nodiscard]] std::string to_hex(std::string_view bytes);
/// HMAC-SHA256 over `purpose` and both hellos: fresh nonces of both sides are in there, so nothing can be said twice.
[[nodiscard]] std::string proof(std::string_view secret, std::string_view purpose,
                                std::string_view client_hello, std::string_view worker_hello);
/// In constant time.
[[nodiscard]] bool same(std::string_view a, std::string_view b);

/// The secret in a token file: 64 hexadecimal digits that only its owner may read (GE0803 otherwise).
[[nodiscard]] genie::Expected<std::string> read_token(const std::string& file);
/// The same; makes the file, with a new secret and mode 0600, when there is none.
[[nodiscard]] genie::Expected<std::string> read_or_make_token(const std::string& file);

/// SHA-256 as bytes arrive.
class Digest {
 public:
  Digest();
  Digest(const Digest&) = delete;
  ~Digest();
  void update(const void* data, std::size_t size);
  /// "sha256:…"; once.
  [[nodiscard]] std::string finish();

 private:
  void* context_;
};

}  // namespace genie::remote
