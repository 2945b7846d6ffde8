// Measures the devices and links of a run config's backend by running a small plan on them.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "config/run_config.hpp"
#include "genie/plan/topology.hpp"
#include "runtime/engine.hpp"
#include "runtime/failure.hpp"

namespace genie::measure {

struct Options {
  /// How often each thing is timed; the lower quartile counts.
  std::uint32_t repeat = 15;
  /// Options of an engine that is about to be made. `first`: no engine was made before in this process.
  std::function<runtime::Result<runtime::EngineOptions>(bool first)> engine;
  /// What is being done: so many of so many, and what. Must not throw.
  std::function<void(std::uint64_t done, std::uint64_t total, std::string_view what)> progress;
};

struct Measured {
  /// The backend's devices with measured `speed` and `compute`; a link between any two of them and from the client to each.
  plan::Topology topology;
  /// How far single times are from what the fitted parameters say: mean relative error, in the order of devices and links.
  std::vector<double> device_errors;
  std::vector<double> link_errors;
  /// Why devices were not compared with this machine, and have `speed` 1; empty when they were.
  std::string not_compared;
};

/// Runs through the backend's ordinary interface: prepares one plan, opens one session, makes steps. Devices one after the other,
/// and links one after the other, so that nothing waits for anything else. Where the backend has a clock of its own (an emulated
/// cluster), that is the one that counts. `speed` compares a device with this machine: the same plan, in the emulator with
/// `costs: measured` and the config's kernels. GE0678 when a device cannot run the plan or its times say nothing.
[[nodiscard]] runtime::Result<Measured> measure(const config::RunConfig& config, const Options& options);

}  // namespace genie::measure
