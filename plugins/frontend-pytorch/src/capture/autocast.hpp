// torch.autocast, written out: the conversions that it makes behind the program's back become nodes.
#pragma once

#include <optional>
#include <string_view>

#include "torch/program.hpp"

namespace genie::pytorch {

/// The text of data/autocast.json.
extern const std::string_view kAutocastData;

/// What a wrap_with_autocast node asks for: the element type of an enabled region, or that there is none. A region of another
/// kind of device changes nothing for tensors of this one.
struct AutocastMode {
  bool applies = false;  ///< false: the region leaves the mode around it as it is
  std::optional<plan::DType> to;
};
[[nodiscard]] AutocastMode autocast_mode(const Node& wrapper);

/// Says of every node of a graph, and of graphs inside, under which mode it runs, where that is not said yet.
void mark_autocast(Graph& graph, const AutocastMode& mode);

/// Inserts the conversions for all marked nodes. Nodes that no written-out conversion can serve keep their mark, so that the
/// translation can refuse them.
void expand_autocast(Graph& graph);

}  // namespace genie::pytorch
