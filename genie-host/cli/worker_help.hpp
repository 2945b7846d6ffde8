// What the help of `genie-host serve`, `keys` and `measure` ends with.
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

}  // namespace genie::cli
