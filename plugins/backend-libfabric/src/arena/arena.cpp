#include "arena.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <cerrno>
#include <fstream>
#include <limits>
#include <string>

#include "../datapath/problem.hpp"

namespace genie::arena {
namespace {

using datapath::Fd;
using datapath::kBrokenRules;
using datapath::kSharedMemory;
using datapath::problem;
using datapath::system_problem;

constexpr int kSeals = F_SEAL_SHRINK | F_SEAL_GROW;
constexpr std::uint64_t kLargest = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()) / 2;

/// What the system says it can still give, in bytes; no limit where it does not say. Asking it for more would not fail: it would end
/// some process.
std::uint64_t available_memory() {
  std::ifstream in("/proc/meminfo");
  std::string word;
  std::uint64_t kib = 0;
  while (in >> word)
    if (word == "MemAvailable:" && in >> kib) return kib * 1024;
  return kLargest;
}

}  // namespace

Expected<std::shared_ptr<Arena>> Arena::create(datapath::MemoryKind kind, std::uint64_t size) {
  if (kind != datapath::MemoryKind::host)
    return problem(GENIE_UNIMPLEMENTED, kSharedMemory, "this build makes arenas of host memory only");
  const auto page = static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
  if (size == 0 || size > kLargest)
    return problem(GENIE_INVALID_ARGUMENT, kSharedMemory,
                   "an arena of " + std::to_string(size) + " bytes cannot be made");
  size = (size + page - 1) / page * page;
  const std::string what = "cannot make an arena of " + std::to_string(size) + " bytes";
  constexpr auto kRemedy =
      "lower the memory of the device in the worker's configuration, or free memory on its host";
  if (const std::uint64_t available = available_memory(); size > available)
    return problem(GENIE_RESOURCE_EXHAUSTED, kSharedMemory,
                   what + ": this host has " + std::to_string(available) + " available", kRemedy);
  Fd file(::memfd_create("genie-arena", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!file) return system_problem(GENIE_RESOURCE_EXHAUSTED, kSharedMemory, what, errno);
  if (::ftruncate(file.get(), static_cast<off_t>(size)) != 0)
    return system_problem(GENIE_RESOURCE_EXHAUSTED, kSharedMemory, what, errno);
  // Pages that are missing when a kernel writes would be a signal; missing now they are an error with a name.
  int failed = 0;
  do
    failed = ::fallocate(file.get(), 0, 0, static_cast<off_t>(size)) == 0 ? 0 : errno;
  while (failed == EINTR);
  if (failed != 0) return system_problem(GENIE_RESOURCE_EXHAUSTED, kSharedMemory, what, failed, kRemedy);
  if (::fcntl(file.get(), F_ADD_SEALS, kSeals | F_SEAL_SEAL) != 0)
    return system_problem(GENIE_INTERNAL, kSharedMemory, "cannot seal an arena", errno);
  return map(std::move(file), size);
}

Expected<std::shared_ptr<Arena>> Arena::adopt(Fd file, std::uint64_t size) {
  const int seals = ::fcntl(file.get(), F_GET_SEALS);
  if (seals < 0)
    return system_problem(GENIE_INVALID_ARGUMENT, kBrokenRules,
                          "the peer sent something else than a memory file", errno);
  if ((seals & kSeals) != kSeals)
    return problem(GENIE_INVALID_ARGUMENT, kBrokenRules,
                   "the peer's memory file is not sealed against shrinking and growing: refused");
  struct stat status {};
  if (::fstat(file.get(), &status) != 0)
    return system_problem(GENIE_INVALID_ARGUMENT, kBrokenRules, "the peer's memory file cannot be examined",
                          errno);
  if (size == 0 || size > kLargest || static_cast<std::uint64_t>(status.st_size) != size)
    return problem(GENIE_INVALID_ARGUMENT, kBrokenRules,
                   "the peer's memory file has " + std::to_string(status.st_size) +
                       " bytes, and was announced with " + std::to_string(size));
  return map(std::move(file), size);
}

Expected<std::shared_ptr<Arena>> Arena::map(Fd file, std::uint64_t size) {
  void* const at = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, file.get(), 0);
  if (at == MAP_FAILED)
    return system_problem(GENIE_RESOURCE_EXHAUSTED, kSharedMemory,
                          "cannot map an arena of " + std::to_string(size) + " bytes", errno);
  // Fewer faults where the system allows it; no matter where it does not.
  ::madvise(at, size, MADV_HUGEPAGE);
  return std::shared_ptr<Arena>(
      new Arena({datapath::MemoryKind::host, reinterpret_cast<std::uint64_t>(at), size}, std::move(file)));
}

Arena::~Arena() {
  if (memory_.address != 0) ::munmap(reinterpret_cast<void*>(memory_.address), memory_.size);
}

}  // namespace genie::arena
