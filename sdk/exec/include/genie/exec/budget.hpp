// The memory of one emulated device as an account: every byte has a name, and going over says who holds what.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "genie/cpp/core.hpp"

namespace genie::exec {

class Budget;

/// Bytes taken from a budget; given back when it goes. The budget outlives it.
class Claim {
 public:
  Claim() = default;
  Claim(Claim&& other) noexcept
      : budget_(std::exchange(other.budget_, nullptr)), id_(other.id_), bytes_(other.bytes_) {}
  Claim& operator=(Claim&& other) noexcept {
    std::swap(budget_, other.budget_);
    std::swap(id_, other.id_);
    std::swap(bytes_, other.bytes_);
    return *this;
  }
  ~Claim();
  [[nodiscard]] std::uint64_t bytes() const { return bytes_; }

 private:
  friend class Budget;
  Claim(Budget* budget, std::uint64_t id, std::uint64_t bytes) : budget_(budget), id_(id), bytes_(bytes) {}
  Budget* budget_ = nullptr;
  std::uint64_t id_ = 0;
  std::uint64_t bytes_ = 0;
};

/// [any-thread]; one lock guards the account.
class Budget {
 public:
  Budget(std::string device, std::uint64_t limit_bytes) : device_(std::move(device)), limit_(limit_bytes) {}

  /// RESOURCE_EXHAUSTED (GE0610) when it does not fit, naming what is alive and how much would fit.
  [[nodiscard]] genie::Expected<Claim> take(std::string name, std::uint64_t bytes);
  /// Makes a claim (or none) one of so many bytes. RESOURCE_EXHAUSTED as for take, and then it stays what it was.
  [[nodiscard]] genie::Outcome resize(Claim& claim, std::string name, std::uint64_t bytes);
  /// Takes bytes away whether they are free or not: what then does not fit is refused to others. No part of the peak.
  [[nodiscard]] Claim seize(std::string name, std::uint64_t bytes);
  [[nodiscard]] std::uint64_t used() const;
  [[nodiscard]] std::uint64_t peak() const;
  [[nodiscard]] std::uint64_t limit() const { return limit_; }
  /// What is alive and how large, in the order it was taken; what takes no bytes is left out.
  [[nodiscard]] std::vector<std::pair<std::string, std::uint64_t>> holdings() const;
  /// The error of bytes that do not fit into the `room` that is left to whoever asks.
  [[nodiscard]] genie::Error over(std::string_view name, std::uint64_t bytes, std::uint64_t room) const;

 private:
  friend class Claim;
  struct Entry {
    std::string name;
    std::uint64_t bytes;
    bool seized = false;
  };
  [[nodiscard]] std::uint64_t room() const;  // lock held
  [[nodiscard]] genie::Error refusal(std::string_view name, std::uint64_t bytes,
                                     std::uint64_t room) const;  // lock held
  void give_back(std::uint64_t id);

  const std::string device_;
  const std::uint64_t limit_;
  mutable std::mutex lock_;
  std::uint64_t used_ = 0;
  std::uint64_t seized_ = 0;
  std::uint64_t peak_ = 0;
  std::uint64_t next_ = 1;
  std::map<std::uint64_t, Entry> alive_;
};

/// "12.4 MiB", rounded up to the digit shown.
[[nodiscard]] std::string bytes_text(std::uint64_t bytes);

/// An Error with one diagnostic of that code.
[[nodiscard]] genie::Error problem(std::uint32_t status_code, std::string_view ge_code, std::string message,
                                   std::string help = {}, std::string_view node = {},
                                   std::string_view scope = {});

}  // namespace genie::exec
