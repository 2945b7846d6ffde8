#include "genie/exec/budget.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "genie/plan/diagnostic.hpp"

namespace genie::exec {

namespace {

constexpr std::size_t kNamed = 8;  ///< of what is alive, the largest are named

}  // namespace

Claim::~Claim() {
  if (budget_ != nullptr) budget_->give_back(id_);
}

genie::Expected<Claim> Budget::take(std::string name, std::uint64_t bytes) {
  const std::lock_guard hold(lock_);
  if (bytes > room()) return refusal(name, bytes, room());
  used_ += bytes;
  peak_ = std::max(peak_, used_);
  const std::uint64_t id = next_++;
  alive_.emplace(id, Entry{std::move(name), bytes});
  return Claim(this, id, bytes);
}

genie::Outcome Budget::resize(Claim& claim, std::string name, std::uint64_t bytes) {
  if (claim.budget_ == nullptr) {
    auto taken = take(std::move(name), bytes);
    if (!taken) return std::move(taken).error();
    claim = *std::move(taken);
    return genie::Done{};
  }
  const std::lock_guard hold(lock_);
  if (bytes > claim.bytes_ && bytes - claim.bytes_ > room())
    return refusal(name, bytes - claim.bytes_, room());
  used_ = used_ - claim.bytes_ + bytes;
  peak_ = std::max(peak_, used_);
  alive_.at(claim.id_).bytes = bytes;
  claim.bytes_ = bytes;
  return genie::Done{};
}

Claim Budget::seize(std::string name, std::uint64_t bytes) {
  const std::lock_guard hold(lock_);
  seized_ += bytes;
  const std::uint64_t id = next_++;
  alive_.emplace(id, Entry{std::move(name), bytes, true});
  return Claim(this, id, bytes);
}

std::uint64_t Budget::room() const {
  return limit_ - std::min(limit_, used_ + seized_);
}

std::uint64_t Budget::used() const {
  const std::lock_guard hold(lock_);
  return std::min(limit_, used_ + seized_);
}

std::uint64_t Budget::peak() const {
  const std::lock_guard hold(lock_);
  return peak_;
}

std::vector<std::pair<std::string, std::uint64_t>> Budget::holdings() const {
  const std::lock_guard hold(lock_);
  std::vector<std::pair<std::string, std::uint64_t>> out;
  for (const auto& [id, entry] : alive_)
    if (entry.bytes != 0) out.emplace_back(entry.name, entry.bytes);
  return out;
}

genie::Error Budget::over(std::string_view name, std::uint64_t bytes, std::uint64_t room) const {
  const std::lock_guard hold(lock_);
  return refusal(name, bytes, room);
}

genie::Error Budget::refusal(std::string_view name, std::uint64_t bytes, std::uint64_t room) const {
  std::vector<const Entry*> entries;
  for (const auto& [id, entry] : alive_)
    if (entry.bytes != 0) entries.push_back(&entry);
  std::ranges::stable_sort(entries, std::ranges::greater{}, [](const Entry* e) { return e->bytes; });
  std::string alive;
  for (std::size_t i = 0; i < entries.size() && i < kNamed; ++i)
    alive += (i == 0 ? "" : ", ") + entries[i]->name + " (" + bytes_text(entries[i]->bytes) + ")";
  if (entries.size() > kNamed) alive += " and " + std::to_string(entries.size() - kNamed) + " more";
  return problem(GENIE_RESOURCE_EXHAUSTED, "GE0610",
                 "device " + device_ + " has no room for " + std::string(name) + ": " + bytes_text(bytes) +
                     " asked, " + bytes_text(room) + " of " + bytes_text(limit_) +
                     " free; alive: " + (alive.empty() ? "nothing" : alive),
                 "up to " + std::to_string(room) + " bytes would fit; give " + device_ + " at least " +
                     std::to_string(limit_ - std::min(limit_, room) + bytes) +
                     " bytes of memory in the topology, use smaller sizes, or schedule the plan anew");
}

void Budget::give_back(std::uint64_t id) {
  const std::lock_guard hold(lock_);
  const auto at = alive_.find(id);
  if (at == alive_.end()) return;
  (at->second.seized ? seized_ : used_) -= at->second.bytes;
  alive_.erase(at);
}

std::string bytes_text(std::uint64_t bytes) {
  constexpr const char* kUnits[] = {"bytes", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
  if (bytes < 1024) return std::to_string(bytes) + " bytes";
  double value = static_cast<double>(bytes);
  std::size_t unit = 0;
  while (value >= 1024 && unit + 1 < std::size(kUnits)) {
    value /= 1024;
    ++unit;
  }
  char text[32];
  std::snprintf(text, sizeof text, "%.1f %s", std::ceil(value * 10) / 10, kUnits[unit]);
  return text;
}

genie::Error problem(std::uint32_t status_code, std::string_view ge_code, std::string message,
                     std::string help, std::string_view node, std::string_view scope) {
  plan::Diagnostic d;
  d.code = ge_code;
  d.message = message;
  d.help = std::move(help);
  d.node = node;
  d.scope = scope;
  genie::Error error{status_code, std::move(message)};
  error.node = node;
  error.diagnostics = plan::to_json({d});
  return error;
}

}  // namespace genie::exec
