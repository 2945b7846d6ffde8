// A file mapped read-only, with the identity that tells later whether it is still the same file.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "error.hpp"

namespace genie::pytorch {

/// What tells two states of a file apart without reading it.
struct FileIdentity {
  std::uint64_t device = 0;
  std::uint64_t inode = 0;
  std::uint64_t size_bytes = 0;
  std::int64_t mtime_ns = 0;
  std::int64_t ctime_ns = 0;
  friend bool operator==(const FileIdentity&, const FileIdentity&) = default;
};

/// The identity of a path now (GE0201 when it cannot be read).
[[nodiscard]] Result<FileIdentity> identify(const std::string& path);

/// Movable; unmapped when it goes. The bytes are those of the file: whoever truncates it meanwhile breaks the mapping.
class MappedFile {
 public:
  /// GE0201 when the path cannot be opened or is not a regular file.
  [[nodiscard]] static Result<MappedFile> open(const std::string& path);
  MappedFile(MappedFile&& other) noexcept;
  MappedFile& operator=(MappedFile&& other) noexcept;
  ~MappedFile();

  [[nodiscard]] std::string_view bytes() const { return {static_cast<const char*>(data_), size_}; }
  [[nodiscard]] const FileIdentity& identity() const { return identity_; }

 private:
  MappedFile(const void* data, std::size_t size, FileIdentity identity)
      : data_(data), size_(size), identity_(identity) {}
  const void* data_;
  std::size_t size_;
  FileIdentity identity_;
};

}  // namespace genie::pytorch
