// What the help of `genie-host serve`, `keys`, `measure` and `doctor` ends with.
#pragma once

#include <string_view>

namespace genie::cli {

inline constexpr std::string_view kKeysExamples =
    "Examples:\n"
    "  genie-host keys init --folder keys                once: keys/ca.pem and keys/ca.key\n"
    "  genie-host keys issue w0 --folder keys            for each node: keys/w0.pem and keys/w0.key\n"
    "  genie-host keys issue laptop --client             a node that is no worker\n"
    "Then \"keys\": {\"ca\": \"ca.pem\", \"cert\": \"w0.pem\", \"key\": \"w0.key\"} in the options of "
    "service and backend.";

inline constexpr std::string_view kServeExamples =
    "Offers devices of this machine to clients, until SIGTERM; steps under way may end first (drain_ms). "
    "Prints one line\n"
    "of JSON when it listens: {\"ready\": true, \"address\", \"port\", \"fingerprint\"}.\n"
    "\n"
    "Examples:\n"
    "  genie-host serve --config worker.json\n"
    "  genie-host serve --config worker.json --ready-file w0.ready --set "
    "/service/options/listen=127.0.0.1:7000\n"
    "\n"
    "A config (relative paths are relative to it):\n"
    "  {\n"
    "    \"schema\": \"genie.worker\", \"version\": {\"major\": 0, \"minor\": 1},\n"
    "    \"service\": {\"options\": {\"listen\": \"127.0.0.1:0\", \"token_file\": \"w0.token\"}},\n"
    "    \"devices\": [{\"id\": \"w0\", \"memory_bytes\": 1073741824}]\n"
    "  }";

inline constexpr std::string_view kMeasureExamples =
    "Runs small plans on the workers of a run config, one device and one link at a time, and writes what "
    "they showed: a\n"
    "topology that the emulated cluster loads and that predictions can be made with. The config's source is "
    "not used.\n"
    "Nothing else should run on these machines meanwhile.\n"
    "\n"
    "Examples:\n"
    "  genie-host measure --config run.json -o topology.json\n"
    "  genie-host plan schedule run.json --set /backend/plugin=org.genie.backend-emulation \\\n"
    "      --set '/backend/options={\"topology\":\"topology.json\"}'   what they would do with a model";

inline constexpr std::string_view kDoctorExamples =
    "Says what this machine has for runs and workers, and what it lacks: plug-ins, kernels, libfabric, data "
    "paths. With a\n"
    "config, also what that needs: token, keys, addresses, and every worker that a run would use, with the "
    "data path that it\n"
    "would take and the reason for and against each. Nothing runs, and nothing is changed.\n"
    "\n"
    "Examples:\n"
    "  genie-host doctor                                 this machine\n"
    "  genie-host doctor --config run.json               would this run, and over which data paths?\n"
    "  genie-host doctor --config worker.json            would this worker start?\n"
    "  genie-host doctor --config run.json --set /backend/options/provider=verbs\n"
    "\n"
    "Exit code: 0, or the one that the run or the worker would end with: 2 config, 5 execution, 6 plug-in.";

}  // namespace genie::cli
