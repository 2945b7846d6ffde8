// The validation ladder V2–V5 (V0 and V1 are decode's). All errors of a level are reported, then checking stops.
#pragma once

#include "genie/plan/model.hpp"
#include "genie/plan/result.hpp"
#include "genie/plan/topology.hpp"

namespace genie::plan {

enum class Level : int { v0 = 0, v1, v2, v3, v4, v5 };

struct ValidateContext {
  Level up_to = Level::v3;
  const Topology* topology = nullptr;  ///< required for V4 and V5
  /// Hints beside the plan's own constraints (V5).
  const std::vector<Constraint>* hints = nullptr;
};

/// What V3 could not check: ops outside the table or without a rule, counted by op.
struct Unchecked {
  Table<std::uint64_t> ops;
};

struct Validation {
  Diagnostics diagnostics;    ///< errors of the first level that has any, and warnings of all levels passed
  Level reached = Level::v1;  ///< the highest level without errors
  Unchecked unchecked;
  [[nodiscard]] bool ok() const { return !has_errors(diagnostics); }
};

/// [any-thread] Pure. Levels beyond what `context` allows, and V4/V5 of a captured plan, are skipped.
[[nodiscard]] Validation validate(const Plan& plan, const ValidateContext& context);

/// Sizes of one call: symbols solved from the inputs' concrete shapes, checked against bounds and guards.
struct InputShape {
  std::string name;
  std::vector<std::int64_t> shape;
  std::optional<double> number;  ///< a scalar input's value, where a symbol needs it
};
/// The error names the input, the dimension, the bound or the guard's own text, and the user's name of the symbol.
[[nodiscard]] Result<Bindings> bind_symbols(const Plan& plan, const Method& method,
                                            const std::vector<InputShape>& inputs);

/// V4's memory check at other sizes, before a step: device → bytes needed, an error naming the symbol when it does not fit.
[[nodiscard]] Status check_memory(const Plan& plan, const Topology& topology, std::string_view method,
                                  const Bindings& sizes);
/// The same for peaks that a simulation at those sizes has found.
[[nodiscard]] Status check_memory(const Plan& plan, const Topology& topology, std::string_view method,
                                  const Bindings& sizes, const Table<std::uint64_t>& peak_bytes);

/// Selector matching (run-config): module scopes with * and **, node:, op:, role:, phase:, state:, weight:.
struct Selection {
  std::vector<std::pair<std::string, std::string>> nodes;  ///< method, node id
  std::vector<std::string> states;
  std::vector<std::string> weights;
  [[nodiscard]] bool empty() const { return nodes.empty() && states.empty() && weights.empty(); }
};
/// A selector that matches nothing is an error with near misses.
[[nodiscard]] Result<Selection> select(const Plan& plan, std::string_view selector);

}  // namespace genie::plan
