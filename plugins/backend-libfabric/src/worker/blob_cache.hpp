// Weights on disk, for a worker that is started again: a folder of the worker's alone, with a file per blob.
//
// A file is named after its digest and nothing else. It is written under another name and renamed when it is whole, and it is
// hashed when it is read: one that is damaged is removed and counted, never used. Beside it lies the list of who may use it, as
// marks that say nothing to others. What was not used for longest goes when the quota is needed.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <string_view>

#include "datapath/fd.hpp"
#include "genie/cpp/core.hpp"
#include "protocol/frame.hpp"

namespace genie::remote {

/// Files are read and written by one thread, the cache's; questions come from any.
class BlobCache {
 public:
  /// Makes the folder when there is none. FAILED_PRECONDITION (GE0808) for one that others may enter or another worker uses.
  [[nodiscard]] static genie::Expected<std::unique_ptr<BlobCache>> open(const std::string& folder,
                                                                        std::uint64_t quota_bytes);

  /// The marks of those who may use a blob; none for what is not there. [any-thread]
  [[nodiscard]] std::set<std::string> seen_by(std::string_view digest) const;
  /// Its bytes; null when it is not there, or was damaged and is gone now.
  [[nodiscard]] std::shared_ptr<Buffer> read(const std::string& digest, std::uint64_t size);
  /// Keeps the bytes, which were hashed, for one more to use. Nothing when it cannot: a cache is no promise.
  void write(const std::string& digest, const Buffer& bytes, const std::string& mark);
  /// It was used just now.
  void touch(std::string_view digest);

  struct Counts {
    std::uint64_t blobs = 0;
    std::uint64_t bytes = 0;
    std::uint64_t damaged = 0;  ///< removed when they were read
    std::uint64_t evicted = 0;
    std::uint64_t failed_writes = 0;
  };
  /// [any-thread]
  [[nodiscard]] Counts counts() const;

 private:
  struct Entry {
    std::uint64_t bytes = 0;
    std::int64_t used_ns = 0;  ///< the file's time of change
    std::set<std::string> seen_by;
  };
  using Entries = std::map<std::string, Entry, std::less<>>;  // by file name: the digest's digits

  BlobCache(datapath::Fd folder, datapath::Fd lock, std::uint64_t quota)
      : folder_(std::move(folder)), in_use_(std::move(lock)), quota_(quota) {}
  void look_around();
  [[nodiscard]] std::set<std::string> read_marks(const std::string& name) const;
  [[nodiscard]] bool write_marks(const std::string& name, const std::set<std::string>& marks);
  [[nodiscard]] bool write_file(const std::string& name, const void* data, std::size_t size);
  [[nodiscard]] bool make_room(std::uint64_t bytes);
  void remove(Entries::iterator at);

  const datapath::Fd folder_;
  const datapath::Fd in_use_;  // locked while this lives
  const std::uint64_t quota_;
  mutable std::mutex lock_;  // guards the members below
  Entries entries_;
  Counts counts_;
};

}  // namespace genie::remote
