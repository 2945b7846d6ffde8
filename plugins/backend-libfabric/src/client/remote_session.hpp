// Programs and sessions as the client sees them: which worker has what, and the steps that wait for their turn.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "client/worker_link.hpp"
#include "genie/exec/session.hpp"
#include "genie/exec/stage_run.hpp"

namespace genie::remote {

using exec::Index;
using exec::kNone;

class StepJob;

struct ClientProgram {
  std::uint64_t number = 0;
  std::shared_ptr<exec::Program> program;            ///< none of its devices is here
  std::vector<std::shared_ptr<WorkerLink>> workers;  ///< that have a device of it
  std::vector<std::size_t> worker_of;                ///< per device of the program: place in `workers`
};

struct ClientSession {
  std::uint64_t number = 0;
  std::shared_ptr<ClientProgram> program;
  std::shared_ptr<exec::Session> local;  ///< no states: for what needs no worker
  /// Whom its steps tell what happens; null: nobody. Changed while no step is under way.
  const genie_step_observer* observer = nullptr;

  std::mutex lock;  ///< guards the members below
  std::shared_ptr<StepJob> running;
  std::deque<std::shared_ptr<StepJob>> waiting;
  std::optional<genie::Error> lost;
  std::set<std::string, std::less<>> restored;

  /// DATA_LOSS naming the step that left the states half written.
  void lose(std::uint64_t step, std::string_view method, const genie::Error& why);
  /// A state was written back; all of them make the session whole.
  void restore(std::string_view state);
};

/// A value that a step left where it was made.
struct KeptValue {
  std::shared_ptr<ClientSession> session;
  std::shared_ptr<WorkerLink> worker;  ///< null: it is here
  std::uint64_t number = 0;
  Index device = kNone;
  exec::Tensor tensor;  ///< without bytes, unless it is here
};

}  // namespace genie::remote
