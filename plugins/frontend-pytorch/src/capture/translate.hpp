// One torch graph into one plan graph: nodes, values, aliases, effects, sub-graphs.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "capture/aliases.hpp"
#include "capture/arguments.hpp"
#include "error.hpp"
#include "genie/plan/model.hpp"
#include "torch/program.hpp"

namespace genie::pytorch {

/// What the graphs of one method share.
struct MethodContext {
  std::string file;       ///< the source, for errors
  std::string id_prefix;  ///< of node ids: "decode." when the plan has several methods, else empty
  SymbolSet bound;        ///< symbols that the method's inputs decide
  plan::Method* method = nullptr;
  plan::Table<int> domains;         ///< op sets used
  std::vector<plan::Guard> guards;  ///< from assertions over bound sizes
  std::map<std::string, std::int64_t>
      constants;                  ///< whole numbers the program was exported for, by input name
  std::uint64_t rng_streams = 0;  ///< nodes so far that draw random numbers
  Diagnostics errors;             ///< every node that cannot be captured
};

/// Translates the nodes of `graph` into `into`. `environment` names the inputs and receives every result; `aliases` is of this
/// graph. Errors (GE0240, GE0241, GE0244, GE0245) are collected in the context: check it when all graphs are done.
void translate_graph(MethodContext& context, const Graph& graph, const Aliases& aliases,
                     Environment& environment, plan::Graph& into, const std::string& prefix);

/// A declared tensor; its strides are kept only where they are not row-major.
[[nodiscard]] plan::Value tensor_value(const TensorMeta& meta);
/// A number: it crosses stages as a 0-d tensor.
[[nodiscard]] plan::Value scalar_value(plan::ScalarKind kind);

}  // namespace genie::pytorch
