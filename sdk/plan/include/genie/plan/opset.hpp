// The op table: what each operator's signature, aliases, shape and cost are. Data (sdk/schema/opset-aten-1.json, embedded
// in the library) plus the rules that the data names, implemented once each.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "genie/plan/model.hpp"
#include "genie/plan/name_table.hpp"
#include "genie/plan/result.hpp"

namespace genie::plan {

/// One argument of an operator's schema.
struct OpArgument {
  std::string name;
  std::string
      type;  ///< torch's spelling without alias marks: "Tensor", "Tensor?[]", "int[2]", "SymInt", "ScalarType?", …
  bool kwarg_only = false;
  std::optional<Arg> default_value;
  std::string alias;  ///< alias set letter, or empty
  bool is_write = false;
};

struct OpReturn {
  std::string type;   ///< "Tensor", "Tensor[]", "Scalar", "SymInt", …
  std::string alias;  ///< alias set letter shared with an argument, or empty
  bool is_write = false;
};

struct OpSchema {
  std::string name;  ///< "aten.linear.default"
  std::vector<OpArgument> arguments;
  std::vector<OpReturn> returns;
  bool core = false;
  bool random = false;          ///< torch's nondeterministic_seeded tag
  std::string shape_rule;       ///< name of the rule in this library, or empty: not checked
  std::string cost_rule;        ///< name, or empty: bytes moved only
  bool data_dependent = false;  ///< result shape (or number) depends on data
  bool may_mutate =
      false;  ///< may write to or return its arguments without its schema saying so (batch_norm, dropout)

  /// Writes to any argument.
  [[nodiscard]] bool mutates() const;
};

/// Immutable; all functions [any-thread].
class OpTable {
 public:
  /// The table of an op domain and version this library carries ("aten", 1); null if unknown.
  [[nodiscard]] static const OpTable* find(std::string_view domain, int version);
  /// Null for an op outside the table.
  [[nodiscard]] const OpSchema* op(std::string_view name) const;
  [[nodiscard]] std::size_t size() const;

 private:
  friend struct OpTableLoader;
  std::vector<OpSchema> ops_;
  NameTable numbers_;  // of ops_
};

/// Op sets that a plan may name. Besides those with a table: `python` 1, arithmetic on numbers as Python's operator, math and
/// torch.sym_* functions do it ("python.floordiv"), and `higher_order` 1, operators that run sub-graphs
/// ("higher_order.cond": condition, graph if true, graph if false, list of operands). Their operators have no shape rules.
[[nodiscard]] bool is_known_opset(std::string_view domain, int version);

/// True if the op's name declares a mutation: base name with a trailing '_' (but not "__x__"), or an `out` overload.
[[nodiscard]] bool name_declares_mutation(std::string_view op);

/// What a shape rule sees: the declared types of everything a node may refer to.
struct TypeScope {
  std::function<const Value*(std::string_view)> value;
  std::function<const Weight*(std::string_view)> weight;
  std::function<const State*(std::string_view)> state;
  const Plan* plan =
      nullptr;  ///< for symbol bounds and guards; may be null: then sizes are compared by form only
};

/// Result types by the op's rule, one per result, symbolic dimensions propagated. Nothing when the op has no rule here or
/// its result depends on data; an error when the arguments cannot be right (message without location; the caller adds it).
/// Strides are filled where the rule defines them, else empty.
[[nodiscard]] Result<std::optional<std::vector<Value>>> infer_types(const OpSchema& schema, const Node& node,
                                                                    const TypeScope& scope);

/// Work of one node by the op's cost rule: flops counted as torch's flop counter does (a multiply-add is 2); bytes are the
/// tensors read and written once. Views cost nothing.
[[nodiscard]] Cost infer_cost(const OpSchema* schema, const Node& node, const TypeScope& scope);

/// Fills Node::cost of every node that has none.
void annotate_costs(Plan& plan);

}  // namespace genie::plan
