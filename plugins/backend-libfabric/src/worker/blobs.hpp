// The weights that clients brought: content-addressed, in memory, kept when a client goes so that it need not bring them again.
//
// Knowing a digest opens nothing: a blob is visible to the identities that showed its bytes, and to all where the worker's
// owner shares what one of these brings. What no program uses goes, least recently used first, when the quota is needed.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <string_view>
#include <utility>

#include "genie/exec/blob.hpp"
#include "protocol/frame.hpp"

namespace genie::remote {

/// Identities are marks (identity_mark), as the cache keeps them. [any-thread]
class Blobs {
 public:
  explicit Blobs(std::uint64_t quota_bytes) : quota_(quota_bytes) {}

  /// Room for bytes that are on their way; what is not used goes back with it.
  class Room {
   public:
    Room() = default;
    Room(Blobs& of, std::uint64_t bytes) : of_(&of), bytes_(bytes) {}
    Room(Room&& other) noexcept : of_(std::exchange(other.of_, nullptr)), bytes_(other.bytes_) {}
    Room& operator=(Room&& other) noexcept {
      give_back();
      of_ = std::exchange(other.of_, nullptr);
      bytes_ = other.bytes_;
      return *this;
    }
    ~Room() { give_back(); }

   private:
    void give_back();
    Blobs* of_ = nullptr;
    std::uint64_t bytes_ = 0;
  };

  /// Whose blobs everybody may use. Before the first client.
  void share(std::set<std::string> identities) { shared_ = std::move(identities); }
  /// Whether somebody may use what these have brought.
  [[nodiscard]] bool allows(const std::set<std::string>& seen_by, const std::string& identity) const;
  [[nodiscard]] bool visible(std::string_view digest, const std::string& identity) const;
  /// RESOURCE_EXHAUSTED when so many bytes more are beyond the quota, whatever goes.
  [[nodiscard]] genie::Expected<Room> make_room(std::uint64_t bytes);
  /// The bytes were hashed and are what the digest says. `room` was made for them.
  void add(const std::string& digest, std::shared_ptr<Buffer> bytes, const std::set<std::string>& seen_by,
           Room room);
  /// NOT_FOUND for what the identity may not see. The bytes stay as long as what it answers.
  [[nodiscard]] genie::Expected<exec::Blob> get(std::string_view digest, const std::string& identity);
  [[nodiscard]] std::uint64_t used_bytes() const;

 private:
  struct Entry {
    std::shared_ptr<Buffer> bytes;
    std::set<std::string> seen_by;
    std::uint64_t used = 0;  ///< when, counted
  };
  std::set<std::string> shared_;
  mutable std::mutex lock_;  // guards the members below
  std::map<std::string, Entry, std::less<>> entries_;
  std::uint64_t bytes_ = 0;
  std::uint64_t promised_ = 0;  ///< to bytes on their way
  std::uint64_t clock_ = 0;
  const std::uint64_t quota_;
};

/// What stands for an identity where blobs are kept: equal for the same name under the same authority (a token, a CA), and
/// for nobody else. 64 hexadecimal digits.
[[nodiscard]] std::string identity_mark(std::string_view authority, std::string_view name);

}  // namespace genie::remote
