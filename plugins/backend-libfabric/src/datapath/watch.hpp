// Waiting: of all threads that wait for something of a connection, one keeps watch, and the others sleep until it has news.
//
// The one on watch looks, spins for a short while, then sleeps on file descriptors. Nobody waits without a deadline. This
// needs no thread of its own, so that a reply wakes the very thread that wants it.
#pragma once

#include <poll.h>

#include <array>
#include <condition_variable>
#include <mutex>
#include <span>

#include "connection.hpp"
#include "fd.hpp"

namespace genie::datapath {

/// What is watched. All members are called with the watch's lock held, but for one.
class Watched {
 public:
  virtual ~Watched() = default;
  /// Takes in what has happened, without blocking. True if anything had.
  virtual bool look() = 0;
  /// About to sleep for these interests (a set of bits that the watched gives meaning to). False: look again at once.
  virtual bool before_sleep(unsigned interests) = 0;
  /// Whether bytes of transfers that this side began are under way: soon there is news.
  [[nodiscard]] virtual bool moving() const { return false; }
  /// [no lock] In place of a sleep on the descriptor, when that would wake at once for nothing: mends it, for at most a moment.
  virtual void mend_descriptor() {}
  /// After the sleep, with what happened to the descriptor.
  virtual void after_sleep(short events) = 0;
  /// What to sleep on, or -1: then sleep is a nap.
  [[nodiscard]] virtual int descriptor() const = 0;
};

class Watch {
 public:
  /// The watched outlives the watch's use. Throws genie::Error if the system has no descriptors left.
  Watch(Watched& watched, WaitOptions options);

  [[nodiscard]] std::mutex& mutex() { return mutex_; }

  /// [lock held] Waits until done() holds: true, or false at the deadline. `interest` is a single bit.
  template <class Done>
  [[nodiscard]] bool wait(std::unique_lock<std::mutex>& lock, unsigned interest, Deadline deadline,
                          Done&& done) {
    if (done()) return true;
    const Waiting waiting(*this, interest);
    auto spin_until = Clock::now() + spin();
    for (;;) {
      if (on_watch_) {
        if (done()) return true;
        if (Clock::now() >= deadline) return false;
        changed_.wait_until(lock, deadline);
        continue;
      }
      const OnWatch on_watch(*this);
      for (;;) {
        const bool news = watched_.look();
        if (news) {
          naps_ = 0;
          false_alarms_ = 0;
          changed_.notify_all();
        }
        if (done()) return true;
        const auto now = Clock::now();
        if (now >= deadline) return false;
        if (news)
          spin_until = now + spin();
        else if (now < spin_until)
          relax(lock);
        else if (sleep(lock, deadline) || watched_.moving())
          spin_until =
              Clock::now() + kMoving * options_.spin;  // bytes move, though nothing has arrived whole
      }
    }
  }

  /// [lock held] Whoever is on watch looks again: something was begun, or is over.
  void stir();
  /// [lock held] Others may find that what they wait for holds.
  void tell() { changed_.notify_all(); }

 private:
  static constexpr unsigned kInterests = 4;
  /// How many times as long to spin while something arrives or leaves: a megabyte takes that long, and whoever is woken in the middle of it may have
  /// to share the sender's processor.
  static constexpr int kMoving = 10;
  struct Waiting {
    Waiting(Watch& watch, unsigned interest);
    ~Waiting() { --watch_.waiting_[bit_]; }
    Watch& watch_;
    unsigned bit_;
  };
  struct OnWatch {
    explicit OnWatch(Watch& watch) : watch_(watch) { watch_.on_watch_ = true; }
    ~OnWatch() {
      watch_.on_watch_ = false;
      watch_.changed_.notify_all();
    }
    Watch& watch_;
  };

  [[nodiscard]] std::chrono::nanoseconds spin() const {
    return watched_.moving() ? kMoving * options_.spin : options_.spin;
  }
  void relax(std::unique_lock<std::mutex>& lock);
  /// True if the descriptor ended it, now or the last time.
  bool sleep(std::unique_lock<std::mutex>& lock, Deadline deadline);
  [[nodiscard]] unsigned interests() const;

  Watched& watched_;
  WaitOptions options_;
  Fd wake_;  // an eventfd
  std::mutex mutex_;
  std::condition_variable changed_;
  std::array<unsigned, kInterests> waiting_{};
  bool on_watch_ = false;
  bool asleep_ = false;
  unsigned naps_ = 0;
  unsigned false_alarms_ = 0;  // sleeps in a row that the descriptor ended, and nothing had happened
};

}  // namespace genie::datapath
