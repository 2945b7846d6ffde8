#include "services/blob_store.hpp"

#include <algorithm>
#include <map>
#include <mutex>
#include <new>
#include <utility>

#include "services/blob_writer.hpp"
#include "services/mapped_file.hpp"
#include "services/memory.hpp"
#include "services/sha256.hpp"
#include "services/status.hpp"
#include "services/work_split.hpp"

namespace genie::services {
namespace {

constexpr std::uint64_t kAlignment = 64;

plan::Diagnostic about_file(std::string code, std::string message, const std::string& file,
                            std::string help) {
  plan::Diagnostic diagnostic;
  diagnostic.code = std::move(code);
  diagnostic.message = std::move(message);
  diagnostic.file = file;
  diagnostic.help = std::move(help);
  return diagnostic;
}

struct Entry {
  std::shared_ptr<MappedFile> file;
  std::uint64_t offset_bytes = 0;
  std::uint64_t size_bytes = 0;
  std::uint64_t users = 0;       // map calls without their unmap
  void* aligned_copy = nullptr;  // where the file's own address is not aligned
};

}  // namespace

struct BlobStore::State {
  std::filesystem::path cache;
  std::uint64_t quota_bytes = 0;
  mutable std::mutex mutex;                                               // guards the members below
  std::map<std::string, std::shared_ptr<MappedFile>, std::less<>> files;  // by path
  std::map<std::string, Entry, std::less<>> entries;                      // by digest
  std::uint64_t copied_bytes = 0;
  std::uint64_t written_bytes = 0;

