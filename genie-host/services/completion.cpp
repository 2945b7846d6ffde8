#include "services/completion.hpp"

#include <time.h>

#include <chrono>
#include <new>
#include <system_error>
#include <thread>

namespace genie::services {
namespace {

// A ticket: generation in the upper half, slot number + 1 in the lower one, so that null is never a ticket.
genie_completion* ticket(std::uint32_t slot, std::uint32_t generation) {
  return reinterpret_cast<genie_completion*>((std::uintptr_t{generation} << 32) | (slot + 1u));
}

}  // namespace

std::uint64_t monotonic_ns() noexcept {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000u + static_cast<std::uint64_t>(now.tv_nsec);
}

genie_completion* CompletionTable::make(genie_completion_fn fn, void* ctx, std::string owner) {
  const std::lock_guard lock(mutex_);
  std::uint32_t number = 0;
  if (free_.empty()) {
    number = static_cast<std::uint32_t>(slots_.size());
    slots_.emplace_back();
    free_.reserve(slots_.size());  // so that signal() never allocates
  } else {
    number = free_.back();
    free_.pop_back();
  }
  Slot& slot = slots_[number];
  slot.used = true;
  slot.fn = fn;
  slot.ctx = ctx;
  slot.owner = std::move(owner);
  return ticket(number, slot.generation);
}

CompletionTable::Slot* CompletionTable::find(genie_completion* completion) {
  const auto value = reinterpret_cast<std::uintptr_t>(completion);
  const auto number = static_cast<std::uint32_t>(value & 0xffffffffu);
  if (number == 0 || number > slots_.size()) return nullptr;
  Slot& slot = slots_[number - 1];
  return slot.used && slot.generation == static_cast<std::uint32_t>(value >> 32) ? &slot : nullptr;
}

void CompletionTable::signal(genie_completion* completion, genie_status* status) noexcept {
  genie_completion_fn fn = nullptr;
  void* ctx = nullptr;
  std::string owner;
  {
    const std::lock_guard lock(mutex_);
    if (Slot* slot = find(completion)) {
      fn = slot->fn;
      ctx = slot->ctx;
      slot->used = false;
      ++slot->generation;
      free_.push_back(static_cast<std::uint32_t>(slot - slots_.data()));
    } else {
      const auto number =
          static_cast<std::uint32_t>(reinterpret_cast<std::uintptr_t>(completion) & 0xffffffffu);
      if (number != 0 && number <= slots_.size()) owner = slots_[number - 1].owner;
    }
  }
  if (fn) {
    fn(ctx, status);
    return;
  }
  release_status(status);
  try {
    misbehaviour_(owner,
                  "signalled a completion that was signalled before, was given up, or never existed (A15)");
  } catch (...) {
    // Reporting must not take the host down; the signal itself was already ignored.
  }
}

bool CompletionTable::abandon(genie_completion* completion) noexcept {
  const std::lock_guard lock(mutex_);
  Slot* slot = find(completion);
  if (!slot) return false;
  slot->used = false;
  ++slot->generation;
  free_.push_back(static_cast<std::uint32_t>(slot - slots_.data()));
  return true;
}

std::size_t CompletionTable::outstanding() const {
  const std::lock_guard lock(mutex_);
  return slots_.size() - free_.size();
}

namespace {

// A payload may hold the engine, and with it the plug-in whose thread signals: destroyed there, the plug-in would have to wait
// for a thread of its own.
void drop_elsewhere(std::shared_ptr<void> payload) noexcept {
  auto* kept = new (std::nothrow) std::shared_ptr<void>(std::move(payload));
  try {
    if (kept != nullptr) std::thread([kept] { delete kept; }).detach();
  } catch (const std::system_error&) {
    // No thread to be had: the payload stays for ever, which harms nobody.
  }
}

}  // namespace

// What the waiter and the signal share. The signal's context is a shared_ptr of its own, on the heap.
struct Waiter::Shared {
  std::mutex mutex;  // guards all of it
  std::condition_variable changed;
  bool done = false;
  bool given_up = false;  // nobody waits any longer
  StatusPtr status;
  std::shared_ptr<void> payload;
  std::shared_ptr<Shared>* from_signal = nullptr;  // freed by the signal, or by refused()
};

Waiter::Waiter(CompletionTable& table, std::string owner, std::shared_ptr<void> payload)
    : table_(table), shared_(std::make_shared<Shared>()) {
  shared_->payload = std::move(payload);
  shared_->from_signal = new std::shared_ptr<Shared>(shared_);
  completion_ = table_.make(
      [](void* ctx, genie_status* status) noexcept {
        const std::unique_ptr<std::shared_ptr<Shared>> self(static_cast<std::shared_ptr<Shared>*>(ctx));
        Shared& shared = **self;
        std::shared_ptr<void> orphan;
        {
          const std::lock_guard lock(shared.mutex);
          shared.done = true;
          shared.status = StatusPtr(status);
          if (shared.given_up) orphan = std::move(shared.payload);
          shared.changed.notify_all();
        }
        if (orphan) drop_elsewhere(std::move(orphan));
      },
      shared_->from_signal, std::move(owner));
}

// A waiter that gave up leaves the payload to the signal; without one it stays alive, for the plug-in may still write there.
// After a signal the payload goes here, on the waiter's thread.
Waiter::~Waiter() {
  std::shared_ptr<void> payload;
  const std::lock_guard lock(shared_->mutex);
  if (shared_->done)
    payload = std::move(shared_->payload);
  else
    shared_->given_up = true;
}

void Waiter::refused() {
  if (table_.abandon(completion_)) delete shared_->from_signal;
}

Waiter::Outcome Waiter::wait(std::uint64_t deadline_ns, const runtime::CancelToken* cancel) {
  std::unique_lock lock(shared_->mutex);
  for (;;) {
    if (shared_->done) return Outcome::signalled;
    if (cancel && cancel->cancelled()) return Outcome::cancelled;
    const std::uint64_t now = monotonic_ns();
    if (now >= deadline_ns) return Outcome::deadline;
    // A token is set without a lock (from a signal handler), so waiting is cut into slices.
    std::uint64_t slice_ns = deadline_ns - now;
    constexpr std::uint64_t kPollNs = std::uint64_t{runtime::CancelToken::kPollMs} * 1'000'000u;
    if (slice_ns > kPollNs) slice_ns = kPollNs;
    shared_->changed.wait_for(lock, std::chrono::nanoseconds(slice_ns));
  }
}

StatusPtr Waiter::take_status() {
  const std::lock_guard lock(shared_->mutex);
  return std::move(shared_->status);
}

}  // namespace genie::services
