// One line on stderr that shows how far something long is. Nothing is written when stderr is no terminal.
#pragma once

#include <chrono>
#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>

#include "report/format.hpp"

namespace genie::cli {

/// All functions [any-thread].
class Progress {
 public:
  explicit Progress(const report::Style& style);
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  /// `total` 0: unknown. What follows ", " in `what` may change while the same thing goes on. Quick work is never shown.
  void update(std::uint64_t done, std::uint64_t total, std::string_view what);
  /// Removes the line.
  void clear();

 private:
  void clear_locked();

  using Clock = std::chrono::steady_clock;
  const report::Style style_;
  const bool active_;
  std::mutex mutex_;  // guards the rest
  std::string what_;
  Clock::time_point began_{};
  Clock::time_point drawn_{};
  bool shown_ = false;
};

}  // namespace genie::cli
