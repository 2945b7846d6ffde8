// Completions (A15): promises to call back exactly once, and the bookkeeping that notices when a plug-in breaks one.
//
// A genie_completion* is a ticket (slot and generation), never an address: a second signal is recognised for as long as the
// process lives, without touching freed memory.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "genie/host.h"
#include "runtime/cancel.hpp"
#include "services/status.hpp"

namespace genie::services {

class CompletionTable {
 public:
  /// misbehaviour(owner, text) is told of double, late and forged signals; any thread, no lock held.
  explicit CompletionTable(std::function<void(const std::string&, const std::string&)> misbehaviour)
      : misbehaviour_(std::move(misbehaviour)) {}

  /// owner: the plug-in that is to signal it, for reports.
  [[nodiscard]] genie_completion* make(genie_completion_fn fn, void* ctx, std::string owner);
  /// Calls fn(ctx, status) on this thread, outside the lock. A second signal releases the status and is reported.
  void signal(genie_completion* completion, genie_status* status) noexcept;
  /// Takes an unused ticket back without a call. False if it was signalled already (the call was or is being made).
  bool abandon(genie_completion* completion) noexcept;
  /// Tickets that were neither signalled nor abandoned.
  [[nodiscard]] std::size_t outstanding() const;

 private:
  struct Slot {
    std::uint32_t generation = 1;
    bool used = false;
    genie_completion_fn fn = nullptr;
    void* ctx = nullptr;
    std::string owner;
  };
  /// The slot of a live ticket, or null. Lock held.
  Slot* find(genie_completion* completion);

  std::function<void(const std::string&, const std::string&)> misbehaviour_;
  mutable std::mutex mutex_;  // guards the members below
  std::vector<Slot> slots_;
  std::vector<std::uint32_t> free_;
};

/// Waits for one job. Keeps what the job uses (`payload`) until the signal has come, even when the waiter gave up.
class Waiter {
 public:
  Waiter(CompletionTable& table, std::string owner, std::shared_ptr<void> payload);
  Waiter(const Waiter&) = delete;
  ~Waiter();

  /// What to hand to the plug-in, once.
  [[nodiscard]] genie_completion* completion() const { return completion_; }
  /// The plug-in refused the job: no signal will come.
  void refused();

  enum class Outcome : std::uint8_t { signalled, deadline, cancelled };
  /// Until the signal, the deadline (CLOCK_MONOTONIC ns, GENIE_NO_DEADLINE for none) or the token, if given.
  [[nodiscard]] Outcome wait(std::uint64_t deadline_ns, const runtime::CancelToken* cancel);
  /// After `signalled`.
  [[nodiscard]] StatusPtr take_status();

 private:
  struct Shared;
  CompletionTable& table_;
  std::shared_ptr<Shared> shared_;
  genie_completion* completion_;
};

/// CLOCK_MONOTONIC in ns: the clock of every deadline.
[[nodiscard]] std::uint64_t monotonic_ns() noexcept;

}  // namespace genie::services
