// Plans: what decodes has canonical bytes that are a fixed point, and validation ends with a verdict.
#include "genie/plan/codec.hpp"
#include "genie/plan/topology.hpp"
#include "genie/plan/validate.hpp"
#include "judge.hpp"

namespace genie::fuzz {
namespace {

/// Two devices whose names the seeds' schedules use.
const plan::Topology& topology() {
  static const plan::Topology made = [] {
    auto decoded = plan::decode_topology(R"({
      "schema": "genie.topology", "version": {"major": 0, "minor": 1},
      "devices": [{"id": "w0", "kind": "cpu", "memory_bytes": 1048576, "host": "a", "kernels": ["org.genie.kernels-aten"],
                   "compute": {"flops_per_s": 1e9, "memory_bytes_per_s": 1e9}},
                  {"id": "w1", "kind": "cpu", "memory_bytes": 4096, "host": "b", "kernels": ["org.genie.kernels-aten"],
                   "compute": {"flops_per_s": 1e9, "memory_bytes_per_s": 1e9}}],
      "links": [{"id": "l", "ends": ["a", "b"], "bandwidth_bytes_per_s": 1e9}]})");
    require(decoded.ok(), "the topology of this target is one");
    return std::move(decoded).value();
  }();
  return made;
}

/// Whether it is valid.
bool check(Reading& reading, const plan::Plan& plan, const plan::ValidateContext& context) {
  const plan::Validation verdict = plan::validate(plan, context);
  if (!verdict.ok()) reading.refuse(verdict.diagnostics);
  return verdict.ok();
}

}  // namespace

Reading read(std::string_view bytes) {
  Reading reading;
  const auto decoded = plan::decode(bytes);
  if (!decoded) {
    reading.refuse(decoded.errors());
    return reading;
  }
  const std::string canonical = plan::encode(*decoded, {.locations = true});
  const auto again = plan::decode(canonical);
  require(again.ok(), "canonical bytes decode");
  require(plan::encode(*again, {.locations = true}) == canonical, "canonical bytes are a fixed point");
  reading.accepted = check(reading, *decoded, {});
  // Most schedules are for other devices than these: what is said about them must keep the promises too.
  if (reading.accepted && decoded->schedule) {
    plan::ValidateContext scheduled;
    scheduled.topology = &topology();
    scheduled.up_to = plan::Level::v5;
    plan::Plan placed = *decoded;
    placed.schedule->topology = plan::topology_id(topology());
    (void)check(reading, placed, scheduled);
  }
  return reading;
}

}  // namespace genie::fuzz