  plan::Result<std::shared_ptr<MappedFile>> open(const std::string& path) {
    if (const auto found = files.find(path); found != files.end()) return found->second;
    auto file = MappedFile::open(path);
    if (!file) return std::move(file).errors();
    files.emplace(path, *file);
    return *file;
  }
};

BlobStore::BlobStore(std::filesystem::path cache, std::uint64_t quota_bytes)
    : state_(std::make_unique<State>()) {
  state_->cache = std::move(cache);
  state_->quota_bytes = quota_bytes;
}

BlobStore::~BlobStore() {
  for (auto& [digest, entry] : state_->entries)
    deallocate(entry.aligned_copy);
}

plan::Status BlobStore::add(const plan::Table<plan::Blob>& blobs,
                            const plan::Table<plan::Location>& locations, const std::filesystem::path& folder,
                            Doubts* doubts) {
  const std::lock_guard lock(state_->mutex);
  plan::Diagnostics errors;
  std::size_t lost = 0;  // blobs without a location: one line for all
  for (const auto& [digest, blob] : blobs) {
    if (state_->entries.contains(digest)) continue;
    const auto location = locations.find(digest);
    if (location == locations.end()) {
      if (lost++ == 0)
        errors.push_back(
            about_file("GE0671", "nothing says where the bytes of blob " + digest + " lie", {},
                       "the plan's `locations` must name a file for each of its blobs: capture the "
                       "model again to write them"));
      continue;
    }
    const plan::Location& at = location->second;
    const std::string path = (folder / at.uri).lexically_normal().string();
    auto file = state_->open(path);
    if (!file) {
      if (errors.empty() || errors.back().file != path)
        errors.insert(errors.end(), file.errors().begin(), file.errors().end());
      continue;
    }
    const std::uint64_t file_bytes = (*file)->identity().size_bytes;
    if (at.offset_bytes > file_bytes || blob.size_bytes > file_bytes - at.offset_bytes) {
      errors.push_back(about_file(
          "GE0673",
          "blob " + digest + " is said to be " + std::to_string(blob.size_bytes) + " bytes at offset " +
              std::to_string(at.offset_bytes) + ", but the file has " + std::to_string(file_bytes) + " bytes",
          path, "capture the model again: the file was cut, or is not the one it was"));
      continue;
    }
    const auto identity = std::find_if(at.extra.begin(), at.extra.end(),
                                       [](const auto& pair) { return pair.first == "identity"; });
    if (doubts && identity == at.extra.end()) {
      doubts->unknown.push_back(digest);
    } else if (doubts) {
      const std::string& json = identity->second;
      const auto stored = FileIdentity::from_text(
          json.size() < 2 ? std::string_view() : std::string_view(json).substr(1, json.size() - 2));
      if (!stored || *stored != (*file)->identity()) doubts->changed.push_back(digest);
    }
    state_->entries.emplace(digest, Entry{*file, at.offset_bytes, blob.size_bytes, 0, nullptr});
  }
  if (lost > 1)
    for (plan::Diagnostic& error : errors)
      if (error.code == "GE0671") error.message += ", nor those of " + std::to_string(lost - 1) + " more";
  if (!errors.empty()) return errors;
  return plan::Unit{};
}

plan::Status BlobStore::verify(const std::vector<std::string>* digests,
                               const std::function<bool(std::uint64_t, std::uint64_t)>& progress) {
  struct Work {
    std::string digest;
    const unsigned char* data;
    std::uint64_t size;
    std::string file;
  };
  std::vector<Work> work;
  std::uint64_t total = 0;
  {
    const std::lock_guard lock(state_->mutex);
    const auto add_one = [&](const std::string& digest, const Entry& entry) -> plan::Status {
      auto base = entry.file->data();
      if (!base) return std::move(base).errors();
      work.push_back({digest, *base + entry.offset_bytes, entry.size_bytes, entry.file->path()});
      total += entry.size_bytes;
      return plan::Unit{};
    };
    for (const auto& [digest, entry] : state_->entries)
      if (!digests)
        if (auto added = add_one(digest, entry); !added) return added;
    if (digests)
      for (const std::string& digest : *digests)
        if (const auto found = state_->entries.find(digest); found != state_->entries.end())
          if (auto added = add_one(digest, found->second); !added) return added;
  }
  std::mutex mutex;  // guards errors and done
  plan::Diagnostics errors;
  std::uint64_t done = 0;
  const bool finished = split_work(work.size(), [&](std::size_t i) {
    Sha256 sha;
    sha.update(work[i].data, work[i].size);
    const std::string found = "sha256:" + sha.finish();
    const std::lock_guard lock(mutex);
    if (found != work[i].digest)
      errors.push_back(
          about_file("GE0674", "blob " + work[i].digest + " has other bytes: their digest is " + found,
                     work[i].file, "capture the model again: the file changed since the plan was made"));
    done += work[i].size;
    return !progress || progress(done, total);
  });
  if (!errors.empty()) return errors;
  if (!finished) return about_file("GE0657", "cancelled while weights were hashed", {}, {});
  return plan::Unit{};
}

plan::Status BlobStore::check_unchanged() const {
  const std::lock_guard lock(state_->mutex);
  plan::Diagnostics errors;
  for (const auto& [path, file] : state_->files) {
    const auto now = FileIdentity::of_path(path);
    std::string why = now ? file->identity().difference(*now) : "it is gone";
    if (!why.empty())
      errors.push_back(about_file("GE0670",
                                  "the file that holds the weights changed while it was in use: " + why, path,
                                  "run again: the plan is made anew from the file as it is now"));
  }
  if (!errors.empty()) return errors;
  return plan::Unit{};
}

std::optional<BlobStore::Place> BlobStore::place(std::string_view digest) const {
  const std::lock_guard lock(state_->mutex);
  const auto found = state_->entries.find(digest);
  if (found == state_->entries.end()) return std::nullopt;
  const Entry& entry = found->second;
  return Place{entry.file->path(), entry.offset_bytes, entry.file->identity()};
}

genie_status* BlobStore::map(std::string_view digest, genie_bytes* out) noexcept {
  try {
    const std::lock_guard lock(state_->mutex);
    const auto found = state_->entries.find(digest);
    if (found == state_->entries.end())
      return make_status(GENIE_NOT_FOUND,
                         {about_file("GE0671", "the host has no blob " + std::string(digest), {},
                                     "blobs come with the plan, or are stored with blob_begin")});
    Entry& entry = found->second;
    auto base = entry.file->data();
    if (!base) return make_status(GENIE_NOT_FOUND, base.errors());
    const unsigned char* data = *base + entry.offset_bytes;
    if (reinterpret_cast<std::uintptr_t>(data) % kAlignment != 0) {
      if (!entry.aligned_copy) {
        entry.aligned_copy = allocate(entry.size_bytes, kAlignment);
        if (!entry.aligned_copy)
          return make_status(GENIE_RESOURCE_EXHAUSTED, "no memory to align blob " + std::string(digest));
        std::copy_n(data, entry.size_bytes, static_cast<unsigned char*>(entry.aligned_copy));
        state_->copied_bytes += entry.size_bytes;
      }
      data = static_cast<const unsigned char*>(entry.aligned_copy);
    }
    ++entry.users;
    *out = {data, entry.size_bytes};
    return nullptr;
  } catch (const std::bad_alloc&) {
    return make_status(GENIE_RESOURCE_EXHAUSTED, "out of memory");
  }
}

void BlobStore::unmap(std::string_view digest) noexcept {
  const std::lock_guard lock(state_->mutex);
  const auto found = state_->entries.find(digest);
  if (found == state_->entries.end() || found->second.users == 0) return;
  if (--found->second.users == 0) deallocate(std::exchange(found->second.aligned_copy, nullptr));
}

genie_status* BlobStore::begin(std::string_view digest, std::uint64_t size,
                               genie_blob_writer** out) noexcept {
  try {
    const std::lock_guard lock(state_->mutex);
    if (state_->entries.contains(digest))
      return make_status(GENIE_ALREADY_EXISTS, "the host has blob " + std::string(digest) + " already");
    if (state_->cache.empty())
      return make_status(GENIE_FAILED_PRECONDITION,
                         "this host stores no blobs: its configuration names no cache folder");
    if (size > state_->quota_bytes || state_->written_bytes > state_->quota_bytes - size)
      return make_status(
          GENIE_RESOURCE_EXHAUSTED,
          {about_file("GE0675",
                      "storing " + std::to_string(size) + " bytes more would exceed the quota of " +
                          std::to_string(state_->quota_bytes) + " bytes (" +
                          std::to_string(state_->written_bytes) + " used)",
                      state_->cache.string(), "raise cache.quota_bytes, or clean the folder")});
    auto writer = BlobWriter::begin(state_->cache, digest, size);
    if (!writer) return make_status(GENIE_UNAVAILABLE, writer.errors());
    state_->written_bytes += size;
    *out = reinterpret_cast<genie_blob_writer*>(writer.value().release());
    return nullptr;
  } catch (const std::exception& e) {
    return make_status(GENIE_RESOURCE_EXHAUSTED, e.what());
  }
}

genie_status* BlobStore::write(genie_blob_writer* writer, const void* data, std::uint64_t size) noexcept {
  try {
    auto written = reinterpret_cast<BlobWriter*>(writer)->write(data, size);
    return written ? nullptr : make_status(GENIE_INVALID_ARGUMENT, written.errors());
  } catch (const std::exception& e) {
    return make_status(GENIE_RESOURCE_EXHAUSTED, e.what());
  }
}

genie_status* BlobStore::commit(genie_blob_writer* raw) noexcept {
  const std::unique_ptr<BlobWriter> writer(reinterpret_cast<BlobWriter*>(raw));
  try {
    auto path = writer->commit();
    const std::lock_guard lock(state_->mutex);
    auto file = path ? state_->open(*path) : plan::Result<std::shared_ptr<MappedFile>>(path.errors());
    if (!file) {
      state_->written_bytes -= writer->size_bytes();
      return make_status(GENIE_INVALID_ARGUMENT, file.errors());
    }
    state_->entries.emplace(writer->digest(), Entry{*file, 0, writer->size_bytes(), 0, nullptr});
    return nullptr;
  } catch (const std::exception& e) {
    return make_status(GENIE_RESOURCE_EXHAUSTED, e.what());
  }
}

void BlobStore::abort(genie_blob_writer* raw) noexcept {
  const std::unique_ptr<BlobWriter> writer(reinterpret_cast<BlobWriter*>(raw));
  const std::lock_guard lock(state_->mutex);
  state_->written_bytes -= writer->size_bytes();
}

std::uint64_t BlobStore::mapped() const {
  const std::lock_guard lock(state_->mutex);
  std::uint64_t users = 0;
  for (const auto& [digest, entry] : state_->entries)
    users += entry.users;
  return users;
}

std::uint64_t BlobStore::copied_bytes() const {
  const std::lock_guard lock(state_->mutex);
  return state_->copied_bytes;
}

}  // namespace genie::services
