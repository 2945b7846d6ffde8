// GE0580…GE0599: the host's half of scheduling. GE0650…GE0699: steps, sessions and blobs.
#include "codes_tables.hpp"

namespace genie::plan::detail {

std::span<const CodeInfo> scheduler_codes() {
  static constexpr CodeInfo kCodes[] = {
      {"GE0580", "A hint for a device that does not exist",
       "A hint of the run config names a device, and the topology has none of that id.\n"
       "\n"
       "What to do: the message lists the devices there are.\n"},
      {"GE0581", "A schedule for other devices",
       "A saved plan that is scheduled holds for exactly the topology it was scheduled for: its devices, "
       "their memory, their\n"
       "kernels and the links between them. The present topology is another one.\n"
       "\n"
       "What to do: `--reschedule` makes a new schedule for the present devices.\n"},
      {"GE0582", "The policy found no schedule",
       "The policy plug-in could not place the plan on these devices, and gave no diagnostics of its own. "
       "The message has its\n"
       "words.\n"},
      {"GE0583", "A schedule that does not hold",
       "What a policy decides is checked before anything runs: every node is placed once, dependences are "
       "honoured, values that\n"
       "cross devices are transferred, memory suffices, and hard hints are obeyed. This policy's answer does "
       "not pass; what is\n"
       "wrong with it follows the headline.\n"
       "\n"
       "What to do: use another policy, give the devices more memory, or remove hard hints that contradict "
       "each other.\n"},
  };
  return kCodes;
}

std::span<const CodeInfo> runtime_codes() {
  static constexpr CodeInfo kCodes[] = {
      {"GE0650", "Called too early",
       "A call of the embedding API needs an earlier one: capture before describe, load before a session is "
       "opened.\n"},
      {"GE0651", "A method that the plan does not have",
       "A plan has one or several methods: `forward` for a lone exported program, one per model for an "
       "archive of several.\n"
       "\n"
       "What to do: the message lists them; `genie-host plan show` does too.\n"},
      {"GE0652", "An input that the method does not have",
       "An input is named as the exported program's placeholder, and each is given once.\n"},
      {"GE0653", "An input is missing", "Each input of a method must be given.\n"},
      {"GE0654", "An input of the wrong type",
       "An input's element type, number of dimensions or device is not what the method takes. Nothing is "
       "converted silently,\n"
       "because that would change results.\n"},
      {"GE0655", "An output that the method does not have",
       "An output is named by its path in the output tree of the model: a key or field, an index, joined by "
       "dots.\n"},
      {"GE0656", "The deadline passed",
       "A step did not end within its deadline (`/run/deadline_ms`). If it had written states already, the "
       "session is lost.\n"},
      {"GE0657", "Cancelled", "The run was interrupted, or the embedding program cancelled it.\n"},
      {"GE0658", "A session that cannot go on",
       "An earlier step of the session never ended, so its states are unknown.\n"
       "\n"
       "What to do: open another session.\n"},
      {"GE0659", "The plan could not be prepared",
       "The backend could not compile the stages or place the weights. The message has its words.\n"},
      {"GE0660", "A step failed", "The backend could not run the step. The message has its words.\n"},
      {"GE0661", "A state could not be read or written", "The backend refused. The message has its words.\n"},
      {"GE0662", "Out of memory", "This process has no memory left.\n"},
      {"GE0663", "A wrong argument of the embedding API",
       "A null pointer where something is needed, or a struct whose `struct_size` was not set.\n"},
      {"GE0664", "Another number than the model was exported with",
       "torch.export keeps Python numbers among the arguments as constants: the program holds for that one "
       "number, and it is\n"
       "part of the graph. A call with another number would not do what it says.\n"
       "\n"
       "What to do: leave the input out, which takes the recorded number, or export the model anew. A number "
       "that is to change\n"
       "from call to call is passed as a tensor, or declared in dynamic_shapes (Dim.DYNAMIC for an int).\n"},
      {"GE0665", "A question that the debugger does not understand",
       "A command, a breakpoint or a slice of `genie-host debug` that has no meaning. The message says which "
       "word.\n"
       "\n"
       "What to do: `help` lists the commands, `help COMMAND` shows how one is written.\n"},
      {"GE0666", "A value differs from the reference",
       "`genie-host debug --compare` ran the model twice, node by node, and this is the first node whose "
       "results differ "
       "although\n"
       "everything it took was equal. So it is that node, its device or its weights that do it, not "
       "something before it.\n"
       "\n"
       "What to do: look at the node's results and at what it took with `print`; run it elsewhere with a "
       "pin.\n"},
      {"GE0667", "Nothing to dump",
       "None of the values that `--dump` selects was there when the step ran: their nodes return nothing, or "
       "give only what "
       "nobody\n"
       "uses.\n"
       "\n"
       "What to do: select other nodes; `genie-host plan show PLAN --scope SELECTOR` lists what a selector "
       "matches.\n"},
      {"GE0668", "A recording that lacks times",
       "A run with measured costs can only be replayed with the time of every stage of every step. Some were "
       "not kept, because\n"
       "the run was longer than what is kept of a trace, because the backend did not tell them, or because "
       "several steps were\n"
       "micro-batches of one call.\n"
       "\n"
       "What to do: record fewer steps, or record the run with costs: model, whose times need no "
       "recording.\n"},
      {"GE0669", "A backend that cannot be observed",
       "Debugging and dumping look into a step while it runs. The backend of this run config does not offer "
       "that.\n"
       "\n"
       "What to do: use one that does, such as org.genie.backend-emulation: the same plan gives the same "
       "values there.\n"},
      {"GE0670", "A file with weights changed",
       "Weights are used where they lie, so the file must not change while a plan of it is in use. It did.\n"
       "\n"
       "What to do: run again. To replace a model, write a new file and rename it over the old one.\n"},
      {"GE0671", "A blob that nobody knows",
       "A plan names its weights by digest and says in `locations` where their bytes lie. For this digest "
       "nothing is said.\n"},
      {"GE0672", "A file with weights cannot be used", "It is missing, unreadable, or no regular file.\n"},
      {"GE0673", "A blob beyond the end of its file",
       "The plan says that a weight lies at an offset of a file that is shorter: it was cut, or is not the "
       "file it was.\n"},
      {"GE0674", "A blob with other bytes",
       "The bytes that a plan names by digest do not have that digest: the file changed since the plan was "
       "made, or a transfer\n"
       "was damaged.\n"
       "\n"
       "What to do: capture the model again.\n"},
      {"GE0675", "A blob cannot be stored",
       "The folder for blobs cannot be written to, or its quota is used up.\n"},
      {"GE0676", "A run that could not go on after a loss",
       "With `run.on_worker_loss` \"replan\" the host asks the backend what is left after a loss, has the "
       "policy\n"
       "place the plan there, and repeats what is needed. One of these did not succeed; the notes say what "
       "was lost and why.\n"
       "\n"
       "What to do: the note tells what is missing: memory on the devices that are left, a device that a "
       "hard hint asks for,\n"
       "or any device at all.\n"},
      {"GE0677", "Shared states that cannot be made anew",
       "After a loss a session's states are made anew by repeating its recorded steps. States that the plan "
       "shares between\n"
       "the sessions of a program were written by other sessions too, which this one cannot repeat.\n"
       "\n"
       "What to do: run one session, or keep the states per session (`share_states` of the frontend).\n"},
      {"GE0678", "Devices that cannot be measured",
       "`genie-host measure` runs small plans of sums and products of matrices on every device. One of these "
       "could not run, or\n"
       "its times say nothing: larger messages or more work took no longer.\n"
       "\n"
       "What to do: if a plan could not run, what follows says why. Else measure again when nothing else "
       "runs "
       "there, with a larger\n"
       "`--repeat`.\n"},
  };
  return kCodes;
}

}  // namespace genie::plan::detail
