#include "archive/mapped_file.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>
#include <utility>

namespace genie::pytorch {
namespace {

constexpr std::int64_t kNanosecondsPerSecond = 1'000'000'000;

std::int64_t nanoseconds(const timespec& time) {
  return time.tv_sec * kNanosecondsPerSecond + time.tv_nsec;
}

FileIdentity identity_of(const struct stat& status) {
  return {static_cast<std::uint64_t>(status.st_dev), static_cast<std::uint64_t>(status.st_ino),
          static_cast<std::uint64_t>(status.st_size), nanoseconds(status.st_mtim),
          nanoseconds(status.st_ctim)};
}

Diagnostic cannot_read(const std::string& path, int error) {
  std::string why = std::generic_category().message(error);
  std::string help =
      "check the path and its permissions; a relative path is relative to the file that names it";
  if (error == EISDIR) help = "give the .pt2 file itself, not the folder that holds it";
  if (error == ENOTSUP) {
    why = "it is a pipe or a device";
    help = "weights are used where they lie, so the source must be a file on disk";
  }
  return source_error("GE0201", path, "cannot read the source file: " + why, std::move(help));
}

/// Closes a descriptor at the end of a scope.
struct Descriptor {
  int value;
  ~Descriptor() {
    if (value >= 0) ::close(value);
  }
};

}  // namespace

Result<FileIdentity> identify(const std::string& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) return cannot_read(path, errno);
  return identity_of(status);
}

Result<MappedFile> MappedFile::open(const std::string& path) {
  // Non-blocking, so that a FIFO given by mistake is refused below instead of waiting for its writer.
  const Descriptor file{::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)};
  if (file.value < 0) return cannot_read(path, errno);
  struct stat status {};
  if (::fstat(file.value, &status) != 0) return cannot_read(path, errno);
  if (!S_ISREG(status.st_mode)) return cannot_read(path, S_ISDIR(status.st_mode) ? EISDIR : ENOTSUP);
  const auto size = static_cast<std::size_t>(status.st_size);
  if (size == 0) return MappedFile(nullptr, 0, identity_of(status));
  void* data = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, file.value, 0);
  if (data == MAP_FAILED) return cannot_read(path, errno);
  return MappedFile(data, size, identity_of(status));
}

MappedFile::MappedFile(MappedFile&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)),
      size_(std::exchange(other.size_, 0)),
      identity_(other.identity_) {}

MappedFile& MappedFile::operator=(MappedFile&& other) noexcept {
  std::swap(data_, other.data_);
  std::swap(size_, other.size_);
  std::swap(identity_, other.identity_);
  return *this;
}

MappedFile::~MappedFile() {
  // munmap takes a pointer to non-const, although it changes no byte.
  if (data_ != nullptr) ::munmap(const_cast<void*>(data_), size_);
}

}  // namespace genie::pytorch
