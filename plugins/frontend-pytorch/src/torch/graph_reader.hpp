// Graphs, nodes, arguments and tensor metadata out of JSON: the part of the schema that nests.
#pragma once

#include <map>
#include <string>

#include "torch/json_cursor.hpp"
#include "torch/program.hpp"

namespace genie::pytorch {

/// Reads with one cursor; check cursor.failed() when done.
class GraphReader {
 public:
  using View = plan::json::View;

  /// `opaque` collects sizes that are no plan expression, by their text (Program::opaque_symbols).
  GraphReader(JsonCursor& cursor, std::map<std::string, std::string, std::less<>>& opaque)
      : cursor_(cursor), opaque_(opaque) {}

  [[nodiscard]] Graph graph(const View& view);
  [[nodiscard]] Argument argument(const View& view);
  [[nodiscard]] TensorMeta tensor_meta(const View& view);
  /// A name inside a one-field struct: TensorArgument and its kin.
  [[nodiscard]] std::string name(const View& view);

 private:
  [[nodiscard]] Node node(const View& view);
  [[nodiscard]] plan::Expr size(const View& view);
  [[nodiscard]] plan::DType dtype(const View& view);
  /// A list whose items read as `read` says.
  template <class F>
  [[nodiscard]] argument::List list(const View& view, F read);
  /// SymIntArgument and its kin: {as_name} or the plain value.
  template <class Symbolic, class F>
  [[nodiscard]] Argument symbolic(const View& view, F plain);

  JsonCursor& cursor_;
  std::map<std::string, std::string, std::less<>>& opaque_;
};

}  // namespace genie::pytorch
