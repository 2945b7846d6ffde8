#include "services/file_identity.hpp"

#include <charconv>
#include <system_error>

namespace genie::services {
namespace {

std::int64_t nanoseconds(const timespec& time) {
  return std::int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
}

}  // namespace

FileIdentity FileIdentity::of(const struct stat& status) {
  return {static_cast<std::uint64_t>(status.st_dev), static_cast<std::uint64_t>(status.st_ino),
          static_cast<std::uint64_t>(status.st_size), nanoseconds(status.st_mtim),
          nanoseconds(status.st_ctim)};
}

std::optional<FileIdentity> FileIdentity::of_path(const std::string& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) return std::nullopt;
  return of(status);
}

std::string FileIdentity::to_text() const {
  return std::to_string(device) + ':' + std::to_string(inode) + ':' + std::to_string(size_bytes) + ':' +
         std::to_string(mtime_ns) + ':' + std::to_string(ctime_ns);
}

std::optional<FileIdentity> FileIdentity::from_text(std::string_view text) {
  FileIdentity identity;
  const char* at = text.data();
  const char* const end = text.data() + text.size();
  const auto number = [&](auto& into, bool last) {
    const auto [next, error] = std::from_chars(at, end, into);
    if (error != std::errc{} || (last ? next != end : next == end || *next != ':')) return false;
    at = last ? next : next + 1;
    return true;
  };
  if (number(identity.device, false) && number(identity.inode, false) && number(identity.size_bytes, false) &&
      number(identity.mtime_ns, false) && number(identity.ctime_ns, true))
    return identity;
  return std::nullopt;
}

std::string FileIdentity::difference(const FileIdentity& now) const {
  if (*this == now) return {};
  if (size_bytes != now.size_bytes)
    return "its size was " + std::to_string(size_bytes) + " bytes and is " + std::to_string(now.size_bytes);
  if (inode != now.inode || device != now.device) return "another file has taken its place";
  if (mtime_ns != now.mtime_ns) return "it was written to";
  return "its metadata changed (a write with the old time put back, or a rename)";
}

}  // namespace genie::services
