// GE05xx: schedules (V4, V5), the sizes of a call, and policies.
#include "codes_tables.hpp"

namespace genie::plan::detail {

std::span<const CodeInfo> schedule_codes() {
  static constexpr CodeInfo kCodes[] = {
      {"GE0501", "A node in no stage",
       R"(A schedule must place every node of every method in exactly one stage.

What to do: add the node to a stage of the device it should run on. A policy that leaves nodes out is broken; a plan edited
by hand lost it.
)"},
      {"GE0502", "A node in two stages",
       R"(A node runs once. It may run again elsewhere, instead of having its value sent, only if that stage lists it under
"recomputes".

What to do: keep it in one stage's "nodes"; move the other mention to "recomputes" if computing twice is what you want.
)"},
      {"GE0503", "A device that the topology lacks",
       R"(A stage, a weight or a state is on a device that the present topology does not have.

What to do: use one of its device ids, or run against the topology that the plan was made for.
)"},
      {"GE0504", "A stage that runs its nodes in the wrong order",
       R"(Inside a stage nodes run in the order listed. This one lists a node before another whose result it needs (or that must
have written to its storage: "after").

What to do: list the needed node first. The order of the method's own "nodes" always works.
)"},
      {"GE0505", "A device that runs its stages in the wrong order",
       R"(The stages of a device run one at a time, in the order listed. This one comes before another of the same device whose
values it needs: the device would wait for itself.

What to do: list the needed stage first.
)"},
      {"GE0506", "Something recomputed that is not the same twice",
       R"(A stage recomputes a node that another stage computes. That is only sound for pure operators: one that draws random
numbers, writes to storage or changes a state gives another result, or acts twice.

What to do: take the node out of "recomputes"; its value is then sent.
)"},
      {"GE0507", "Stages that wait for each other",
       R"(Run in thought, the schedule stops: a stage waits for a value whose stage waits, over other devices, for the first one.

Example: w0 runs s2 before s0; w1 runs s1
    s2 needs s1's value, s1 needs s0's value, s0 comes after s2 on w0

What to do: order the stages of each device so that what a stage needs was started before; ordering all stages as the
method's nodes are ordered always works.
)"},
      {"GE0508", "A value that no transfer brings",
       R"(A stage needs a value that is made on another device (or is an input, or is wanted as an output), and the schedule has
no transfer of it to there.

What to do: leave "transfers" out: the host derives exactly those that are needed. If you list them by hand, add the one
the message names.
)"},
      {"GE0509", "A transfer that makes no sense",
       R"(A transfer's ends do not fit its value: the sending stage does not make it, the receiving one does not take it, both are
on one device, or another transfer brings it there already.

What to do: remove it, or correct "from", "to" or "value". The host derives what is missing.
)"},
      {"GE0510", "No way between two places",
       R"(A value must move between two devices (or the client and a device), and no chain of links of the topology connects
them. Devices of one host reach each other over its memory bus; all others need links.

What to do: add a link to the topology, or place both ends where a link exists.
)"},
      {"GE0511", "Not enough memory",
       R"(At the given sizes a device needs more memory than it has: the blobs of its resident weights, its states, and the
values alive at one time (a stage's own, those received and not yet used, those not yet sent). The message names the
symbols whose sizes were assumed; larger inputs need more.

What to do: move stages or weights to other devices, call with smaller sizes, or give the device more memory. A policy
that is asked anew for these sizes may find a placement that fits.
)"},
      {"GE0512", "Kernels that the device does not offer",
       R"(A stage names a kernels plug-in that its device does not list in the topology, or one that does not compute on devices
of that kind.

What to do: choose one of the device's kernels, or add the plug-in to the device in the topology if it is installed there.
)"},
      {"GE0513", "Kernels that do not compute an operator",
       R"(A kernels plug-in says which operators it computes. A stage asks it for another.

What to do: place the node on a device whose kernels compute it, or export the model with that operator decomposed.
)"},
      {"GE0514", "Kernels that do not know an element type",
       R"(A kernels plug-in says which element types it computes with. A node placed on it reads or makes a tensor of another.

What to do: place the node on a device whose kernels know the type, or export the model with another one.
)"},
      {"GE0515", "Storage that is written to, on two devices",
       R"(Values that share storage in which something is written to in place exist once: all nodes that read or make them must be
on one device. Sent to another device, a value would be a copy that misses later writes.

What to do: place these nodes on one device, or export the model in functional form (no in-place operators).
)"},
      {"GE0516", "A state used away from home",
       R"(A state (a cache, a running statistic) lives on one device and never crosses a link during a step. A stage on another
device uses it, or nothing says where it lives.

What to do: place everything that uses the state on one device, and name that device in "residence"."states".
)"},
      {"GE0517", "A weight that is not where it is used",
       R"(A stage reads a weight that is not resident on its device. Weights are placed once, at prepare time, never sent during a
step.

What to do: add the device to the weight's list in "residence"."weights". A policy may leave residence out: the host then
puts weights where they are used.
)"},
      {"GE0518", "A state write that no stage can perform",
       R"(At the end of a call a value becomes the content of a state. The last stage on the state's device that uses the state or
makes the value performs the write; here there is none.

What to do: let the state live on the device that makes the value, or on one that reads the state.
)"},
      {"GE0519", "A plan scheduled for another topology",
       R"(A scheduled plan names the topology that its decisions were made for, by the hash of its canonical bytes. The present one
differs, if only in a bandwidth: its predictions and perhaps its placement do not hold.

What to do: run against the topology that it was made for, or let the policy decide anew (--reschedule).
)"},
      {"GE0520", "A schedule that does not fit the plan",
       R"(A policy's answer names a method, node or device that does not exist, or two stages of one name.

What to do: correct the policy. A schedule names the plan's methods and node ids, the topology's device ids, and gives every
stage of a method its own id.
)"},
      {"GE0521", "A method without a schedule",
       R"(Every method of a scheduled plan must be scheduled, because states and weights are placed for all of them together.

What to do: add the method's stages, or let a policy schedule the plan.
)"},
      {"GE0522", "Micro-batches that would share a state",
       R"(A call may carry several micro-batches, one behind the other through the stages. A method that writes states cannot: the
second micro-batch would meet what the first has written, or not, by chance.

What to do: take `micro_batches` out of the method's schedule. For several requests at once, open a session for each.
)"},
      {"GE0530", "A pin that is not honoured",
       R"(A hard hint pins what its selector matches to a device, and the schedule puts it elsewhere.

What to do: place it there, choose a policy that honours pins, or make the hint soft ("strength": "soft").
)"},
      {"GE0531", "Something on a forbidden device",
       R"(A hard hint forbids a device for what its selector matches, and the schedule uses it.

What to do: place it elsewhere, or make the hint soft.
)"},
      {"GE0532", "Things that should share a device",
       R"(A hard hint wants all that its selector matches on one device, and the schedule spreads it.

What to do: place all of it on one device, or make the hint soft.
)"},
      {"GE0533", "Things that should not share a device",
       R"(A hard hint wants what its selector tells apart on different devices. For a module path that is each module at the depth
of the path ("encoder.layer.*" keeps any two layers apart); for node:, op:, role:, state: and weight: each thing by itself.

What to do: place them on different devices (there must be as many), or make the hint soft.
)"},
      {"GE0534", "Over a memory budget",
       R"(A hard hint limits the bytes on a device below what it has, and the predicted peak is above that.

What to do: move work or weights elsewhere, or raise the budget.
)"},
      {"GE0535", "Something recomputed against a hint",
       R"(A hard hint says that what its selector matches is never recomputed, and a stage recomputes some of it.

What to do: take it out of the stage's "recomputes".
)"},
      {"GE0536", "A weight that is not replicated",
       R"(A hard hint wants a weight on every device, and some do not hold it.

What to do: add the other devices to its residence, or make the hint soft.
)"},
      {"GE0537", "A selector that matches nothing",
       R"(A hint's selector matches no node, state or weight of the plan: most often a misspelt module path. Names near to it are
suggested.

Example:
    "select": "encodr.layer.0.*"        did you mean encoder.layer.0.attention?

What to do: correct it. `genie-host plan show` lists modules, operators, states and weights. `*` stands for part of one
segment, `**` for any number of segments; a module stands for all that is in it.
)"},
      {"GE0538", "A malformed selector",
       R"(A selector is a module path, or one of node:ID, op:NAME, role:ROLE, phase:PHASE, modality:KIND, state:NAME, weight:NAME.

What to do: write one of these forms.
)"},
      {"GE0539", "A hint for an unknown device",
       R"(A hint names a device that the topology does not have.

What to do: use one of its device ids.
)"},
      {"GE0540", "An input is missing",
       R"(The sizes of a call come from its inputs, and one was not given.

What to do: give it; `genie-host plan show` prints all inputs with type and shape.
)"},
      {"GE0541", "An input of another rank",
       R"(An input tensor has more or fewer dimensions than the model was exported with.

Example: one row of tokens given as [128] where the model has [1, s77]

What to do: reshape it (often: add the batch dimension).
)"},
      {"GE0542", "An input of another size",
       R"(A dimension of an input is fixed in the export, and the tensor given has another size there.

What to do: give that size (pad or cut), or export the model with a dynamic dimension:
    torch.export.export(model, args, dynamic_shapes={"input_ids": {1: torch.export.Dim("seq", max=512)}})
)"},
      {"GE0543", "A size out of bounds",
       R"(A dynamic dimension has bounds from the export, and the input is outside.

Example: seq was exported with max=512, and the input has 600 tokens

What to do: give a size within them, or export with wider bounds.
)"},
      {"GE0544", "A condition of the export does not hold",
       R"(The export recorded conditions on its inputs' sizes (for example, that a mask is as long as the tokens). This call's
inputs break one. The message has the export's own text, both values, and which inputs they come from.

What to do: give inputs that meet it, or export the model so that it does not need the condition.
)"},
      {"GE0545", "A size that an expression cannot be",
       R"(A dimension of an input is an expression of a dynamic size, such as 2*s39, and no such size gives the one found.

Example: 2*s39 with an input of 7

What to do: give a size that the expression can take (here: an even one).
)"},
      {"GE0546", "Two inputs disagree about a size",
       R"(One dynamic size occurs in several dimensions, and the inputs give it different values.

What to do: give inputs whose sizes agree (for example, tokens and mask of one length).
)"},
      {"GE0547", "A size that no input tells",
       R"(A dynamic size occurs only in an expression that has no single solution, so the inputs do not say what it is.

What to do: export the model with a dynamic dimension that is the size itself.
)"},
      {"GE0549", "A broken costs document",
       R"(Costs are nanoseconds per node and device, handed from the host to policies. The document that was read is not one.

What to do: pass on what the host gave, or write it as the plan library does (docs/execution-plan.md).
)"},
      {"GE0550", "A request that the policy cannot take",
       R"(The policy was given a plan or a topology outside of what it handles: too many devices, nodes listed in an order that
does not run.

What to do: follow the message's help, or choose another policy.
)"},
      {"GE0551", "A hint that cannot be used",
       R"(The policy cannot use a hint: it names a device that the topology lacks, or misses what its kind needs (a budget its
bytes).

What to do: correct the hint; the pointer says where it stands.
)"},
      {"GE0552", "A node that may run nowhere",
       R"(No device is left for a node, or for nodes that must share one: each is ruled out by its kernels or by a hard hint. The
message goes through the devices one by one.

What to do: relax a hint, or give a device kernels that compute the operator.
)"},
      {"GE0553", "No placement fits the memory",
       R"(The policy found no placement whose peaks stay within every device's memory. The message says what weights, states and
values need, what the devices have, and the smallest change that would help.

What to do: more memory on a device, more devices, smaller sizes, or fewer hard hints.
)"},
      {"GE0554", "Modules that cannot be kept apart",
       R"(A separate hint puts each of the modules it selects on a device of its own. Here there are more modules than devices,
or no way to spread them fits the devices' memory.

What to do: select fewer modules, add devices, or make the hint soft.
)"},
      {"GE0555", "Devices that no link connects",
       R"(However much memory the devices had, no placement would do: some value must move between two devices, or between a
device and the client, and no chain of links of the topology leads from one to the other. The message lists such pairs.

What to do: add the links that there are in truth to the topology, or drop the hint that forces the crossing.
)"},
      {"GE0560", "A wrong policy option",
       R"(An option in policy.options is unknown to the policy or has a value it does not take.

What to do: correct it; the message lists what is known.
)"},
  };
  return kCodes;
}

}  // namespace genie::plan::detail
