// Preloaded, it stands before the C library's allocator for the whole process, so that every library's memory is counted, torch's
// too. run-stage asks it by name.
#include <malloc.h>

#include <atomic>
#include <cerrno>
#include <cstddef>

namespace {

std::atomic<std::int64_t> in_use{0};
std::atomic<std::int64_t> peak{0};

void* took(void* memory) {
  if (memory == nullptr) return nullptr;
  const auto size = static_cast<std::int64_t>(malloc_usable_size(memory));
  const std::int64_t now = in_use.fetch_add(size, std::memory_order_relaxed) + size;
  std::int64_t most = peak.load(std::memory_order_relaxed);
  while (most < now && !peak.compare_exchange_weak(most, now, std::memory_order_relaxed)) {
  }
  return memory;
}

void gives(void* memory) {
  if (memory != nullptr)
    in_use.fetch_sub(static_cast<std::int64_t>(malloc_usable_size(memory)), std::memory_order_relaxed);
}

}  // namespace

#pragma GCC visibility push(default)
extern "C" {

/// Bytes in use now, and the most since the peak was forgotten.
std::int64_t count_allocations_in_use() {
  return in_use.load();
}
std::int64_t count_allocations_peak() {
  return peak.load();
}
void count_allocations_forget_peak() {
  peak.store(in_use.load());
}

void* __libc_malloc(std::size_t size);
void* __libc_calloc(std::size_t count, std::size_t size);
void* __libc_realloc(void* memory, std::size_t size);
void* __libc_memalign(std::size_t alignment, std::size_t size);
void __libc_free(void* memory);

void* malloc(std::size_t size) {
  return took(__libc_malloc(size));
}
void* calloc(std::size_t count, std::size_t size) {
  return took(__libc_calloc(count, size));
}
void* realloc(void* memory, std::size_t size) {
  gives(memory);
  void* const moved = __libc_realloc(memory, size);
  if (moved == nullptr && size != 0) took(memory);  // it stays where it was
  return took(moved);
}
void* memalign(std::size_t alignment, std::size_t size) {
  return took(__libc_memalign(alignment, size));
}
void* aligned_alloc(std::size_t alignment, std::size_t size) {
  return took(__libc_memalign(alignment, size));
}
int posix_memalign(void** memory, std::size_t alignment, std::size_t size) {
  void* const made = took(__libc_memalign(alignment, size));
  if (made == nullptr) return ENOMEM;
  *memory = made;
  return 0;
}
void free(void* memory) {
  gives(memory);
  __libc_free(memory);
}

}  // extern "C"
#pragma GCC visibility pop
