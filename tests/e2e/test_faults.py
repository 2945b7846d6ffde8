"""The fault script of docs/emulation.md, run as a user runs it: what goes wrong, what the host says, and the same result in the end."""

import json
import re

import jsonschema_rs
import pytest
import torch
from safetensors.torch import load_file

import genie.export
from harness import EMULATION, EXECUTION_FAILED, OK, topology

MIB = 1 << 20


class Model(torch.nn.Module):
    """Three blocks, and a sum over all steps."""

    def __init__(self):
        super().__init__()
        self.blocks = torch.nn.ModuleList(torch.nn.Linear(16, 16) for _ in range(3))
        self.register_buffer("total", torch.zeros(16))

    def forward(self, x):
        for block in self.blocks:
            x = x + block(x).tanh()
        self.total.add_(x.mean(0))
        return {"y": x, "sum": self.total * 1}


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    folder = tmp_path_factory.mktemp("model")
    torch.manual_seed(0)
    genie.export.save(genie.export.export(Model().eval(), (torch.zeros(4, 16),)), folder / "model.pt2")
    return folder / "model.pt2"


@pytest.fixture(scope="module")
def script(root):
    """The worked example."""
    section = (root / "docs/emulation.md").read_text().partition("## Faults")[2]
    return json.loads(re.search(r"```json\n(.*?)```", section, re.DOTALL).group(1))


def config(folder, model, script, on_worker_loss):
    topology(folder, [MIB] * 3)
    options = {"topology": "cluster.json"}
    if script is not None:
        (folder / "faults.json").write_text(json.dumps(script))
        options["faults"] = "faults.json"
    hints = [{"kind": "pin", "select": f"blocks.{i}", "device": f"w{i}", "strength": "soft", "weight": 1000} for i in range(3)]
    steps = [{"inputs": {"x": {"random": {"seed": 1, "shape": [4, 16]}}}}, {"inputs": {"x": {"output": "-1/y"}}, "repeat": 2}]
    return {"source": {"uri": str(model)}, "backend": {"plugin": EMULATION, "options": options}, "hints": hints,
            "run": {"steps": steps, "on_worker_loss": on_worker_loss}, "outputs": {"file": "outputs.safetensors"},
            "report": {"json": "report.json", "trace": "trace.json"}}


def without_wall(report):
    """A report without what a clock on the wall decides."""
    if isinstance(report, dict):
        return {key: without_wall(value) for key, value in report.items()
                if key != "wall_ns" and not (key.endswith("_ns") and key.split("_")[0] in ("load", "capture", "validate", "schedule", "prepare"))}
    return [without_wall(item) for item in report] if isinstance(report, list) else report


def test_the_example_of_the_docs_goes_on_with_the_same_bits(host, model, script, root, tmp_path):
    host.run(config(tmp_path, model, None, "replan"), tmp_path, check=OK)
    expected = load_file(tmp_path / "outputs.safetensors")
    settings = config(tmp_path, model, script, "replan")
    first = host.run(settings, tmp_path, check=OK)
    outputs = load_file(tmp_path / "outputs.safetensors")
    assert expected.keys() == outputs.keys()
    for name, tensor in expected.items():
        assert torch.equal(outputs[name], tensor), name

    report = first.report
    jsonschema_rs.validator_for(json.loads((root / "sdk/schema/report-0.1.schema.json").read_text())).validate(report)
    (recovery,) = report["recoveries"]
    assert (recovery["step"], recovery["replayed"], recovery["lost"]["devices"], recovery["left"]) == (1, 1, ["w1"], ["w0", "w2"])
    assert recovery["cause"][0]["code"] == "GE0611" and recovery["virtual_ns"] > 0
    struck = {fault["id"]: fault for fault in report["faults"]}
    assert struck["power-cut"]["hits"] == 1 and struck["power-cut"]["places"] == ["w1"]
    said = first.err
    assert re.search(r"warning emulation: step 1: fault power-cut \(crash\) struck w1 in \w+ at \d+ ns", said), said
    assert "warning engine: step 1: the plan was placed anew on w0, w2 after the loss of device w1; 1 earlier steps were repeated" in said
    assert "power-cut struck w1 once, first in step 1" in first.out and "without device w1 on w0, w2 from step 1" in first.out

    trace = (tmp_path / "trace.json").read_bytes()
    second = host.run(settings, tmp_path, check=OK)
    assert (tmp_path / "trace.json").read_bytes() == trace and b"power-cut" in trace
    assert without_wall(second.report) == without_wall(report)


def test_the_example_of_the_docs_fails_where_it_is_to_fail(host, model, script, tmp_path):
    result = host.run(config(tmp_path, model, script, "fail"), tmp_path, check=EXECUTION_FAILED)
    (error,) = result.report["outcome"]
    assert error["code"] == "GE0611" and error["scope"].startswith("blocks.1") and error["node"]
    assert "device w1 is lost by fault power-cut" in error["message"] and " ns in stage " in error["message"]
    assert "recoveries" not in result.report


def test_plans_beyond_this_machine_meet_faults_too(host, model, script, tmp_path):
    """`compute: none` computes nothing, and loses, repeats and goes on all the same."""
    settings = config(tmp_path, model, script, "replan")
    settings["backend"]["options"]["compute"] = "none"
    report = host.run(settings, tmp_path, check=OK).report
    assert [recovery["lost"]["devices"] for recovery in report["recoveries"]] == [["w1"]]
