// Contiguous partitions: the nodes of a method in document order, cut into one run per device.
//
// For a chain of layers this is where the optimum lies, and it is what limited memory forces. A cut never divides a unit.
#pragma once

#include <optional>
#include <vector>

#include "estimate.hpp"
#include "rules.hpp"

namespace genie::policy {

enum class Objective : std::uint8_t { latency, throughput, memory, bytes };

/// What is asked of a placement.
struct Goal {
  Objective objective = Objective::latency;
  std::uint32_t micro_batches = 1;  ///< of a call; more than one with throughput
  /// A method that writes states takes one micro-batch at a time.
  [[nodiscard]] std::uint32_t micro_batches_of(const MethodGraph& method) const {
    return method.writes_states ? 1 : micro_batches;
  }
};

/// One method's search: what is given.
struct Task {
  const Problem* problem = nullptr;
  const MethodGraph* method = nullptr;
  const Units* units = nullptr;
  std::vector<DeviceSet> allowed;     ///< per unit, narrowed by what earlier methods fixed
  std::vector<std::uint64_t> memory;  ///< per device
  const Resident* resident = nullptr;
  Objective objective = Objective::latency;
  std::uint32_t micro_batches = 1;    ///< of a call
  bool prefers_few_crossings = true;  ///< a value that crosses must save something (search.cpp)
  [[nodiscard]] Index unit(Index node) const { return units->of_node[method->global(node)]; }
  [[nodiscard]] DeviceSet node_allowed(Index node) const { return allowed[unit(node)]; }
};

class Chain {
 public:
  /// `fixed`: devices of nodes that take no part (kNowhere: free). What they make resident is counted.
  Chain(const Task& task, Assignment fixed);

  /// The best partition along each of several device orders (dynamic programming over the cuts), best first; empty when no
  /// partition at these cuts fits.
  [[nodiscard]] std::vector<Assignment> best();

  /// Any partition that fits, cut wherever a cut is allowed. Exhaustive over the order of devices while their classes
  /// (same memory, same permissions) leave at most kMaxStates sets of used devices; a beam beyond.
  [[nodiscard]] std::optional<Assignment> any() const;

 private:
  static constexpr std::size_t kMaxCuts = 128;
  static constexpr std::size_t kMaxOrders = 120;
  static constexpr std::size_t kMaxStates = 20000;
  static constexpr std::size_t kResultCount = 3;

  /// What a run of nodes needs, growing node by node from its start.
  class Run;
  struct Segment {
    std::uint64_t need = 0;  ///< bytes
    bool fits = false;
  };

  void choose_cuts();
  void measure_segments();
  [[nodiscard]] const Segment& segment(std::size_t from, std::size_t to, std::size_t device) const {
    return segments_[(from * cuts_.size() + to) * task_->problem->device_count + device];
  }
  [[nodiscard]] double cost(std::size_t from, std::size_t to, std::size_t device, std::size_t previous) const;
  [[nodiscard]] double combine(double a, double b) const;
  struct Plan {
    double cost;
    std::vector<std::pair<std::size_t, std::size_t>> runs;  ///< device, end cut
  };
  [[nodiscard]] std::optional<Plan> along(const std::vector<std::size_t>& order) const;
  [[nodiscard]] std::vector<std::vector<std::size_t>> orders() const;
  [[nodiscard]] std::vector<std::size_t> device_classes() const;
  [[nodiscard]] Assignment assign(const Plan& plan) const;

  const Task* task_;
  Assignment fixed_;
  Resident resident_;                    ///< with the fixed nodes
  std::vector<Index> nodes_;             ///< free nodes in order
  std::vector<Index> position_;          ///< per local node: place in nodes_, kNone if fixed
  std::vector<bool> may_cut_;            ///< before position i
  std::vector<std::uint64_t> crossing_;  ///< bytes alive across the cut before position i
  std::vector<std::size_t> cuts_;        ///< positions, first 0, last nodes_.size()
  std::vector<Segment> segments_;        ///< from cut × to cut × device
  std::vector<std::uint64_t> work_;      ///< prefix sums: (cut) × device, ns
};

}  // namespace genie::policy
