// Module paths in few words: "embeddings … layer.2.output".
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "genie/plan/model.hpp"

namespace genie::report {

/// The module paths of a method's nodes, for naming parts of it.
class Scopes {
 public:
  explicit Scopes(const plan::Graph& graph);

  /// Which modules these nodes belong to, without the path that all nodes of the method share: the first and the last.
  [[nodiscard]] std::string describe(const std::vector<std::string>& nodes) const;
  /// A module path that lies entirely among these nodes, suited to a selector; empty when there is none.
  [[nodiscard]] std::string whole_module(const std::vector<std::string>& nodes) const;

 private:
  plan::Table<std::string> scopes_;  ///< node id → module path
  std::size_t prefix_ = 0;           ///< characters of the shared path, with its dot
};

}  // namespace genie::report
