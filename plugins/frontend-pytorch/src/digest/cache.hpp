// Digests remembered between runs, so that an unchanged archive is hashed once.
//
// One small file per archive in the user's cache folder ($XDG_CACHE_HOME/genie or ~/.cache/genie, mode 0700), valid for one
// identity of the archive: device, inode, size, modification and change time. The change time cannot be set by a program, so
// an edit that restores the modification time is noticed too. An archive whose change time is younger than two seconds is
// not remembered: its next change might carry the same time. A cache that cannot be read or written is no error.
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>

#include "archive/mapped_file.hpp"

namespace genie::pytorch {

/// Digest by entry name.
using EntryDigests = std::map<std::string, std::string, std::less<>>;

class DigestCache {
 public:
  /// The user's cache folder; unusable (always misses, never writes) when none is defined or it belongs to somebody else.
  [[nodiscard]] static DigestCache of_user();
  explicit DigestCache(std::filesystem::path folder) : folder_(std::move(folder)) {}

  /// What is known about an archive of exactly this identity; empty if nothing.
  [[nodiscard]] EntryDigests load(const FileIdentity& identity) const;
  /// Remembers, atomically, unless the archive changed less than two seconds before `now_ns` (nanoseconds since 1970).
  void store(const FileIdentity& identity, const EntryDigests& digests, std::int64_t now_ns) const;

 private:
  [[nodiscard]] std::filesystem::path file_of(const FileIdentity& identity) const;
  std::filesystem::path folder_;
};

/// "device:inode:size:mtime_ns:ctime_ns": how plans and caches spell an identity.
[[nodiscard]] std::string to_text(const FileIdentity& identity);

}  // namespace genie::pytorch
