// The genie_call of work that nobody outside waits for: kernels are told of a cancellation and a deadline all the same.
#pragma once

#include <atomic>

#include "genie/cpp/core.hpp"

namespace genie::remote {

class OwnCall {
 public:
  explicit OwnCall(std::uint64_t deadline_ns = GENIE_NO_DEADLINE) {
    raw_.struct_size = sizeof raw_;
    raw_.impl = this;
    raw_.deadline_ns = deadline_ns;
    raw_.cancelled = [](const genie_call* call) noexcept -> std::uint32_t {
      return static_cast<const OwnCall*>(call->impl)->cancelled_.load() ? 1u : 0u;
    };
    raw_.progress = [](const genie_call*, std::uint64_t, std::uint64_t, genie_str) noexcept {};
  }
  OwnCall(const OwnCall&) = delete;

  void cancel() { cancelled_ = true; }
  [[nodiscard]] bool cancelled() const { return cancelled_; }
  [[nodiscard]] genie::Call call() const { return genie::Call(&raw_); }

 private:
  genie_call raw_{};
  std::atomic<bool> cancelled_{false};
};

}  // namespace genie::remote
