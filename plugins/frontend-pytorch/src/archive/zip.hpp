// The directory of a zip archive: where each entry's bytes lie in the file.
//
// Only what mapping in place needs: central directory, zip64, bounds, overlaps, safe names. Nothing is ever unpacked. Local
// headers are consulted for the length of their name and extra field alone: archives written in one pass (flag bit 3, as
// PyTorch's are) carry no sizes there. Format: PKWARE APPNOTE.TXT 6.3.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "error.hpp"

namespace genie::pytorch {

struct ZipEntry {
  std::string name;
  std::uint64_t offset = 0;      ///< of the payload's first byte, from the start of the file
  std::uint64_t size_bytes = 0;  ///< of the payload as it lies in the file
  bool stored = true;            ///< payload is the content itself: neither compressed nor encrypted
  bool encrypted = false;
  std::uint64_t unpacked_bytes = 0;  ///< what the directory says the content has; size_bytes when stored
  std::uint32_t crc32 = 0;           ///< of the content, as the directory says
};

/// Immutable; entries in the order of their names.
class ZipDirectory {
 public:
  /// Checks the structure and every entry. GE0203 damaged or truncated, GE0205 unsafe name, GE0206 duplicate name, GE0207
  /// overlapping entries, GE0208 a kind of archive not supported (several disks), GE0221 an entry that is no file, GE0223 a
  /// size that cannot be. `file` names the archive in errors.
  [[nodiscard]] static Result<ZipDirectory> read(std::string_view bytes, std::string_view file);

  /// Whether the bytes begin as zip archives do: the cheap test for probing.
  [[nodiscard]] static bool looks_like_zip(std::string_view head);

  [[nodiscard]] const std::vector<ZipEntry>& entries() const { return entries_; }
  /// Null if there is no entry of that name.
  [[nodiscard]] const ZipEntry* find(std::string_view name) const;

 private:
  explicit ZipDirectory(std::vector<ZipEntry> entries) : entries_(std::move(entries)) {}
  std::vector<ZipEntry> entries_;
};

}  // namespace genie::pytorch
