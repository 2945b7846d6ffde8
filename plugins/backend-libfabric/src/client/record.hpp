// What happened in the steps of workers, for the run report and the trace, on the client's clock.
//
// A worker counts from when a step's message came to it, on its own clock. Where that lies on the client's follows from how long
// the whole took here: what the worker did not spend was spent on the way, there and back in proportion to the bytes.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "client/remote_session.hpp"
#include "genie/plan/json.hpp"
#include "protocol/messages.hpp"

namespace genie::remote {

/// A worker's part in a step, and when its message went and its answer came. Borrowed.
struct PartSeen {
  std::size_t worker = 0;  ///< of the program
  const StepResult* result = nullptr;
  std::uint64_t asked_ns = 0;
  std::uint64_t answered_ns = 0;
  std::uint64_t sent_bytes = 0;
  std::uint64_t received_bytes = 0;
};

/// A step that ended well. Borrowed.
struct StepSeen {
  genie::Call call;
  std::uint64_t index = 0;  ///< in its session
  const ClientProgram& program;
  const exec::CompiledMethod& method;
  std::vector<PartSeen> parts;
  std::vector<std::optional<std::uint64_t>> input_bytes;  ///< by port, of those that the client sent
};

/// [any-thread]; one lock guards it.
class Record {
 public:
  /// What the workers say of a step; its events go to the trace.
  void add(genie::Host host, const StepSeen& step);
  /// A step is over.
  void over(std::uint64_t job, std::uint64_t index, std::string method, std::uint64_t wall_ns);
  [[nodiscard]] std::uint64_t busy_ns(const std::string& device) const;
  /// The parts `links` and `steps` of the stats document.
  void write(plan::json::Writer& writer, const plan::Topology& topology) const;

 private:
  struct LinkUse {
    std::uint64_t bytes = 0;
    std::uint64_t messages = 0;
    std::uint64_t busy_ns = 0;
  };
  struct Done {
    std::uint64_t job = 0;
    std::uint64_t index = 0;
    std::string method;
    std::uint64_t wall_ns = 0;
  };
  mutable std::mutex lock_;
  std::uint64_t next_flow_ = 1;
  std::map<std::string, std::uint64_t> busy_ns_;
  std::map<std::string, LinkUse> links_;
  std::vector<Done> steps_;
};

}  // namespace genie::remote
