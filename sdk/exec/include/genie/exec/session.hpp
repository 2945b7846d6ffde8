// A session: its states on the devices that are here, the values it keeps, and whether it is lost.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>

#include "genie/exec/program.hpp"

namespace genie::exec {

class Session {
 public:
  /// Allocates and initialises the states. [any-thread]
  [[nodiscard]] static genie::Expected<std::shared_ptr<Session>> open(genie::Host host,
                                                                      const genie::Call& call,
                                                                      std::shared_ptr<Program> program,
                                                                      std::uint64_t seed);

  [[nodiscard]] Program& program() const { return *program_; }
  [[nodiscard]] std::uint64_t seed() const { return seed_; }
  /// A view of a state's content on its device. The state exists, and its device is here.
  [[nodiscard]] Tensor state(std::string_view name) const;

  /// Contract of backend.h. Fail when a step is under way.
  [[nodiscard]] genie::Expected<genie_tensor*> read_state(genie::Host host, const genie::Call& call,
                                                          std::string_view name) const;
  [[nodiscard]] genie::Outcome write_state(genie::Host host, const genie::Call& call, std::string_view name,
                                           const genie_tensor_view& from);

  /// FAILED_PRECONDITION while a step is under way.
  [[nodiscard]] genie::Outcome idle(std::string_view what) const;
  /// DATA_LOSS naming the step that left the states half written; Done otherwise.
  [[nodiscard]] genie::Outcome usable() const;
  void lose(std::uint64_t step, std::string_view method, const genie::Error& why);

  /// Whom its steps tell what happens; null: nobody. Changed while no step is under way.
  const genie_step_observer* observer = nullptr;
  std::atomic<std::uint64_t> under_way{0};  ///< steps accepted and not yet signalled

 private:
  Session(std::shared_ptr<Program> program, std::uint64_t seed) : program_(std::move(program)), seed_(seed) {}
  [[nodiscard]] genie::Outcome make_states(genie::Host host, const genie::Call& call);
  [[nodiscard]] genie::Expected<std::shared_ptr<Storage>> make_state(genie::Host host,
                                                                     const genie::Call& call,
                                                                     const std::string& name,
                                                                     const plan::State& state);
  [[nodiscard]] genie::Outcome initialise(genie::Host host, const genie::Call& call, const Tensor& to,
                                          const plan::State& state);
  [[nodiscard]] genie::Expected<const plan::State*> find(std::string_view name) const;

  std::shared_ptr<Program> program_;
  std::uint64_t seed_;
  std::map<std::string, std::shared_ptr<Storage>, std::less<>> states_;  // roots
  mutable std::mutex lock_;                                              // guards lost_, restored_
  std::optional<genie::Error> lost_;
  std::set<std::string, std::less<>> restored_;
};

/// A value that a step left on its device.
struct KeptValue {
  std::shared_ptr<Session> session;
  Tensor tensor;
  Index device = 0;
  std::string name;
};

}  // namespace genie::exec
