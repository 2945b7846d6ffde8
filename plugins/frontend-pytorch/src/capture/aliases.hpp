// Which values of a graph share storage, and which nodes change it: the ground for states and for ordering.
//
// Every storage is a root: a weight's storage file, a user's input, or what a node makes. A value has a set of roots: one
// where the op table tells, several where a result might be a view of any argument (ATen operators outside the table).
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "torch/program.hpp"

namespace genie::pytorch {

using RootSet = std::vector<std::uint32_t>;  ///< ascending, unique

struct Root {
  enum class Kind : std::uint8_t { input, weight, made };
  Kind kind = Kind::made;
  std::string name;  ///< input placeholder, or storage key of a weight
};

struct NodeAccess {
  RootSet reads;   ///< of every tensor argument
  RootSet writes;  ///< changed by this node
};

struct Aliases {
  std::vector<Root> roots;
  std::unordered_map<std::string, RootSet> values;  ///< by value name
  std::vector<NodeAccess> nodes;                    ///< one per node of the graph
  std::vector<bool> mutated;                        ///< per root

  [[nodiscard]] bool is_mutated(std::string_view value) const;
};

/// `storages` gives the storage key of every placeholder that is a weight; other inputs are roots of their own.
[[nodiscard]] Aliases find_aliases(const Graph& graph, const std::map<std::string, std::string>& storages);

}  // namespace genie::pytorch
