#include "worker/blob_cache.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <ctime>
#include <memory>
#include <optional>
#include <system_error>
#include <vector>

#include "genie/exec/budget.hpp"
#include "protocol/secret.hpp"

namespace genie::remote {

namespace {

using datapath::Fd;

constexpr std::string_view kPrefix = "sha256:";
constexpr std::size_t kDigits = 64;
constexpr std::string_view kMarks = ".seen";
constexpr std::string_view kUnfinished = ".unfinished";
constexpr const char* kLock = ".lock";
constexpr std::size_t kPieceBytes = std::size_t{1} << 20;
/// Of one list of marks: nobody has more identities.
constexpr std::size_t kMostMarkBytes = std::size_t{16} << 20;

bool is_digits(std::string_view text) {
  return text.size() == kDigits && text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

/// The file's name; nothing for what is no digest.
std::optional<std::string> name_of(std::string_view digest) {
  if (!digest.starts_with(kPrefix) || !is_digits(digest.substr(kPrefix.size()))) return std::nullopt;
  return std::string(digest.substr(kPrefix.size()));
}

std::int64_t in_ns(const timespec& at) {
  return static_cast<std::int64_t>(at.tv_sec) * 1'000'000'000 + at.tv_nsec;
}

std::int64_t now_ns() {
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME, &now);
  return in_ns(now);
}

genie::Error unusable(const std::string& folder, const std::string& what, const std::string& help) {
  return exec::problem(GENIE_FAILED_PRECONDITION, "GE0808", "cache folder " + folder + " " + what, help);
}

bool read_all(int fd, std::byte* into, std::size_t size, Digest& digest) {
  while (size > 0) {
    const ssize_t got = ::read(fd, into, std::min(size, kPieceBytes));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return false;
    digest.update(into, static_cast<std::size_t>(got));
    into += got;
    size -= static_cast<std::size_t>(got);
  }
  return true;
}

}  // namespace

genie::Expected<std::unique_ptr<BlobCache>> BlobCache::open(const std::string& folder,
                                                            std::uint64_t quota_bytes) {
  const auto why = [] { return std::system_category().message(errno); };
  if (::mkdir(folder.c_str(), 0700) != 0 && errno != EEXIST)
    return unusable(folder, "cannot be made: " + why(), "name a folder in one that exists");
  Fd opened(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW));
  if (!opened) return unusable(folder, "cannot be opened: " + why(), "name a folder that is none of links");
  struct stat info {};
  if (::fstat(opened.get(), &info) != 0 || (info.st_mode & 077) != 0 || info.st_uid != ::geteuid())
    return unusable(folder, "may be entered by others, or belongs to somebody else",
                    "chmod 700 it, or name another: weights and who may use them lie there");
  Fd lock(::openat(opened.get(), kLock, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!lock) return unusable(folder, "cannot be written to: " + why(), "see its permissions and the disk");
  if (::flock(lock.get(), LOCK_EX | LOCK_NB) != 0)
    return unusable(folder, "is used by another worker", "give each worker a folder of its own");
  std::unique_ptr<BlobCache> cache(new BlobCache(std::move(opened), std::move(lock), quota_bytes));
  cache->look_around();
  return cache;
}

/// What an earlier worker left: whole blobs that somebody may use stay, what was cut short goes.
void BlobCache::look_around() {
  const int fd = ::openat(folder_.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  const std::unique_ptr<DIR, int (*)(DIR*)> folder(fd < 0 ? nullptr : ::fdopendir(fd), ::closedir);
  if (!folder) return;
  std::vector<std::string> names;
  while (const dirent* entry = ::readdir(folder.get()))
    names.emplace_back(entry->d_name);
  const std::lock_guard hold(lock_);
  for (const std::string& name : names) {
    const std::string_view digits = std::string_view(name).substr(0, kDigits);
    if (!is_digits(digits)) continue;  // not of a cache: left alone
    const std::string_view rest = std::string_view(name).substr(kDigits);
    struct stat info {};
    if (rest.empty() && ::fstatat(folder_.get(), name.c_str(), &info, AT_SYMLINK_NOFOLLOW) == 0 &&
        S_ISREG(info.st_mode)) {
      Entry entry{static_cast<std::uint64_t>(info.st_size), in_ns(info.st_mtim), read_marks(name)};
      if (!entry.seen_by.empty()) {
        counts_.bytes += entry.bytes;
        ++counts_.blobs;
        entries_.emplace(name, std::move(entry));
        continue;
      }
    }
    if (rest == kMarks && std::ranges::find(names, digits) != names.end()) continue;
    if (rest.empty() || rest == kMarks || rest.ends_with(kUnfinished))
      ::unlinkat(folder_.get(), name.c_str(), 0);
  }
  (void)make_room(0);
}

std::set<std::string> BlobCache::read_marks(const std::string& name) const {
  std::set<std::string> marks;
  const Fd file(
      ::openat(folder_.get(), (name + std::string(kMarks)).c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  struct stat info {};
  if (!file || ::fstat(file.get(), &info) != 0 || !S_ISREG(info.st_mode)) return marks;
  std::string text(std::min(kMostMarkBytes, static_cast<std::size_t>(info.st_size)), '\0');
  const ssize_t got = ::read(file.get(), text.data(), text.size());
  text.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    if (std::string mark = text.substr(at, end - at); is_digits(mark)) marks.insert(std::move(mark));
    at = end + 1;
  }
  return marks;
}

/// Under a name of its own until it is whole.
bool BlobCache::write_file(const std::string& name, const void* data, std::size_t size) {
  const std::string unfinished = name + std::string(kUnfinished);
  ::unlinkat(folder_.get(), unfinished.c_str(), 0);
  Fd file(::openat(folder_.get(), unfinished.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW,
                   0600));
  bool whole = static_cast<bool>(file);
  for (const auto* at = static_cast<const std::byte*>(data); whole && size > 0;) {
    const ssize_t put = ::write(file.get(), at, size);
    if (put < 0 && errno == EINTR) continue;
    whole = put > 0;
    if (!whole) break;
    at += put;
    size -= static_cast<std::size_t>(put);
  }
  whole = whole && ::renameat(folder_.get(), unfinished.c_str(), folder_.get(), name.c_str()) == 0;
  if (!whole) ::unlinkat(folder_.get(), unfinished.c_str(), 0);
  return whole;
}

bool BlobCache::write_marks(const std::string& name, const std::set<std::string>& marks) {
  std::string text;
  for (const std::string& mark : marks)
    text += mark + "\n";
  return write_file(name + std::string(kMarks), text.data(), text.size());
}

bool BlobCache::make_room(std::uint64_t bytes) {
  if (bytes > quota_) return false;
  while (counts_.bytes > quota_ - bytes) {
    remove(std::ranges::min_element(entries_, {}, [](const auto& entry) { return entry.second.used_ns; }));
    ++counts_.evicted;
  }
  return true;
}

void BlobCache::remove(Entries::iterator at) {
  // The marks first: without them the bytes are nobody's, whatever comes between.
  ::unlinkat(folder_.get(), (at->first + std::string(kMarks)).c_str(), 0);
  ::unlinkat(folder_.get(), at->first.c_str(), 0);
  counts_.bytes -= at->second.bytes;
  --counts_.blobs;
  entries_.erase(at);
}

std::set<std::string> BlobCache::seen_by(std::string_view digest) const {
  const auto name = name_of(digest);
  const std::lock_guard hold(lock_);
  const auto at = name ? entries_.find(*name) : entries_.end();
  return at == entries_.end() ? std::set<std::string>() : at->second.seen_by;
}

std::shared_ptr<Buffer> BlobCache::read(const std::string& digest, std::uint64_t size) {
  const auto name = name_of(digest);
  if (!name || seen_by(digest).empty()) return nullptr;
  const Fd file(::openat(folder_.get(), name->c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  struct stat info {};
  std::shared_ptr<Buffer> bytes;
  if (file && ::fstat(file.get(), &info) == 0 && S_ISREG(info.st_mode) &&
      static_cast<std::uint64_t>(info.st_size) == size) {
    bytes = std::make_shared<Buffer>(static_cast<std::size_t>(size));
    Digest found;
    if (!read_all(file.get(), bytes->data, bytes->size, found) || found.finish() != digest) bytes.reset();
  }
  if (bytes) {
    touch(digest);
    return bytes;
  }
  const std::lock_guard hold(lock_);
  if (const auto at = entries_.find(*name); at != entries_.end()) remove(at);
  ++counts_.damaged;
  return nullptr;
}

void BlobCache::touch(std::string_view digest) {
  const auto name = name_of(digest);
  const std::lock_guard hold(lock_);
  const auto at = name ? entries_.find(*name) : entries_.end();
  if (at == entries_.end()) return;
  at->second.used_ns = now_ns();
  ::utimensat(folder_.get(), name->c_str(), nullptr, AT_SYMLINK_NOFOLLOW);
}

void BlobCache::write(const std::string& digest, const Buffer& bytes, const std::string& mark) {
  const auto name = name_of(digest);
  if (!name || !is_digits(mark)) return;
  std::set<std::string> marks = seen_by(digest);
  const bool there = !marks.empty();
  if (!marks.insert(mark).second) return touch(digest);
  if (!there) {
    {
      const std::lock_guard hold(lock_);
      if (!make_room(bytes.size)) return;
    }
    if (!write_file(*name, bytes.data, bytes.size)) {
      const std::lock_guard hold(lock_);
      ++counts_.failed_writes;
      return;
    }
  }
  const bool marked = write_marks(*name, marks);
  const std::lock_guard hold(lock_);
  if (!marked) {
    if (!there) ::unlinkat(folder_.get(), name->c_str(), 0);
    ++counts_.failed_writes;
    return;
  }
  Entry& entry = entries_[*name];
  if (!there) {
    entry.bytes = bytes.size;
    counts_.bytes += entry.bytes;
    ++counts_.blobs;
  }
  entry.seen_by = std::move(marks);
  entry.used_ns = now_ns();
}

BlobCache::Counts BlobCache::counts() const {
  const std::lock_guard hold(lock_);
  return counts_;
}

}  // namespace genie::remote
