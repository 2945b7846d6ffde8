// GE0630…GE0649: kernels compile and run stages.
#include "codes_tables.hpp"

namespace genie::plan::detail {

std::span<const CodeInfo> kernel_codes() {
  static constexpr CodeInfo kCodes[] = {
      {"GE0630", "An operator failed while it ran",
       R"(The operator was found and called, and refused its arguments: shapes that do not fit each other, an index outside a
table, an element type without a kernel. The message shows the node, the module and source line in your model, every
argument with its type and shape, and the framework's own reason.

    GE0630: aten.add.Tensor(self: f32[2, 3], other: f32[4], alpha: 1) failed: The size of tensor a (3) must match …

What to do: look at the source line with these shapes in mind; most often an input has another size than the model expects
(token ids beyond the vocabulary, a sequence longer than the position table). The same call fails in PyTorch.
)"},
      {"GE0631", "The framework has no such operator",
       R"(The plan names an operator, or an overload of it, that the linked framework does not know. It was exported with a newer
version, or it is a custom operator whose library is not loaded here.

What to do: export the model with the version that the kernels were built for (`genie-host plugins` shows it), or build the
kernels for the version it was exported with. A custom operator must be decomposed before the export.
)"},
      {"GE0632", "The operator has no kernel for this device",
       R"(The framework knows the operator, but not for this kind of device; `aten._efficient_attention_forward` exists only for
CUDA, for example. Exports made on a GPU carry such operators.

What to do: export the model on the CPU with genie.export, which keeps attention and other composites whole, so that every
device picks its own kernel.
)"},
      {"GE0633", "An argument does not fit the operator",
       R"(The plan gives an operator an argument that its signature does not have, leaves one out, or gives it another kind than
the signature wants. The help line prints the signature. A weight that a node writes into is reported here too: weights
are mapped read-only, and what a model changes must be a state of the plan.

What to do: if a frontend made the plan, it does not fit this version of the framework: capture the model again. If you
wrote the plan, compare the node with the signature.
)"},
      {"GE0634", "A stage was given something else than it declares",
       R"(An input or a state that a backend hands to a compiled stage has another element type, rank or size than the stage's
document says, or memory that cannot be used (misaligned, on another device).

What to do: this is between a backend and the kernels. If it happens in a run of genie-host, it is a bug of the backend
plug-in: report it with the message.
)"},
      {"GE0635", "A result is not what the plan expects",
       R"(An operator returned fewer results than the plan names, a number of another kind, or a tensor whose size cannot decide
the symbol that it should decide.

What to do: the plan and the framework's version do not belong together: capture the model with the framework that the
kernels were built for.
)"},
      {"GE0636", "Not a stage document",
       R"(Kernels compile one stage at a time: a plan document with exactly one method, whose inputs and outputs are declared
values. This document is something else, or contradicts itself.

What to do: `genie-host plan validate` finds most such contradictions in the plan the stage was made from; else it is a bug
of the backend plug-in.
)"},
      {"GE0637", "A weight is not where the plan says",
       R"(The stage names a blob that was not put on the device, or a weight reaches beyond the end of its blob.

What to do: capture the model again; the plan and the bytes do not belong together.
)"},
      {"GE0638", "Built for another version of the framework",
       R"(The kernels were compiled for one exact version of torch, and the process has loaded another: a Python program that
embeds Genie brought its own, or the installed wheel was upgraded after the build. The library's file name does not say a
version, so the system's loader binds to whatever is there.

What to do: install the version that the message names first, or rebuild the plug-in for the other one:

    meson setup build -Dtorch_python=/path/to/that/python
)"},
      {"GE0639", "A size is not known",
       R"(The stage needs a size (a symbol, or an expression over symbols) that the run did not give and that no node of the
stage decided before it was needed; or the expression divides by zero or leaves 64 bits.

What to do: run with inputs whose sizes are within the bounds that `genie-host plan show` prints. If they are, the backend
left a symbol out: report it.
)"},
      {"GE0640", "A wrong option of the kernels",
       R"(The `kernels` entry of the run config has an option that the plug-in does not know, or a value that cannot be. The
message names the nearest known option.
)"},
      {"GE0641", "Arithmetic on sizes failed",
       R"(Sizes and other Python numbers of a model are computed with 64-bit integers and doubles. A division by zero, a square
root of a negative number or a product that does not fit is refused, as Python refuses most of them.

What to do: check the sizes of the inputs against what the model's source line computes from them.
)"},
      {"GE0642", "The device has no memory left",
       R"(An operator could not get memory for its result.

What to do: use a smaller batch or a shorter sequence, or give the topology more devices so that the model is split further.
)"},
      {"GE0643", "An element type that the framework lacks",
       R"(The plan uses an element type (one of the 8-bit floats, say) that the version of the framework that the kernels were
built for does not have.

What to do: build the kernels for a newer version, or convert the model.
)"},
  };
  return kCodes;
}

}  // namespace genie::plan::detail
