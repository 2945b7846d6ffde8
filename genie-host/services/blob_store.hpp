// Content-addressed bytes (genie_host.blob_*): read-only mappings of the files that plans name, and a writer for new ones.
//
// Files are opened once and mapped whole, so that a model with hundreds of weights costs one mapping. A location is trusted
// only as far as it was checked: its range lies inside the file, and the file is still the one whose digests were taken.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "genie/host.h"
#include "genie/plan/model.hpp"
#include "genie/plan/result.hpp"
#include "services/file_identity.hpp"

namespace genie::services {

/// [any-thread]
class BlobStore {
 public:
  /// cache: where written blobs go (made on the first write); quota_bytes: of that folder.
  explicit BlobStore(std::filesystem::path cache = {}, std::uint64_t quota_bytes = 0);
  ~BlobStore();
  BlobStore(const BlobStore&) = delete;

  /// Registers where the blobs of a plan lie. Relative uris are relative to `folder`. Every location is checked: the file
  /// opens, is a regular file, and holds offset + size. Blobs already known keep their place. A location that carries the
  /// identity of its file ("identity", FileIdentity's text) vouches for the digest as long as that matches; `doubts` (may be
  /// null) receives the digests that nothing vouches for.
  struct Doubts {
    std::vector<std::string> unknown;  ///< no identity was given
    std::vector<std::string> changed;  ///< the file is not the one whose bytes were hashed
  };
  [[nodiscard]] plan::Status add(const plan::Table<plan::Blob>& blobs,
                                 const plan::Table<plan::Location>& locations,
                                 const std::filesystem::path& folder, Doubts* doubts);

  /// Hashes these blobs (all when `digests` is null) on up to two threads; an error names each whose bytes are not what its
  /// digest says. progress may be empty.
  [[nodiscard]] plan::Status verify(
      const std::vector<std::string>* digests,
      const std::function<bool(std::uint64_t done, std::uint64_t total)>& progress);

  /// An error names each registered file that is not what it was when it was added.
  [[nodiscard]] plan::Status check_unchanged() const;

  struct Place {
    std::string file;
    std::uint64_t offset_bytes = 0;
    FileIdentity identity;
  };
  /// Where a blob lies; nothing for unknown ones and for those that were written here.
  [[nodiscard]] std::optional<Place> place(std::string_view digest) const;

  // --- as in host.h; a status is null or owned by the caller ---
  [[nodiscard]] genie_status* map(std::string_view digest, genie_bytes* out) noexcept;
  void unmap(std::string_view digest) noexcept;
  [[nodiscard]] genie_status* begin(std::string_view digest, std::uint64_t size,
                                    genie_blob_writer** out) noexcept;
  [[nodiscard]] genie_status* write(genie_blob_writer* writer, const void* data, std::uint64_t size) noexcept;
  [[nodiscard]] genie_status* commit(genie_blob_writer* writer) noexcept;
  void abort(genie_blob_writer* writer) noexcept;

  /// Mappings not yet given back, over all blobs.
  [[nodiscard]] std::uint64_t mapped() const;
  /// Bytes that had to be copied because their place in the file is not 64-byte aligned.
  [[nodiscard]] std::uint64_t copied_bytes() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace genie::services
