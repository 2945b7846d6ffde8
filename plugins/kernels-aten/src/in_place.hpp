// Functional state updates done in the state's own memory.
//
// A decomposed export says `new = index_copy(old, …)` and writes `new` to the state at the end. When nothing reads the old
// content any more, the operator's in-place twin on the state does the same without copying the cache. Everything is proved
// here, from schemas and the order of the nodes; what cannot be proved is computed aside and copied.
#pragma once

#include <ATen/core/dispatch/Dispatcher.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "genie/plan/model.hpp"

namespace genie::kernels_aten {

/// How a node writes into the state instead of making a new tensor.
struct Rewrite {
  enum class Form : std::uint8_t {
    twin,  ///< `op`_ on the state
    scatter,  ///< `op` is the view that src is copied into: slice_scatter(self, src, …) = slice(self, …).copy_(src)
  };
  Form form = Form::twin;
  std::optional<c10::OperatorHandle> op;
  std::string_view state;  ///< where the result lives
};

/// By node number. Borrowed text is of the plan. handles: one per node, empty for nodes that are no dispatcher operators.
[[nodiscard]] std::unordered_map<std::size_t, Rewrite> plan_in_place(
    const plan::Plan& plan, const plan::Graph& graph,
    const std::vector<std::optional<c10::OperatorHandle>>& handles);

}  // namespace genie::kernels_aten
