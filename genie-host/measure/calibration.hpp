// The program that is run to measure devices and links: an ordinary plan, made for the devices there are, with a method for each
// thing to time. Every method that computes or sends has a twin that does the same without that; the difference is what is wanted,
// free of what any step costs.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "genie/plan/model.hpp"
#include "genie/plan/topology.hpp"

namespace genie::measure {

/// `with` runs so many nodes of a kind more than `without`.
struct ComputeTask {
  std::string device;
  std::string name;  ///< "mm 256", "add 1 MiB"
  std::string with;
  std::string without;
  std::uint32_t nodes = 0;
  double flops = 0;  ///< of one node
  double bytes = 0;  ///< read and written by one node
};

/// The input "x" goes from the client to the device and comes back.
struct EchoTask {
  std::string device;
  std::uint64_t bytes = 0;
  std::string method;
};

/// `with` sends so many bytes from one device to the other and back; `without` runs the same nodes on the first one.
struct PairTask {
  std::string from;
  std::string to;
  std::uint64_t bytes = 0;
  std::string with;
  std::string without;
};

/// The input "x" goes to the device, or to two devices at once ("x" and "y"), and one element comes back from each.
struct UploadTask {
  std::vector<std::string> devices;
  std::uint64_t bytes = 0;
  std::string method;
};

struct Calibration {
  plan::Plan plan;          ///< captured
  plan::Schedule schedule;  ///< where everything runs
  std::vector<ComputeTask> compute;
  std::vector<EchoTask> echoes;
  std::vector<PairTask> pairs;
  std::vector<UploadTask> uploads;
};

/// Of sizes that take more than a small part of a device's memory the larger ones are left out. `links`: also what measures links.
[[nodiscard]] Calibration make_calibration(const plan::Topology& topology, bool links);

}  // namespace genie::measure
