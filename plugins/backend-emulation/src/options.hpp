// Options of the run config's `backend.options`.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "genie/plan/faults.hpp"
#include "genie/plan/result.hpp"
#include "genie/plan/topology.hpp"

namespace genie::emulation {

enum class Timing : std::uint8_t { virtual_clock, wall };
/// recorded: what a measured run took, given as `durations`.
enum class Costs : std::uint8_t { model, measured, recorded };
enum class Compute : std::uint8_t { real, none };

struct Options {
  plan::Topology topology;
  Timing timing = Timing::virtual_clock;
  Costs costs = Costs::model;
  Compute compute = Compute::real;
  std::optional<plan::FaultScript> faults;
  /// Of a recorded run: per step of the session, stage → ns.
  std::vector<std::map<std::string, std::uint64_t, std::less<>>> durations;
};

/// Reads the options and the files they name. Errors (GE0600, or the documents' own) name the option, what is known,
/// and the nearest known name.
[[nodiscard]] plan::Result<Options> read_options(std::string_view json);

/// One device "local" as large as this machine, which the client reaches at no cost.
[[nodiscard]] plan::Topology local_topology();

}  // namespace genie::emulation
