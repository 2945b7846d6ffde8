#include "services/mapped_file.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

namespace genie::services {
namespace {

plan::Diagnostic unusable(const std::string& path, const std::string& why) {
  plan::Diagnostic diagnostic;
  diagnostic.code = "GE0672";
  diagnostic.message = "a file that holds weights cannot be used: " + why;
  diagnostic.file = path;
  diagnostic.help = "put the file back, or capture the model again from where it lies now";
  return diagnostic;
}

std::string error_text(int number) {
  return std::generic_category().message(number);
}

}  // namespace

plan::Result<std::shared_ptr<MappedFile>> MappedFile::open(const std::string& path) {
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (descriptor < 0) return unusable(path, error_text(errno));
  struct stat status {};
  if (::fstat(descriptor, &status) != 0 || !S_ISREG(status.st_mode)) {
    ::close(descriptor);
    return unusable(path, "it is not a regular file");
  }
  return std::shared_ptr<MappedFile>(new MappedFile(path, descriptor, FileIdentity::of(status)));
}

MappedFile::~MappedFile() {
  if (mapping_) ::munmap(mapping_, identity_.size_bytes);
  ::close(descriptor_);
}

plan::Result<const unsigned char*> MappedFile::data() {
  alignas(64) static constexpr unsigned char kEmpty[64] = {};
  if (identity_.size_bytes == 0) return &kEmpty[0];
  if (!mapping_) {
    void* mapping = ::mmap(nullptr, identity_.size_bytes, PROT_READ, MAP_PRIVATE, descriptor_, 0);
    if (mapping == MAP_FAILED) return unusable(path_, "it cannot be mapped: " + error_text(errno));
    mapping_ = mapping;
  }
  return static_cast<const unsigned char*>(mapping_);
}

}  // namespace genie::services
