// The run report: everything that a run found out, as one value. Text for a person, JSON for a program and the timeline for a
// trace viewer are three views of it. docs/run-config.md describes the JSON, sdk/schema/report-0.1.schema.json is its schema.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "genie/plan/model.hpp"
#include "genie/plan/result.hpp"
#include "genie/plan/topology.hpp"
#include "genie/plan/validate.hpp"
#include "services/trace.hpp"
#include "timeline.hpp"

namespace genie::report {

struct DeviceUse {
  std::uint64_t busy_ns = 0;
  std::uint64_t peak_bytes = 0;
  std::uint64_t memory_bytes = 0;
};

struct LinkUse {
  std::uint64_t bytes = 0;
  std::uint64_t messages = 0;
  std::uint64_t busy_ns = 0;
};

/// What a fault of the emulated cluster did.
struct FaultUse {
  std::string id, kind;
  std::uint64_t hits = 0;
  std::uint64_t first_step = 0;
  std::uint64_t first_ns = 0;
  std::vector<std::string> places;
};

/// A backend's `stats` document.
struct Stats {
  plan::Table<DeviceUse> devices;
  plan::Table<LinkUse> links;
  plan::Table<std::uint64_t> counters;
  std::set<std::string, std::less<>> levels;  ///< counters that tell what there is, not what happened
  std::vector<FaultUse> faults;  ///< since the backend began; of an emulated cluster that has some
  std::vector<std::pair<std::uint64_t, std::uint64_t>>
      virtual_ns;  ///< job → virtual time of the step, ascending by job

  [[nodiscard]] std::optional<std::uint64_t> virtual_of(std::uint64_t job) const;
};

/// Lenient: what a backend does not report is absent. The error names what is malformed.
[[nodiscard]] plan::Result<Stats> decode_stats(std::string_view json);
/// What happened between two snapshots: sums are subtracted, peaks are those of `after`.
[[nodiscard]] Stats since(const Stats& before, Stats after);

/// One call of a method: a step, or several that it carried as micro-batches.
struct StepTime {
  std::uint64_t index = 0;  ///< of the first
  std::uint32_t micro_batches = 1;
  std::string method;
  std::uint64_t wall_ns = 0;
  std::optional<std::uint64_t> virtual_ns;
};

struct PhaseTimes {
  std::uint64_t load_plugins_ns = 0;
  std::uint64_t capture_ns = 0;
  std::uint64_t validate_ns = 0;
  std::uint64_t schedule_ns = 0;
  std::uint64_t prepare_ns = 0;
};

/// How outputs compared with what was expected.
struct Verification {
  struct Worst {
    std::string output;
    std::vector<std::int64_t> index;
    std::string expected;  ///< the two numbers as text
    std::string actual;
  };
  bool passed = false;
  bool equal_bits = false;  ///< every compared output has the expected bits
  double rtol = 0;
  double atol = 0;
  double max_abs = 0;  ///< infinite when a NaN met a number
  double max_rel = 0;
  std::optional<Worst> worst;  ///< absent when nothing differs
  std::uint64_t outputs = 0;   ///< how many were compared
  std::uint64_t elements = 0;
  std::uint64_t beyond = 0;               ///< elements outside the tolerance
  std::vector<std::string> missing;       ///< expected, but the run has none
  std::vector<std::string> not_compared;  ///< the run has them, but nothing is expected of them
  std::vector<std::string> mismatched;    ///< shape or dtype differs; each a sentence
};

/// One output of the last run, for people.
struct OutputSummary {
  std::string name;
  std::string type;     ///< "f32[3, 384]"
  std::string preview;  ///< its first elements: "0.12, -3, 7.5, …"
};

/// A loss that the run survived (run.on_worker_loss: replan).
struct Recovery {
  std::uint64_t step = 0;
  std::vector<std::string> devices, links, memory;  ///< lost; `memory`: devices that have less of it
  std::string text;                                 ///< the same in words
  plan::Diagnostic cause;
  std::vector<std::string> left;  ///< devices
  std::string plan_id;            ///< of the plan that the run went on with
  std::uint64_t replayed = 0;     ///< earlier steps that were repeated
  std::uint64_t wall_ns = 0;      ///< lost
  std::optional<std::uint64_t> virtual_ns;
};

/// What one call of a method was predicted to take, or took on average.
struct Use {
  std::uint64_t makespan_ns = 0;
  std::uint64_t wire_bytes = 0;
  plan::Table<std::uint64_t> device_busy_ns;
  plan::Table<std::uint64_t> peak_bytes;
};

struct RunReport {
  int exit_code = 0;
  plan::Diagnostics failure;  ///< empty: the outcome is ok
  std::string source;         ///< the model or plan that was run, as the config names it
  std::string plan_id;
  std::optional<plan::Plan> plan;  ///< the newest: scheduled, or what capture left
  std::optional<plan::Topology> topology;
  std::optional<Verification> verify;
  PhaseTimes time;
  std::vector<StepTime> steps;  ///< measured ones, in order
  std::uint32_t repeat = 1;     ///< how many runs of all steps `steps` holds
  Stats stats;                  ///< of the measured part
  plan::Table<Use> observed;    ///< by method, averaged over its calls; only what could be attributed
  std::vector<OutputSummary> outputs;
  std::vector<Recovery> recoveries;
  plan::Table<std::string> versions;
  plan::Diagnostics warnings;
  plan::Unchecked unchecked;
  std::vector<CallTimeline> calls;  ///< of the measured part, as far as the backend traced them
  std::uint64_t trace_dropped = 0;
  std::vector<std::pair<std::string, std::string>> written;  ///< what was written where: ("outputs", path)
};

[[nodiscard]] std::string to_json(const RunReport& report, unsigned indent = 2);

/// What the schedule predicts for one call of each method.
[[nodiscard]] plan::Table<Use> predicted_use(const RunReport& report);
/// By what fraction of the observed value a prediction was off; nothing when that is 0 and the prediction is not.
[[nodiscard]] std::optional<double> prediction_error(std::uint64_t predicted, std::uint64_t observed);

/// Chrome's trace-event format: one process per device (and per link), one row per queue, flow arrows for transfers. `plan`
/// (may be null) supplies the nodes and scopes of stages.
/// `earlier`: plans that ran before it, each with the first job that was not its own any more, ascending.
using EarlierPlans = std::vector<std::pair<std::uint64_t, const plan::Plan*>>;
[[nodiscard]] std::string trace_json(std::span<const services::TraceEvent> events, const plan::Plan* plan,
                                     const EarlierPlans& earlier = {});

}  // namespace genie::report
