#include "worker.hpp"

#include <time.h>

#include <algorithm>
#include <chrono>
#include <vector>

#include "executor.hpp"

namespace genie::emulation {

namespace {

/// How long a cancelled call may go unnoticed by a wait: genie_call can only be asked.
constexpr std::chrono::milliseconds kPoll{5};

}  // namespace

std::uint64_t now_ns() {
  timespec t{};
  ::clock_gettime(CLOCK_MONOTONIC, &t);
  return static_cast<std::uint64_t>(t.tv_sec) * 1'000'000'000u + static_cast<std::uint64_t>(t.tv_nsec);
}

genie::Outcome Job::check() const {
  if (cancelled_.load() || call_.cancelled()) return genie::cancelled();
  if (call_.deadline_ns() != GENIE_NO_DEADLINE && now_ns() >= call_.deadline_ns())
    return problem(GENIE_DEADLINE_EXCEEDED, "GE0620", "the deadline passed",
                   "allow the step more time (run.deadline_ms)");
  return genie::Done{};
}

Worker::~Worker() {
  std::deque<std::shared_ptr<Job>> left;
  {
    const std::lock_guard hold(lock_);
    stopping_ = draining_ = true;
    // Cleanups still run; jobs that wait are told.
    for (auto at = waiting_.begin(); at != waiting_.end();)
      if ((*at)->completion_ != nullptr) {
        left.push_back(*at);
        at = waiting_.erase(at);
      } else {
        ++at;
      }
    if (running_) running_->cancelled_ = true;
  }
  changed_.notify_all();
  for (const auto& job : left)
    finish(job, genie::cancelled());
  if (thread_.joinable()) thread_.join();
  for (const auto& job : waiting_)
    (void)job->run_(*job);  // the thread never started
}

void Worker::start() {
  if (!thread_.joinable()) thread_ = std::thread([this] { loop(); });
}

bool Worker::post(std::shared_ptr<Job> job) {
  {
    const std::lock_guard hold(lock_);
    if (draining_) return false;
    start();
    ++open_;
    waiting_.push_back(std::move(job));
  }
  changed_.notify_all();
  return true;
}

void Worker::post_cleanup(std::function<void()> f) {
  auto job = std::make_shared<Job>(
      genie::Call(nullptr), nullptr,
      [work = std::move(f)](Job&) -> genie::Outcome {
        work();
        return genie::Done{};
      },
      [] {});
  {
    const std::lock_guard hold(lock_);
    ++open_;
    waiting_.push_back(std::move(job));
  }
  changed_.notify_all();
}

void Worker::cancel(std::uint64_t id) {
  std::vector<std::shared_ptr<Job>> ended;
  {
    const std::lock_guard hold(lock_);
    if (running_ && running_->call_.get() != nullptr && running_->call_.job() == id)
      running_->cancelled_ = true;
    for (auto at = waiting_.begin(); at != waiting_.end();)
      if ((*at)->completion_ != nullptr && (*at)->call_.job() == id) {
        ended.push_back(*at);
        at = waiting_.erase(at);
      } else {
        ++at;
      }
  }
  changed_.notify_all();
  for (const auto& job : ended)
    finish(job, genie::cancelled());
}

void Worker::look_after_waiting() {
  std::vector<std::pair<std::shared_ptr<Job>, genie::Outcome>> ended;
  {
    const std::lock_guard hold(lock_);
    for (auto at = waiting_.begin(); at != waiting_.end();) {
      genie::Outcome state = (*at)->completion_ == nullptr ? genie::Outcome(genie::Done{}) : (*at)->check();
      if (state) {
        ++at;
        continue;
      }
      ended.emplace_back(*at, std::move(state));
      at = waiting_.erase(at);
    }
  }
  for (auto& [job, outcome] : ended)
    finish(job, std::move(outcome));
}

genie::Outcome Worker::wait_until(Job& job, std::uint64_t time_ns) {
  for (;;) {
    if (auto state = job.check(); !state) return state;
    const std::uint64_t now = now_ns();
    if (now >= time_ns) return genie::Done{};
    look_after_waiting();
    const auto slice = std::min<std::chrono::nanoseconds>(std::chrono::nanoseconds(time_ns - now), kPoll);
    std::unique_lock hold(lock_);
    changed_.wait_for(hold, slice, [&] { return job.cancelled_.load(); });
  }
}

genie::Outcome Worker::drain(const genie::Call& call) {
  std::unique_lock hold(lock_);
  draining_ = true;
  while (open_ != 0) {
    if (call.cancelled()) return genie::cancelled();
    if (call.deadline_ns() != GENIE_NO_DEADLINE && now_ns() >= call.deadline_ns())
      return problem(GENIE_DEADLINE_EXCEEDED, "GE0620",
                     std::to_string(open_) + " jobs were still under way at the deadline of drain",
                     "cancel them, or drain with a later deadline");
    changed_.wait_for(hold, kPoll);
  }
  return genie::Done{};
}

void Worker::finish(const std::shared_ptr<Job>& job, genie::Outcome outcome) {
  job->done_();
  // What the job holds (a session, a program) goes before anyone hears that it is over.
  job->run_ = nullptr;
  job->done_ = nullptr;
  if (job->completion_ != nullptr)
    host_.signal(job->completion_, outcome ? nullptr : host_.status(outcome.error()));
  {
    const std::lock_guard hold(lock_);
    --open_;
  }
  changed_.notify_all();
}

void Worker::loop() {
  for (;;) {
    std::shared_ptr<Job> job;
    {
      std::unique_lock hold(lock_);
      changed_.wait(hold, [&] { return stopping_ || !waiting_.empty(); });
      if (waiting_.empty()) return;
      job = running_ = std::move(waiting_.front());
      waiting_.pop_front();
    }
    genie::Outcome outcome = job->completion_ == nullptr ? genie::Outcome(genie::Done{}) : job->check();
    if (outcome) {
      try {
        outcome = job->run_(*job);
      } catch (const std::bad_alloc&) {
        outcome = genie::Error{GENIE_RESOURCE_EXHAUSTED, "this machine is out of memory"};
      } catch (const std::exception& e) {
        outcome = genie::internal(e.what());
      }
    }
    {
      const std::lock_guard hold(lock_);
      running_ = nullptr;
    }
    finish(job, std::move(outcome));
    job = nullptr;
  }
}

}  // namespace genie::emulation
