// The faults of an emulated cluster: when each is in force, what it does to a step, what is left afterwards.
//
// A step is forecast before it runs: the simulator asks for every stage and message what the faults make of it. The step then
// does what the forecast says (step.cpp), with real frames that are really damaged and refused. Nothing is drawn but from
// the script's seed, so the same script gives the same run.
//
// forecast, commit and the thefts are the worker's; what others may ask has a lock.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "executor.hpp"
#include "genie/plan/disturbance.hpp"
#include "genie/plan/faults.hpp"

namespace genie::emulation {

/// Of the backend's clock; `to_ns` is kForEver for one without end.
inline constexpr std::uint64_t kForEver = std::uint64_t{1} << 62;
struct Window {
  std::uint64_t from_ns = 0;
  std::uint64_t to_ns = kForEver;
  [[nodiscard]] bool overlaps(std::uint64_t begin_ns, std::uint64_t end_ns) const {
    return from_ns <= end_ns && to_ns > begin_ns;
  }
};

/// A fault did something.
struct Hit {
  std::size_t fault = 0;
  std::uint64_t at_ns = 0;  ///< from the step's start
  std::string place;        ///< device or link
  std::string subject;      ///< stage or transfer id; may be empty
};

/// One sending of a message, as the forecast has it. Times from the step's start.
struct Attempt {
  std::uint64_t arrives_ns = kForEver;  ///< never, when lost
  bool lost = false;
  bool damaged = false;
  bool twice = false;
};

struct Forecast {
  plan::DisturbedTimeline run;
  std::map<std::string, std::vector<Attempt>, std::less<>> messages;  ///< by transfer id
  std::vector<Hit> hits;
  std::uint64_t clock_ns = 0;          ///< of the backend, at the step's start
  std::optional<std::size_t> culprit;  ///< the fault that halts it
  // What commit() keeps.
  std::vector<std::optional<Window>> windows;
  std::vector<std::uint64_t> messages_hit;

  [[nodiscard]] const plan::Event* stage(std::string_view id) const;
};

class Faults {
 public:
  Faults(const plan::FaultScript& script, plan::Topology topology);

  [[nodiscard]] const std::vector<plan::Fault>& all() const { return faults_; }
  [[nodiscard]] const plan::FaultScript::Delivery& delivery() const { return delivery_; }

  /// What the faults make of a step. Changes nothing.
  [[nodiscard]] genie::Expected<Forecast> forecast(const Program& program, const CompiledMethod& method,
                                                   const plan::Bindings& sizes, std::uint64_t step,
                                                   std::uint64_t clock_ns) const;
  /// The step was run, to its end or its halt: windows stay open, what was given up is gone.
  void commit(const Forecast& forecast, std::uint64_t step, std::uint64_t end_ns);

  /// Takes and gives back the memory that thefts hold in that time of the backend's clock. The first fault that holds some of
  /// the device, if any.
  std::optional<std::size_t> thefts(EmulatedDevice& device, const std::vector<std::optional<Window>>& windows,
                                    std::uint64_t begin_ns, std::uint64_t end_ns);
  /// Those of the windows that are open now, on all devices. [worker]
  void settle(const Devices& devices);

  /// [any-thread] What is left: no lost devices and links, none that the client cannot reach, memory without what is stolen.
  [[nodiscard]] plan::Topology left() const;
  /// [any-thread] The fault that took the device away, if it is gone.
  [[nodiscard]] std::optional<std::string> gone(std::string_view device) const;
  /// [any-thread] A JSON array for the statistics: what each fault did.
  [[nodiscard]] std::string report() const;

 private:
  struct Tally {
    std::uint64_t hits = 0;
    std::uint64_t first_ns = 0;
    std::uint64_t first_step = 0;
    std::set<std::string> places;
  };

  void give_up(const Forecast& forecast);
  [[nodiscard]] bool device_gone(std::string_view device, std::string* by) const;  // lock held

  std::vector<plan::Fault> faults_;
  plan::FaultScript::Delivery delivery_;
  std::uint64_t seed_;
  plan::Topology topology_;

  mutable std::mutex lock_;                     // guards all below but claims_
  std::vector<std::optional<Window>> windows_;  // per fault; nothing: it was not triggered yet
  std::vector<std::uint64_t> messages_hit_;     // per fault
  std::map<std::string, std::size_t, std::less<>> given_up_devices_, given_up_links_;  // id → fault
  std::vector<Tally> tallies_;
  std::uint64_t clock_ns_ = 0;
  std::uint64_t steps_ = 0;              // forecast and committed: every step draws anew
  std::map<std::size_t, Claim> claims_;  // fault → memory it holds
};

/// The end of a step that was halted.
[[nodiscard]] genie::Error halt_error(const Faults& faults, const Forecast& forecast,
                                      const CompiledMethod& method, const plan::Plan& plan);
/// A device's memory did not suffice while a theft held some of it.
[[nodiscard]] genie::Error theft_error(const Faults& faults, std::size_t fault, const genie::Error& why,
                                       const CompiledStage& stage, const CompiledMethod& method,
                                       std::uint64_t at_ns);
/// Names every hit up to a time in the trace, and every fault that did something in the log.
void announce(genie::Host host, const genie::Call& call, const Faults& faults, const Forecast& forecast,
              const CompiledMethod& method, std::uint64_t step, std::uint64_t end_ns);
/// Something is on a device that is gone.
[[nodiscard]] genie::Error gone_error(std::string_view what, std::string_view device, std::string_view fault);

}  // namespace genie::emulation
