// Which bytes a path meant when they were read: the identity of a file, to notice that it changed since.
#pragma once

#include <sys/stat.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace genie::services {

struct FileIdentity {
  std::uint64_t device = 0;
  std::uint64_t inode = 0;
  std::uint64_t size_bytes = 0;
  std::int64_t mtime_ns = 0;
  std::int64_t ctime_ns = 0;
  friend bool operator==(const FileIdentity&, const FileIdentity&) = default;

  [[nodiscard]] static FileIdentity of(const struct stat& status);
  /// Nothing when there is no such file.
  [[nodiscard]] static std::optional<FileIdentity> of_path(const std::string& path);

  /// "device:inode:size:mtime_ns:ctime_ns", as plans and caches store it.
  [[nodiscard]] std::string to_text() const;
  [[nodiscard]] static std::optional<FileIdentity> from_text(std::string_view text);

  /// What differs, for a person: "its size was 120 and is 130"; empty when equal.
  [[nodiscard]] std::string difference(const FileIdentity& now) const;
};

}  // namespace genie::services
