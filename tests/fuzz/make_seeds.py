#!/usr/bin/env python3
"""Write the seeds of the fuzz targets and the documents with one fault anew, from the golden plans and from small models that
are exported here.

Usage: make_seeds.py [FOLDER]        (default: the folder of this file; writes its seeds/ and faults/)

Both are committed, so that fuzzing needs no PyTorch. Write them anew when torch's archives or our documents get new parts.
"""

import io
import json
import pathlib
import struct
import sys
import tempfile
import zipfile
import zlib

import numpy
import torch
from safetensors.torch import save

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
GOLDEN = ROOT / "tests/plan/golden/0.1"
PART = b"\n---\n"


class Lines(torch.nn.Module):
    """Parameters, a composite, a symbolic size."""

    def __init__(self):
        super().__init__()
        self.up = torch.nn.Linear(4, 2)

    def forward(self, x):
        return {"y": torch.nn.functional.gelu(self.up(x)).reshape(x.shape[0] * 2)}


class Counter(torch.nn.Module):
    """A state, a constant, an operator in place, a view."""

    def __init__(self):
        super().__init__()
        self.register_buffer("seen", torch.zeros(3))

    def forward(self, x):
        self.seen[1:].add_(x)
        return self.seen + torch.tensor([1.0, 2.0, 3.0]), [x.sum().item()]


class Branch(torch.nn.Module):
    """Sub-graphs."""

    def forward(self, x):
        return torch.cond(x.sum() > 0, lambda v: v.sin(), lambda v: v.cos() + 1, (x,))


def archives():
    torch.manual_seed(0)
    batch = torch.export.Dim("batch", min=2, max=8)
    yield "lines", torch.export.export(Lines().eval(), (torch.zeros(2, 4),), dynamic_shapes={"x": {0: batch}})
    yield "counter", torch.export.export(Counter().eval(), (torch.zeros(2),))
    yield "branch", torch.export.export(Branch().eval(), (torch.zeros(2),))


def without_noise(program):
    """A program without what no reader needs and every change of a file or a path would alter."""
    def strip(graph):
        for node in graph["nodes"]:
            kept = {key: value for key, value in node["metadata"].items() if key == "nn_module_stack"}
            node["metadata"] = kept | {"stack_trace": 'File "model.py", line 7, in forward\n    return f(x)'}
            for argument in node["inputs"]:
                inner = argument["arg"].get("as_graph")
                if inner:
                    strip(inner["graph"])
        return graph

    program = json.loads(program)
    strip(program["graph_module"]["graph"])
    return json.dumps(program).encode()


def archive_seeds():
    for name, program in archives():
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "m.pt2"
            torch.export.save(program, path)
            with zipfile.ZipFile(path) as archive:
                parts = [without_noise(archive.read("m/models/model.json")),
                         archive.read("m/data/weights/model_weights_config.json"),
                         archive.read("m/data/constants/model_constants_config.json")]
                storages = [archive.read(entry) for entry in archive.namelist()
                            if pathlib.PurePath(entry).name.startswith(("weight_", "tensor_"))]
        yield f"{name}.parts", PART.join([*parts, max(storages, key=len, default=b"")])
        if name == "lines":
            yield f"{name}.pt2", repacked(parts, storages)


def repacked(parts, storages):
    """An archive of these parts as torch packs them, but with nothing in it that depends on the machine."""
    packed = io.BytesIO()
    names = ["m/models/model.json", "m/data/weights/model_weights_config.json", "m/data/constants/model_constants_config.json"]
    with zipfile.ZipFile(packed, "w") as archive:
        for number, storage in enumerate(storages):
            archive.writestr(zipfile.ZipInfo(f"m/data/weights/weight_{number}"), storage)
        for name, part in zip(names, parts):
            archive.writestr(zipfile.ZipInfo(name), part)
        for name, text in (("archive_format", "pt2"), ("archive_version", "0"), ("byteorder", "little")):
            archive.writestr(zipfile.ZipInfo(f"m/{name}"), text)
    return packed.getvalue()


def plan_seeds():
    for name in ("captured", "everything", "scheduled"):
        yield f"{name}.json", (GOLDEN / f"{name}.plan.json").read_bytes()


