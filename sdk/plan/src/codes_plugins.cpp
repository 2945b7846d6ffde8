// GE01xx: plug-ins: finding, loading and calling them.
#include "codes_tables.hpp"

namespace genie::plan::detail {

std::span<const CodeInfo> plugin_codes() {
  static constexpr CodeInfo kCodes[] = {
      {"GE0101", "No plug-in of that id",
       "A run config (or a default) names a plug-in id for which no manifest was found. Plug-ins are looked "
       "for, in this order,\n"
       "where `--plugin` says, in `/plugins/paths` of the run config, in the folders of GENIE_PLUGIN_PATH, "
       "and in the install\n"
       "folder.\n"
       "\n"
       "What to do: check the id for a typing error (the message names the nearest one), and run\n"
       "`genie-host plugins --explain` to see every candidate and the place it was found in.\n"},
      {"GE0102", "A manifest that cannot be read",
       "Beside each plug-in library lies a manifest, `<name>.genie.json`, that says what it is before "
       "anything is loaded. This one\n"
       "is not JSON, or lacks a member, or a member has the wrong form; or a library has none at all. A "
       "library "
       "that is named\n"
       "itself (`--plugin my.so`, or in `/plugins/paths`) must have one; one that lies in a folder of "
       "plug-ins is "
       "passed over\n"
       "with a warning.\n"
       "\n"
       "What to do: write it with `genie-manifest`, which comes with the SDK and is run by the build after "
       "linking.\n"},
      {"GE0103", "A plug-in that is not there",
       "A path that was named explicitly, or the library that a manifest names, does not exist.\n"
       "\n"
       "What to do: build or install the plug-in again, or correct the path.\n"},
      {"GE0104", "A library that does not match its manifest",
       "The manifest carries the SHA-256 of its library, and the library has another one. Either the library "
       "was rebuilt without\n"
       "its manifest, or a tool (strip, patchelf, an installer) changed it afterwards, or somebody replaced "
       "it.\n"
       "\n"
       "What to do: if you trust the library, write its manifest anew with `genie-manifest`.\n"},
      {"GE0105", "A plug-in that others may change",
       "A plug-in is code that runs with your rights, so a library, manifest or folder that the group or "
       "everybody may write to is\n"
       "refused.\n"
       "\n"
       "What to do: `chmod go-w` on what the message names.\n"},
      {"GE0106", "A plug-in that is not on the allow-list",
       "The run config has `/plugins/allow`, a list of ids with the SHA-256 of their libraries. Once it is "
       "there, nothing else is\n"
       "loaded, and this plug-in's id and digest are not among them.\n"
       "\n"
       "What to do: add `{\"id\": ID, \"sha256\": DIGEST}` to the list if you trust it.\n"},
      {"GE0107", "A plug-in crashed when it was tried out",
       "Before a plug-in is loaded, a child process loads it and asks for its interfaces. That child "
       "crashed. The plug-in is set\n"
       "aside, and the crash is remembered until the library, the host or a library it depends on changes.\n"
       "\n"
       "What to do: `genie-host plugins --rescan` tries again. `genie-host __probe LIBRARY INTERFACE "
       "3>/dev/null` under a debugger\n"
       "shows where it crashes.\n"},
      {"GE0108", "A plug-in that does not finish starting",
       "The child process that tries a plug-in out did not end within its time limit and was killed. A "
       "plug-in's entry is pure and\n"
       "quick (A6): it opens no devices and waits for nothing.\n"
       "\n"
       "What to do: look for what blocks in the library's static constructors or its entry.\n"},
      {"GE0109", "A library that cannot be loaded",
       "The system's loader refused the library; the message has its own words. Mostly another library is "
       "missing, or has another\n"
       "version.\n"
       "\n"
       "What to do: `ldd LIBRARY` lists what it needs and what is not found.\n"},
      {"GE0110", "A library without the plug-in entry",
       "A plug-in exports one function, `genie_plugin_v1`. This library does not.\n"
       "\n"
       "What to do: register with GENIE_PLUGIN (genie/cpp/plugin.hpp) or define the function yourself, "
       "exported (GENIE_EXPORT).\n"},
      {"GE0111", "A plug-in that refused to start",
       "The plug-in's entry returned null and said why; the message has its words.\n"},
      {"GE0112", "A plug-in for another version of the ABI",
       "Plug-ins of the same major version load. While the major is 0, the minor must be equal as well; "
       "afterwards a plug-in may\n"
       "be older than the host, and says which minor it needs.\n"
       "\n"
       "What to do: rebuild the plug-in with the SDK of this host, or use the host that it was built for.\n"},
      {"GE0113", "Builds with different sanitizers",
       "A library built with a sanitizer cannot run in a program that was built without it, or with another "
       "one.\n"
       "\n"
       "What to do: build host and plug-in with the same `b_sanitize`.\n"},
      {"GE0114", "A descriptor that makes no sense",
       "The plug-in's entry returned something that is not a plug-in descriptor: its magic number, its size, "
       "its id or its\n"
       "`get_interface` is wrong.\n"
       "\n"
       "What to do: rebuild the plug-in with the SDK's headers; ids are reverse DNS, `org.example.name`.\n"},
      {"GE0115", "A manifest that promises something else",
       "Manifest and library disagree: on the id, the version, or the interfaces the library has.\n"
       "\n"
       "What to do: write the manifest anew with `genie-manifest`, with the id, version and interfaces of "
       "the library.\n"},
      {"GE0116", "A plug-in of another kind",
       "The run config uses a plug-in for something it is not: a policy as a backend, for example.\n"
       "\n"
       "What to do: `genie-host plugins` lists each plug-in with its kind.\n"},
      {"GE0117", "A function table that is too small",
       "A plug-in's table of functions says by `struct_size` that it does not even hold `create` and "
       "`destroy`.\n"},
      {"GE0118", "A plug-in that writes to stdout",
       "The results of genie-host go to stdout, so plug-ins write nothing there (A11). This one did when it "
       "was loaded.\n"
       "\n"
       "What to do: use the host's log service.\n"},
      {"GE0119", "Plug-ins cannot be tried out",
       "Plug-ins are tried out in a child process, which is the program genie-host. It was not found, or "
       "could not be started.\n"
       "\n"
       "What to do: install genie-host beside the library (or on PATH), or name it in `host_executable` of "
       "the engine's options.\n"},
      {"GE0120", "A plug-in that was found twice",
       "Another plug-in of the same id came earlier in the search order. The first one is used.\n"},
      {"GE0121", "A plug-in refused its options",
       "A plug-in checks the options of the run config itself and did not accept them.\n"
       "\n"
       "What to do: the message says what is wrong; the plug-in's own page lists its options.\n"},
      {"GE0122", "A call of a plug-in failed",
       "The plug-in answered with an error and gave no diagnostics of its own. The message has its words.\n"},
      {"GE0130", "A completion was signalled twice",
       "A plug-in signals the end of each job it accepted exactly once (A15). The second signal is "
       "ignored.\n"},
      {"GE0131", "A job that never ended",
       "A plug-in accepted a job and did not signal its end, not even after it was cancelled and given time. "
       "The session, and\n"
       "everything that the job was lent, is given up.\n"
       "\n"
       "What to do: this is a bug of the plug-in; report it to its authors.\n"},
      {"GE0132", "Success without a result",
       "A plug-in said that a call went well, but did not give what the call is for. This is a bug of the "
       "plug-in.\n"},
      {"GE0133", "A malformed document from a plug-in",
       "A plug-in wrote a plan, schedule, topology or report that is not what its interface promises. This "
       "is a bug of the\n"
       "plug-in. What is wrong follows the headline.\n"},
      {"GE0140", "No frontend reads this source",
       "No frontend was named in `/source/plugin`, so every one that was found was asked whether it can read "
       "the file, and none\n"
       "can. The notes say why not, for each.\n"
       "\n"
       "What to do: check the file; for PyTorch, save it with `torch.export.save` (torch 2.9 or later).\n"},
      {"GE0141", "A saved plan that cannot be read",
       "The file that `/source/plan` names does not exist or is not readable.\n"},
      {"GE0142", "No source",
       "There is nothing to run: the run config has neither `/source/uri` (a model file) nor `/source/plan` "
       "(a saved plan).\n"},
      {"GE0143", "Outputs cannot be added to a schedule",
       "`/run/add` adds operators to a plan before it is scheduled. The saved plan is scheduled already.\n"
       "\n"
       "What to do: `--reschedule` drops its schedule and makes a new one.\n"},
      {"GE0144", "An added output that does not fit",
       "`/run/add` names an output of the model that does not exist, is no tensor, or has no such dimension; "
       "or the new name is\n"
       "taken.\n"},
      {"GE0145", "A device without kernels",
       "A device computes through a kernels plug-in. None that the topology names for this device could be "
       "used, or none was\n"
       "found at all.\n"
       "\n"
       "What to do: `genie-host plugins --explain` says what is wrong with each; name a folder with "
       "`--plugin`.\n"},
  };
  return kCodes;
}

}  // namespace genie::plan::detail
