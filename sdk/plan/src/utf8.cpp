#include "utf8.hpp"

#include <algorithm>
#include <cstdint>
#include <cstring>

namespace genie::plan {
namespace {

bool continues(unsigned char byte) {
  return (byte & 0xc0) == 0x80;
}

/// Bytes of the character at `at`, or 0.
std::size_t character_bytes(const unsigned char* at, std::size_t left) {
  const unsigned char first = at[0];
  if (first < 0x80) return 1;
  if (first < 0xc2 || first > 0xf4) return 0;
  const std::size_t size = first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
  if (left < size) return 0;
  for (std::size_t i = 1; i < size; ++i)
    if (!continues(at[i])) return 0;
  // The second byte decides about overlong forms, surrogates and the upper end.
  const unsigned char second = at[1];
  if ((first == 0xe0 && second < 0xa0) || (first == 0xed && second > 0x9f)) return 0;
  if ((first == 0xf0 && second < 0x90) || (first == 0xf4 && second > 0x8f)) return 0;
  return size;
}

}  // namespace

std::size_t first_invalid_utf8(std::string_view text) {
  const auto* const bytes = reinterpret_cast<const unsigned char*>(text.data());
  std::size_t at = 0;
  while (at < text.size()) {
    std::uint64_t word = 0;
    while (at + sizeof word <= text.size()) {
      std::memcpy(&word, bytes + at, sizeof word);
      if ((word & 0x8080808080808080u) != 0) break;
      at += sizeof word;
    }
    if (at == text.size()) break;
    const std::size_t size = character_bytes(bytes + at, text.size() - at);
    if (size == 0) return at;
    at += size;
  }
  return text.size();
}

std::string repaired_utf8(std::string_view text) {
  std::string whole;
  for (std::size_t bad = first_invalid_utf8(text); bad != text.size(); bad = first_invalid_utf8(text)) {
    whole += text.substr(0, bad);
    whole += "\xef\xbf\xbd";
    text.remove_prefix(bad + 1);
  }
  return whole += text;
}

std::string valid_prefix(std::string_view text) {
  return std::string(text.substr(0, first_invalid_utf8(text)));
}

bool utf16_less(std::string_view a, std::string_view b) {
  const auto [x, y] = std::mismatch(a.begin(), a.end(), b.begin(), b.end());
  if (x == a.end() || y == b.end()) return x == a.end() && y != b.end();
  const auto left = static_cast<unsigned char>(*x);
  const auto right = static_cast<unsigned char>(*y);
  // Bytes order as code points do, and so as code units, except that a character beyond U+FFFF (first byte from F0) is a
  // pair of surrogates and comes before U+E000…U+FFFF (first byte EE or EF).
  const auto rank = [](unsigned char byte) { return byte >= 0xf0 ? 0 : byte >= 0xee ? 1 : -1; };
  const int p = rank(left);
  const int q = rank(right);
  if (p >= 0 && q >= 0 && p != q) return p < q;
  return left < right;
}

}  // namespace genie::plan
