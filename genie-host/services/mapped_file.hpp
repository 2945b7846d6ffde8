// A regular file mapped read-only as a whole, on first use.
#pragma once

#include <memory>
#include <string>

#include "genie/plan/result.hpp"
#include "services/file_identity.hpp"

namespace genie::services {

/// The descriptor stays open, so the bytes stay those of the file that was opened. data() is [serial]; the bytes are
/// [any-thread].
class MappedFile {
 public:
  /// GE0672 when it cannot be opened or is no regular file.
  [[nodiscard]] static plan::Result<std::shared_ptr<MappedFile>> open(const std::string& path);
  ~MappedFile();
  MappedFile(const MappedFile&) = delete;

  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] const FileIdentity& identity() const { return identity_; }
  /// The first byte; page aligned. Not null, also for an empty file.
  [[nodiscard]] plan::Result<const unsigned char*> data();

 private:
  MappedFile(std::string path, int descriptor, const FileIdentity& identity)
      : path_(std::move(path)), descriptor_(descriptor), identity_(identity) {}
  std::string path_;
  int descriptor_;
  FileIdentity identity_;
  void* mapping_ = nullptr;
};

}  // namespace genie::services
