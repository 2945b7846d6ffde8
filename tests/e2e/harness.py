"""Runs genie-host as a user does: a configuration file in, exit code, text, report and tensors out."""

import dataclasses
import json
import os
import pathlib
import subprocess

from safetensors.torch import load_file, save_file

SCHEMA_VERSION = {"major": 0, "minor": 1}
KERNELS = "org.genie.kernels-aten"
EMULATION = "org.genie.backend-emulation"

# Exit codes of genie-host, as documented.
OK, VERIFICATION_FAILED, USAGE, INVALID_MODEL, NOT_SCHEDULED, EXECUTION_FAILED, PLUGIN_FAILED, INTERRUPTED = 0, 1, 2, 3, 4, 5, 6, 130


@dataclasses.dataclass
class Result:
    code: int
    out: str
    err: str
    folder: pathlib.Path

    @property
    def text(self):
        return self.out + self.err

    @property
    def report(self):
        return json.loads((self.folder / "report.json").read_text())

    @property
    def plan(self):
        return json.loads((self.folder / "plan.json").read_text())

    def expect(self, code):
        """This result, if it ended with ``code``; else a failure that shows everything that was said."""
        assert self.code == code, f"exit code {self.code}, expected {code}\n--- stdout\n{self.out}\n--- stderr\n{self.err}"
        return self


class Host:
    """The host of a build tree, with that tree's plug-ins."""

    def __init__(self, build):
        self.binary = build / "genie-host" / "genie-host"
        self.plugins = build / "plugins"
        # Nothing of the user who runs the tests takes part in them.
        self.environment = {**os.environ, "OMP_WAIT_POLICY": "PASSIVE", "NO_COLOR": "1"}

    def command(self, *arguments, folder, timeout=120, check=None):
        run = subprocess.run([str(self.binary), *map(str, arguments)], cwd=folder, capture_output=True, text=True,
                             timeout=timeout, env=self.environment, stdin=subprocess.DEVNULL)
        result = Result(run.returncode, run.stdout, run.stderr, pathlib.Path(folder))
        return result if check is None else result.expect(check)

    def write(self, config, folder, name="run.json"):
        """Write a run configuration. Schema, version and plug-in path are filled in."""
        base = {"schema": "genie.run", "version": SCHEMA_VERSION, "plugins": {"paths": [str(self.plugins)]}}
        path = pathlib.Path(folder) / name
        path.write_text(json.dumps({**base, **config}, indent=1))
        return path

    def run(self, config, folder, *arguments, check=None, **options):
        """Write a configuration and run it."""
        return self.command("--config", self.write(config, folder), *arguments, folder=folder, check=check, **options)


def topology(folder, memory_bytes):
    """Write a topology with one device for each entry of ``memory_bytes``, each on a host of its own, all linked."""
    count = len(memory_bytes)
    hosts = [f"h{i}" for i in range(count)]
    devices = [{"id": f"w{i}", "kind": "cpu", "memory_bytes": int(memory), "speed": 1.0, "host": hosts[i], "kernels": [KERNELS],
                "compute": {"flops_per_s": 5e10, "memory_bytes_per_s": 1.2e10, "op_overhead_ns": 2000}}
               for i, memory in enumerate(memory_bytes)]
    ends = [*hosts, "client"]
    links = [{"id": f"{a}-{b}", "ends": [a, b], "bandwidth_bytes_per_s": 1.25e9, "latency_ns": 20000}
             for i, a in enumerate(ends) for b in ends[i + 1:]]
    path = pathlib.Path(folder) / "cluster.json"
    path.write_text(json.dumps({"schema": "genie.topology", "version": SCHEMA_VERSION, "devices": devices, "links": links,
                                "client": {"host": "client"}}))
    return path.name


class Corpus:
    """The folder that tests/corpus/make.py wrote."""

    def __init__(self, folder):
        self.folder = folder
        self.manifest = json.loads((folder / "manifest.json").read_text())
        self.archives = {archive["name"]: archive for archive in self.manifest["archives"]}

    @staticmethod
    def sessions(archive):
        """The runs of an archive, grouped into sessions: all in one, unless the program has state that they must not share."""
        runs = archive["runs"]
        return [[run] for run in runs] if any(len(run["inputs"]) > 1 for run in runs) else [runs]

    def config(self, archive, folder, runs=None, exact=True):
        """A configuration that makes runs of an archive (all, unless given) in one session, and verifies every output.

        Each run is one step, or as many as it has inputs. Writes the expected outputs to one file in ``folder``, numbered
        as the host numbers steps.
        """
        steps, expected = [], {}
        for run in runs or archive["runs"]:
            loaded = load_file(self.folder / run["expected"])
            first = len(steps)
            for index, (inputs, method) in enumerate(zip(run["inputs"], run["methods"])):
                steps.append({"method": method, "inputs": str(self.folder / inputs)})
                for name, tensor in loaded.items():
                    step, separator, output = name.partition("/")
                    if not separator:
                        expected[f"{first}/{name}"] = tensor
                    elif int(step) == index:
                        expected[f"{first + index}/{output}"] = tensor
        save_file(expected, folder / "expected.safetensors")
        tolerance = {"rtol": 0, "atol": 0} if exact else {"rtol": 1e-5, "atol": 1e-6}
        return {
            "source": {"uri": str(self.folder / archive["archive"])},
            "kernels": [{"plugin": KERNELS, "options": {"threads": self.manifest["threads"]}}],
            "backend": {"plugin": EMULATION, "options": {"topology": "cluster.json"}},
            "run": {"steps": steps},
            "outputs": {"file": "outputs.safetensors"},
            "expect": {"file": "expected.safetensors", **tolerance},
            "report": {"json": "report.json", "plan": "plan.json"},
        }
