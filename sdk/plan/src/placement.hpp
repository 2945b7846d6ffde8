// What each stage of a scheduled method takes, makes and needs, by dense numbers: the one derivation that stage documents,
// transfers, the simulator and validation share. Private to the library.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "genie/plan/index.hpp"
#include "genie/plan/model.hpp"

namespace genie::plan::detail {

using Names = std::set<std::string, std::less<>>;

/// One stage. Numbers are the GraphIndex's.
struct StageUse {
  std::vector<std::uint32_t>
      nodes;  ///< as they run: the stage's own, each recomputed one before its first reader
  std::vector<std::uint32_t> inputs;   ///< values made elsewhere, first use order
  std::vector<std::uint32_t> outputs;  ///< values its own nodes make that another stage or the caller takes
  std::vector<std::string> weights;    ///< first use order
  std::vector<std::string> states;     ///< first use order
  Names symbols;                       ///< of its values' dimensions and its `dim` arguments
  std::vector<const StateWrite*> writes;  ///< the method's writes that this stage performs
};

/// A method under a schedule. Borrows the plan and the schedule.
class Placement {
 public:
  /// `residence` (may be null) says where states live; a state it does not name lives where it is first used.
  Placement(const Plan& plan, const Method& method, const MethodSchedule& schedule,
            const Residence* residence);

  [[nodiscard]] const Plan& plan() const { return *plan_; }
  [[nodiscard]] const Method& method() const { return *method_; }
  [[nodiscard]] const MethodSchedule& schedule() const { return *schedule_; }
  [[nodiscard]] const GraphIndex& index() const { return index_; }
  [[nodiscard]] const std::vector<StageUse>& stages() const { return stages_; }
  /// The stage whose own node this is; kNone when unplaced.
  [[nodiscard]] std::uint32_t home(std::uint32_t node) const { return home_[node]; }
  /// The stage that makes a value with its own nodes; kNone for inputs.
  [[nodiscard]] std::uint32_t maker(std::uint32_t value) const;
  /// The stage of that id; kNone for none.
  [[nodiscard]] std::uint32_t stage_number(std::string_view id) const;
  [[nodiscard]] const std::string& id(std::uint32_t value) const { return *index_.values()[value].id; }
  /// Writes that no stage can perform on the state's device.
  [[nodiscard]] const std::vector<const StateWrite*>& orphan_writes() const { return orphan_writes_; }

 private:
  void order_nodes(std::uint32_t stage);
  void collect_needs(std::uint32_t stage);
  void assign_writes(const Residence* residence);
  void collect_outputs();
  void need(StageUse& use, std::uint32_t stage, std::uint32_t value);
  void need_symbol_sources(StageUse& use, std::uint32_t stage, const Names& from_dims);

  const Plan* plan_;
  const Method* method_;
  const MethodSchedule* schedule_;
  GraphIndex index_;
  std::unordered_map<std::string_view, std::uint32_t> stage_numbers_;
  std::vector<std::uint32_t> home_;
  std::vector<StageUse> stages_;
  std::vector<const StateWrite*> orphan_writes_;
  std::vector<std::uint32_t> inside_;  // node → stage number + 1 while that stage is looked at
  std::vector<std::uint32_t> taken_;   // value → stage number + 1 while that stage is looked at
};

/// The schedule that a stage belongs to; for a stage outside any, a schedule of it and of everything else.
struct StageContext {
  StageContext(const Plan& plan, std::string_view method_name, const Method& method, const Stage& wanted);
  StageContext(const StageContext&) = delete;
  StageContext& operator=(const StageContext&) = delete;

  MethodSchedule made;
  const MethodSchedule* schedule = nullptr;  ///< of the plan, or `made`
  const Residence* residence = nullptr;
  std::uint32_t stage = 0;  ///< its number in the schedule
};

/// The state at the root of `alias_of`.
[[nodiscard]] std::string_view root_state(const Plan& plan, std::string_view state);

/// Weights and states that a node refers to, through its sub-graphs too, in first use order.
struct Resources {
  std::vector<std::string> weights;
  std::vector<std::string> states;
  std::vector<std::string> graphs;
};
[[nodiscard]] Resources resources_of(const Method& method, const Node& node);

}  // namespace genie::plan::detail
