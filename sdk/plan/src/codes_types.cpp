// GE04xx: ops, signatures, shapes and dtypes (V3).
#include "codes_tables.hpp"

namespace genie::plan::detail {

std::span<const CodeInfo> type_codes() {
  static constexpr CodeInfo kCodes[] = {
      {"GE0401", "An unknown operator that writes to its arguments",
       R"(A node's operator is in none of the plan's op sets, and its name says that it writes to its arguments: a base name with
a trailing underscore, or an `out` overload. Operators outside the table are carried as they are and left to the kernels,
but only if they change nothing: without the table's alias marks nobody can tell what is written, and so nobody can order
the writes against the reads.

Example:
    {"op": "mylib.scale_.default", ...}

What to do: export the model in functional form (`ep.run_decompositions()`, or Genie's export helper, which does it), or
give the operator a functional form (mylib.scale.default).
)"},
      {"GE0402", "An unknown op set",
       R"(The plan names an op set, or a version of one, that this Genie does not carry. Op sets say what operators mean; without
the table their types, costs and mutations cannot be known.

Example:
    "opsets": {"aten": 7}

What to do: use the Genie that carries it (the message says which versions this one knows), or let the frontend write an
op set that both know.
)"},
      {"GE0403", "Arguments missing or too many",
       R"(A node has fewer or more arguments than its operator takes. Positional arguments stand in the operator's order; all
arguments are spelled out, defaults included, so that a plan means the same under every version of the framework.

Example: aten.softmax.int(Tensor self, int dim, ScalarType? dtype=None)
    {"op": "aten.softmax.int", "args": [{"value": "v1"}, {"int": -1}]}          dtype is missing
    {"op": "aten.softmax.int", "args": [{"value": "v1"}, {"int": -1}, null]}    complete

What to do: add what is missing; the message's help shows the operator. Plans from a frontend are complete: tell its
authors.
)"},
      {"GE0404", "An argument name that does not fit",
       R"(A keyword argument is unknown to the operator, or one argument is given both by position and by name.

Example: aten.add.Tensor(Tensor self, Tensor other, *, Scalar alpha=1)
    "kwargs": {"alhpa": {"int": 1}}

What to do: correct the name; the message's help shows the operator.
)"},
      {"GE0405", "An argument of the wrong kind",
       R"(An argument cannot become what the operator's schema asks for: a float where a list of sizes is wanted, a tensor where
an integer is. A number in a tensor's place is fine (it becomes a 0-d tensor), an integer serves as a float, and one
integer serves as a whole `int[2]`.

Example: aten.permute.default(Tensor self, int[] dims)
    "args": [{"value": "v0"}, {"int": 1}]                       wants a list
    "args": [{"value": "v0"}, {"list": [{"int": 1}, {"int": 0}]}]

What to do: give the kind that the message names.
)"},
      {"GE0406", "\"mutates\" does not agree with the operator",
       R"(A node must say exactly what it writes to in place. The op table knows which arguments an operator writes
(`aten.add_.Tensor` its first); "mutates" must name these values or states, and nothing else. Order, aliasing and placement
rest on it. Only a value or a state can be written to: a weight that anything writes to is a state.

Example:
    {"op": "aten.add_.Tensor", "args": [{"value": "v3"}, ...], "mutates": ["v3"]}

What to do: correct "mutates", or declare the weight as a state with {"init": {"weight": NAME}}.
)"},
      {"GE0407", "\"alias_of\" names something the node was not given",
       R"(A result is declared to share the storage of a value, weight or state that its node does not read. A view can only be a
view of an argument.

What to do: correct "alias_of", or remove it if the operator makes a copy.
)"},
      {"GE0408", "The wrong number of results",
       R"(A node lists more or fewer results than its operator gives. Every result has its place; "" stands for one that nothing
uses or that the operator left out (None). A result that is a list of tensors is spread: one entry per tensor.

Example: aten.max.dim gives values and indices
    "results": ["v5"]            wrong
    "results": ["v5", ""]        indices unused

What to do: list all results in the operator's order.
)"},
      {"GE0409", "A result of another dtype",
       R"(A result is declared with one element type, but the operator's rule, applied to the declared types of the arguments, gives
another. Rules are torch's: types promote bool < integers < floating < complex, numbers and 0-d tensors give way to tensors
with dimensions, a division of integers gives f32.

Example: v0 is i64; aten.div.Tensor(v0, 2) is f32
    "v1": {"dtype": "i64", ...}

What to do: correct the value's declaration, or find the argument whose type is not what was meant.
)"},
      {"GE0410", "A result of another shape",
       R"(A result is declared with one shape, but the operator's rule gives another. Symbolic dimensions are compared as
expressions, with bounds and equality guards taken into account: this is reported only when the two cannot be equal for any
size that the plan admits.

Example: v0 is [1, s77, 384], the weight [1536, 384]
    aten.linear.default gives [1, s77, 1536]; declared [1, s77, 384]

What to do: correct the value's declaration, or find the argument whose shape is not what was meant.
)"},
      {"GE0411", "Arguments that do not go together",
       R"(The operator cannot compute with arguments of these types and shapes: sizes that do not broadcast, inner dimensions of a
matrix product that differ, a dimension number that does not exist. At run time it would fail.

Example: [8, 16] @ [32, 4]
    aten.mm.default: the left's columns and the right's rows are 16 and 32 where equal sizes are needed

What to do: follow the message to the node in your model (module and source line are given) and look at the node that made
the wrong one.
)"},
      {"GE0412", "A view with other strides",
       R"(A result that shares storage is declared with strides that the operator's rule contradicts. A view's strides follow
exactly from those of what it views: a transpose swaps them, an expanded dimension has stride 0.

What to do: correct the value's "strides" (absent means row-major).
)"},
      {"GE0413", "A number declared as a tensor, or the reverse",
       R"(Values are tensors or numbers ("scalar": "int", "float" or "bool"). A result is declared as one where the operator gives
the other.

Example: aten.sym_size.int gives an integer
    "v2": {"scalar": "int"}

What to do: add or remove "scalar" in the value's declaration.
)"},
  };
  return kCodes;
}

}  // namespace genie::plan::detail
