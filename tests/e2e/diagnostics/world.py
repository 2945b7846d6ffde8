"""The small world that cases spoil: a model, its inputs, a config that runs it on two devices, and its plans."""

import json
import shutil

import torch
from safetensors.torch import save_file

import genie.export

from .archive import Archive
from .net import Net

VERSION = {"major": 0, "minor": 1}
FRONTEND = "org.genie.frontend-pytorch"
KERNELS = "org.genie.kernels-aten"
EMULATION = "org.genie.backend-emulation"

# Entries of the archive.
ROOT = "model/"
PROGRAM = f"{ROOT}models/model.json"
WEIGHTS = f"{ROOT}data/weights/model_weights_config.json"


def device(name, host, memory_bytes=1 << 26):
    return {"id": name, "kind": "cpu", "memory_bytes": memory_bytes, "speed": 1.0, "host": host, "kernels": [KERNELS],
            "compute": {"flops_per_s": 5e10, "memory_bytes_per_s": 1.2e10, "op_overhead_ns": 2000}}


def link(name, *ends):
    return {"id": name, "ends": list(ends), "bandwidth_bytes_per_s": 1.25e9, "latency_ns": 20000}


def run_config():
    return {
        "schema": "genie.run", "version": VERSION,
        "source": {"uri": "model.pt2"},
        "kernels": [{"plugin": KERNELS, "options": {"threads": 1}}],
        "backend": {"plugin": EMULATION, "options": {"topology": "cluster.json"}},
        "run": {"inputs": "inputs.safetensors"},
    }


def two_devices():
    return {
        "schema": "genie.topology", "version": VERSION,
        "devices": [device("w0", "a"), device("w1", "b")],
        "links": [link("a-b", "a", "b"), link("client-a", "client", "a"), link("client-b", "client", "b")],
        "client": {"host": "client"},
    }


def write(path, content):
    """Write a file of text, of bytes, or of JSON."""
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        path.write_text(content if isinstance(content, str) else json.dumps(content, indent=1) + "\n")


def make_files(host, folder):
    """Write the files that every case begins with. All of them are right."""
    net = Net()
    x, ids = torch.arange(16.0).reshape(2, 8) / 4, torch.tensor([1, 2])
    batch = torch.export.Dim("batch", min=2, max=16)
    program = genie.export.export(net.eval(), (x, ids), dynamic_shapes={"x": {0: batch}, "ids": {0: batch}})
    genie.export.save(program, folder / "model.pt2")
    save_file({"x": x, "ids": ids}, folder / "inputs.safetensors")
    save_file({"y": net(x, ids)["y"].detach()}, folder / "expected.safetensors")
    write(folder / "cluster.json", two_devices())
    host.command("plan", "convert", "model.pt2", "--to", "0.1", "--output", "captured.json", folder=folder, check=0)
    split = {"hints": [{"kind": "pin", "select": f"block.{i}", "device": f"w{i}"} for i in range(2)],
             "report": {"plan": "scheduled.json"}}
    write(folder / "run.json", run_config() | split)
    host.command("--config", "run.json", folder=folder, check=0)
    (folder / "run.json").unlink()


class World:
    """A copy of these files for one case to spoil."""

    def __init__(self, host, files, folder):
        self.host = host
        self.folder = folder
        for file in files.iterdir():
            shutil.copy(file, folder)
        self.config = run_config()
        self.topology = two_devices()

    def path(self, name):
        return self.folder / name

    def write(self, name, content):
        write(self.path(name), content)
        return name

    def run(self, *arguments):
        """Write config and topology as they are now; returns the arguments that run them."""
        self.write("run.json", self.config)
        self.write("cluster.json", self.topology)
        return ["--config", "run.json", *arguments]

    def archive(self):
        """The model's archive, taken apart."""
        return Archive(self.path("model.pt2"))

    def show(self, archive=None):
        """Put an archive in place of the model, if one is given; returns the arguments that show the model."""
        if archive is not None:
            archive.write(self.path("model.pt2"))
        return ["plan", "show", "model.pt2"]

    def show_export(self, module, *args, plain=False, **options):
        """Put the export of another module in place of the model; returns the arguments that show it."""
        genie.export.save(genie.export.export(module.eval(), args, plain=plain, **options), self.path("model.pt2"))
        return self.show()

    def plan(self, stage="captured"):
        return json.loads(self.path(f"{stage}.json").read_text())

    def validate(self, plan, *arguments):
        """Write a plan; returns the arguments that check it."""
        return ["plan", "validate", self.write("plan.json", plan), *arguments]
