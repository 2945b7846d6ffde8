// GE00xx: usage and configuration.
#include "codes_tables.hpp"

namespace genie::plan::detail {

std::span<const CodeInfo> usage_codes() {
  static constexpr CodeInfo kCodes[] = {
      {"GE0001", "The command line was not understood",
       "An option or a command is unknown, or one that is needed is missing.\n"
       "\n"
       "What to do: `genie-host --help` lists the commands, `genie-host COMMAND --help` the options of one, "
       "with examples.\n"},
      {"GE0002", "A file cannot be read",
       "The named file does not exist, is a folder, or may not be read by you.\n"
       "\n"
       "What to do: check the path. On the command line it is relative to the current folder; inside a run "
       "config it is\n"
       "relative to the config's own folder.\n"},
      {"GE0003", "A file cannot be written",
       "A result file (report, trace, plan, log) could not be written. The message gives the operating "
       "system's reason.\n"
       "Files are written beside their place and then renamed, so an older file is left as it was.\n"
       "\n"
       "What to do: check that the path is right, the folder is writable and the disk has room.\n"},
      {"GE0010", "Unknown key",
       "A run config has a key that means nothing there. It is refused rather than ignored: a misspelt key "
       "that is ignored\n"
       "is a setting that silently does nothing.\n"
       "\n"
       "    {\"run\": {\"stpes\": []}}          did you mean `steps`?\n"
       "\n"
       "What to do: correct the key, or remove it. docs/run-config.md lists all keys. For notes to yourself "
       "use `//` comments.\n"},
      {"GE0011", "A key is missing",
       "An object of a run config lacks a key without which it means nothing, such as an input that does not "
       "say where it\n"
       "comes from.\n"
       "\n"
       "What to do: add the key that the message names.\n"},
      {"GE0012", "A value of the wrong kind",
       "A key has, say, text where a number is needed. The message shows what was found and what is needed. "
       "A number in\n"
       "quotes is text; an integer has no fraction (1, not 1.0).\n"
       "\n"
       "What to do: write a value of the right kind. With `--set`, text that is valid JSON is taken as JSON: "
       "`--set /a=1` sets\n"
       "the number, `--set '/a=\"1\"'` the text.\n"},
      {"GE0013", "A value that is not allowed",
       "A value is of the right kind, but out of its range, empty, or not one of the known words.\n"
       "\n"
       "What to do: the message names the range or the words.\n"},
      {"GE0014", "Keys that exclude each other",
       "Two keys say contradicting things (`uri` and `plan`, `steps` and `inputs`), or a key stands where it "
       "has no meaning\n"
       "(`weight` of a hard hint).\n"
       "\n"
       "What to do: decide for one, and remove the other.\n"},
      {"GE0015", "Another kind or version of document",
       "The file says that it is another document (`schema`), or a version of the format that this host does "
       "not read\n"
       "(`version`). Before version 1.0 the versions must be equal.\n"
       "\n"
       "What to do: give the right file, or write it for the version that the message names. A plan is "
       "looked at with\n"
       "`genie-host plan show`; it is run by a config with {\"source\": {\"plan\": \"plan.json\"}}.\n"},
      {"GE0016", "--set cannot be applied",
       "`--set POINTER=VALUE` replaces or adds one value of the run config. The pointer is a JSON pointer "
       "(RFC 6901): keys\n"
       "joined by `/`, with a `/` first; list items by number, `-` for one more at the end; `~1` stands for "
       "`/` in a key and\n"
       "`~0` for `~`. Objects that are missing on the way are made.\n"
       "\n"
       "    --set /policy/options/objective=memory\n"
       "    --set '/hints/-={\"kind\": \"pin\", \"select\": \"lm_head\", \"device\": \"w1\"}'\n"
       "\n"
       "What to do: the message names the part of the pointer that leads nowhere.\n"},
      {"GE0017", "The config contradicts itself",
       "Every value is fine by itself, but not with the others: a step uses an output of a step that has not "
       "run by then, two\n"
       "hints or two added outputs have one name, or a random input's `low` is not below its `high`.\n"
       "\n"
       "What to do: the message names the values that do not go together. Steps are counted from 0, and a "
       "step with\n"
       "`\"repeat\": 4` counts as four.\n"},
      {"GE0018", "A plan cannot be written in that version",
       "`genie-host plan convert --to` names a version of the plan schema that this host cannot write.\n"
       "\n"
       "What to do: ask for a version that the message names. `genie-host --version` says which schema the "
       "host has.\n"},
      {"GE0019", "The plan has no such stage",
       "`genie-host plan show --stage` names a stage that the plan has not, or `plan why` was asked about a "
       "plan "
       "that is not\n"
       "scheduled. Only scheduled plans have stages.\n"
       "\n"
       "What to do: `genie-host plan show` lists the stages; `genie-host plan schedule` places a captured "
       "plan.\n"},
      {"GE0020", "No such diagnostic",
       "`genie-host explain` was asked about a code that does not exist.\n"
       "\n"
       "What to do: `genie-host explain` without a code lists all of them.\n"},
      {"GE0021", "The file is not a run config",
       "`genie-host plan schedule` and `genie-host plan whatif` place a model on devices, and the run config "
       "is "
       "what says on\n"
       "which. A model or a plan alone does not.\n"
       "\n"
       "What to do: name the config of the run. The shortest one is\n"
       "`{\"source\": {\"uri\": \"model.pt2\"}, \"backend\": {\"options\": {\"topology\": "
       "\"cluster.json\"}}}`.\n"},
  };
  return kCodes;
}

}  // namespace genie::plan::detail
