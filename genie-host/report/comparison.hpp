// Two schedules of one model side by side: what another decision would change.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "format.hpp"
#include "genie/plan/model.hpp"

namespace genie::report {

/// Nodes of one method that run elsewhere.
struct Moved {
  std::string method;
  std::string from;
  std::string to;
  std::size_t nodes = 0;
  std::string modules;
};

struct Comparison {
  struct Side {
    std::uint64_t makespan_ns = 0;
    std::uint64_t wire_bytes = 0;
    std::size_t transfers = 0;
    std::size_t stages = 0;
    plan::Table<std::uint64_t> peak_bytes;  ///< by device
  };
  struct Method {
    std::string name;
    Side before;
    Side after;
  };
  std::vector<Method> methods;
  std::vector<Moved> moved;
};

/// Both must be schedules of one captured plan.
[[nodiscard]] Comparison compare(const plan::Plan& before, const plan::Plan& after);

[[nodiscard]] std::string comparison_text(const Comparison& comparison, const Style& style);
[[nodiscard]] std::string comparison_json(const Comparison& comparison);

}  // namespace genie::report
