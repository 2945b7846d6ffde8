#include "watch.hpp"

#include <sys/eventfd.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <thread>

#include "problem.hpp"

namespace genie::datapath {
namespace {

// A descriptor's wake-up can be lost inside a provider: nobody sleeps longer than this without a look.
constexpr auto kLongestSleep = std::chrono::milliseconds(100);
// Without a descriptor: short naps as long as something happened lately, then long ones.
constexpr auto kShortNap = std::chrono::microseconds(50);
constexpr auto kLongNap = std::chrono::milliseconds(5);
constexpr unsigned kShortNaps = 2000;  // about 0.2 s

void processor_pause() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

}  // namespace

Watch::Watch(Watched& watched, WaitOptions options)
    : watched_(watched), options_(options), wake_(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {
  if (!wake_)
    throw system_problem(GENIE_RESOURCE_EXHAUSTED, kPathRefused, "no file descriptor for a connection", errno,
                         "raise the limit of open files (ulimit -n), or close connections");
}

Watch::Waiting::Waiting(Watch& watch, unsigned interest)
    : watch_(watch), bit_(static_cast<unsigned>(std::countr_zero(interest))) {
  // Whoever sleeps said what for; a new interest has to be said again.
  if (++watch_.waiting_[bit_] == 1 && watch_.asleep_) watch_.stir();
}

unsigned Watch::interests() const {
  unsigned all = 0;
  for (unsigned bit = 0; bit < kInterests; ++bit)
    if (waiting_[bit] > 0) all |= 1U << bit;
  return all;
}

void Watch::stir() {
  if (!asleep_) return;
  const std::uint64_t one = 1;
  // It can only fail because the counter is full, and then the sleeper is woken already.
  [[maybe_unused]] const auto written = ::write(wake_.get(), &one, sizeof one);
}

// Gives the processor to whoever wants it: the peer that is waited for may run on the very same one.
void Watch::relax(std::unique_lock<std::mutex>& lock) {
  lock.unlock();
  for (int i = 0; i < 8; ++i)
    processor_pause();
  std::this_thread::yield();
  lock.lock();
}

bool Watch::sleep(std::unique_lock<std::mutex>& lock, Deadline deadline) {
  if (!watched_.before_sleep(interests())) return false;
  const int descriptor = watched_.descriptor();
  Deadline until = std::min(deadline, Clock::now() + kLongestSleep);
  if (descriptor < 0) {
    until =
        std::min(until, Clock::now() + (naps_ < kShortNaps ? std::chrono::nanoseconds(kShortNap) : kLongNap));
    ++naps_;
  }
  std::array<pollfd, 2> polled{{{wake_.get(), POLLIN, 0}, {descriptor, POLLIN, 0}}};
  const timespec left = time_left(until);
  asleep_ = true;
  lock.unlock();
  int ready = 0;
  const bool mends = descriptor >= 0 && false_alarms_ > 0;
  if (mends)
    watched_.mend_descriptor();
  else
    ready = ::ppoll(polled.data(), descriptor < 0 ? 1 : 2, &left, nullptr);
  lock.lock();
  asleep_ = false;
  const bool alarm = ready > 0 && polled[1].revents != 0;
  false_alarms_ = alarm ? false_alarms_ + 1 : 0;
  if (ready > 0 && polled[0].revents != 0) {
    std::uint64_t count = 0;
    [[maybe_unused]] const auto taken = ::read(wake_.get(), &count, sizeof count);
  }
  watched_.after_sleep(alarm ? polled[1].revents : short{0});
  return alarm || mends;
}

}  // namespace genie::datapath
