"""The emulated cluster under `costs: model`: a function of its inputs, and what was predicted is what is observed."""

import json

import genie.export
import pytest
import torch
from harness import OK, topology
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
