// By system calls: streams report a folder, or a file that vanishes, by exceptions or not at all.
#include "genie/plan/file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>

namespace genie::plan {
namespace {

constexpr std::size_t kSmallestRead = std::size_t{1} << 16;

Diagnostic unreadable(const std::filesystem::path& path, int error) {
  Diagnostic diagnostic;
  diagnostic.code = "GE0002";
  diagnostic.file = path.string();
  switch (error) {
    case ENOENT:
      diagnostic.message = "there is no such file";
      diagnostic.help = "check the path";
      break;
    case EISDIR:
      diagnostic.message = "this is a folder, not a file";
      diagnostic.help = "name a file in it";
      break;
    case EACCES:
      diagnostic.message = "you may not read this file";
      diagnostic.help = "check who owns it and its permissions: ls -l shows both";
      break;
    default:
      diagnostic.message = "the file cannot be read: " + std::generic_category().message(error);
      diagnostic.help = "check the path";
  }
  return diagnostic;
}

/// Closes a descriptor at the end of a scope.
struct Descriptor {
  int value;
  ~Descriptor() {
    if (value >= 0) ::close(value);
  }
};

}  // namespace

Result<std::string> read_file(const std::filesystem::path& path, std::size_t most_bytes) {
  const Descriptor file{::open(path.c_str(), O_RDONLY | O_CLOEXEC)};
  struct stat status {};
  if (file.value < 0 || ::fstat(file.value, &status) != 0) return unreadable(path, errno);
  if (S_ISDIR(status.st_mode)) return unreadable(path, EISDIR);
  const std::size_t limit = most_bytes + 1;
  const auto expected =
      S_ISREG(status.st_mode) ? static_cast<std::size_t>(status.st_size) + 1 : std::size_t{0};
  std::string bytes;
  std::size_t size = 0;
  while (size < limit) {
    if (size == bytes.size())
      bytes.resize(std::min(limit, std::max({expected, kSmallestRead, 2 * bytes.size()})));
    const ssize_t count = ::read(file.value, bytes.data() + size, bytes.size() - size);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return unreadable(path, errno);
    if (count == 0) break;
    size += static_cast<std::size_t>(count);
  }
  bytes.resize(size);
  return bytes;
}

}  // namespace genie::plan
