// Content names: "sha256:" and 64 hex digits.
#include <openssl/evp.h>

#include <array>
#include <stdexcept>

#include "genie/plan/codec.hpp"

namespace genie::plan {

std::string digest(std::string_view bytes) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> hash{};
  unsigned length = 0;
  if (EVP_Digest(bytes.data(), bytes.size(), hash.data(), &length, EVP_sha256(), nullptr) != 1)
    throw std::runtime_error("libcrypto offers no SHA-256");  // a broken installation, not an input
  static constexpr std::string_view kHex = "0123456789abcdef";
  std::string text = "sha256:";
  text.reserve(text.size() + 2 * std::size_t{length});
  for (unsigned i = 0; i < length; ++i) {
    text += kHex[hash[i] >> 4];
    text += kHex[hash[i] & 15];
  }
  return text;
}

}  // namespace genie::plan
