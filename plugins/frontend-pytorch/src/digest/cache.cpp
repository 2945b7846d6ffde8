#include "digest/cache.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <string_view>
#include <system_error>

#include "genie/plan/json.hpp"

namespace genie::pytorch {
namespace {

constexpr std::int64_t kYoungestCachedNs = 2'000'000'000;
constexpr std::string_view kSchema = "genie.digests";
constexpr int kVersion = 1;
constexpr std::size_t kDigestLength = 7 + 64;  // "sha256:" and 64 hexadecimal digits

/// Only a folder of our own that nobody else can write to is trusted.
bool is_private(const std::filesystem::path& folder) {
  struct stat status {};
  return ::lstat(folder.c_str(), &status) == 0 && S_ISDIR(status.st_mode) && status.st_uid == ::geteuid() &&
         (status.st_mode & 077) == 0;
}

std::string read_all(const std::filesystem::path& file) {
  std::ifstream stream(file, std::ios::binary);
  std::ostringstream text;
  text << stream.rdbuf();
  return stream ? std::move(text).str() : std::string();
}

bool is_digest(std::string_view text) {
  return text.size() == kDigestLength && text.starts_with("sha256:") &&
         text.find_first_not_of("0123456789abcdef", 7) == std::string_view::npos;
}

/// Writes a new file beside the old one and renames it into place, so that readers see one or the other.
void replace_file(const std::filesystem::path& file, const std::string& text) {
  std::string temporary = file.string() + ".XXXXXX";
  const int descriptor = ::mkstemp(temporary.data());
  if (descriptor < 0) return;
  std::size_t written = 0;
  while (written < text.size()) {
    const ssize_t n = ::write(descriptor, text.data() + written, text.size() - written);
    if (n <= 0) break;
    written += static_cast<std::size_t>(n);
  }
  const bool complete = ::close(descriptor) == 0 && written == text.size();
  if (!complete || ::rename(temporary.c_str(), file.c_str()) != 0) ::unlink(temporary.c_str());
}

}  // namespace

std::string to_text(const FileIdentity& identity) {
  return std::to_string(identity.device) + ':' + std::to_string(identity.inode) + ':' +
         std::to_string(identity.size_bytes) + ':' + std::to_string(identity.mtime_ns) + ':' +
         std::to_string(identity.ctime_ns);
}

DigestCache DigestCache::of_user() {
  const char* cache = std::getenv("XDG_CACHE_HOME");
  if (cache != nullptr && cache[0] == '/') return DigestCache(std::filesystem::path(cache) / "genie");
  const char* home = std::getenv("HOME");
  if (home != nullptr && home[0] == '/') return DigestCache(std::filesystem::path(home) / ".cache" / "genie");
  return DigestCache({});
}

std::filesystem::path DigestCache::file_of(const FileIdentity& identity) const {
  return folder_ /
         ("digests-" + std::to_string(identity.device) + "-" + std::to_string(identity.inode) + ".json");
}

EntryDigests DigestCache::load(const FileIdentity& identity) const {
  EntryDigests digests;
  if (folder_.empty() || !is_private(folder_)) return digests;
  const std::string text = read_all(file_of(identity));
  if (text.empty()) return digests;
  const auto document = plan::json::Document::parse(text);
  if (!document || !document->root().is(plan::json::Kind::object)) return digests;
  const auto root = document->root();
  const auto is = [&](std::string_view key, std::string_view wanted) {
    const auto value = root.find(key);
    return value && value->is(plan::json::Kind::string) && value->string() == wanted;
  };
  const auto version = root.find("version");
  const auto entries = root.find("entries");
  if (!is("schema", kSchema) || !is("identity", to_text(identity)) || !version ||
      !version->is(plan::json::Kind::integer) || version->integer() != kVersion || !entries ||
      !entries->is(plan::json::Kind::object))
    return digests;
  for (const auto& [name, digest] : entries->items())
    if (digest.is(plan::json::Kind::string) && is_digest(digest.string()))
      digests.emplace(name, digest.string());
  return digests;
}

void DigestCache::store(const FileIdentity& identity, const EntryDigests& digests,
                        std::int64_t now_ns) const {
  if (folder_.empty() || now_ns - identity.ctime_ns < kYoungestCachedNs) return;
  std::error_code error;
  std::filesystem::create_directories(folder_.parent_path(), error);
  if (::mkdir(folder_.c_str(), 0700) != 0 && errno != EEXIST) return;
  if (!is_private(folder_)) return;
  plan::json::Writer writer;
  writer.begin_object();
  writer.key("entries").begin_object();
  for (const auto& [name, digest] : digests)
    writer.key(name).value(std::string_view(digest));
  writer.end_object();
  writer.key("identity").value(std::string_view(to_text(identity)));
  writer.key("schema").value(kSchema);
  writer.key("version").value(kVersion);
  writer.end_object();
  replace_file(file_of(identity), writer.take());
}

}  // namespace genie::pytorch
