#include "cli/progress.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>

namespace genie::cli {

namespace {

constexpr auto kShownAfter = std::chrono::milliseconds(400);
constexpr auto kRedrawnAfter = std::chrono::milliseconds(100);
constexpr std::size_t kBarCells = 20;

}  // namespace

Progress::Progress(const report::Style& style) : style_(style), active_(::isatty(STDERR_FILENO) == 1) {}

Progress::~Progress() {
  clear();
}

void Progress::clear() {
  if (!active_) return;
  const std::lock_guard lock(mutex_);
  clear_locked();
  what_.clear();
}

void Progress::clear_locked() {
  if (!shown_) return;
  std::fputs("\r\x1b[2K", stderr);
  std::fflush(stderr);
  shown_ = false;
}

void Progress::update(std::uint64_t done, std::uint64_t total, std::string_view what) {
  if (!active_) return;
  const std::lock_guard lock(mutex_);
  const Clock::time_point now = Clock::now();
  // What follows a comma (bytes, a rate) changes while one and the same thing goes on.
  const auto thing = [](std::string_view text) { return text.substr(0, text.find(", ")); };
  if (thing(what) != thing(what_)) {
    clear_locked();
    began_ = now;
  }
  what_ = what;
  if (total > 0 && done >= total) return clear_locked();
  if (now - began_ < kShownAfter || now - drawn_ < kRedrawnAfter) return;
  drawn_ = now;
  shown_ = true;
  const auto elapsed_ns =
      static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::nanoseconds>(now - began_).count());
  std::string line;
  if (total > 0) {
    const double fraction = static_cast<double>(done) / static_cast<double>(total);
    line = fmt::format("  {}  {}  {}", what_,
                       report::painted(style_, report::Paint::cyan, report::bar(fraction, kBarCells)),
                       report::percent_text(fraction, false));
    if (fraction > 0.01) {
      const double left = static_cast<double>(elapsed_ns) * (1 - fraction) / fraction;
      line += fmt::format("  {} left", report::duration_text(static_cast<std::uint64_t>(left) /
                                                             1'000'000'000 * 1'000'000'000));
    }
  } else {
    line = fmt::format("  {}  {}", what_, report::duration_text(elapsed_ns));
  }
  std::fputs(("\r\x1b[2K" + report::fitted(line, style_.width)).c_str(), stderr);
  std::fflush(stderr);
}

}  // namespace genie::cli
