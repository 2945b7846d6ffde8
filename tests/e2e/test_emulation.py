"""The emulated cluster under `costs: model`: a function of its inputs, and what was predicted is what is observed."""

import copy
import json
import shutil
import subprocess

import genie.export
import pytest
import torch
from harness import KERNELS, NOT_SCHEDULED, OK, PLUGIN_FAILED, topology
from safetensors.torch import save_file

MIB = 1 << 20


class Branches(torch.nn.Module):
    """Two branches that meet, and a running sum."""

    def __init__(self):
        super().__init__()
        self.left, self.right, self.head = torch.nn.Linear(32, 64), torch.nn.Linear(32, 64), torch.nn.Linear(64, 8)
        self.register_buffer("total", torch.zeros(8))

    def forward(self, x):
        y = self.head(torch.tanh(self.left(x)) * torch.relu(self.right(x)))
        self.total.add_(y.sum(0))
        return y, self.total + 1


def without_wall(document):
    """The document but for its members `wall` and `wall_ns`."""
    if isinstance(document, dict):
        return {key: without_wall(value) for key, value in document.items() if key not in ("wall", "wall_ns")}
    return [without_wall(item) for item in document] if isinstance(document, list) else document


@pytest.fixture
def branches(tmp_path):
    torch.manual_seed(0)
    x = torch.randn(5, 32)
    genie.export.save(genie.export.export(Branches().eval(), (x,)), tmp_path / "model.pt2")
    save_file({"x": x}, tmp_path / "inputs.safetensors")
    topology(tmp_path, [8 * MIB] * 3)
    return tmp_path


def config(compute="real", **run):
    return {"source": {"uri": "model.pt2"}, "run": {"inputs": "inputs.safetensors", **run},
            "backend": {"plugin": "org.genie.backend-emulation", "options": {"topology": "cluster.json", "costs": "model", "compute": compute}},
            "hints": [{"kind": "pin", "select": name, "device": f"w{device}", "strength": "hard"} for device, name in enumerate(("left", "right", "head"))],
            "report": {"json": "report.json", "trace": "trace.json", "plan": "plan.json"}}


def observed_as_predicted(report):
    (predicted,), (observed,) = report["predicted"].values(), report["observed"].values()
    assert predicted == observed and predicted["makespan_ns"] > 0 and predicted["wire_bytes"] > 0
    return predicted


@pytest.mark.parametrize("compute", ["real", "none"])
def test_trace_and_report_are_the_same_run_after_run_but_for_their_wall_members(host, branches, compute):
    seen = []
    for _ in range(3):
        result = host.run(config(compute, repeat=2), branches, check=OK)
        trace = (branches / "trace.json").read_bytes()
        assert b"wall" not in trace
        assert all(step["wall_ns"] > 0 for step in result.report["time"]["steps"]) and result.report["time"]["wall"]["capture_ns"] > 0
        seen.append((trace, json.dumps(without_wall(result.report)), (branches / "plan.json").read_bytes()))
    assert seen[0] == seen[1] == seen[2]


@pytest.mark.parametrize("compute", ["real", "none"])
def test_what_is_observed_is_what_was_predicted(host, branches, compute):
    result = host.run(config(compute), branches, check=OK)
    predicted = observed_as_predicted(result.report)
    assert result.report["time"]["steps"][0]["virtual_ns"] == predicted["makespan_ns"]
    assert result.report["counters"]["wire_bytes"] == predicted["wire_bytes"]
    for device, use in result.report["devices"].items():
        assert use["busy_ns"] == predicted["device_busy_ns"][device] and use["peak_bytes"] == predicted["peak_bytes"][device]
    # The trace shows the same: spans of stages sum up to busy times, the last thing ends the step.
    events = json.loads((branches / "trace.json").read_text())["traceEvents"]
    names = {event["pid"]: event["args"]["name"] for event in events if event["name"] == "process_name"}
    busy = dict.fromkeys(predicted["device_busy_ns"], 0)
    spans = [event for event in events if event["ph"] == "X"]
    for span in spans:
        if names[span["pid"]] in busy:
            busy[names[span["pid"]]] += round(span["dur"] * 1000)
    assert busy == predicted["device_busy_ns"]
    assert max(round((span["ts"] + span["dur"]) * 1000) for span in spans) == predicted["makespan_ns"]


