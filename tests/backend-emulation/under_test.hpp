// The backend that the rig drives: here, emulated devices in one process. tests/backend-libfabric has another file of this name.
#pragma once

#include "backend.hpp"
#include "genie/plan/schedule.hpp"
#include "genie/plan/topology.hpp"
#include "host.hpp"

namespace emulation_test {

class BackendUnderTest {
 public:
  BackendUnderTest(TestHost&, const genie::plan::Topology& topology, const std::string& options)
      : text_(R"({"topology":)" + genie::plan::encode_topology(topology) + options + "}") {}

  [[nodiscard]] const genie_backend_v1* table() const {
    return genie::backend_table<genie::emulation::EmulationBackend>();
  }
  [[nodiscard]] const std::string& options() const { return text_; }
  /// The plan for the devices that the backend reports.
  [[nodiscard]] genie::plan::Plan fitted(const genie::plan::Plan& plan, genie_backend*) const { return plan; }

 private:
  std::string text_;
};

}  // namespace emulation_test
