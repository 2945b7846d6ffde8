// GE0301…GE0339: a plan's bytes and schema (V0, V1). Topologies and schedules are read by the same rules.
#include "codes_tables.hpp"

namespace genie::plan::detail {

std::span<const CodeInfo> plan_codes() {
  static constexpr CodeInfo kCodes[] = {
      {"GE0301", "Not JSON",
       R"(The document is not JSON as RFC 8259 defines it. Plans are strict: no comments, no trailing commas, no NaN. Files
that people write (run configs, topologies) may have // comments and trailing commas.

Example:
    {"stage": "captured",}          a comma before the closing brace
    {"stage": "captured"            cut off

What to do: look just before the line and column of the message. A file that ends early was cut off while it was
written or copied; a plan is written again by `genie-host run` (`report.plan`) or by its producer.
)"},
      {"GE0302", "Not UTF-8",
       R"(The document holds bytes that are no UTF-8, or a \u escape that is half of a surrogate pair. Genie hashes documents, so
it refuses text that two readers could understand differently.

What to do: save the file as UTF-8; write a character outside the basic plane as itself or as both halves of its pair
(\ud83d\ude00).
)"},
      {"GE0303", "A key given twice",
       R"(One object has the same key twice. Some readers keep the first, some the last: such a document means two things.

Example:
    {"id": "n0", "op": "aten.relu.default", "id": "n1"}

What to do: keep one of the two. The pointer names the second.
)"},
      {"GE0304", "A number that cannot be kept",
       R"(A number is larger than any double (1e400), or an integer lies beyond 2^53, where most readers of JSON lose digits
silently.

What to do: inside tagged arguments write a large integer as a string: {"int": "9223372036854775807"}. Elsewhere such a
number is a mistake of the producer: sizes and counts stay below 2^53.
)"},
      {"GE0305", "Document too large",
       R"(The document has more bytes than the limit (1 GiB unless the caller set another). A plan names its tensors and holds
none: 100,000 nodes are about 60 MB.

What to do: check that the right file was given. If the plan is really that large, the embedding program can raise the
limit.
)"},
      {"GE0306", "Nested too deeply",
       R"(Arrays and objects are nested deeper than the limit (64). No document of Genie nests more than about 20 levels, so
this is a broken or hostile file.

What to do: check the program that wrote it.
)"},
      {"GE0307", "Too many values",
       R"(The document holds more values than the limit (50 million, counting every string, number, array and object).

What to do: check that the right file was given; the embedding program can raise the limit.
)"},
      {"GE0308", "A string too long",
       R"(One string or key is longer than the limit (1 MiB). Strings are names and short texts.

What to do: keep data in files of its own and name them. Tensors never stand in a plan: see `weights` and `blobs` in
docs/execution-plan.md.
)"},
      {"GE0309", "An integer written with a fraction or an exponent",
       R"(A place that takes an integer has a number such as 1.0 or 1e3. One plan has one spelling, because its name is the hash
of its bytes.

Example:
    {"size_bytes": 1e3}             write 1000

What to do: write the digits. Programs in languages without integers have to format such numbers themselves.
)"},
      {"GE0310", "Wrong kind of value",
       R"(A key has a value of another kind than its meaning needs: a number where a string belongs, an object where a list
belongs.

Example:
    {"id": 4, "op": "aten.relu.default"}      ids are strings: "n4"

What to do: compare with sdk/schema/execution-plan-0.1.schema.json (installed beside Genie), which any JSON Schema
validator understands.
)"},
      {"GE0311", "A key is missing",
       R"(An object lacks a key that has no default. If an unknown key nearby looks like it, the help says so.

Example:
    {"id": "n4", "args": []}        a node needs "op" and "results"

What to do: add the key. Keys with a default may be left out and are never written: see docs/execution-plan.md.
)"},
      {"GE0312", "A key that is not known here",
       R"(In documents that people write (topologies, run configs) a key that Genie does not know is an error, because it is
nearly always a typing mistake. In plans, unknown keys are kept, except where two keys exclude each other: a number has
no "shape", a captured plan has no "schedule".

What to do: follow the suggestion, or remove the key. A vendor's own keys in a topology carry a dot: "com.example.serial".
)"},
      {"GE0313", "Not one of the allowed values",
       R"(A key takes one of a fixed list of words, and this is none of them. Lists that may grow (phases, roles, modalities,
residencies) are open and take any word.

Example:
    "effects": "impure"             allowed: pure, rng, state, io

What to do: use one of the words in the help.
)"},
      {"GE0314", "A number out of range",
       R"(A number is of the right kind but cannot be right: a negative size, a confidence above 1, a bandwidth of 0.

What to do: use a number in the range that the help names.
)"},
      {"GE0315", "Another kind of document",
       R"(Each document of Genie names what it is in its first key: "genie.plan", "genie.topology", "genie.run". This one says
something else than the place where it was given expects.

What to do: check which file was given where, for example a run config to `genie-host plan show`.
)"},
      {"GE0316", "A version that this Genie cannot read",
       R"(Plan documents carry a version {"major", "minor"}. From 1.0 on, a reader understands all minors of its major. Before
1.0 nothing is promised: only the same version is read.

What to do: write the document again with a producer of this version, or use the Genie that wrote it.
`genie-host --version` names the plan version of this one.
)"},
      {"GE0317", "A required feature is not known",
       R"(The plan lists, in "requires", what a reader must understand to compute it rightly. This Genie does not know one of
them, so running the plan could give wrong results without a word.

What to do: use a newer Genie, or have the producer do without the feature.
)"},
      {"GE0319", "A name that is no name",
       R"(A place that takes a name has an empty string, a digest that is not "sha256:" and 64 lower-case hex digits, or an
extension whose key has no reversed domain.

What to do: fix the name as the help says.
)"},
      {"GE0320", "An argument that is not one tagged value",
       R"(An argument of a node is null, or an object with exactly one key that says what it is: value, weight, state, int,
float, bool, complex, str, dtype, layout, memory_format, device, dim, graph or list. {"int": 1} and {"float": 1} differ,
because PyTorch's type promotion does.

Example:
    "args": [{"value": "v3"}, {"int": 1}, null]

What to do: tag the argument.
)"},
      {"GE0321", "Not an expression",
       R"(Dimensions, strides and costs are integers, symbols, or [op, a, b] with op one of add, mul, floordiv, mod, min, max.

Example:
    ["add", 1, ["mul", 4, "s77"]]   4*s77 + 1

What to do: write the expression in that form. Subtraction is adding -1 times the operand.
)"},
      {"GE0322", "The wrong number of parts",
       R"(A value with a fixed form has too few or too many parts: a guard is [relation, a, b, text], a link has two ends, a
symbol comes from an input's dimension or from a node, a topology has at least one device.

What to do: write it in the form that the message names.
)"},
  };
  return kCodes;
}

}  // namespace genie::plan::detail
