// The backend's one thread: jobs run on it one at a time, in the order they came.
//
// Whoever submits returns at once; a job's completion is signalled exactly once, by this thread or, when the job had not
// begun, by whoever cancelled it. Jobs that wait are looked at between the stages of the running one, so that a deadline or a
// cancellation does not wait for a long step.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>

#include "genie/cpp/core.hpp"

namespace genie::emulation {

/// CLOCK_MONOTONIC, the clock of deadlines.
[[nodiscard]] std::uint64_t now_ns();

/// What a running job asks between its parts.
class Job {
 public:
  Job(const genie::Call& call, genie_completion* completion, std::function<genie::Outcome(Job&)> run,
      std::function<void()> done)
      : call_(call), completion_(completion), run_(std::move(run)), done_(std::move(done)) {}

  [[nodiscard]] const genie::Call& call() const { return call_; }
  /// CANCELLED or DEADLINE_EXCEEDED, once either is so.
  [[nodiscard]] genie::Outcome check() const;

 private:
  friend class Worker;
  genie::Call call_;
  genie_completion* completion_;  // null: nobody waits
  std::function<genie::Outcome(Job&)> run_;
  std::function<void()> done_;  // before the completion is signalled, whatever the outcome
  std::atomic<bool> cancelled_{false};
};

class Worker {
 public:
  explicit Worker(genie::Host host) : host_(host) {}
  /// Cancels what waits, finishes what runs, and ends the thread.
  ~Worker();

  /// [any-thread] Starts the thread when it is the first. False once draining: the job was not taken.
  [[nodiscard]] bool post(std::shared_ptr<Job> job);
  /// Runs f on the thread after all jobs posted so far; also while draining. Nobody hears of it.
  void post_cleanup(std::function<void()> f);
  /// [any-thread] A waiting job ends now, a running one at its next check.
  void cancel(std::uint64_t id);
  /// Called by the running job between its parts: ends waiting jobs that are cancelled or late.
  void look_after_waiting();
  /// Waits until the time, or until the job is cancelled or late. On the thread.
  [[nodiscard]] genie::Outcome wait_until(Job& job, std::uint64_t time_ns);
  /// Takes no more jobs and waits until none is left, or until the call is cancelled or late. [any-thread]
  [[nodiscard]] genie::Outcome drain(const genie::Call& call);

 private:
  void loop();
  void start();  // lock held
  void finish(const std::shared_ptr<Job>& job, genie::Outcome outcome);

  genie::Host host_;
  std::mutex lock_;  // guards all below
  std::condition_variable changed_;
  std::deque<std::shared_ptr<Job>> waiting_;
  std::shared_ptr<Job> running_;
  std::uint64_t open_ = 0;  // jobs whose completion was not signalled yet
  bool draining_ = false;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace genie::emulation
