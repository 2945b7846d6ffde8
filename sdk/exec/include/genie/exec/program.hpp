// A prepared plan: compiled stages in an order that runs, with everything that a step looks up resolved to numbers.
//
// Numbers (slots, messages, places) follow from the plan alone: two processes that prepare the same bytes agree on them, also
// when each compiles only the stages of its own devices.
//
// Immutable once made, but for the cache of sizes (its own lock) and the program-scoped states. Made and destroyed on the
// worker, because kernels compile, take weights and release them one at a time per device.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "genie/exec/device.hpp"
#include "genie/exec/tensor.hpp"
#include "genie/plan/index.hpp"
#include "genie/plan/schedule.hpp"

namespace genie::exec {

using plan::kNone;
using Index = std::uint32_t;

/// A value on a device: one place that a step fills and empties.
struct Slot {
  Index value = kNone;     ///< number in the method's graph
  Index device = 0;        ///< number of the emulated device
  Index uses = 0;          ///< stages there that read it, and messages that take it elsewhere
  bool rewritten = false;  ///< its bytes may change after it was made: whoever sends it later sends a copy
};

struct StageInput {
  Index slot = kNone;
};

struct StageOutput {
  Index slot = kNone;
  Index value = kNone;
  std::vector<Index> viewed;  ///< slots on the device whose storage the value may share, nearest first
  Index holder = kNone;       ///< the value made or received here whose storage it lies in
};

/// A transfer of the schedule.
struct Message {
  Index from = kNone;   ///< slot; kNone: not from a stage
  Index port = kNone;   ///< the method's input that the client sends
  Index to = kNone;     ///< slot; kNone: the client
  Index place = kNone;  ///< of the stage that it is addressed to, in run order
};

struct CompiledStage {
  CompiledStage() = default;
  CompiledStage(CompiledStage&&) = default;
  CompiledStage& operator=(CompiledStage&&) = default;

  const plan::Stage* stage = nullptr;
  std::string scope;  ///< the module that holds all its nodes
  Index number = 0;   ///< in the schedule
  Index device = 0;
  KernelsDevice* kernels = nullptr;  ///< null when nothing is computed
  struct Release {
    const genie_kernels_v1* table;
    void operator()(genie_executable* e) const { table->release(e); }
  };
  std::unique_ptr<genie_executable, Release> executable{nullptr, Release{nullptr}};
  std::vector<StageInput> inputs;
  std::vector<StageOutput> outputs;
  std::vector<std::string> states;   ///< in the document's order
  std::vector<std::string> symbols;  ///< in the document's order
  bool writes_state = false;
  /// Places of stages on other devices that must be done before it, although it reads nothing of theirs.
  std::vector<Index> after;
};

/// What depends on a step's sizes; computed once per set of sizes.
struct Sized {
  plan::Bindings sizes;     ///< every symbol bound
  plan::Timeline timeline;  ///< by the cost model
};

/// How a method's output is found.
struct Output {
  const plan::Port* port = nullptr;
  Index value = kNone;  ///< a value…
  Index slot = kNone;   ///< …where it is made; kNone: a method input
  Index input = kNone;  ///< …or the input that it is
  bool late = false;  ///< lies in storage that is written later in the step: fetched when all stages are done
};

struct CompiledMethod {
  const std::string* name = nullptr;
  const plan::Method* method = nullptr;
  std::unique_ptr<plan::GraphIndex> index;
  std::vector<CompiledStage> stages;  ///< in an order that runs
  std::vector<Index> places;          ///< per stage of the schedule: its place in that order
  std::vector<Message> messages;      ///< per transfer of the schedule
  std::vector<Slot> slots;
  std::vector<Output> outputs;  ///< as the method lists them
  /// Value id (or "state:NAME") and receiving device (kNone: the client) → the transfer that brings it there.
  std::map<std::pair<std::string_view, Index>, const plan::Transfer*> transfers;
};

/// What a program is prepared for.
struct Surroundings {
  plan::Topology topology;
  Devices devices;  ///< of this process and of others; numbered by their place
  BlobSource blobs;
  bool imagined = false;  ///< compute nothing, account for everything
};

class Program {
 public:
  /// Everything that prepare does. Errors: INVALID_ARGUMENT (the document), FAILED_PRECONDITION (not scheduled, another
  /// topology), RESOURCE_EXHAUSTED (weights do not fit), and what kernels and blobs answer.
  [[nodiscard]] static genie::Expected<std::shared_ptr<Program>> make(genie::Host host,
                                                                      const genie::Call& call,
                                                                      Surroundings around, Counters& counters,
                                                                      std::string_view document);

