#include "services/memory.hpp"

#include <algorithm>
#include <bit>
#include <cstdlib>
#include <limits>

namespace genie::services {

void* allocate(std::uint64_t size, std::uint64_t align) noexcept {
  // Tensors handed to kernels are 64-byte aligned, so everything is.
  constexpr std::uint64_t kMinimum = 64;
  if (!std::has_single_bit(align)) return nullptr;
  align = std::max(align, kMinimum);
  if (size > std::numeric_limits<std::int64_t>::max() - align) return nullptr;
  const std::uint64_t rounded = std::max((size + align - 1) / align * align, align);
  return std::aligned_alloc(static_cast<std::size_t>(align), static_cast<std::size_t>(rounded));
}

void deallocate(void* data) noexcept {
  std::free(data);
}

}  // namespace genie::services