def config_seeds():
    version = {"major": 0, "minor": 1}
    full = {
        "schema": "genie.run", "version": version,
        "plugins": {"paths": ["../plugins"], "allow": [{"id": "org.example.a", "sha256": "0" * 64}]},
        "source": {"plugin": "org.genie.frontend-pytorch", "uri": "m.pt2", "options": {"method": "decode"}},
        "policy": {"plugin": "org.genie.policy-default", "options": {"objective": "latency"}},
        "kernels": [{"plugin": "org.genie.kernels-aten", "options": {"threads": 1}}],
        "backend": {"plugin": "org.genie.backend-emulation", "options": {"topology": "cluster.json", "timing": "virtual"}},
        "hints": [{"kind": "pin", "select": "encoder.*", "device": "w0", "strength": "hard"},
                  {"id": "h", "kind": "budget", "select": "**", "device": "w1", "bytes": 4096},
                  {"kind": "recompute", "select": "op:aten.relu.*", "value": "never"},
                  {"kind": "forbid", "select": "role:attention.*", "device": "w1", "strength": "soft", "weight": 0.5}],
        "run": {"repeat": 2, "warmup": 1, "seed": 7, "deadline_ms": 1000, "on_worker_loss": "replan",
                "add": [{"output": "next", "argmax": "logits", "dim": -1}, {"output": "best", "topk": "logits", "k": 4}],
                "steps": [{"method": "prefill", "inputs": "prompt.safetensors"},
                          {"method": "decode", "repeat": 3,
                           "inputs": {"token": {"output": "-1/next"}, "mask": {"file": "mask.npy"},
                                      "noise": {"random": {"seed": 1, "shape": [1, 16], "dtype": "f32", "low": -1, "high": 1}},
                                      "scale": {"value": [[0.5, 1e-3], [1, -2]], "dtype": "f16"}}}]},
        "outputs": {"file": "outputs.safetensors", "only": ["0/logits"]},
        "expect": {"file": "expected.safetensors", "rtol": 1e-5, "atol": 1e-6},
        "report": {"json": "report.json", "trace": "trace.json", "plan": "plan.json"},
    }
    yield "full.json", json.dumps(full).encode()
    yield "short.json", b'// the shortest\n{"source": {"plan": "plan.json"}, "run": {"inputs": {"x": {"value": 1}}},}\n'
    yield "set.json", b'/run/repeat=3\0{"source": {"uri": "m.pt2"}, "run": {"inputs": "in.safetensors"}}'
    for name in ("cluster", "one-device"):
        yield f"{name}.topology.json", (GOLDEN / f"{name}.topology.json").read_bytes()
    ring = json.loads((GOLDEN / "one-device.topology.json").read_bytes())
    ring["devices"] = [ring["devices"][0] | {"id": f"w{i}"} for i in range(3)]
    ring["links"] = [{"id": f"l{i}", "ends": [f"w{i}", f"w{(i + 1) % 3}"], "bandwidth_bytes_per_s": 1e9} for i in range(3)]
    yield "ring.topology.json", json.dumps(ring).encode()


def tensor_seeds():
    yield "three.safetensors", save({"a": torch.arange(6.0).reshape(2, 3), "b": torch.tensor([True, False]),
                                     "c": torch.zeros(0, 4, dtype=torch.bfloat16)}, {"format": "pt"})
    header = json.dumps({"odd": {"dtype": "F4", "shape": [2], "data_offsets": [0, 1]}}).encode()
    yield "unknown-type.safetensors", struct.pack("<Q", len(header)) + header + b"\0"
    arrays = {"f4": numpy.arange(6, dtype="<f4").reshape(2, 3), "big-endian": numpy.arange(3, dtype=">i8"),
              "fortran": numpy.asfortranarray(numpy.arange(6, dtype="<c8").reshape(2, 3)), "number": numpy.float64(1.5)}
    for name, array in arrays.items():
        file = io.BytesIO()
        numpy.save(file, array)
        yield f"{name}.npy", file.getvalue()
    file = io.BytesIO()
    numpy.lib.format.write_array(file, numpy.zeros((1, 2), dtype="?"), version=(2, 0))
    yield "version-2.npy", file.getvalue()
    three = save({"a": torch.arange(6.0).reshape(2, 3), "b": torch.tensor([True, False])})
    (length,) = struct.unpack("<Q", three[:8])
    yield "safetensors.parts", three[8:8 + length].rstrip() + PART + three[8 + length:]
    yield "npy.parts", b"{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }" + PART + bytes(24)


