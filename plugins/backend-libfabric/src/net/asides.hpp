// Work that waits for a peer or for a person, beside the io threads and the executor: each piece on a thread of its own, which ends
// by its own limit.
#pragma once

#include <atomic>
#include <functional>
#include <list>
#include <mutex>
#include <thread>

namespace genie::remote {

class Asides {
 public:
  Asides() = default;
  Asides(const Asides&) = delete;
  ~Asides() { finish(); }

  /// Throws where the system gives no more threads. [any-thread]
  void run(std::function<void()> work) {
    const std::lock_guard hold(lock_);
    threads_.remove_if([](Aside& aside) {
      if (!aside.over) return false;
      aside.thread.join();
      return true;
    });
    std::list<Aside> made(1);  // with the others once it runs: each of those is joined
    Aside& aside = made.back();
    aside.thread = std::thread([&aside, work = std::move(work)]() mutable {
      work();
      work = nullptr;
      aside.over = true;
    });
    threads_.splice(threads_.end(), made);
  }
  /// Waits until all is done; what is asked for meanwhile too.
  void finish() {
    for (;;) {
      std::list<Aside> left;
      {
        const std::lock_guard hold(lock_);
        left.splice(left.end(), threads_);
      }
      if (left.empty()) return;
      for (Aside& aside : left)
        aside.thread.join();
    }
  }

 private:
  struct Aside {
    std::atomic<bool> over{false};
    std::thread thread;
  };
  std::mutex lock_;  // guards threads_
  std::list<Aside> threads_;
};

}  // namespace genie::remote
