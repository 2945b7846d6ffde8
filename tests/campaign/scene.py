"""What runs under stress: a small plan with a state on each worker and values from one to the other, and what must come of it.

All numbers are small whole ones, which f32 adds and multiplies without an error: the reference is numpy's, in any order.
"""

import contextlib
import dataclasses
import hashlib
import json
import pathlib
import subprocess
import sys
import threading

import numpy

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "backend-libfabric"))
import workers as real  # noqa: E402: it lies beside this folder

VERSION = {"major": 0, "minor": 1}
KERNELS = "org.example.plain-kernels"
#: Name → options of the client that take this data path.
PATHS = {"control": {"payload": "tls"}, "arena": {"provider": "arena"}, "net": {"provider": "net"}, "tcp": {"provider": "tcp"},
         "shm": {"provider": "shm"}}


def parts_of(build):
    """Folders of plug-ins: the build's own, and the kernels of this test."""
    return [str(build / "plugins"), str(build / "tests" / "campaign")]


class Scene:
    """A model with weights of its own, and inputs for some steps; its files lie in a folder."""

    def __init__(self, folder, seed, rows, columns, steps):
        self.folder, self.steps = folder, steps
        numbers = numpy.random.default_rng(seed)

        def whole(*shape):
            return numbers.integers(-1, 2, shape).astype(numpy.float32)

        self.weights = {name: whole(columns, columns) for name in ("a", "b", "c")}
        self.inputs = [whole(rows, columns) for _ in range(steps)]
        blob = b"".join(weight.tobytes() for weight in self.weights.values())
        (folder / "weights.bin").write_bytes(blob)
        for step, x in enumerate(self.inputs):
            numpy.save(folder / f"x{step}.npy", x)
        (folder / "plan.json").write_text(json.dumps(self.plan(blob, rows, columns)))

    @staticmethod
    def plan(blob, rows, columns):
        digest = "sha256:" + hashlib.sha256(blob).hexdigest()
        square = 4 * columns * columns

        def node(name, op, left, right, scope):
            kwargs = {"alpha": {"int": 1}} if op == "add.Tensor" else {}
            return {"id": "n" + name, "op": f"aten.{op}", "args": [left, right], "kwargs": kwargs, "results": ["v" + name], "scope": scope}

        def value(name):
            return {"value": "v" + name}

        nodes = [node("0", "mm.default", value("x"), {"weight": "a"}, "first"),
                 node("1", "add.Tensor", {"state": "k0"}, value("0"), "first"),
                 node("2", "mm.default", value("1"), {"weight": "b"}, "second"),
                 node("3", "add.Tensor", {"state": "k1"}, value("2"), "second"),
                 node("4", "add.Tensor", value("3"), value("2"), "second"),
                 node("5", "mul.Tensor", value("4"), value("0"), "third"),
                 node("6", "add.Tensor", value("5"), {"weight": "c0"}, "third")]
        made = {"dtype": "f32", "shape": [rows, columns]}
        weights = {name: {"kind": "parameter", "dtype": "f32", "shape": [columns, columns], "blob": digest, "offset_bytes": at * square}
                   for at, name in enumerate(("a", "b"))}
        weights["c0"] = {"kind": "parameter", "dtype": "f32", "shape": [columns], "blob": digest, "offset_bytes": 2 * square}
        return {"schema": "genie.plan", "version": VERSION, "stage": "captured",
                "producer": {"plugin": "org.example.campaign", "version": "1.0.0"}, "requires": ["state"], "opsets": {"aten": 1},
                "blobs": {digest: {"size_bytes": len(blob)}}, "weights": weights,
                "states": {name: {"dtype": "f32", "shape": [rows, columns], "role": "running_mean"} for name in ("k0", "k1")},
                "methods": {"forward": {
                    "inputs": [{"name": "x", "value": "vx"}], "outputs": [{"name": "y", "value": "v6"}],
                    "values": {"vx": made, **{f"v{i}": made for i in range(7)}}, "nodes": nodes,
                    "writes": [{"state": "k0", "value": "v1"}, {"state": "k1", "value": "v3"}]}},
                "locations": {digest: {"uri": "weights.bin", "offset_bytes": 0}}}

    def expected(self):
        """Each step's output."""
        first = second = numpy.float32(0)
        made = []
        for x in self.inputs:
            v0 = x @ self.weights["a"]
            first = first + v0
            v2 = first @ self.weights["b"]
            second = second + v2
            made.append((second + v2) * v0 + self.weights["c"][0])
        return made

    def config(self, name, plugins, backend, loss="fail", strength="hard"):
        """Writes a run config; outputs go to `name`.safetensors."""
        path = self.folder / f"{name}.json"
        hints = [{"kind": "pin", "select": scope, "device": device, "strength": strength}
                 for scope, device in (("first", "w0"), ("second", "w1"), ("third", "w0"))]
        path.write_text(json.dumps({
            "schema": "genie.run", "version": VERSION, "plugins": {"paths": plugins}, "source": {"plan": "plan.json"},
            "kernels": [{"plugin": KERNELS}], "backend": backend, "hints": hints,
            "run": {"steps": [{"inputs": {"x": {"file": f"x{step}.npy"}}} for step in range(self.steps)], "on_worker_loss": loss},
            "outputs": {"file": f"{name}.safetensors"}, "report": {"json": f"{name}.report.json"}}))
        return path

    def outputs(self, name):
        return tensors(self.folder / f"{name}.safetensors")

    def right(self, name):
        """Whether every step's output has the reference's bits."""
        found, expected = self.outputs(name), self.expected()
        return set(found) == {f"{step}/y" for step in range(self.steps)} and all(
            found[f"{step}/y"].tobytes() == y.tobytes() for step, y in enumerate(expected))