  ~Program();

  [[nodiscard]] const plan::Plan& plan() const { return plan_; }
  /// Nothing is computed: bytes are only accounted for.
  [[nodiscard]] bool imagined() const { return around_.imagined; }
  [[nodiscard]] const BlobSource& blobs() const { return around_.blobs; }
  /// What there was when the plan was prepared.
  [[nodiscard]] const plan::Topology& topology() const { return around_.topology; }
  [[nodiscard]] genie::Expected<const CompiledMethod*> method(std::string_view name) const;
  [[nodiscard]] const Devices& devices() const { return around_.devices; }
  [[nodiscard]] Device& device(Index number) const { return *around_.devices[number]; }
  [[nodiscard]] std::optional<Index> device_number(std::string_view id) const;
  /// Whether bytes between two devices (kNone: the client) cross a link. On the worker.
  [[nodiscard]] bool crosses_link(Index from, Index to);
  /// The device that owns a state.
  [[nodiscard]] Index state_device(std::string_view state) const;
  /// What follows from sizes; the error is V4's when memory does not suffice at them. [any-thread]
  [[nodiscard]] genie::Expected<std::shared_ptr<const Sized>> sized(const CompiledMethod& method,
                                                                    const plan::Bindings& bound,
                                                                    std::uint32_t micro_batches = 1);
  /// The map of stage id → duration turned into a timeline.
  [[nodiscard]] genie::Expected<plan::Timeline> timeline(const CompiledMethod& method,
                                                         const plan::Bindings& sizes,
                                                         const plan::StageTime& stage_time,
                                                         std::uint32_t micro_batches = 1) const;

  /// States of scope `program`, shared by its sessions; filled by the first (session.cpp). Guarded by states_lock.
  std::mutex states_lock;
  std::map<std::string, std::shared_ptr<Storage>, std::less<>> program_states;

 private:
  explicit Program(Surroundings around) : around_(std::move(around)), router_(around_.topology) {
    for (Index d = 0; d < around_.devices.size(); ++d)
      device_numbers_.emplace(around_.devices[d]->spec().id, d);
  }
  genie::Outcome build(genie::Host host, const genie::Call& call, Counters& counters,
                       std::string_view document);
  genie::Outcome check_schedule() const;
  genie::Outcome place_weights(const genie::Call& call);
  genie::Outcome compile_method(genie::Host host, const genie::Call& call, Counters& counters,
                                const std::string& name);
  genie::Outcome compile_stage(genie::Host host, const genie::Call& call, Counters& counters,
                               const plan::Plan& document, CompiledStage& stage);
  [[nodiscard]] plan::Bindings complete(const plan::Bindings& bound) const;
  /// The bytes of a device that no method needs at the sizes assumed, and nobody has: for the kernels' own copies.
  [[nodiscard]] std::uint64_t spare_bytes(Index device);

  const Surroundings around_;
  std::map<std::string_view, Index> device_numbers_;
  plan::Router router_;
  std::map<std::pair<Index, Index>, bool> crosses_;
  plan::Plan plan_;
  std::map<std::pair<Index, std::string>, std::shared_ptr<ResidentWeight>> weights_;  // device, digest
  std::vector<CompiledMethod> methods_;                 // after weights_: executables go first
  std::optional<plan::Table<std::uint64_t>> foreseen_;  // bytes by device, of all methods
  std::mutex sizes_lock_;
  std::map<std::tuple<const CompiledMethod*, std::uint32_t, plan::Bindings>, std::shared_ptr<const Sized>>
      sizes_;  // method, micro-batches, sizes
};

/// Numbers of a method's schedule without kernels: slots, transfers, lifetimes, run order. (layout.cpp)
[[nodiscard]] genie::Expected<CompiledMethod> lay_out(const plan::Plan& plan, const std::string& method,
                                                      const std::vector<plan::Plan>& documents,
                                                      const std::vector<Index>& stage_devices);

/// INVALID_ARGUMENT with all diagnostics.
[[nodiscard]] genie::Error error_of(std::uint32_t code, const plan::Diagnostics& diagnostics);

}  // namespace genie::exec
