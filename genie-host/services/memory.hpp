// Aligned host memory for plug-ins.
#pragma once

#include <cstdint>

namespace genie::services {

/// `size` bytes at a multiple of `align` (a power of two), at least 64; null when there is none, or align is no power of
/// two. A size of 0 gives a pointer that may be freed. [any-thread]
[[nodiscard]] void* allocate(std::uint64_t size, std::uint64_t align) noexcept;
/// Null is allowed.
void deallocate(void* data) noexcept;

}  // namespace genie::services
