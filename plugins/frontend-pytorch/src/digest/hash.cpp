// Threads: each hashing thread takes the next range from a shared counter; `mutex` protects the progress callback alone.
#include "digest/hash.hpp"

#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstring>
#include <memory>
#include <mutex>
#include <numeric>
#include <stdexcept>
#include <thread>

namespace genie::pytorch {
namespace {

/// Between two looks at progress and cancellation: about 5 ms of hashing.
constexpr std::size_t kChunkBytes = std::size_t{8} << 20;
constexpr unsigned kMostThreads = 8;

struct ContextDeleter {
  void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
};

std::string hex_digest(const unsigned char* bytes, unsigned size) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string text = "sha256:";
  for (unsigned i = 0; i < size; ++i) {
    text += digits[bytes[i] >> 4];
    text += digits[bytes[i] & 15];
  }
  return text;
}

class Hasher {
 public:
  Hasher(const std::vector<std::string_view>& ranges, const HashProgress& progress)
      : ranges_(ranges), progress_(progress), order_(ranges.size()), digests_(ranges.size()) {
    std::iota(order_.begin(), order_.end(), std::size_t{0});
    // Largest first, so that no thread is left with a big one at the end.
    std::stable_sort(order_.begin(), order_.end(),
                     [&](std::size_t a, std::size_t b) { return ranges[a].size() > ranges[b].size(); });
    for (const std::string_view range : ranges)
      total_ += range.size();
  }

  void work() {
    const std::unique_ptr<EVP_MD_CTX, ContextDeleter> context(EVP_MD_CTX_new());
    if (!context) {
      failed_ = true;
      return;
    }
    for (std::size_t next = next_++; next < order_.size() && !stopped_ && !failed_; next = next_++) {
      const std::size_t index = order_[next];
      hash(*context, ranges_[index], digests_[index]);
    }
  }

  [[nodiscard]] bool failed() const { return failed_; }
  [[nodiscard]] bool stopped() const { return stopped_; }
  [[nodiscard]] std::vector<std::string> take() { return std::move(digests_); }

 private:
  void hash(EVP_MD_CTX& context, std::string_view range, std::string& digest) {
    bool ok = EVP_DigestInit_ex(&context, EVP_sha256(), nullptr) == 1;
    for (std::size_t at = 0; ok && at < range.size(); at += kChunkBytes) {
      const std::string_view chunk = range.substr(at, kChunkBytes);
      ok = EVP_DigestUpdate(&context, chunk.data(), chunk.size()) == 1;
      if (!report(chunk.size())) return;
    }
    std::array<unsigned char, EVP_MAX_MD_SIZE> bytes{};
    unsigned size = 0;
    ok = ok && EVP_DigestFinal_ex(&context, bytes.data(), &size) == 1;
    if (!ok) failed_ = true;
    digest = hex_digest(bytes.data(), size);
  }

  bool report(std::size_t bytes) {
    const std::uint64_t done = done_ += bytes;
    if (!progress_) return true;
    const std::lock_guard lock(mutex_);
    if (!stopped_ && !progress_(done, total_)) stopped_ = true;
    return !stopped_;
  }

  const std::vector<std::string_view>& ranges_;
  const HashProgress& progress_;
  std::vector<std::size_t> order_;
  std::vector<std::string> digests_;
  std::uint64_t total_ = 0;
  std::atomic<std::size_t> next_{0};
  std::atomic<std::uint64_t> done_{0};
  std::atomic<bool> stopped_{false};
  std::atomic<bool> failed_{false};
  std::mutex mutex_;
};

}  // namespace

std::optional<std::vector<std::string>> hash_all(const std::vector<std::string_view>& ranges,
                                                 const HashProgress& progress, unsigned threads) {
  if (threads == 0) threads = std::clamp(std::thread::hardware_concurrency(), 1u, kMostThreads);
  const auto count =
      static_cast<unsigned>(std::min<std::size_t>(threads, std::max<std::size_t>(ranges.size(), 1)));
  Hasher hasher(ranges, progress);
  {
    std::vector<std::jthread> workers;
    for (unsigned i = 1; i < count; ++i)
      workers.emplace_back([&hasher] { hasher.work(); });
    hasher.work();
  }
  if (hasher.failed()) throw std::runtime_error("libcrypto offers no SHA-256");
  if (hasher.stopped()) return std::nullopt;
  return hasher.take();
}

bool all_zeros(std::string_view bytes) {
  // The first byte is zero and each byte equals the one before it: one memcmp at memory speed.
  return bytes.empty() ||
         (bytes.front() == 0 && std::memcmp(bytes.data(), bytes.data() + 1, bytes.size() - 1) == 0);
}

}  // namespace genie::pytorch
