// SHA-256 over many ranges of a mapped file, in parallel, with progress and cancellation.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace genie::pytorch {

/// Called now and then from any hashing thread, one at a time; false stops the work.
using HashProgress = std::function<bool(std::uint64_t done_bytes, std::uint64_t total_bytes)>;

/// "sha256:…" per range, in order; nothing when stopped. Uses up to `threads` threads (0: one per processor, at most 8).
/// Throws std::runtime_error when the system's libcrypto offers no SHA-256.
[[nodiscard]] std::optional<std::vector<std::string>> hash_all(const std::vector<std::string_view>& ranges,
                                                               const HashProgress& progress = {},
                                                               unsigned threads = 0);

/// Whether every byte is zero.
[[nodiscard]] bool all_zeros(std::string_view bytes);

}  // namespace genie::pytorch