def tensors(path):
    """The f32 tensors of a safetensors file."""
    data = path.read_bytes()
    start = 8 + int.from_bytes(data[:8], "little")
    about = json.loads(data[8:start])
    about.pop("__metadata__", None)
    return {name: numpy.frombuffer(data[start + t["data_offsets"][0]:start + t["data_offsets"][1]], numpy.float32).reshape(t["shape"])
            for name, t in about.items()}


@dataclasses.dataclass
class Place:
    """A build tree, as the helpers for real workers want it."""

    build: pathlib.Path
    environment: dict

    @property
    def binary(self):
        return self.build / "genie-host" / "genie-host"

    @property
    def plugins(self):
        return self.build / "plugins"

    def worker(self, folder, name, gate=None, **options):
        """A worker with the plain kernels. gate: where its kernels ask before they compute."""
        kernels = [{"plugin": KERNELS, "options": {"gate": str(gate)} if gate else {}}]
        return real.Worker(self, folder, name, plugins={"paths": parts_of(self.build)}, kernels=kernels, **options)


class Client:
    """A process that embeds Genie and runs configurations, many of them."""

    def __init__(self, place, errors, prefix=()):
        self.errors = open(errors, "w+")
        self.process = subprocess.Popen([*prefix, str(place.build / "tests" / "campaign" / "campaign-client")], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, stderr=self.errors, text=True, bufsize=1,
                                        env={**place.environment, "PATH": f"{place.binary.parent}:{place.environment['PATH']}"})

    def run(self, configs, at=None):
        """Runs them at once. at: phase → what to do there. [(exit code, diagnostics)] by config; None when the process is gone."""
        self.say("\t".join([",".join(at or {}) or "-", *map(str, configs)]))
        ends = {}
        for line in self.process.stdout:
            word, *rest = line.rstrip("\n").split("\t")
            if word == "at":
                at[rest[0]]()
                self.say("go")
            elif word == "end":
                ends[int(rest[0])] = (int(rest[1]), json.loads(rest[2]))
            elif word == "done":
                return [ends[i] for i in range(len(configs))]
        return None

    def say(self, line):
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.write(line + "\n")
            self.process.stdin.flush()

    def said(self):
        self.errors.flush()
        self.errors.seek(0)
        return self.errors.read()

    def close(self):
        """Its exit code, when it has nothing more to do."""
        self.process.stdin.close()
        code = self.process.wait(real.PATIENCE)
        self.process.stdout.close()
        return code

    def kill(self):
        self.process.kill()
        self.process.wait()


@contextlib.contextmanager
def deadline(seconds, end):
    """Calls `end` if the block takes longer."""
    timer = threading.Timer(seconds, end)
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
