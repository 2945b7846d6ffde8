// A compiled stage: what remains of a plan once every name is a number and every operator a handle.
//
// Immutable after compile (compile.hpp); run.hpp executes it. A Block is one graph: the stage's own, or a sub-graph that an
// instruction runs.
#pragma once

#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/core/ivalue.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "genie/plan/model.hpp"
#include "packing.hpp"
#include "scalar_ops.hpp"

namespace genie::kernels_aten {

inline constexpr std::uint32_t kNone = 0xffffffffu;

/// Where a value that changes from run to run is found.
enum class Source : std::uint8_t {
  slot,   ///< of the block's frame: what an instruction made, or an input
  state,  ///< of the run: the caller's memory
  dim,    ///< of the run: an expression over symbols
  list,   ///< of the instruction: built from further operands
};

/// What the operator's schema wants it to be. `conjugated`: a tensor whose conjugation, if any, has been computed; `dense`: one whose
/// elements lie in row-major order without gaps.
enum class Wanted : std::uint8_t { as_is, tensor, conjugated, dense, integer, floating, boolean, number };

/// One place of an argument stack that is filled at run time.
struct Operand {
  std::uint32_t position = 0;
  std::uint32_t index = 0;
  Source source = Source::slot;
  Wanted wanted = Wanted::as_is;
  bool last = false;  ///< the slot's last use: moved out, so that the operator holds the only reference
};

/// A list argument with members that change from run to run.
struct ListPlan {
  enum class Of : std::uint8_t { tensors, optional_tensors, integers, floats, booleans, numbers };
  Of of = Of::integers;
  std::vector<c10::IValue> items;  ///< constants in place
  std::vector<Operand> operands;   ///< the other items
};

/// A symbol that an instruction's result decides: solve `expr` (of that symbol alone) for the size found.
struct Decides {
  std::uint32_t symbol = kNone;
  std::uint32_t result = 0;    ///< which result
  std::uint32_t axis = kNone;  ///< its dimension; kNone: the result is the number itself
  plan::Expr expr;
};

/// What error texts say about where something happened.
struct NodePlace {
  std::string id;
  std::string op;
  std::string scope;
  std::string source;  ///< "modeling_bert.py:184"
};

struct Instruction {
  enum class Kind : std::uint8_t {
    op,      ///< an operator of the dispatcher
    scalar,  ///< arithmetic on numbers
    branch,  ///< runs one of two sub-graphs: stack = predicate, operands…
  };
  Kind kind = Kind::op;
  std::optional<c10::OperatorHandle> op;
  ScalarOp scalar = ScalarOp::add;
  std::vector<c10::IValue> stack;  ///< constants in place
  std::vector<Operand> operands;
  std::vector<ListPlan> lists;
  std::vector<std::uint32_t> blocks;   ///< branch: into Program::blocks, the true one first
  std::vector<std::uint32_t> results;  ///< slots, flattened; kNone where nobody reads it
  std::vector<std::uint32_t> drops;    ///< slots whose content is dead afterwards
  std::vector<Decides> decides;
  std::optional<std::uint64_t> rng_stream;  ///< draws from this sequence of the run
  std::uint32_t place = 0;                  ///< into Program::places
};

/// What a block gives back.
struct BlockOutput {
  enum class From : std::uint8_t { slot, state, weight, dim, constant };
  From from = From::constant;
  std::uint32_t index = 0;  ///< of the slot, state, weight or dim
  c10::IValue constant;
  std::string name;
};

/// A state that receives a value when the block is done.
struct BlockWrite {
  std::uint32_t state = 0;
  std::uint32_t index = 0;
  Source source = Source::slot;  ///< slot or state
};

struct Block {
  std::uint32_t slot_count = 0;
  std::vector<std::uint32_t> inputs;  ///< slot of each input
  std::vector<Instruction> instructions;
  std::vector<BlockOutput> outputs;
  std::vector<BlockWrite> writes;
};

/// What the stage declares of an input or a state; checked on every run.
struct Declared {
  std::string name;
  std::optional<plan::ScalarKind> scalar;
  at::ScalarType dtype = at::ScalarType::Float;
  std::vector<std::uint32_t> shape;  ///< into Program::dims
  bool requires_grad = false;        ///< of an input: torch's choice of algorithm asks
};

struct Dim {
  plan::Expr expr;
  bool constant = false;
  bool decided_here = false;  ///< needs a symbol that an instruction of this stage decides
};

struct WeightTensor {
  std::string name;
  at::Tensor tensor;
};

struct Program {
  std::vector<std::string> symbols;  ///< in the order of the run's dims
  std::vector<Dim> dims;
  std::vector<Declared> inputs;
  std::vector<Declared> states;
  std::vector<WeightTensor> weights;
  std::vector<Block> blocks;  ///< blocks[0] is the stage
  std::vector<NodePlace> places;
  std::vector<std::shared_ptr<const PackedWeight>> packed;  ///< that instructions read
  std::uint64_t fused_nodes = 0;
  bool random = false;  ///< draws from the generator
  std::uint32_t longest_stack = 0;
};

}  // namespace genie::kernels_aten
