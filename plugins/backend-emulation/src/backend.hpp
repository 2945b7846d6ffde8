// org.genie.backend-emulation: N devices in one process, real kernels, a modelled clock.
//
// Threads: prepare, steps and everything that kernels want one at a time run on one worker (worker.hpp). Sessions are opened,
// read and written on the caller's thread. The registry of handles has its own lock.
#pragma once

#include <memory>
#include <mutex>
#include <set>
#include <vector>

#include "executor.hpp"
#include "faults.hpp"
#include "genie/cpp/backend.hpp"
#include "record.hpp"
#include "wire.hpp"
#include "worker.hpp"

namespace genie::emulation {

class EmulationBackend final : public genie::Backend {
 public:
  /// Throws genie::Error for wrong options.
  EmulationBackend(genie::Host host, std::string_view options);
  ~EmulationBackend() override;

  genie::Expected<std::string> topology(const genie::Call& call) override;
  genie::Outcome prepare(const genie::Call& call, std::string_view plan, genie_program** out,
                         genie_completion* completion) override;
  void release_program(genie_program* program) noexcept override;
  genie::Expected<genie_session*> open_session(const genie::Call& call, genie_program* program,
                                               std::uint64_t seed) override;
  void close_session(genie_session* session) noexcept override;
  genie::Outcome submit(const genie::Call& call, genie_session* session, const genie_step& step,
                        genie_completion* completion) override;
  void cancel(std::uint64_t job) noexcept override;
  void release_value(genie_value* value) noexcept override;
  genie::Expected<genie_tensor*> read_state(const genie::Call& call, genie_session* session,
                                            std::string_view name) override;
  genie::Outcome write_state(const genie::Call& call, genie_session* session, std::string_view name,
                             const genie_tensor_view& tensor) override;
  genie::Expected<std::string> stats(const genie::Call& call) override;
  genie::Outcome drain(const genie::Call& call) override;
  genie::Outcome observe(const genie::Call& call, genie_session* session,
                         const genie_step_observer* observer) override;

 private:
  genie_value* keep(KeptValue value);
  /// UNAVAILABLE for a state on a device that a fault took away.
  [[nodiscard]] genie::Outcome reachable(const Session& session, std::string_view state) const;

  genie::Host host_;
  Options options_;
  Devices devices_;
  Counters counters_;
  Record record_;
  Wire wire_;                       // the worker's
  std::unique_ptr<Faults> faults_;  // null: nothing goes wrong
  std::mutex values_lock_;          // guards values_
  std::map<genie_value*, std::unique_ptr<KeptValue>> values_;
  std::unique_ptr<Worker> worker_;  // last: ends first
};

}  // namespace genie::emulation
