// org.genie.policy-default: places stages under memory limits by predicted makespan.
#pragma once

#include "genie/cpp/policy.hpp"
#include "options.hpp"

namespace genie::policy {

class DefaultPolicy final : public genie::Policy {
 public:
  /// Throws genie::Error for wrong options.
  DefaultPolicy(genie::Host host, std::string_view options);
  genie::Expected<std::string> schedule(const genie::Call& call,
                                        const genie::ScheduleRequest& request) override;

 private:
  genie::Host host_;
  Options options_;
};

/// The same without an ABI around it. Pure: the same documents give the same schedule. Diagnostics name what is wrong with a
/// document, or why nothing is feasible (GE0552, GE0553) with the smallest changes that would help.
[[nodiscard]] plan::Result<plan::Schedule> make_schedule(const plan::Plan& plan,
                                                         const plan::Topology& topology,
                                                         const plan::Costs& costs,
                                                         const std::vector<plan::Constraint>& hints,
                                                         const Options& options);

}  // namespace genie::policy
