// When one device is busy, for list scheduling.
#pragma once

#include <algorithm>
#include <cstdint>
#include <utility>
#include <vector>

namespace genie::policy {

/// With gaps, something may run before what was placed earlier; else only after it.
class Timetable {
 public:
  explicit Timetable(bool gaps) : gaps_(gaps) {}
  /// The earliest start at or after `ready` for so long.
  [[nodiscard]] std::uint64_t earliest(std::uint64_t ready, std::uint64_t length) const {
    std::uint64_t start = std::max(ready, gaps_ ? 0 : end_);
    for (const auto& [begin, end] : busy_) {
      if (start + length <= begin) return start;
      start = std::max(start, end);
    }
    return start;
  }
  void take(std::uint64_t begin, std::uint64_t end) {
    end_ = std::max(end_, end);
    if (gaps_) busy_.insert(std::ranges::upper_bound(busy_, std::pair(begin, end)), {begin, end});
  }

 private:
  bool gaps_;
  std::uint64_t end_ = 0;
  std::vector<std::pair<std::uint64_t, std::uint64_t>> busy_;
};

}  // namespace genie::policy
