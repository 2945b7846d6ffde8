// An exported program as torch's schema 8 describes it, in types: what the reader makes and the translation consumes.
//
// Names follow torch/_export/serde/schema.py. Kept is what a plan can use; what a plan never uses (hints, from_node,
// custom metadata) is left out.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <variant>
#include <vector>

#include "genie/plan/dtype.hpp"
#include "genie/plan/expr.hpp"
#include "genie/plan/model.hpp"
#include "torch/symbolic.hpp"

namespace genie::pytorch {

struct Graph;
struct Argument;

namespace argument {
struct None {};
struct Tensor {
  std::string name;
};
struct SymInt {
  std::string name;
};
struct SymFloat {
  std::string name;
};
struct SymBool {
  std::string name;
};
struct Complex {
  double real;
  double imag;
};
struct Layout {
  std::string name;
};  ///< plan spelling
struct MemoryFormat {
  std::string name;
};                 ///< plan spelling
struct Device {};  ///< where it was exported does not matter: the stage decides
struct SubGraph {
  std::string name;
  std::shared_ptr<const Graph> graph;
};
/// An operator as an argument of another: "torch.ops.aten._linalg_check_errors.default".
struct Operator {
  std::string target;
};
/// Custom objects and the like: what no plan can carry, by the schema's word for it.
struct Unsupported {
  std::string kind;
};
struct List {
  std::vector<Argument> items;
};
}  // namespace argument

/// One argument, result, input or output. Lists of every kind (as_tensors, as_ints, as_sym_ints, …) are List.
struct Argument {
  std::variant<argument::None, argument::Tensor, argument::SymInt, argument::SymFloat, argument::SymBool,
               std::int64_t, double, bool, std::string, argument::Complex, plan::DType, argument::Layout,
               argument::MemoryFormat, argument::Device, argument::SubGraph, argument::Operator,
               argument::Unsupported, argument::List>
      is;
};

struct NamedArgument {
  std::string name;  ///< of the operator's schema; empty for higher-order operators
  Argument arg;
  bool keyword = false;
};

/// The autocast mode that a node runs under; no type: it is switched off.
struct Autocast {
  std::optional<plan::DType> to;
};

struct Node {
  std::string name;
  std::string target;  ///< "torch.ops.aten.linear.default"
  std::vector<NamedArgument> inputs;
  std::vector<Argument> outputs;
  std::string scope;  ///< the user's module path
  std::optional<plan::SourceLine> source;
  std::optional<Autocast> autocast;  ///< set while modes are inlined; what stays could not be written out
};

struct TensorMeta {
  plan::DType dtype = plan::DType::f32;
  plan::Shape sizes;
  plan::Exprs strides;
  std::string layout = "strided";
  bool requires_grad = false;
};

struct Graph {
  std::vector<Argument> inputs;
  std::vector<Argument> outputs;
  std::vector<Node> nodes;
  std::unordered_map<std::string, TensorMeta> tensors;
  /// Symbolic integers by name. Nothing: known only when computed, or not expressible in the plan's integers.
  std::unordered_map<std::string, std::optional<plan::Expr>> sym_ints;
  std::unordered_map<std::string, std::optional<std::vector<Condition>>> sym_bools;
};

struct InputSpec {
  enum class Kind : std::uint8_t { user, parameter, buffer, tensor_constant, custom_object, token, constant };
  Kind kind = Kind::user;
  std::string arg;     ///< placeholder; of a user input that is a plain constant, empty
  std::string target;  ///< fully qualified name of the parameter, buffer or constant
  Argument value;      ///< of Kind::constant: what the program was exported for
};

struct OutputSpec {
  enum class Kind : std::uint8_t {
    user,
    loss,
    buffer_mutation,
    parameter_mutation,
    input_mutation,
    gradient,
    token
  };
  Kind kind = Kind::user;
  Argument arg;
  std::string target;  ///< buffer, parameter or input that changes
};

/// A pytree specification: a leaf has no children and no type.
struct Tree {
  std::string type;                ///< "builtins.dict", …; empty for a leaf
  std::vector<std::string> names;  ///< one per child: key, field name or index
  std::vector<Tree> children;
  [[nodiscard]] bool is_leaf() const { return type.empty(); }
};

struct RangeConstraint {
  std::string expression;
  std::optional<std::int64_t> min;
  std::optional<std::int64_t> max;
};

/// Where a weight's bytes lie: a whole storage of the archive, and the view into it.
struct Payload {
  std::string folder;     ///< "weights" or "constants"
  std::string path_name;  ///< "weight_0"
  plan::DType dtype = plan::DType::f32;
  std::vector<std::int64_t> shape;
  std::vector<std::int64_t> strides;
  std::int64_t storage_offset = 0;  ///< in elements
  bool is_parameter = false;
  bool requires_grad = false;
};

struct Program {
  std::string name;  ///< of the model in the archive
  Graph graph;
  std::vector<InputSpec> inputs;    ///< one per graph input
  std::vector<OutputSpec> outputs;  ///< one per graph output
  Tree in_tree;                     ///< of (args, kwargs)
  Tree out_tree;
  std::vector<std::string> forward_arg_names;
  std::vector<RangeConstraint> ranges;
  std::vector<std::string> guards;
  std::string torch_version;
  std::map<std::string, Payload, std::less<>> payloads;  ///< by fully qualified name
  /// Sizes that no plan expression can say, by their text: each is a symbol of its own ("x0"), known once computed.
  std::map<std::string, std::string, std::less<>> opaque_symbols;
  /// Symbols that were renamed because another model of the archive uses the same name.
  std::map<std::string, std::string, std::less<>> renamed_symbols;
  std::string digest;  ///< of the serialized program, leaving out what differs from process to process
};

}  // namespace genie::pytorch
