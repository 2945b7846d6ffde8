"""Hints of every kind, hard and soft, from the run configuration to the schedule; and what is said when one cannot be met."""

import re

import pytest
import torch

import genie.export
from harness import EMULATION, NOT_SCHEDULED, OK, topology

KIB = 1 << 10


class Layers(torch.nn.Module):
    """Four layers of 64 KiB of weights each."""

    def __init__(self):
        super().__init__()
        self.layers = torch.nn.ModuleList(torch.nn.Linear(128, 128, bias=False) for _ in range(4))

    def forward(self, x):
        for layer in self.layers:
            x = torch.relu(layer(x))
        return x


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    path = tmp_path_factory.mktemp("hints") / "model.pt2"
    genie.export.save(genie.export.export(Layers().eval(), (torch.zeros(2, 128),)), path)
    return path


def hinted(host, model, folder, hints, memory=(1024 * KIB,) * 3, check=OK):
    """The result of a run under these hints."""
    topology(folder, memory)
    return host.run({"source": {"uri": str(model)}, "backend": {"plugin": EMULATION, "options": {"topology": "cluster.json"}},
                     "hints": hints, "run": {"inputs": {"x": {"random": {"seed": 1}}}}, "report": {"json": "report.json", "plan": "plan.json"}},
                    folder, check=check)


def device_of(plan, scope):
    """The devices of the nodes of a module."""
    stages = plan["schedule"]["methods"]["forward"]["stages"]
    at = {node: stage["device"] for stage in stages for node in stage["nodes"]}
    return {at[node["id"]] for node in plan["methods"]["forward"]["nodes"] if node.get("scope", "").startswith(scope)}


KINDS = {
    "pin": {"select": "layers.1", "device": "w2"},
    "forbid": {"select": "layers.1", "device": "w0"},
    "colocate": {"select": "layers.*"},
    "separate": {"select": "layers.*"},
    "replicate": {"select": "weight:layers.0.weight", "device": "w1"},
    "phase": {"select": "layers.0", "value": "encode"},
    "role": {"select": "layers.0", "value": "mlp.up"},
    "modality": {"select": "**", "value": "tabular"},
    "priority": {"select": "layers.0", "value": "bulk"},
    "budget": {"device": "w0", "bytes": 100 * KIB},
    "recompute": {"select": "**", "value": "never"},
}


@pytest.mark.parametrize("strength", ["hard", "soft"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_hint_of_each_kind_is_taken(host, model, tmp_path, kind, strength):
    hint = {"kind": kind, **KINDS[kind], "strength": strength}
    devices = 4 if kind == "separate" else 3
    plan = hinted(host, model, tmp_path, [hint], (1024 * KIB,) * devices).plan
    assert [constraint["kind"] for constraint in plan["constraints"]] == [kind]
    if kind == "pin":
        assert device_of(plan, "layers.1") == {"w2"}
    elif kind == "forbid":
        assert "w0" not in device_of(plan, "layers.1")
    elif kind == "separate":
        assert sorted(map(tuple, (device_of(plan, f"layers.{i}") for i in range(4)))) == [("w0",), ("w1",), ("w2",), ("w3",)]
    elif kind == "replicate":
        assert "w1" in plan["schedule"]["residence"]["weights"]["layers.0.weight"]
    elif kind == "budget":
        assert plan["schedule"]["methods"]["forward"]["predicted"]["peak_bytes"].get("w0", 0) <= 100 * KIB
    elif kind in ("phase", "role", "modality"):
        layer = [node for node in plan["methods"]["forward"]["nodes"] if node.get("scope") == "layers.0"]
        assert all(node["semantics"][kind] == {"is": hint["value"], "by": "user"} for node in layer)


def test_a_soft_hint_that_cannot_be_met_is_given_up_and_the_decision_says_so(host, model, tmp_path):
    hints = [{"kind": "pin", "select": "layers.**", "device": "w1", "strength": "soft"}]
    result = hinted(host, model, tmp_path, hints, (400 * KIB, 100 * KIB))
    decisions = {decision["subject"]: decision for decision in result.plan["schedule"]["decisions"]}
    assert decisions["h1"]["because"] == "hint-not-met"
    assert "given up" in decisions["h1"]["detail"]
    assert re.search(r"^  not met +the soft hint h1", result.out, re.MULTILINE)


def test_a_hard_hint_that_cannot_be_met_is_named_with_what_would_help(host, model, tmp_path):
    hints = [{"kind": "pin", "select": "layers.**", "device": "w1"}]
    result = hinted(host, model, tmp_path, hints, (400 * KIB, 100 * KIB), check=NOT_SCHEDULED)
    assert "GE0553" in result.err
    assert "w1 needs" in result.err
    assert re.search(r"or drop the hint h1 \(.*run.json#/hints/0\)", result.err)