def frame_header(kind, identity, message, payload):
    rest = struct.pack("<HHQIIQ", kind, 0, identity, message, 0, payload)
    return struct.pack("<I", zlib.crc32(b"GNW1" + rest)) + rest


def wire_seeds():
    """One frame of each message that has parts."""
    def text(value):
        return struct.pack("<I", len(value)) + value.encode("latin-1")

    def frame(kind, message=b"", payload=b"", identity=1):
        return frame_header(kind, identity, len(message), len(payload)) + message + payload

    tensor = struct.pack("<BBBHI4qQQ", 1, 2, 32, 1, 2, 2, 3, 3, 1, 64, 24)
    kept = struct.pack("<BBBHI4qQQ", 1, 2, 32, 1, 2, 2, 3, 3, 1, 0, 0)
    data = bytes(64 + 24)
    sizes = struct.pack("<I", 1) + text("s0") + struct.pack("<q", 2)
    step = struct.pack("<QQ", 1, 0) + text("forward") + struct.pack("<Q", 10 ** 9) + sizes
    step += struct.pack("<IIB", 2, 0, 0) + tensor + text("") + struct.pack("<Q", 0) + struct.pack("<IBB", 1, 1, 0) + text("w0") + struct.pack("<Q", 3)
    step += struct.pack("<IIBQIBQ", 2, 0, 0, 0, 1, 1, 5)
    result = struct.pack("<BI", 1, 2) + struct.pack("<I", 0) + text("w0") + b"\0" + tensor + struct.pack("<I", 1) + text("w0") + b"\1" + kept
    result += sizes + struct.pack("<IIQQQQ", 1, 0, 10, 20, 300, 200) + struct.pack("<IIBQQIBQQQ", 2, 2, 0, 31, 24, 1, 1, 5, 24, 40)
    hello = struct.pack("<HHHHHB", 1, 1, 0, 1, 1, 0) + text("genie") + text("n" * 32) + text("")
    findings = struct.pack("<I", 1) + text("net") + b"\1" + b"".join(map(text, ("net", "libfabric 1.17", "why")))
    frames = {
        "hello": frame(1, hello, identity=0), "auth": frame(2, text("m" * 32)),
        "welcome": frame(3, struct.pack("<HQ", 1, 3000) + b"".join(map(text, ("m", "token", "i", "{}", "{}")))),
        "failed": frame(21, struct.pack("<IBB", 8, 0, 1) + text("no room") + text("") + struct.pack("<q", 0) + text("s0") + text("[]")),
        "prepare": frame(30, struct.pack("<Q", 1) + text("{}") + text("{}")), "needs": frame(20, struct.pack("<I", 1) + text("sha256:0") + text("t") + text("s")),
        "blob": frame(31, text("sha256:0") + struct.pack("<QQ", 8, 4), b"1234"),
        "compile": frame(32, struct.pack("<Q", 1) + text("auto") + struct.pack("<I", 1) + b"".join(map(text, ("w1", "127.0.0.1:1", "t", "s")))),
        "compiled": frame(20, struct.pack("<I", 1) + text("w1") + text("net") + findings),
        "paths": frame(50, text("auto") + text("host") + findings), "choice": frame(20, struct.pack("<I", 1) + text("net") + findings),
        "open": frame(51, text("net") + text("\0address")),
        "session": frame(34, struct.pack("<QQQ", 1, 1, 0)), "step": frame(36, step, data), "result": frame(20, result, data),
        "value": frame(38, struct.pack("<QQI", 1, 0, 2) + sizes + tensor, data), "state": frame(41, struct.pack("<Q", 1) + text("k0") + tensor, data),
        "number": frame(33, struct.pack("<Q", 1)), "watch": frame(44, struct.pack("<QB", 1, 1)),
        "event": frame(45, struct.pack("<QQBIQQ", 1, 0, 2, 3, 100, 24), identity=0), "go_on": frame(46, struct.pack("<QQ", 1, 0)),
        "look": frame(47, struct.pack("<QQ", 1, 0) + text("w0") + text("add_1")),
    }
    for name, content in frames.items():
        yield f"{name}.frames", content


