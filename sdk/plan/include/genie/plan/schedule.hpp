// From a policy's answer to a scheduled plan: transfers, costs, predictions. The event simulator is the emulator's clock too.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "genie/plan/index.hpp"
#include "genie/plan/model.hpp"
#include "genie/plan/result.hpp"
#include "genie/plan/topology.hpp"

namespace genie::plan {

/// Nanoseconds per node and device at the assumed sizes: `costs_json` of the policy interface.
struct Costs {
  struct Entry {
    std::vector<std::uint64_t> ns;  ///< per device of `devices`
    bool measured = false;
  };
  Bindings assumes;
  std::vector<std::string> devices;  ///< topology order
  /// Device → the one of `devices` that costs the same: of large topologies, each kind of device is listed once.
  Table<std::string> like;
  Table<Table<Entry>> methods;  ///< method → node id → entry

  /// Where an entry has the time of a device; nothing for one that is not known.
  [[nodiscard]] std::optional<std::size_t> column(std::string_view device) const;
};

/// The analytic roofline: op_overhead + max(flops / flops_per_s, (read + written) / memory_bytes_per_s) / speed. Nodes
/// without work (views) cost op_overhead. Sizes the bindings leave unbound take the symbol's maximum, else 1.
[[nodiscard]] Costs model_costs(const Plan& plan, const Topology& topology, const Bindings& assumes);
[[nodiscard]] std::string encode_costs(const Costs& costs);
[[nodiscard]] Result<Costs> decode_costs(std::string_view bytes);

/// The values a stage takes in and gives out, derived from the graph: what kernels.compile and backends work with.
///
/// A state write is performed by exactly one stage: the last, in schedule order, on the state's device that uses the state
/// or makes the value (no later stage may still want the old content). That stage's document lists the write; a value made
/// elsewhere is among its inputs. So a backend never writes a state itself.
/// A symbol that a node's data decides travels with that node's result: a stage that only names the symbol in its
/// arguments takes the value as one more input.
struct StageInterface {
  std::vector<std::string>
      inputs;  ///< value ids made elsewhere (other stages or the method's inputs), first use order
  std::vector<std::string>
      outputs;  ///< value ids its own nodes make that another stage takes or that the method returns
  std::vector<std::string> weights;  ///< names, first use order
  std::vector<std::string> states;   ///< names, first use order (read or written)
  std::vector<std::string> symbols;  ///< ids used by its dims, sorted
};
/// For a stage of plan.schedule, in the light of the whole schedule; for any other, as if everything else were one stage.
[[nodiscard]] StageInterface stage_interface(const Plan& plan, std::string_view method, const Stage& stage);
/// Of all stages of a scheduled method, in schedule order, in one pass.
[[nodiscard]] std::vector<StageInterface> stage_interfaces(const Plan& scheduled, std::string_view method);

/// The stage as an ExecutionPlan of one method ("stage") whose inputs and outputs are the boundary values, by value id:
/// the document that kernels.compile receives. Same node and value ids as the plan; its state writes kept. A symbol says
/// `from` where the stage itself binds it (an input's dimension, a number among the inputs with dim 0, a node's data);
/// without `from` it comes in the run's dims. The states' initial content is the backend's affair: `init` says zeros here.
[[nodiscard]] Plan stage_plan(const Plan& plan, std::string_view method, const Stage& stage);
/// Of all stages of a scheduled method, in schedule order, in one pass.
[[nodiscard]] std::vector<Plan> stage_plans(const Plan& scheduled, std::string_view method);

/// Whether a call changes states: then its micro-batches, were there several, would share them.
[[nodiscard]] bool writes_states(const GraphIndex& index, const Method& method);

/// The same placement and order with one stage for each node, named by the node, and no transfers, which are derived anew by
/// join_schedule: what debuggers run, one micro-batch at a time. A stage that recomputes nodes of others stays whole, as it would name them twice.
[[nodiscard]] Schedule one_node_stages(Schedule schedule);

/// Transfers that the placement implies: one per value and device that takes it from elsewhere, addressed to the first
/// stage there that needs it (later ones find it there); from inputs ("input:NAME") and to outputs ("output:NAME", one for
/// all outputs that are the same value) too. A state that the method returns goes from "state:NAME" after the last write.
/// Weights, numbers and inputs that are outputs do not move: the caller has them.
[[nodiscard]] std::vector<Transfer> derive_transfers(const Plan& plan, std::string_view method,
                                                     const MethodSchedule& schedule, const Bindings& assumes);

/// Joins a policy's schedule to a captured plan: checks references, adds missing transfers, fills `predicted`, slack, the
/// topology id and `assumes`. Does not judge: validate() at V4/V5 does.
[[nodiscard]] Result<Plan> join_schedule(const Plan& captured, Schedule schedule, const Topology& topology,
                                         const Costs& costs);

/// One thing that happened (or will) on the virtual clock.
struct Event {
  enum class Kind : std::uint8_t { stage, transfer };
  Kind kind = Kind::stage;
  std::string id;     ///< stage or transfer id
  std::string place;  ///< device id, or link id ("bus:HOST" for a shared memory bus; first link of a route)
  std::uint64_t start_ns = 0;
  std::uint64_t end_ns = 0;
  std::uint64_t bytes = 0;        ///< of a transfer
  std::uint32_t micro_batch = 0;  ///< of the call
};

/// What a device holds from an instant on.
struct MemoryPoint {
  std::uint64_t at_ns = 0;
  std::uint64_t most_bytes = 0;  ///< at some moment of this instant
  std::uint64_t bytes = 0;       ///< once all that falls on it has happened
};

/// The start or the end of an event.
struct Moment {
  Event::Kind kind = Event::Kind::stage;
  bool ends = false;
  std::uint32_t number = 0;  ///< of the stage or transfer in the method's schedule
  std::uint64_t at_ns = 0;
  std::uint32_t micro_batch = 0;
};

struct Timeline {
  std::vector<Event> events;    ///< by start, then id
  std::vector<Moment> moments;  ///< by time, what is made or freed before what needs it
  Predicted predicted;
  std::vector<std::uint64_t> stage_peak_bytes;  ///< per stage of the schedule
  Table<std::uint64_t> link_bytes;              ///< link id → bytes carried
  Table<std::uint64_t> link_messages;           ///< link id → messages
  Table<std::uint64_t> link_busy_ns;            ///< link id → time with at least one message under way
  Table<std::uint64_t>
      slack_ns;  ///< transfer id → how much later it could have arrived without a longer makespan
  Table<std::vector<MemoryPoint>> memory;  ///< device id → how what it holds changes, from 0 on
};

/// Duration of a stage on its device; the default sums its nodes' costs. The emulator passes measured times.
using StageTime =
    std::function<std::uint64_t(std::string_view method, const Stage& stage, std::uint32_t micro_batch)>;

/// Discrete-event simulation of one call: stages of a device one at a time in schedule order once their transfers have
/// arrived; a transfer starts when its value's stage ends (an input's at 0) and takes its bytes at the max–min fair share of
/// every link and shared resource on its route, recomputed when any transfer starts or its last byte leaves, plus the
/// route's latency. A link carries each direction at its full bandwidth; links that name one shared resource share it, as
/// fast as the fastest of them, both directions together; transfers of class "control" take their share before "bulk".
/// A device with `copy_engines` sends and receives at most so many messages at once: others line up, control before bulk, else
/// as they became ready; a message keeps an engine at both ends until its last byte has left.
/// A call carries `micro_batches` (those of the schedule, when not given), each of which passes through all stages; a device
/// that is free takes the next stage of the earliest micro-batch that is ready.
/// Events fall on the next whole nanosecond, by exact arithmetic. Deterministic. Sizes come from `sizes`; a symbol they
/// leave unbound takes its maximum, else 1. Peak bytes per device: the blobs of resident weights and the states; a running
/// stage's own values (stage_peak_bytes); what other stages or transfers still want, from its stage's end or its transfer's
/// start to the end of the last stage or transfer that wants it. wire_bytes counts what crosses links.
[[nodiscard]] Result<Timeline> simulate(const Plan& scheduled, std::string_view method,
                                        const Topology& topology, const Bindings& sizes,
                                        const StageTime& stage_time,
                                        std::optional<std::uint32_t> micro_batches = {});
/// With the node costs.
[[nodiscard]] Result<Timeline> simulate(const Plan& scheduled, std::string_view method,
                                        const Topology& topology, const Costs& costs,
                                        std::optional<std::uint32_t> micro_batches = {});

/// Peak bytes a stage's own values need beside resident weights and states, by the plan's lifetimes (freed at last use).
[[nodiscard]] std::uint64_t stage_peak_bytes(const Plan& plan, std::string_view method, const Stage& stage,
                                             const Bindings& sizes);

}  // namespace genie::plan
