#include "services/blob_writer.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>
#include <utility>

namespace genie::services {
namespace {

constexpr std::string_view kPrefix = "sha256:";
constexpr std::size_t kHexDigits = 64;

plan::Diagnostic problem(std::string code, std::string message, const std::string& file) {
  plan::Diagnostic diagnostic;
  diagnostic.code = std::move(code);
  diagnostic.message = std::move(message);
  diagnostic.file = file;
  return diagnostic;
}

bool is_digest(std::string_view digest) {
  if (!digest.starts_with(kPrefix) || digest.size() != kPrefix.size() + kHexDigits) return false;
  digest.remove_prefix(kPrefix.size());
  return std::all_of(digest.begin(), digest.end(),
                     [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

std::string error_text(int number) {
  return std::generic_category().message(number);
}

}  // namespace

plan::Result<std::unique_ptr<BlobWriter>> BlobWriter::begin(const std::filesystem::path& folder,
                                                            std::string_view digest,
                                                            std::uint64_t size_bytes) {
  if (!is_digest(digest)) return problem("GE0674", "not a digest: " + std::string(digest), {});
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error) return problem("GE0675", "the blob folder cannot be made: " + error.message(), folder.string());
  std::unique_ptr<BlobWriter> writer(new BlobWriter());
  writer->digest_ = digest;
  writer->size_bytes_ = size_bytes;
  const std::string name(digest.substr(kPrefix.size()));
  writer->final_ = (folder / name).string();
  writer->temporary_ = (folder / (name + ".XXXXXX")).string();
  writer->descriptor_ = ::mkostemp(writer->temporary_.data(), O_CLOEXEC);
  if (writer->descriptor_ < 0) {
    const int number = errno;
    writer->temporary_.clear();
    return problem("GE0675", "a blob cannot be stored: " + error_text(number), folder.string());
  }
  return writer;
}

BlobWriter::~BlobWriter() {
  if (descriptor_ >= 0) ::close(descriptor_);
  if (!temporary_.empty()) ::unlink(temporary_.c_str());
}

plan::Status BlobWriter::write(const void* data, std::uint64_t size) {
  if (size > size_bytes_ - written_bytes_)
    return problem(
        "GE0674",
        "blob " + digest_ + " was announced with " + std::to_string(size_bytes_) + " bytes and more arrived",
        final_);
  const auto* at = static_cast<const char*>(data);
  sha_.update(at, size);
  while (size > 0) {
    const ssize_t written = ::write(descriptor_, at, size);
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return problem("GE0675", "a blob cannot be stored: " + error_text(errno), final_);
    at += written;
    size -= static_cast<std::uint64_t>(written);
    written_bytes_ += static_cast<std::uint64_t>(written);
  }
  return plan::Unit{};
}

plan::Result<std::string> BlobWriter::commit() {
  if (written_bytes_ != size_bytes_)
    return problem("GE0674",
                   "blob " + digest_ + " was announced with " + std::to_string(size_bytes_) + " bytes and " +
                       std::to_string(written_bytes_) + " arrived",
                   final_);
  const std::string found = std::string(kPrefix) + sha_.finish();
  if (found != digest_)
    return problem("GE0674", "blob " + digest_ + " has other bytes: their digest is " + found, final_);
  if (::fchmod(descriptor_, S_IRUSR) != 0 || ::rename(temporary_.c_str(), final_.c_str()) != 0)
    return problem("GE0675", "a blob cannot be stored: " + error_text(errno), final_);
  temporary_.clear();
  return final_;
}

}  // namespace genie::services
