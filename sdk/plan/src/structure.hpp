// V2 in parts: what each file of it checks, and how it reports.
#pragma once

#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "genie/plan/index.hpp"
#include "genie/plan/json.hpp"
#include "genie/plan/model.hpp"
#include "genie/plan/validate.hpp"
#include "messages.hpp"
#include "validate_internal.hpp"

namespace genie::plan::detail {

/// Collects V2's diagnostics; bounded as V1's are.
class Findings {
 public:
  explicit Findings(Diagnostics& into) : into_(into) {}
  ~Findings();
  Findings(const Findings&) = delete;
  Findings& operator=(const Findings&) = delete;

  void add(std::string pointer, std::string_view code, std::string message, std::string help = {});
  /// Stands in a node: names the user's place.
  void add(const Node& node, std::string pointer, std::string_view code, std::string message,
           std::string help = {});
  void warn(std::string pointer, std::string_view code, std::string message, std::string help);

 private:
  void push(Diagnostic diagnostic);
  Diagnostics& into_;
  std::size_t dropped_ = 0;
};

/// "did you mean "x"?" for a reference into a table or list of names, or empty.
template <class Names>
[[nodiscard]] std::string did_you_mean(std::string_view name, const Names& names) {
  std::vector<std::string_view> known;
  for (const auto& entry : names) {
    if constexpr (requires { entry.first; })
      known.emplace_back(entry.first);
    else
      known.emplace_back(entry);
  }
  std::erase(known, name);  // what is declared but never made is no remedy
  const std::string_view meant = json::nearest(name, known);
  if (!meant.empty()) return "did you mean " + quoted(meant) + "?";
  // A few names help as a list; of many, none stands out.
  constexpr std::size_t kMostListed = 8;
  if (known.empty() || known.size() > kMostListed) return "declare it, or name one that is";
  std::string list;
  for (const std::string_view one : known)
    list += (list.empty() ? "" : ", ") + std::string(one);
  return "known here: " + list;
}

/// Where a node stands.
struct NodePlace {
  std::string_view method;
  std::string_view graph;  ///< empty: the method itself
  std::size_t number;
};

/// What names refer to across the whole plan.
struct PlanNames {
  const GraphIndex* only = nullptr;  ///< of the plan's one graph, whose names it knows; else these say:
  NameTable nodes;                   ///< by id, the first that has it
  std::vector<NodePlace> places;     ///< by number

  [[nodiscard]] bool has_node(std::string_view id) const {
    return (only != nullptr ? only->node(id) : nodes.find(id)) != kNone;
  }
};

/// The graph under check.
struct GraphPlace {
  std::string_view method;
  std::string_view graph;  ///< empty: the method itself
  std::string pointer;
  const Method* owner = nullptr;
};

// structure_graph.cpp: references, one producer per value, an order that runs. Returns the nodes that mutate something.
[[nodiscard]] std::vector<std::uint32_t> check_graph(const Plan& plan, const GraphPlace& place,
                                                     const Graph& graph, const GraphIndex& index,
                                                     const WeightNames& weights, Findings& findings);

// structure_hazards.cpp: what is mutated may be, and its reads are ordered against its writes.
void check_mutations(const Plan& plan, const GraphPlace& place, const Graph& graph, const GraphIndex& index,
                     const std::vector<std::uint32_t>& mutators, Findings& findings);

// structure_storage.cpp: weights, blobs, states, locations, symbols, guards, constraints.
void check_storage(const Plan& plan, Findings& findings);
void check_symbols(const Plan& plan, const PlanNames& names, Findings& findings);
void check_constraints_listed(const Plan& plan, Findings& findings);
/// Every symbol of the expressions is declared.
void check_symbols_declared(const Plan& plan, const Expr& expr, std::string pointer, Findings& findings);
/// The same; pointer() is called only when something is wrong or worth a closer look.
template <class Pointer>
void check_declared(const Plan& plan, const Expr& expr, Pointer&& pointer, Findings& findings) {
  if (expr.is_int() || (expr.is_symbol() && plan.symbols.contains(expr.as_symbol()))) return;
  check_symbols_declared(plan, expr, pointer(), findings);
}

// structure_schedule.cpp: the schedule's references.
void check_schedule_references(const Plan& plan, Findings& findings);

}  // namespace genie::plan::detail
