// Why something is where it is: the stages it belongs to, the decisions behind them, what they take and give.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "format.hpp"
#include "genie/plan/model.hpp"
#include "genie/plan/result.hpp"

namespace genie::report {

/// A stage that the subject belongs to. Pointers are into the plan that was asked.
struct WhyStage {
  std::string method;
  const plan::Stage* stage = nullptr;
  std::size_t mine = 0;  ///< its nodes that belong to the subject
  std::string modules;   ///< what the stage computes, in few words
  std::uint64_t weight_bytes = 0;
  std::vector<const plan::Decision*> decisions;
  std::vector<const plan::Constraint*> hints;  ///< honoured by them, or selecting one of its nodes
  std::vector<const plan::Transfer*> takes;
  std::vector<const plan::Transfer*> gives;
};

/// A weight or a state, and where it lives.
struct WhyHolding {
  std::string kind;  ///< "weight" or "state"
  std::string name;
  std::uint64_t bytes = 0;
  std::vector<std::string> devices;
};

struct Why {
  std::string subject;
  std::vector<WhyStage> stages;
  std::vector<WhyHolding> holdings;
  std::vector<const plan::Decision*> decisions;  ///< about the subject itself: a hint, a weight, a state
};

/// `subject` is the id of a stage, a node, a hint, the name of a weight or a state, or a selector. GE0019 when the plan is
/// not scheduled; the selector's own error when it is none of these.
[[nodiscard]] plan::Result<Why> why(const plan::Plan& plan, const std::string& subject);

[[nodiscard]] std::string why_text(const plan::Plan& plan, const Why& why, const Style& style);
[[nodiscard]] std::string why_json(const Why& why);

}  // namespace genie::report
