// GE0340…GE0399: a plan's structure (V2).
#include "codes_tables.hpp"

namespace genie::plan::detail {

std::span<const CodeInfo> plan_structure_codes() {
  static constexpr CodeInfo kCodes[] = {
      {"GE0340", "An expression that is not in normal form",
       R"(Equal shapes have equal bytes: an expression has one spelling. Integers are folded; a sum is [add, term, rest] and a
product [mul, factor, rest] with sorted parts, an integer first; like terms are collected; products of sums are multiplied
out; a constant divisor is positive, divides no part and shares no factor with all of them. An expression that divides by
zero has no value at all.

Example:
    ["add", "s77", 1]               write ["add", 1, "s77"]
    ["floordiv", ["mul", 4, "s77"], 2]   write ["mul", 2, "s77"]

What to do: the help has the normal form. Producers in C++ get it from Expr::make of the plan library.
)"},
      {"GE0341", "An integer that does not fit in 64 bits",
       R"(Integers of arguments and expressions are 64-bit. This one, written as a string, is larger.

What to do: nothing can compute with it; check the producer.
)"},
      {"GE0342", "An id used twice, or missing",
       R"(Node ids are unique in the whole plan, value ids in their graph, port names in their list, stage and transfer ids in
their method, constraint ids, device and link ids in their document.

What to do: rename one of the two. The pointer names the second.
)"},
      {"GE0343", "A reference to something that does not exist",
       R"(A node reads a value nobody makes, an argument names a weight or state the plan does not have, an expression uses a
symbol that is not declared, a stage lists a node of another method, a link ends nowhere.

Example:
    {"weight": "lin.bais"}          did you mean "lin.bias"?

What to do: follow the suggestion, or add what is missing. Values are declared in `values` of their graph and are an
input or a node's result.
)"},
      {"GE0344", "Two producers of one thing",
       R"(Every value is either an input or the result of one node; every state gets one new content per call. Here two claim
the same.

What to do: give each result a value of its own. An operator that writes in place lists what it writes in "mutates" and
still has results of its own, with "alias_of".
)"},
      {"GE0345", "Nodes in an order that cannot run",
       R"(Nodes are listed in an order that runs: what a node reads, and what it must run "after", stands before it. A circle
of nodes, or a sub-graph that contains itself, has no such order.

What to do: sort the nodes; break the circle.
)"},
      {"GE0346", "Storage that is not what it claims to be",
       R"(A tensor reaches beyond its blob or the state it views, its strides do not match its dimensions, or its size does not
fit in 64 bits. Reading it would read foreign memory.

Example: a weight of shape [8] and dtype f32 at offset 40 of a blob of 64 bytes ends at byte 72.

What to do: check shape, strides, dtype and offset_bytes. A file that changed after capture gives another digest, so this
is the producer's arithmetic.
)"},
      {"GE0347", "Reads and writes of one storage that nothing orders",
       R"(One node writes a storage in place and another reads or writes the same storage, directly or through a view, and
neither data flow nor "after" says which comes first. A schedule may run them in either order, or at once, and the result
would depend on it. A state that is replaced in place is not read after its new content exists.

Example:
    n1 aten.add_.Tensor  mutates v3
    n2 aten.mul.Tensor   reads v3          n2 needs "after": ["n1"]

What to do: add the order to the later node's "after", as the original program had it.
)"},
      {"GE0348", "A feature is used but not required",
       R"(A plan with states or sub-graphs says so in "requires", so that a reader that does not know them refuses the plan
instead of computing something else.

What to do: add the name to "requires".
)"},
      {"GE0349", "Shared storage without an owner",
       R"("alias_of" leads to the value or state that owns the storage. Here it leads in a circle, or a state views a state that
is itself a view.

What to do: name the owner.
)"},
      {"GE0350", "A node writes what it must not",
       R"(Inputs belong to the caller and weights are shared, read-only and found by their digest: neither may be written, not
through a view either.

What to do: for an input, copy it first (x = x.clone()) or return the new tensor. A buffer that the model writes is a
state, not a weight: frontend-pytorch does this by itself, so a weight here is another producer's mistake.
)"},
      {"GE0351", "A symbol whose bounds leave no room",
       R"(The symbol's least value is above its largest one.

What to do: check the bounds that the model was exported with (torch.export.Dim(min=, max=)).
)"},
  };
  return kCodes;
}

}  // namespace genie::plan::detail