@pytest.mark.parametrize("name", ["gpt2-static.plain", "bert-dynamic.recommended"])
def test_models_observe_what_was_predicted_on_devices_with_just_that_memory(host, corpus, tmp_path, name):
    archive = corpus.archives[name]
    topology(tmp_path, [256 * MIB] * 3)
    wanted = {**corpus.config(archive, tmp_path, runs=archive["runs"][:1]),
              "report": {"json": "report.json", "plan": "plan.json", "trace": "trace.json"}}
    layers = [{"kind": "pin", "select": f"**.{index}.**", "device": f"w{index % 3}", "strength": "soft", "weight": 10} for index in range(3)]
    first = host.run({**wanted, "hints": layers}, tmp_path, check=OK)
    predicted = observed_as_predicted(first.report)
    assert first.report["verify"]["equal_bits"]
    cluster = json.loads((tmp_path / "cluster.json").read_text())
    for device in cluster["devices"]:
        device["memory_bytes"] = max(1, predicted["peak_bytes"].get(device["id"], 0))
    (tmp_path / "cluster.json").write_text(json.dumps(cluster))
    # The same placement on devices that have not a byte more.
    saved = json.loads((tmp_path / "plan.json").read_text())
    pins = [{"kind": "pin", "select": f"node:{node}", "device": stage["device"], "strength": "hard"}
            for method in saved["schedule"]["methods"].values() for stage in method["stages"] for node in stage["nodes"]]
    again = host.run({**wanted, "hints": pins}, tmp_path, check=OK)
    assert observed_as_predicted(again.report)["peak_bytes"].keys() == predicted["peak_bytes"].keys()
    assert again.report["verify"]["equal_bits"]


def loaded(host, folder, arguments):
    """What the host loads when run with these arguments, and its exit code: the dynamic loader's own list."""
    listed = folder / "loaded"
    process = subprocess.Popen([host.binary, *arguments], cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                               env={**host.environment, "LD_DEBUG": "files", "LD_DEBUG_OUTPUT": str(listed)})
    _, errors = process.communicate(timeout=120)
    assert process.returncode == OK, errors
    text = listed.with_name(f"loaded.{process.pid}").read_text()
    assert "backend-emulation.so" in text
    return {name for name in ("kernels-aten.so", "libtorch_cpu.so") if name in text}


@pytest.mark.parametrize("cluster", [True, False], ids=["topology", "local"])
def test_computing_nothing_loads_no_kernels_and_plans_the_same(host, branches, cluster):
    """Rule of `compute: none`: kernels that the config does not name are neither loaded nor asked."""
    plans = {}
    for compute, expected in (("none", set()), ("real", {"kernels-aten.so", "libtorch_cpu.so"})):
        settings = config(compute)
        if not cluster:
            del settings["backend"]["options"]["topology"], settings["hints"]
        path = host.write(settings, branches)
        assert loaded(host, branches, ["--config", path]) == expected
        plans[compute] = json.loads((branches / "plan.json").read_text())
    # What is planned where nothing computes may be run where kernels do.
    assert plans["none"] == plans["real"]
    assert {stage["kernels"] for stage in plans["none"]["schedule"]["methods"]["forward"]["stages"]} == {KERNELS}


@pytest.mark.parametrize("cluster", [True, False], ids=["topology", "local"])
def test_computing_nothing_needs_no_kernels_installed(host, branches, cluster):
    bare = copy.copy(host)  # one that does not find the plug-ins of its build tree
    bare.binary = shutil.copy2(host.binary, branches)
    (branches / "plugins").mkdir()
    for plugin in ("backend-emulation", "policy-default", "frontend-pytorch"):
        (branches / "plugins" / plugin).symlink_to(host.plugins / plugin)
    settings = {**config("none"), "plugins": {"paths": ["plugins"]}}
    if not cluster:
        del settings["backend"]["options"]["topology"], settings["hints"]
    result = bare.run(settings, branches, check=OK)
    assert result.report["time"]["steps"][0]["virtual_ns"] > 0 and KERNELS not in result.report["versions"]
    settings["backend"]["options"]["compute"] = "real"
    assert "GE0145" in bare.run(settings, branches, check=PLUGIN_FAILED).err


def test_kernels_described_in_the_topology_count_where_nothing_computes(host, branches):
    cluster = json.loads((branches / "cluster.json").read_text())
    cluster["kernels"] = {KERNELS: {"kinds": ["cpu"], "ops": ["aten.relu.default"], "dtypes": ["f32"]}}
    (branches / "cluster.json").write_text(json.dumps(cluster))
    refused = host.run(config("none"), branches, check=NOT_SCHEDULED)
    assert "GE05" in refused.err and "aten." in refused.err
    host.run(config("real"), branches, check=OK)  # the plug-in knows better
