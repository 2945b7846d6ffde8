// From a policy's answer to a scheduled plan: transfers, costs, predictions. The event simulator is the emulator's clock too.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "genie/plan/model.hpp"
#include "genie/plan/result.hpp"
#include "genie/plan/topology.hpp"

namespace genie::plan {

/// Nanoseconds per node and device at the assumed sizes: `costs_json` of the policy interface.
struct Costs {
  struct Entry {
    std::vector<std::uint64_t> ns;  ///< per device, in topology order
    bool measured = false;
  };
  Bindings assumes;
  std::vector<std::string> devices;   ///< topology order
  Table<Table<Entry>> methods;        ///< method → node id → entry
};

/// The analytic roofline: op_overhead + max(flops / flops_per_s, (read + written) / memory_bytes_per_s) / speed. Nodes
/// without work (views) cost op_overhead. Sizes the bindings leave unbound take the symbol's maximum, else 1.
[[nodiscard]] Costs model_costs(const Plan& plan, const Topology& topology, const Bindings& assumes);
[[nodiscard]] std::string encode_costs(const Costs& costs);
[[nodiscard]] Result<Costs> decode_costs(std::string_view bytes);

/// The values a stage takes in and gives out, derived from the graph: what kernels.compile and backends work with.
struct StageInterface {
  std::vector<std::string> inputs;   ///< value ids made elsewhere (other stages or the method's inputs), first use order
  std::vector<std::string> outputs;  ///< value ids used elsewhere, that are method outputs, or that a state write on
                                     ///< this device takes
  std::vector<std::string> weights;  ///< names, first use order
  std::vector<std::string> states;   ///< names, first use order (read or written)
  std::vector<std::string> symbols;  ///< ids used by its dims, sorted
};
[[nodiscard]] StageInterface stage_interface(const Plan& plan, std::string_view method, const Stage& stage);

/// The stage as an ExecutionPlan of one method ("stage") whose inputs and outputs are the boundary values, by value id:
/// the document that kernels.compile receives. Same node and value ids as the plan; state writes of its device kept.
[[nodiscard]] Plan stage_plan(const Plan& plan, std::string_view method, const Stage& stage);

/// Transfers that the placement implies: one per (value, consuming stage on another device), from inputs and to outputs
/// too; a value sent twice to one device is sent once.
[[nodiscard]] std::vector<Transfer> derive_transfers(const Plan& plan, std::string_view method, const MethodSchedule& schedule,
                                                     const Bindings& assumes);

/// Joins a policy's schedule to a captured plan: checks references, adds missing transfers, fills `predicted`, slack, the
/// topology id and `assumes`. Does not judge: validate() at V4/V5 does.
[[nodiscard]] Result<Plan> join_schedule(const Plan& captured, Schedule schedule, const Topology& topology, const Costs& costs);

/// One thing that happened (or will) on the virtual clock.
struct Event {
  enum class Kind : std::uint8_t { stage, transfer };
  Kind kind = Kind::stage;
  std::string id;            ///< stage or transfer id
  std::string place;         ///< device id, or link id ("bus:HOST" for a shared memory bus; first link of a route)
  std::uint64_t start_ns = 0;
  std::uint64_t end_ns = 0;
  std::uint64_t bytes = 0;   ///< of a transfer
};

struct Timeline {
  std::vector<Event> events;  ///< by start, then id
  Predicted predicted;
  Table<std::uint64_t> link_bytes;     ///< link id → bytes carried
  Table<std::uint64_t> link_messages;  ///< link id → messages
  Table<std::uint64_t> link_busy_ns;   ///< link id → time with at least one message under way
};

/// Duration of a stage on its device; the default sums its nodes' costs. The emulator passes measured times.
using StageTime = std::function<std::uint64_t(std::string_view method, const Stage& stage)>;

/// Discrete-event simulation of one call: stages of a device one at a time in schedule order once their transfers have
/// arrived; a transfer starts when its value's stage ends and takes latency plus bytes at the max–min fair share of every
/// link and shared resource on its route, recomputed when any transfer starts or ends. Events fall on the next whole
/// nanosecond. Deterministic. Sizes come from `sizes`. Peak bytes per device: weights and states resident, stage
/// activations by lifetime, transfers from start to the last use.
[[nodiscard]] Result<Timeline> simulate(const Plan& scheduled, std::string_view method, const Topology& topology,
                                        const Bindings& sizes, const StageTime& stage_time);
/// With the node costs.
[[nodiscard]] Result<Timeline> simulate(const Plan& scheduled, std::string_view method, const Topology& topology,
                                        const Costs& costs);

/// Peak bytes a stage's own values need beside resident weights and states, by the plan's lifetimes (freed at last use).
[[nodiscard]] std::uint64_t stage_peak_bytes(const Plan& plan, std::string_view method, const Stage& stage, const Bindings& sizes);

}  // namespace genie::plan
