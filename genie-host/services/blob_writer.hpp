// Writes one blob into a cache folder: hashed as it arrives, published by rename only when size and digest are right.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

#include "genie/plan/result.hpp"
#include "services/sha256.hpp"

namespace genie::services {

/// [serial]. Without a commit that succeeds nothing is left behind.
class BlobWriter {
 public:
  [[nodiscard]] static plan::Result<std::unique_ptr<BlobWriter>> begin(const std::filesystem::path& folder,
                                                                       std::string_view digest,
                                                                       std::uint64_t size_bytes);
  ~BlobWriter();
  BlobWriter(const BlobWriter&) = delete;

  [[nodiscard]] plan::Status write(const void* data, std::uint64_t size);
  /// The path of the finished file.
  [[nodiscard]] plan::Result<std::string> commit();

  [[nodiscard]] const std::string& digest() const { return digest_; }
  [[nodiscard]] std::uint64_t size_bytes() const { return size_bytes_; }

 private:
  BlobWriter() = default;
  std::string digest_;
  std::uint64_t size_bytes_ = 0;
  std::uint64_t written_bytes_ = 0;
  std::string temporary_;
  std::string final_;
  int descriptor_ = -1;
  Sha256 sha_;
};

}  // namespace genie::services
