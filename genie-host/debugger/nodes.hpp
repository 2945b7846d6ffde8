// What the stages of a run are in the user's model. Debugger, dump and comparison watch a plan whose stages are single nodes
// (EngineOptions::one_node_stages).
#pragma once

#include <map>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "genie/plan/model.hpp"
#include "genie/plan/result.hpp"

namespace genie::debugger {

/// A node where it runs.
struct Placed {
  const plan::Method* method = nullptr;
  const plan::Stage* stage = nullptr;
  const plan::Node* node = nullptr;  ///< the last one of a stage that has several
  std::size_t place = 0;             ///< of the stage in the schedule
};

/// Borrows the scheduled plan.
class Nodes {
 public:
  explicit Nodes(const plan::Plan& scheduled);
  [[nodiscard]] const plan::Plan& plan() const { return plan_; }
  /// Of a stage's id; null when the plan has none of that name.
  [[nodiscard]] const Placed* find(std::string_view method, std::string_view stage) const;
  /// The node that makes a value, or null.
  [[nodiscard]] const Placed* maker(std::string_view method, std::string_view value) const;
  /// Value ids that a node takes, each once, in the order of its arguments.
  [[nodiscard]] static std::vector<std::string> takes(const plan::Node& node);
  /// Value ids that it makes.
  [[nodiscard]] static std::vector<std::string> makes(const plan::Node& node);
  /// Whether what it gives is memory that nobody has written yet (empty and its kin): different bits in every run.
  [[nodiscard]] static bool gives_unwritten(const plan::Node& node);
  /// "n12  aten.linear.default  encoder.layer.0.output.dense  on w1"
  [[nodiscard]] static std::string text(const Placed& placed);

 private:
  using Key = std::pair<std::string_view, std::string_view>;
  const plan::Plan& plan_;
  std::map<Key, Placed> stages_;
  std::map<Key, const Placed*> makers_;
};

/// (method, node) pairs. The text is a node's id or a selector; GE0004's near misses come from the selector.
using NodeSet = std::set<std::pair<std::string, std::string>>;
[[nodiscard]] plan::Result<NodeSet> select_nodes(const plan::Plan& plan, const std::string& text);

}  // namespace genie::debugger
