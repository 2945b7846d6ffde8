#include "worker/blobs.hpp"

#include <algorithm>

#include "genie/exec/budget.hpp"
#include "protocol/secret.hpp"

namespace genie::remote {

void Blobs::Room::give_back() {
  if (of_ == nullptr) return;
  const std::lock_guard hold(of_->lock_);
  of_->promised_ -= bytes_;
  of_ = nullptr;
}

bool Blobs::allows(const std::set<std::string>& seen_by, const std::string& identity) const {
  return seen_by.contains(identity) ||
         std::ranges::any_of(seen_by, [this](const std::string& one) { return shared_.contains(one); });
}

bool Blobs::visible(std::string_view digest, const std::string& identity) const {
  const std::lock_guard hold(lock_);
  const auto at = entries_.find(digest);
  return at != entries_.end() && allows(at->second.seen_by, identity);
}

genie::Expected<Blobs::Room> Blobs::make_room(std::uint64_t bytes) {
  const std::lock_guard hold(lock_);
  while (bytes > quota_ - std::min(quota_, bytes_ + promised_)) {
    auto oldest = entries_.end();
    for (auto at = entries_.begin(); at != entries_.end(); ++at)
      if (at->second.bytes.use_count() == 1 &&
          (oldest == entries_.end() || at->second.used < oldest->second.used))
        oldest = at;
    if (oldest == entries_.end())
      return exec::problem(GENIE_RESOURCE_EXHAUSTED, "GE0675",
                           "storing " + exec::bytes_text(bytes) +
                               " of weights would exceed the worker's quota of " + exec::bytes_text(quota_) +
                               " (" + exec::bytes_text(bytes_ + promised_) + " in use by prepared programs)",
                           "raise the worker's `blob_bytes`, or release programs");
    bytes_ -= oldest->second.bytes->size;
    entries_.erase(oldest);
  }
  promised_ += bytes;
  return Room(*this, bytes);
}

void Blobs::add(const std::string& digest, std::shared_ptr<Buffer> bytes,
                const std::set<std::string>& seen_by, Room room) {
  const Room until_counted = std::move(room);
  const std::lock_guard hold(lock_);
  Entry& entry = entries_[digest];
  if (!entry.bytes) {
    bytes_ += bytes->size;
    entry.bytes = std::move(bytes);
  }
  entry.seen_by.insert(seen_by.begin(), seen_by.end());
  entry.used = ++clock_;
}

genie::Expected<exec::Blob> Blobs::get(std::string_view digest, const std::string& identity) {
  const std::lock_guard hold(lock_);
  const auto at = entries_.find(digest);
  if (at == entries_.end() || !allows(at->second.seen_by, identity))
    return exec::problem(GENIE_NOT_FOUND, "GE0671", "this worker has no blob " + std::string(digest),
                         "whoever prepares a plan brings its weights");
  at->second.used = ++clock_;
  return exec::Blob{at->first, {at->second.bytes->data, at->second.bytes->size}, at->second.bytes};
}

std::uint64_t Blobs::used_bytes() const {
  const std::lock_guard hold(lock_);
  return bytes_;
}

std::string identity_mark(std::string_view authority, std::string_view name) {
  return to_hex(proof(authority, "genie identity", name, {}));
}

}  // namespace genie::remote
