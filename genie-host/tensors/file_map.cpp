#include "file_map.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

namespace genie::tensors {

namespace {

plan::Diagnostic unreadable(const std::filesystem::path& path, const std::string& why) {
  plan::Diagnostic diagnostic;
  diagnostic.code = "GE0701";
  diagnostic.file = path.string();
  diagnostic.message = fmt::format("the tensor file cannot be read: {}", why);
  diagnostic.help = "check the path in the run config: relative paths are relative to the config's folder";
  return diagnostic;
}

}  // namespace

plan::Result<std::shared_ptr<const FileMap>> FileMap::open(const std::filesystem::path& path) {
  // Non-blocking, so that a FIFO given by mistake is refused below instead of waiting for its writer.
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (file < 0) return unreadable(path, std::generic_category().message(errno));
  struct stat about {};
  if (::fstat(file, &about) != 0 || !S_ISREG(about.st_mode)) {
    ::close(file);
    return unreadable(path, S_ISDIR(about.st_mode) ? "it is a folder" : "it is no regular file");
  }
  const auto size = static_cast<std::size_t>(about.st_size);
  void* data = size == 0 ? nullptr : ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, file, 0);
  const int reason = errno;
  ::close(file);
  if (data == MAP_FAILED) return unreadable(path, std::generic_category().message(reason));
  return std::shared_ptr<const FileMap>(new FileMap(path, {static_cast<const std::byte*>(data), size}));
}

FileMap::~FileMap() {
  if (!bytes_.empty()) ::munmap(const_cast<std::byte*>(bytes_.data()), bytes_.size());
}

}  // namespace genie::tensors
