// One step of a client: a message to each worker that takes part, an answer from each, outputs into the caller's slots.
//
// Threads: begun by whoever submits it or by the end of the one before; answers come on the io thread. One lock per job.
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "client/record.hpp"
#include "client/remote_session.hpp"
#include "client/watching.hpp"
#include "genie/plan/validate.hpp"
#include "protocol/messages.hpp"
#include "protocol/own_call.hpp"

namespace genie::remote {

/// What a step needs of its backend.
struct JobLinks {
  genie::Host host{nullptr};
  exec::Counters* counters = nullptr;
  std::function<genie_value*(KeptValue)> keep;
  std::function<std::optional<KeptValue>(genie_value*)> kept;  ///< nothing for a handle that is gone
  std::function<void(genie_value*)> release;
  std::function<std::uint64_t()> number;              ///< a new one, for a kept value
  std::function<void(const StepSeen&)> record;        ///< what happened when, for the report
  std::function<void(std::function<void()>)> aside;   ///< on a thread that may wait
  std::function<void(const StepJob&, bool ok)> over;  ///< after the completion was signalled
};

class StepJob : public std::enable_shared_from_this<StepJob> {
 public:
  StepJob(JobLinks links, const genie::Call& call, std::shared_ptr<ClientSession> session,
          const genie_step& step, genie_completion* completion);

  /// Sends what is to be sent; or ends it. Once.
  void begin();
  /// [any-thread] Asks the workers to stop.
  void cancel();
  /// CANCELLED or DEADLINE_EXCEEDED, once either is so.
  [[nodiscard]] genie::Outcome check() const;
  /// Ends one that did not begin.
  void end(genie::Error why) { signal(std::move(why)); }
  /// On the io thread, now and then: the caller's wish, the deadline, and workers that are gone.
  void look_after();
  /// A value that goes from one worker to another by way of the client. On the io thread.
  void pass_on(Frame frame, const Value& value);

  /// A worker tells what happened in it, to whoever looks. On the io thread.
  void happened(const StepEvent& event);

  [[nodiscard]] std::uint64_t job() const { return call_.job(); }
  [[nodiscard]] const genie::Call& call() const { return call_; }
  [[nodiscard]] std::uint64_t index() const { return step_.index; }
  [[nodiscard]] const std::string& method_name() const { return method_name_; }
  [[nodiscard]] std::uint64_t began_ns() const { return began_ns_; }
  [[nodiscard]] const std::shared_ptr<ClientSession>& session() const { return session_; }

 private:
  struct Input {
    bool given = false;
    exec::Tensor tensor;
    std::optional<KeptValue> kept;  ///< on a worker
  };
  genie::Outcome prepare();
  genie::Outcome take_inputs();
  genie::Outcome take_input(std::size_t port, const genie_step_input& given);
  genie::Outcome check_type(std::size_t port) const;
  genie::Outcome match_outputs();
  genie::Expected<std::optional<Outgoing>> message_for(std::size_t worker);
  void answered(std::size_t worker, genie::Expected<Frame> answer);
  /// The loss of a worker, with what it had of this step.
  [[nodiscard]] genie::Error loss(std::size_t worker, genie::Error why) const;
  void look_for_losses();
  void finish();
  void record() const;
  void attend();
  genie::Outcome deliver();
  genie::Outcome deliver_from_worker(std::size_t slot, std::size_t worker, const StepResult::Output& output,
                                     const std::shared_ptr<Buffer>& payload);
  genie::Outcome deliver_here(std::size_t slot);
  void give_up();
  void signal(genie::Outcome outcome);
  genie::Error wrong(std::string_view code, std::string message, std::string help) const;
  [[nodiscard]] std::optional<std::size_t> worker_of_output(const exec::Output& output) const;

  JobLinks links_;
  const genie::Call call_;
  const std::shared_ptr<ClientSession> session_;
  ClientProgram& program_;
  const genie_step& step_;
  genie_completion* const completion_;
  const std::string method_name_;
  std::uint64_t began_ns_ = 0;
  const exec::CompiledMethod* method_ = nullptr;
  std::vector<Input> inputs_;
  std::vector<plan::InputShape> shapes_;
  plan::Bindings sizes_;
  std::vector<Index> wanted_;                // per output slot of the caller: which output
  std::vector<std::uint64_t> kept_numbers_;  // per output slot of the caller
  bool writes_state_ = false;

  std::mutex lock_;                     // guards the members below
  std::unique_ptr<Watching> watching_;  // null: nobody looks; stays once it is there
  struct Part {
    std::uint64_t request = 0;
    std::uint64_t asked_ns = 0;
    std::uint64_t answered_ns = 0;
    std::uint64_t sent_bytes = 0;
    bool asked = false;
    bool pending = false;
    std::optional<StepResult> result;
    std::shared_ptr<Buffer> payload;
  };
  std::vector<Part> parts_;  // per worker of the program
  std::size_t pending_ = 0;
  std::optional<genie::Error> failed_;  // the first
  bool lost_ = false;                   ///< failed_ is the loss of a worker
  bool wrote_ = false;
  bool stopping_ = false;
  bool signalled_ = false;
  std::vector<genie_step_output*> made_tensors_;
  std::vector<genie_step_output*> made_values_;
};

}  // namespace genie::remote
