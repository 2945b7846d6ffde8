// The worker's one computing thread: what touches programs, sessions and kernels runs here, one piece at a time, in the order
// it came. Nothing that runs here waits for a peer: a step that lacks a value goes on when the value has come.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>

namespace genie::remote {

class Executor {
 public:
  Executor() : thread_([this] { loop(); }) {}
  Executor(const Executor&) = delete;
  /// Runs what was posted, then ends.
  ~Executor() { finish(); }

  /// [any-thread]
  void post(std::function<void()> work) {
    {
      const std::lock_guard hold(lock_);
      waiting_.push_back(std::move(work));
    }
    changed_.notify_one();
  }
  /// Whether somebody else waits for the thread. [any-thread]
  [[nodiscard]] bool wanted() const {
    const std::lock_guard hold(lock_);
    return !waiting_.empty();
  }
  void finish() {
    {
      const std::lock_guard hold(lock_);
      ending_ = true;
    }
    changed_.notify_one();
    if (thread_.joinable()) thread_.join();
  }

 private:
  void loop() {
    for (;;) {
      std::function<void()> work;
      {
        std::unique_lock hold(lock_);
        changed_.wait(hold, [this] { return ending_ || !waiting_.empty(); });
        if (waiting_.empty()) return;
        work = std::move(waiting_.front());
        waiting_.pop_front();
      }
      work();
    }
  }

  mutable std::mutex lock_;  // guards the members below
  std::condition_variable changed_;
  std::deque<std::function<void()>> waiting_;
  bool ending_ = false;
  std::thread thread_;  // last: starts when all else is there
};

}  // namespace genie::remote
