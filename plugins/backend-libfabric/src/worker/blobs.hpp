// The weights that clients brought: content-addressed, in memory, kept when a client goes so that it need not bring them again.
//
// Knowing a digest opens nothing: a blob is visible to the identities that showed its bytes. What no program uses goes, least
// recently used first, when the quota is needed.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <string_view>

#include "genie/exec/blob.hpp"
#include "protocol/frame.hpp"

namespace genie::remote {

/// [any-thread]
class Blobs {
 public:
  explicit Blobs(std::uint64_t quota_bytes) : quota_(quota_bytes) {}

  [[nodiscard]] bool visible(std::string_view digest, const std::string& identity) const;
  /// RESOURCE_EXHAUSTED when so many bytes more are beyond the quota, whatever goes.
  [[nodiscard]] genie::Outcome make_room(std::uint64_t bytes);
  /// The bytes were hashed and are what the digest says.
  void add(const std::string& digest, std::shared_ptr<Buffer> bytes, const std::string& identity);
  /// NOT_FOUND for what the identity may not see.
  [[nodiscard]] genie::Expected<exec::Blob> get(std::string_view digest, const std::string& identity);
  /// A source of what one identity may see.
  [[nodiscard]] exec::BlobSource seen_by(std::string identity);
  [[nodiscard]] std::uint64_t used_bytes() const;

 private:
  struct Entry {
    std::shared_ptr<Buffer> bytes;
    std::set<std::string> seen_by;
    std::uint64_t used = 0;  ///< when, counted
  };
  mutable std::mutex lock_;  // guards the members below
  std::map<std::string, Entry, std::less<>> entries_;
  std::uint64_t bytes_ = 0;
  std::uint64_t clock_ = 0;
  const std::uint64_t quota_;
};

}  // namespace genie::remote
