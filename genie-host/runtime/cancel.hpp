// A wish to stop, shared by whoever may wish it and whoever works.
#pragma once

#include <atomic>

namespace genie::runtime {

/// Set once, read anywhere. cancel() is async-signal-safe; waiters look at it every kPollMs.
class CancelToken {
 public:
  /// How long a waiting call may take to notice.
  static constexpr int kPollMs = 10;

  void cancel() noexcept { cancelled_.store(true, std::memory_order_relaxed); }
  /// Allows work again after a cancelled call was cleaned up.
  void reset() noexcept { cancelled_.store(false, std::memory_order_relaxed); }
  [[nodiscard]] bool cancelled() const noexcept { return cancelled_.load(std::memory_order_relaxed); }

 private:
  std::atomic<bool> cancelled_{false};
};

}  // namespace genie::runtime
