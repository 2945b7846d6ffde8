// A method's graph by dense numbers: who makes and who reads what. Built once, used by validation, costs and scheduling.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "genie/plan/model.hpp"
#include "genie/plan/name_table.hpp"

namespace genie::plan {

/// Borrowed from the graph it indexes; rebuild after edits. Undefined references are kNone, so a broken plan indexes too.
class GraphIndex {
 public:
  using Numbers = std::span<const std::uint32_t>;  ///< valid as long as the index

  explicit GraphIndex(const Graph& graph);
  GraphIndex(const GraphIndex&) = delete;
  GraphIndex& operator=(const GraphIndex&) = delete;
  GraphIndex(GraphIndex&&) = default;
  GraphIndex& operator=(GraphIndex&&) = default;

  struct ValueInfo {
    const std::string* id = nullptr;
    const Value* value = nullptr;    ///< declaration, or null
    std::uint32_t producer = kNone;  ///< node number; kNone for inputs
    std::uint32_t input = kNone;     ///< input number
    Numbers consumers;               ///< node numbers, ascending, unique (arguments of any depth)
    bool is_output = false;
    bool is_write = false;          ///< becomes a state's content
    std::uint32_t storage = kNone;  ///< alias set: the value number at its root (own number when none)
    bool in_circle = false;         ///< a broken plan's alias chain that has no root
  };

  /// Those that the graph declares come first, in the order of its table.
  [[nodiscard]] const std::vector<ValueInfo>& values() const { return values_; }
  [[nodiscard]] std::uint32_t value(std::string_view id) const;
  [[nodiscard]] std::uint32_t node(std::string_view id) const;
  /// Nodes whose id an earlier node has, which node() finds: a broken plan's.
  [[nodiscard]] const std::vector<std::uint32_t>& repeated_nodes() const { return repeated_nodes_; }
  /// Value numbers a node reads / makes (kNone where a result is "").
  [[nodiscard]] Numbers reads(std::uint32_t node) const { return reads_.of(node); }
  [[nodiscard]] Numbers makes(std::uint32_t node) const { return makes_.of(node); }
  /// The value number of each arg::Value of a node, in the order of for_each_arg.
  [[nodiscard]] Numbers arguments(std::uint32_t node) const { return arguments_.of(node); }
  /// Node numbers that must run before: producers of what it reads, and `after`.
  [[nodiscard]] Numbers predecessors(std::uint32_t node) const { return predecessors_.of(node); }
  [[nodiscard]] Numbers successors(std::uint32_t node) const { return successors_.of(node); }
  [[nodiscard]] const Graph& graph() const { return *graph_; }

 private:
  /// A list of numbers for each of a row of things, all in one piece of memory.
  struct Lists {
    std::vector<std::uint32_t> numbers;
    std::vector<std::size_t> ends;  ///< list i ends before ends[i]

    [[nodiscard]] std::size_t begin(std::size_t i) const { return i == 0 ? 0 : ends[i - 1]; }
    [[nodiscard]] Numbers of(std::size_t i) const {
      return Numbers(numbers).subspan(begin(i), ends[i] - begin(i));
    }
    /// Ends the list that numbers were added to.
    void close() { ends.push_back(numbers.size()); }
    /// The same, sorted and without repetitions.
    void close_as_set();
    /// For each of `count` things, in ascending order, the lists that name it.
    [[nodiscard]] Lists inverse(std::size_t count) const;
  };

  void index_values();
  void index_arguments();
  void index_storage();

  const Graph* graph_;
  std::vector<ValueInfo> values_;
  NameTable value_numbers_;
  NameTable node_numbers_;
  std::vector<std::uint32_t> repeated_nodes_;
  Lists arguments_;
  Lists reads_;
  Lists makes_;
  Lists consumers_;
  Lists predecessors_;
  Lists successors_;
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