def link_seeds():
    """What an end of a data path says: of itself, of its memory, into a ring, and each word."""
    def words(*said):
        return b"".join(struct.pack("<H", len(word)) + word for word in said)

    name = struct.pack("<HHI", 2, 7000, 0x7F000001)
    yield "address.bytes", struct.pack("<BBBBIQHHH", 1, ord("a"), 0, 0, 4096, 77, 16, 3, len(name)) + b"net" + name
    region = struct.pack("<BBBBQQQ", 1, ord("r"), 1, 0, 4 << 20, 0, 5)
    yield "region.bytes", region
    yield "ring.bytes", struct.pack("<H", 2) + struct.pack("<QI4s", 8, 4, b"word")
    head = frame_header(33, 1, 8, 0)
    yield "frame.words", words(b"\1" + head + struct.pack("<Q", 1))
    yield "region.words", words(b"\4" + struct.pack("<Q", 4096))
    placed = frame_header(38, 0, 8, 64)
    yield "placed.words", words(b"\4" + struct.pack("<Q", 4096), b"\2" + placed + struct.pack("<IQ", 0, 64))


def changed(document, **members):
    """A copy; a member's name is its path with `__` between the keys."""
    copy = json.loads(json.dumps(document))
    for path, value in members.items():
        *way, last = [int(key) if key.isdigit() else key for key in path.split("__")]
        at = copy
        for key in way:
            at = at[key]
        at[last] = value
    return json.dumps(copy).encode()


def plan_faults():
    captured, scheduled = (json.loads((GOLDEN / f"{name}.plan.json").read_bytes()) for name in ("captured", "scheduled"))
    nodes, values = "methods__forward__nodes__", "methods__forward__values__"
    yield "GE0345-nodes-in-a-circle.json", changed(captured, **{nodes + "0__args": [{"value": "v2"}]})
    yield "GE0345-a-node-after-itself.json", changed(captured, **{nodes + "1__after": ["n1"]})
    yield "GE0349-values-that-share-in-a-circle.json", changed(
        captured, **{values + "v1__alias_of": "v2", values + "v2__alias_of": "v1"})
    yield "GE0349-a-state-that-shares-with-itself.json", changed(captured, states__k0__alias_of="k0")
    forward = "schedule__methods__forward__"
    transfers = [{"from": "input:x", "id": "t1", "to": "s0", "value": "v0"},
                 {"from": "s1", "id": "t2", "to": "output:output", "value": "v2"}]
    yield "GE0507-stages-in-a-circle.json", changed(scheduled, **{
        forward + "stages__0__device": "w1", forward + "stages__0__after": ["s1"], forward + "transfers": transfers})


def config_faults():
    step = {"method": "decode", "inputs": {"token": {"output": "0/next"}}}
    run = {"source": {"uri": "m.pt2"}, "run": {"steps": [step]}}
    yield "GE0017-a-step-that-uses-itself.json", json.dumps(run).encode()


def archive_faults():
    parts = (HERE / "seeds/archive/lines.parts").read_bytes().split(PART)
    program = json.loads(parts[0])
    gelu = next(node for node in program["graph_module"]["graph"]["nodes"] if "gelu" in node["target"])
    gelu["inputs"][0]["arg"] = {"as_tensor": {"name": "reshape"}}
    yield "GE0230-nodes-in-a-circle.parts", PART.join([json.dumps(program).encode(), *parts[1:]])


def main():
    folder = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else HERE
    made = {"seeds/archive": archive_seeds, "seeds/plan": plan_seeds, "seeds/config": config_seeds, "seeds/tensors": tensor_seeds,
            "seeds/link": link_seeds, "seeds/wire": wire_seeds,
            "faults/archive": archive_faults, "faults/plan": plan_faults, "faults/config": config_faults}
    for target, files in made.items():
        (folder / target).mkdir(parents=True, exist_ok=True)
        for name, content in files():
            (folder / target / name).write_bytes(content)


if __name__ == "__main__":
    main()
