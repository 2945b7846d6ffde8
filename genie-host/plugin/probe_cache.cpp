#include "plugin/probe_cache.hpp"

#include <sys/auxv.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <system_error>

#include "services/file_identity.hpp"
#include "services/sha256.hpp"

namespace genie::plugin {
namespace {

// Made if missing, ours, and closed to others: a remembered "ok" is a reason to load a library.
bool is_private_folder(const std::filesystem::path& folder) {
  std::error_code error;
  const std::filesystem::path parent = folder.parent_path();
  std::filesystem::create_directories(parent.parent_path(), error);
  ::mkdir(parent.c_str(), S_IRWXU);
  if (::mkdir(folder.c_str(), S_IRWXU) != 0 && errno != EEXIST) return false;
  struct stat status {};
  return ::lstat(folder.c_str(), &status) == 0 && S_ISDIR(status.st_mode) && status.st_uid == ::geteuid() &&
         (status.st_mode & (S_IRWXG | S_IRWXO)) == 0;
}

}  // namespace

std::filesystem::path user_cache_folder() {
  if (::getauxval(AT_SECURE) != 0) return {};
  if (const char* cache = ::getenv("XDG_CACHE_HOME"); cache && cache[0] == '/')
    return std::filesystem::path(cache) / "genie" / "plugins";
  if (const char* home = ::getenv("HOME"); home && home[0] == '/')
    return std::filesystem::path(home) / ".cache" / "genie" / "plugins";
  return {};
}

ProbeCache::ProbeCache(std::filesystem::path folder, const std::filesystem::path& host_executable)
    : folder_(std::move(folder)) {
  const auto identity = services::FileIdentity::of_path(host_executable.string());
  host_ = std::string(host_version()) + ' ' + (identity ? identity->to_text() : std::string());
  if (folder_.empty() || !identity || !is_private_folder(folder_)) folder_.clear();
}

std::string ProbeCache::key(const std::filesystem::path& library, const Manifest& manifest) const {
  const auto identity = services::FileIdentity::of_path(library.string());
  if (!identity) return {};
  services::Sha256 sha;
  const auto add = [&sha](std::string_view text) {
    sha.update(text.data(), text.size());
    sha.update("\n", 1);
  };
  add(library.string());
  add(identity->to_text());
  add(manifest.sha256);
  add(host_);
  for (const std::string& interface : manifest.interfaces)
    add(interface);
  return sha.finish();
}

std::optional<Probe> ProbeCache::find(const std::filesystem::path& library, const Manifest& manifest) const {
  if (folder_.empty()) return std::nullopt;
  const std::string name = key(library, manifest);
  if (name.empty()) return std::nullopt;
  std::ifstream in(folder_ / name, std::ios::binary);
  if (!in) return std::nullopt;
  const std::string bytes((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
  auto probe = decode_probe(bytes);
  if (!probe) return std::nullopt;
  for (const Dependency& dependency : probe->dependencies) {
    const auto now = services::FileIdentity::of_path(dependency.path);
    if (!now || now->to_text() != dependency.identity) return std::nullopt;
  }
  return std::move(probe).value();
}

void ProbeCache::store(const std::filesystem::path& library, const Manifest& manifest,
                       const Probe& probe) const {
  if (folder_.empty() || (probe.outcome != Probe::Outcome::ok && probe.outcome != Probe::Outcome::crashed))
    return;
  const std::string name = key(library, manifest);
  if (name.empty()) return;
  // Written beside and renamed, so that another process never reads half of it. Failing to remember is no error.
  const std::filesystem::path temporary = folder_ / (name + '.' + std::to_string(::getpid()));
  {
    std::ofstream out(temporary, std::ios::binary | std::ios::trunc);
    out << encode_probe(probe);
    if (!out.flush()) {
      std::error_code error;
      std::filesystem::remove(temporary, error);
      return;
    }
  }
  std::error_code error;
  std::filesystem::rename(temporary, folder_ / name, error);
}

}  // namespace genie::plugin
