// Drawings whose placements are judged: what the tests of this folder work with.
#pragma once

#include <doctest/doctest.h>

#include <map>
#include <set>
#include <string>

#include "drawing.hpp"
#include "genie/plan/validate.hpp"

namespace genie::policy::testing {

struct Drawn : Drawing {
  /// The schedule joined to the plan, having passed V4 and V5.
  [[nodiscard]] plan::Plan placed() const {
    auto made = schedule();
    REQUIRE_MESSAGE(made.ok(), (made.ok() ? "" : plan::to_text(made.errors().front())));
    auto answer = plan::decode_schedule(plan::encode_schedule(*made));  // what the host gets to see
    REQUIRE_MESSAGE(answer.ok(), (answer.ok() ? "" : plan::to_text(answer.errors().front())));
    auto joined = plan::join_schedule(plan, *answer, topology, costs);
    REQUIRE_MESSAGE(joined.ok(), (joined.ok() ? "" : plan::to_text(joined.errors().front())));
    const plan::Validation judged = plan::validate(*joined, {plan::Level::v5, &topology, &hints});
    for (const plan::Diagnostic& d : judged.diagnostics)
      if (d.severity == plan::Severity::error) FAIL(plan::to_text(d));
    return *std::move(joined);
  }
};

/// Device of each node of a method.
inline std::map<std::string, std::string> devices_of(const plan::Plan& placed,
                                                     const std::string& method = "forward") {
  std::map<std::string, std::string> out;
  for (const plan::Stage& stage : placed.schedule->methods.find(method)->second.stages)
    for (const std::string& n : stage.nodes)
      out[n] = stage.device;
  return out;
}

inline std::size_t stage_count(const plan::Plan& placed, const std::string& method = "forward") {
  return placed.schedule->methods.find(method)->second.stages.size();
}

inline std::uint64_t makespan(const plan::Plan& placed, const std::string& method = "forward") {
  return placed.schedule->methods.find(method)->second.predicted->makespan_ns;
}

inline const plan::Decision* decision(const plan::Plan& placed, const std::string& subject) {
  for (const plan::Decision& d : placed.schedule->decisions)
    if (d.subject == subject) return &d;
  return nullptr;
}

}  // namespace genie::policy::testing
