// A method's graph by dense numbers: who makes and who reads what. Built once, used by validation, costs and scheduling.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "genie/plan/model.hpp"

namespace genie::plan {

inline constexpr std::uint32_t kNone = 0xffffffffu;

/// Borrowed from the graph it indexes; rebuild after edits. Undefined references are kNone, so a broken plan indexes too.
class GraphIndex {
 public:
  explicit GraphIndex(const Graph& graph);

  struct ValueInfo {
    const std::string* id = nullptr;
    const Value* value = nullptr;          ///< declaration, or null
    std::uint32_t producer = kNone;        ///< node number; kNone for inputs
    std::uint32_t input = kNone;           ///< input number
    std::vector<std::uint32_t> consumers;  ///< node numbers, ascending, unique (arguments of any depth)
    bool is_output = false;
    bool is_write = false;          ///< becomes a state's content
    std::uint32_t storage = kNone;  ///< alias set: the value number at its root (own number when none)
  };

  [[nodiscard]] const std::vector<ValueInfo>& values() const { return values_; }
  [[nodiscard]] std::uint32_t value(std::string_view id) const;
  [[nodiscard]] std::uint32_t node(std::string_view id) const;
  /// Value numbers a node reads / makes (kNone where a result is "").
  [[nodiscard]] const std::vector<std::uint32_t>& reads(std::uint32_t node) const { return reads_[node]; }
  [[nodiscard]] const std::vector<std::uint32_t>& makes(std::uint32_t node) const { return makes_[node]; }
  /// Node numbers that must run before: producers of what it reads, and `after`.
  [[nodiscard]] const std::vector<std::uint32_t>& predecessors(std::uint32_t node) const {
    return predecessors_[node];
  }
  [[nodiscard]] const std::vector<std::uint32_t>& successors(std::uint32_t node) const {
    return successors_[node];
  }
  [[nodiscard]] const Graph& graph() const { return *graph_; }

 private:
  const Graph* graph_;
  std::vector<ValueInfo> values_;
  std::unordered_map<std::string_view, std::uint32_t> value_numbers_;
  std::unordered_map<std::string_view, std::uint32_t> node_numbers_;
  std::vector<std::vector<std::uint32_t>> reads_;
  std::vector<std::vector<std::uint32_t>> makes_;
  std::vector<std::vector<std::uint32_t>> predecessors_;
  std::vector<std::vector<std::uint32_t>> successors_;
};

/// Calls f(const Arg&) for an argument and everything inside its lists.
template <class F>
void for_each_arg(const Arg& arg, F&& f) {
  f(arg);
  if (const auto* list = std::get_if<arg::List>(&arg.is))
    for (const Arg& item : list->items)
      for_each_arg(item, f);
}
/// The same over all arguments of a node, positional first.
template <class F>
void for_each_arg(const Node& node, F&& f) {
  for (const Arg& a : node.args)
    for_each_arg(a, f);
  for (const auto& [name, a] : node.kwargs)
    for_each_arg(a, f);
}

/// Bytes of a tensor value at the given sizes: the extent its strides span (an expanded dimension counts once);
/// nothing if a size is unbound.
[[nodiscard]] std::optional<std::uint64_t> value_bytes(const Value& value, const Bindings& sizes);
[[nodiscard]] std::uint64_t weight_bytes(const Weight& weight);
[[nodiscard]] std::uint64_t state_bytes(const State& state);

}  // namespace genie::plan
