#include "memory_peak.hpp"

#include <malloc.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <new>

#include "sanitized.hpp"

namespace {

// Constant-initialised: the first allocations precede every constructor.
std::atomic<std::size_t> held{0};
std::atomic<std::size_t> most{0};

}  // namespace

namespace genie::fuzz {

MemoryPeak::MemoryPeak() : before_(held.load()) {
  most.store(before_);
}

std::optional<std::size_t> MemoryPeak::bytes() const {
  if (kSanitized) return std::nullopt;
  return std::max(most.load(), before_) - before_;
}

}  // namespace genie::fuzz

#if !GENIE_SANITIZED
namespace {

void* counted(void* memory) {
  if (memory == nullptr) throw std::bad_alloc();
  const std::size_t now = held.fetch_add(::malloc_usable_size(memory)) + ::malloc_usable_size(memory);
  std::size_t highest = most.load();
  while (now > highest && !most.compare_exchange_weak(highest, now)) {
  }
  return memory;
}

void release(void* memory) {
  if (memory == nullptr) return;
  held.fetch_sub(::malloc_usable_size(memory));
  std::free(memory);
}

}  // namespace

// The operators that the standard library's others call in the end.
void* operator new(std::size_t size) {
  return counted(std::malloc(size));
}
void* operator new(std::size_t size, std::align_val_t alignment) {
  const auto multiple = static_cast<std::size_t>(alignment);
  return counted(std::aligned_alloc(multiple, (size + multiple - 1) / multiple * multiple));
}
void operator delete(void* memory) noexcept {
  release(memory);
}
void operator delete(void* memory, std::size_t) noexcept {
  release(memory);
}
void operator delete(void* memory, std::align_val_t) noexcept {
  release(memory);
}
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept {
  release(memory);
}
#endif
