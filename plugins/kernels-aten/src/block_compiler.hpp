// One graph to one Block: slots, instructions, lifetimes. Sub-graphs become blocks of their own.
#pragma once

#include <c10/core/Storage.h>

#include <string_view>
#include <unordered_map>
#include <unordered_set>

#include "arguments.hpp"
#include "fuse.hpp"
#include "genie/plan/diagnostic.hpp"
#include "in_place.hpp"
#include "program.hpp"

namespace genie::kernels_aten {

/// A tensor over part of a storage. offset in elements.
[[nodiscard]] at::Tensor storage_view(const c10::Storage& storage, std::int64_t offset, at::IntArrayRef sizes,
                                      at::IntArrayRef strides, at::ScalarType type);

/// Appends blocks, places and dims to a Program whose weights and states are filled. Problems go to `diagnostics`, one for
/// every node that has one.
class BlockCompiler {
 public:
  using Names = std::unordered_map<std::string_view, std::uint32_t>;
  BlockCompiler(const plan::Plan& plan, const plan::Method& method, Program& program, const Names& states,
                const Names& weights, plan::Diagnostics& diagnostics, FuseContext* fuse)
      : plan_(plan),
        method_(method),
        program_(program),
        states_(states),
        weights_(weights),
        diagnostics_(diagnostics),
        fuse_(fuse) {}

  /// The method itself, as blocks[0], and every sub-graph it names.
  void compile_stage();

 private:
  /// The graph that is being compiled.
  struct Frame {
    const plan::Graph& graph;
    Block block;
    Scope scope;
    std::unordered_set<std::string_view> read_only;  ///< values that may share memory with a weight
    std::vector<std::optional<c10::OperatorHandle>> handles;
    std::unordered_map<std::size_t, Rewrite> rewrites;
  };

  std::uint32_t compile_graph(const plan::Graph& graph);
  void node(Frame& frame, std::size_t number);
  void operator_node(Frame& frame, const plan::Node& node, const c10::OperatorHandle& op,
                     std::uint32_t place);
  void rewritten_node(Frame& frame, const plan::Node& node, const c10::OperatorHandle& op,
                      const Rewrite& rewrite, std::uint32_t place);
  void number_node(Frame& frame, const plan::Node& node, ScalarOp op, std::uint32_t place);
  void branch_node(Frame& frame, const plan::Node& node, std::uint32_t place);
  /// Why the operator must not write where the node makes it write, or "".
  [[nodiscard]] std::string forbidden_write(const Frame& frame, const c10::FunctionSchema& schema,
                                            const std::vector<const plan::Arg*>& actuals,
                                            bool geometry_only) const;
  void mark_read_only(Frame& frame, const plan::Node& node, const c10::FunctionSchema& schema,
                      const std::vector<const plan::Arg*>& actuals) const;
  void results(Frame& frame, const plan::Node& node, Instruction& instruction);
  void decisions(Frame& frame, const plan::Node& node, Instruction& instruction) const;
  void outputs(Frame& frame);
  void writes(Frame& frame);
  [[nodiscard]] static std::vector<const plan::Value*> declared_types(const Frame& frame);
  static void lifetimes(Block& block);
  void fail(std::uint32_t place, const char* code, std::string message, std::string help);
  static std::uint32_t slot(Frame& frame, std::string_view value, bool number);

  const plan::Plan& plan_;
  const plan::Method& method_;
  Program& program_;
  const Names& states_;
  const Names& weights_;
  plan::Diagnostics& diagnostics_;
  FuseContext* const fuse_;                                       ///< null: nothing is fused
  std::unordered_map<std::string_view, std::uint32_t> compiled_;  // sub-graph → block
  std::size_t depth_ = 0;
};

}  // namespace genie::kernels_aten
