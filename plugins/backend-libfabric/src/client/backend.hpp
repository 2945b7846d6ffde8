// org.genie.backend-libfabric, the client's half: workers reached over the network behave as one backend.
//
// Threads: calls come on the caller's; answers, heartbeats and completions happen on one io thread.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "client/client_diagnosis.hpp"
#include "client/options.hpp"
#include "client/record.hpp"
#include "client/remote_session.hpp"
#include "client/step_job.hpp"
#include "client/worker_link.hpp"
#include "genie/cpp/backend.hpp"
#include "net/asides.hpp"

namespace genie::remote {

class RemoteBackend final : public genie::Backend {
 public:
  /// Throws genie::Error for wrong options. Connects to nobody yet.
  RemoteBackend(genie::Host host, std::string_view options);
  ~RemoteBackend() override;
  [[nodiscard]] static genie::Expected<std::string> diagnose(genie::Host, const genie::Call& call,
                                                             std::string_view options) {
    return diagnose_client(call, options);
  }

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
  [[nodiscard]] genie::Outcome reach_workers(const genie::Call& call);
  [[nodiscard]] genie::Expected<std::shared_ptr<ClientProgram>> prepare_program(const genie::Call& call,
                                                                                std::string_view plan);
  [[nodiscard]] genie::Outcome upload(const genie::Call& call, const ClientProgram& program,
                                      const std::vector<std::vector<std::string>>& missing);
  static void plan_inputs(const ClientProgram& program);
  void warn_of_mixture();
  /// Which data path values take between two places, and why: for whoever asks for that much output.
  void log_way(const std::string& from, const std::string& to, std::string_view path,
               const std::vector<datapath::Finding>& findings) const;
  void look_after();
  void came(Frame frame);
  void begin_next(ClientSession& session);
  /// Ends the waiting steps of all sessions of which `why` says so.
  void end_waiting(const std::function<std::optional<genie::Error>(const StepJob&)>& why);
  [[nodiscard]] JobLinks job_links();
  genie_value* keep(KeptValue value);

  genie::Host host_;
  ClientOptions options_;
  exec::Counters counters_;
  Record record_;
  std::vector<std::shared_ptr<WorkerLink>> workers_;
  plan::Topology topology_;  ///< as reported last
  bool warned_ = false;
  std::atomic<std::uint64_t> next_number_{1};

  std::mutex lock_;  // guards the members below
  std::map<std::uint64_t, std::weak_ptr<ClientSession>> sessions_;
  std::map<genie_value*, std::unique_ptr<KeptValue>> values_;
  std::uint64_t open_jobs_ = 0;
  std::uint64_t steps_under_way_ = 0;  ///< on the workers: one at most for each session
  std::uint64_t most_steps_ = 0;
  bool draining_ = false;

  Asides asides_;  // where observers look at steps
  Io io_;          // last: its thread ends first
};

}  // namespace genie::remote
