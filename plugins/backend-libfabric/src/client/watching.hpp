// What the observer of a session hears of one step on workers, and what it may look at (genie/observe.h).
//
// Threads: events come on the io thread; the observer is told of them one by one on a thread that may wait for it, and for what
// it asks of workers. A worker goes no further with the step until the observer has seen its event; others go on to their own.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <string_view>

#include "client/remote_session.hpp"
#include "protocol/messages.hpp"

namespace genie::remote {

class Watching {
 public:
  /// Everything is borrowed for the step.
  Watching(genie::Host host, const genie::Call& call, const ClientSession& session,
           const exec::CompiledMethod& method, std::uint64_t step);
  Watching(const Watching&) = delete;

  /// On the io thread. One that makes no sense is not heard.
  void happened(const StepEvent& event);
  /// The step is being ended: the observer hears of nothing more. [any-thread]
  void stop();
  /// All workers have answered. [any-thread]
  void end();
  /// Until then: tells the observer. `failed`: it ends the step.
  void attend(const std::function<void(genie::Error)>& failed);

 private:
  [[nodiscard]] genie::Outcome tell(const StepEvent& event);
  [[nodiscard]] std::optional<Index> device_of(const StepEvent& event) const;
  [[nodiscard]] genie::Expected<genie_tensor*> ask(Index device, Type type, std::string message) const;
  [[nodiscard]] genie::Expected<genie_tensor*> value(std::string_view device, std::string_view id) const;
  [[nodiscard]] genie::Expected<genie_tensor*> state(std::string_view name) const;
  [[nodiscard]] genie::Expected<std::string> describe() const;

  genie::Host host_;
  const genie::Call& call_;
  const ClientSession& session_;
  const ClientProgram& program_;
  const exec::CompiledMethod& method_;
  const std::uint64_t step_;
  const genie_step_observer* const observer_;
  std::mutex lock_;  // guards the members below
  std::condition_variable changed_;
  std::deque<StepEvent> events_;
  bool stopped_ = false;
  bool ended_ = false;
};

}  // namespace genie::remote
