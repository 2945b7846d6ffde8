// GE0600…GE0629: execution by backends. Today's only one is org.genie.backend-emulation.
#include "codes_tables.hpp"

namespace genie::plan::detail {

std::span<const CodeInfo> execution_codes() {
  static constexpr CodeInfo kCodes[] = {
      {"GE0600", "A wrong option of backend-emulation",
       R"(`backend.options` has a key or a value that the emulator does not know, or names a topology that cannot be read.

What to do: correct the option; the message names the nearest known one. "topology" is a path or the document itself,
"faults" too, "timing" is virtual or wall, "costs" is model or measured, "compute" is real or none.
)"},
      {"GE0601", "A plan that cannot be prepared",
       R"(The plan is not scheduled, its schedule leaves a node out or names one that does not exist, or its stages wait for each
other in a circle.

What to do: let a policy schedule the plan; `genie-host plan validate` checks one that was edited by hand.
)"},
      {"GE0602", "A plan scheduled for other devices",
       R"(A stage, a weight or a state is on a device that the emulator's topology lacks.

What to do: schedule the plan anew (`--reschedule`), or run it on the topology that it was made for.
)"},
      {"GE0603", "A method that the program lacks",
       R"(A step names a method that the plan does not have.

What to do: use one of the methods that the message lists; `genie-host plan show` prints them.
)"},
      {"GE0604", "A state that the program lacks",
       R"(A state was to be read or written under a name that the plan does not have.

What to do: `genie-host plan show` lists the states.
)"},
      {"GE0605", "A session that is busy",
       R"(A state may be read or written only while no step of its session is under way.

What to do: wait for the completion of the session's steps first.
)"},
      {"GE0606", "Inputs that do not fit the method",
       R"(An input is unknown, missing, given twice, of the wrong element type, or a kept value that this session does not have. Or
a tensor written to a state has another type than the state.

What to do: compare with the inputs that `genie-host plan show` lists, and convert where the element type differs.
)"},
      {"GE0607", "Outputs that cannot be delivered as asked",
       R"(A wanted output is unknown, or the tensor given to receive it has another shape or element type, or it is None and was to
be kept.

What to do: compare with the outputs that `genie-host plan show` lists; leave the tensor null to receive a new one.
)"},
      {"GE0608", "A backend that takes no more work",
       R"(The backend was told to drain: what is under way is finished, nothing new is begun.

What to do: create another backend.
)"},
      {"GE0609", "A stage that broke its contract",
       R"(A stage takes a value that its operator did not return, or a kernels plug-in returned outputs that contradict the contract
in kernels.h.

What to do: report it to the author of the kernels plug-in that the message names.
)"},
      {"GE0610", "A device that is out of memory",
       R"(The emulated device's budget does not hold one more tensor. The message names what asked for how much, what is free, and
the largest tensors that are alive. Several sessions each have their own states; kept values stay until they are given back.

What to do: close sessions and give kept values back, give the device more memory in the topology, use smaller sizes, or
schedule the plan anew.
)"},
      {"GE0611", "A device that is lost",
       R"(A fault of the emulated cluster took a device away while a step needed it: for a stage that ran or was still to run
there, or for a value that was on its way from or to it. What the device held is gone: weights, states, kept values.

What to do: set `run.on_worker_loss` to "replan", and the host places the plan on the devices that are left and repeats
what is needed; or take the fault out of the fault script.
)"},
      {"GE0612", "A message that does not get through",
       R"(A value was sent over a link that carries nothing, or between devices that a partition separates, or was lost each
time. The sender gave up after the retries that the fault script allows; the message names the value, both ends and the link.

What to do: allow more retries or a longer timeout (`delivery` of the fault script) if the fault is a short one; set
`run.on_worker_loss` to "replan" to go on without the link; or take the fault out of the script.
)"},
      {"GE0613", "A message that arrives damaged",
       R"(The bytes of a value that crossed devices are not those that were sent: their checksum (CRC-32) says so. Nothing of it
was used. It was not sent again, or was damaged each time.

What to do: let damaged messages be sent again (`"then": "retry"` of the fault, `delivery.retries` of the script), or set
`run.on_worker_loss` to "replan" to go on without the link.
)"},
      {"GE0614", "A device that makes no progress",
       R"(A fault keeps a device from computing for longer than the fault script's patience (`delivery.patience_ns`), and a stage
there does not end. The device is given up.

What to do: raise the patience if the stall is a short one, set `run.on_worker_loss` to "replan" to go on without the device,
or take the fault out of the script.
)"},
      {"GE0615", "Memory that was stolen",
       R"(A fault holds memory of a device, and what is left does not suffice for the stage that the message names. The message
holds the account of GE0610: what asked for how much, and what is alive.

What to do: set `run.on_worker_loss` to "replan" to place the plan with the memory that is left, or take the fault out of
the script.
)"},
      {"GE0618", "A fault of something that does not exist",
       R"(The fault script names a device or a link that the topology lacks.

What to do: correct the name; the message has the nearest one, or lists what there is. Faults name devices and links by their
ids in the topology; "client" is the client, as an end of messages.
)"},
      {"GE0620", "A deadline that passed",
       R"(A step, or a drain, was not done at the time it had to be.

What to do: allow more time (`run.deadline_ms`), or find out what takes long: the report has the time of every step.
)"},
      {"GE0621", "A session whose states are lost",
       R"(A step failed, was cancelled or expired after it had begun to write states, which are now neither the old nor the new ones.
Every later step of the session answers with this, naming that step.

What to do: write every state back, or open a new session and repeat the steps.
)"},
      {"GE0629", "A value that is not there",
       R"(A debugger or a dump asked a device for a value that the device does not have at that moment of the step: it was not
computed yet, it was freed after its last use, it lives on another device, or its operator returned nothing.

What to do: look right after the node that makes it (`break NODE`, then `finish`), on the device that runs that node.
)"},
  };
  return kCodes;
}

}  // namespace genie::plan::detail
