"""`plan schedule`, `why`, `whatif` and `dot`: placing, questioning and changing placements without running anything."""

import json
import shutil
import subprocess

import pytest
import torch

import genie.export
from harness import EMULATION, INVALID_MODEL, NOT_SCHEDULED, OK, USAGE, topology
from test_hints import Layers

KIB = 1 << 10


class Wrapped(torch.nn.Module):
    """Four layers below one module, so that all paths share their first segment."""

    def __init__(self):
        super().__init__()
        self.body = Layers()

    def forward(self, x):
        return self.body(x)


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    path = tmp_path_factory.mktemp("placement") / "model.pt2"
    genie.export.save(genie.export.export(Wrapped().eval(), (torch.zeros(2, 128),)), path)
    return path


@pytest.fixture
def config(host, model, tmp_path):
    """Three devices that hold two layers each."""
    topology(tmp_path, (150 * KIB,) * 3)
    return host.write({"source": {"uri": str(model)}, "backend": {"plugin": EMULATION, "options": {"topology": "cluster.json"}},
                       "run": {"inputs": {"x": {"random": {"seed": 1}}}}, "report": {"json": "report.json", "plan": "run-plan.json"}}, tmp_path)  # fmt: skip


def devices(plan):
    stages = plan["schedule"]["methods"]["forward"]["stages"]
    return {node: stage["device"] for stage in stages for node in stage["nodes"]}


def test_a_schedule_that_is_written_is_the_one_a_run_makes(host, config, tmp_path):
    shown = host.command("plan", "schedule", config, "--output", "plan.json", folder=tmp_path, check=OK)
    assert "scheduled by" in shown.out and "decisions" in shown.out
    host.command("--config", config, folder=tmp_path, check=OK)
    written, ran = json.loads((tmp_path / "plan.json").read_text()), json.loads((tmp_path / "run-plan.json").read_text())
    assert written["schedule"] == ran["schedule"]
    assert json.loads(host.command("plan", "schedule", config, folder=tmp_path, check=OK).out) == written


def test_a_schedule_edited_by_hand_runs_as_it_is(host, config, tmp_path):
    host.command("plan", "schedule", config, "--output", "plan.json", folder=tmp_path, check=OK)
    plan = json.loads((tmp_path / "plan.json").read_text())
    used = {stage["device"] for stage in plan["schedule"]["methods"]["forward"]["stages"]}
    (spare,) = {"w0", "w1", "w2"} - used
    moved = plan["schedule"]["methods"]["forward"]["stages"][0]
    old, moved["device"] = moved["device"], spare
    for holders in plan["schedule"]["residence"]["weights"].values():
        if holders == [old]:
            holders[:] = [spare]
    (tmp_path / "plan.json").write_text(json.dumps(plan))
    host.command("--config", config, "--set", "/source={\"plan\": \"plan.json\"}", folder=tmp_path, check=OK)
    ran = json.loads((tmp_path / "run-plan.json").read_text())
    assert devices(ran) == devices(plan)


def test_a_schedule_edited_into_nonsense_is_refused_not_repaired(host, config, tmp_path):
    host.command("plan", "schedule", config, "--output", "plan.json", folder=tmp_path, check=OK)
    plan = json.loads((tmp_path / "plan.json").read_text())
    plan["schedule"]["methods"]["forward"]["stages"][0]["nodes"].pop()
    (tmp_path / "plan.json").write_text(json.dumps(plan))
    result = host.command("--config", config, "--set", "/source={\"plan\": \"plan.json\"}", folder=tmp_path, check=INVALID_MODEL)
    assert "GE05" in result.err


def test_hints_on_the_command_line_are_hints_of_the_config(host, config, tmp_path):
    host.command("plan", "schedule", config, "--output", "plan.json", "--pin", "body.layers.0=w2", "--forbid", "body.layers.3=w2",
                 "--colocate", "body.layers.1", "--budget", f"w1={140 * KIB}", folder=tmp_path, check=OK)  # fmt: skip
    plan = json.loads((tmp_path / "plan.json").read_text())
    assert [hint["kind"] for hint in plan["constraints"]] == ["pin", "forbid", "colocate", "budget"]
    at = devices(plan)
    for node in plan["methods"]["forward"]["nodes"]:
        if node.get("scope", "").startswith("body.layers.0"):
            assert at[node["id"]] == "w2"
        if node.get("scope", "").startswith("body.layers.3"):
            assert at[node["id"]] != "w2"


@pytest.mark.parametrize("option, text", [("--pin", "body"), ("--pin", "=w0"), ("--forbid", "body="), ("--budget", "w0=much"), ("--set", "x")])
def test_a_malformed_change_says_how_to_write_it(host, config, tmp_path, option, text):
    result = host.command("plan", "schedule", config, option, text, folder=tmp_path, check=USAGE)
    assert text in result.err and "help" in result.err


def test_why_tells_the_decision_the_alternatives_the_hints_and_the_transfers(host, config, tmp_path):
    host.command("plan", "schedule", config, "--output", "plan.json", "--pin", "body.layers.0=w2", folder=tmp_path, check=OK)
    plan = json.loads((tmp_path / "plan.json").read_text())
    schedule = plan["schedule"]["methods"]["forward"]
    pinned = next(stage for stage in schedule["stages"] if stage["device"] == "w2")
    text = host.command("plan", "why", "plan.json", pinned["id"], folder=tmp_path, check=OK).out
    for part in ("on w2", "instead of w0", "h1: hard pin body.layers.0 on w2", "run.json#/hints/0", "takes", "gives"):
        assert part in text
    answer = json.loads(host.command("plan", "why", "plan.json", pinned["id"], "--json", folder=tmp_path, check=OK).out)
    (stage,) = answer["stages"]
    assert stage["device"] == "w2" and stage["hints"] == ["h1"]
    assert [one["id"] for one in stage["takes"]] == [one["id"] for one in schedule["transfers"] if one["to"] == pinned["id"]]
    decision = next(one for one in plan["schedule"]["decisions"] if one["subject"] == pinned["id"])
    assert stage["decisions"][0]["detail"] == decision["detail"]
    assert {one["device"] for one in stage["decisions"][0]["alternatives"]} == {"w0", "w1"}


def test_why_finds_nodes_modules_weights_and_hints(host, config, tmp_path):
    host.command("plan", "schedule", config, "--output", "plan.json", "--pin", "body.layers.0=w2", folder=tmp_path, check=OK)
    plan = json.loads((tmp_path / "plan.json").read_text())
    at = devices(plan)
    weight = next(name for name in plan["weights"] if "layers.0" in name)
    node = next(node["id"] for node in plan["methods"]["forward"]["nodes"] if "layers.0" in node.get("scope", ""))
    for subject in (node, weight, "body.layers.0", "h1", "op:aten.*"):
        answer = json.loads(host.command("plan", "why", "plan.json", subject, "--json", folder=tmp_path, check=OK).out)
        assert "w2" in {stage["device"] for stage in answer["stages"]}, subject
        if subject == node:
            assert [stage["device"] for stage in answer["stages"]] == [at[node]]
        if subject == weight:
            assert answer["holdings"] == [{"kind": "weight", "name": weight, "bytes": 64 * KIB, "devices": ["w2"]}]


def test_why_of_a_config_schedules_it(host, config, tmp_path):
    assert "stage s0 on" in host.command("plan", "why", config, "s0", folder=tmp_path, check=OK).out


def test_why_of_a_captured_plan_says_that_nothing_was_decided(host, config, model, tmp_path):
    result = host.command("plan", "why", model, "s0", folder=tmp_path, check=USAGE)
    assert "GE0019" in result.err and "plan schedule" in result.err


def test_a_path_without_what_all_modules_share_is_completed(host, config, tmp_path):
    result = host.command("plan", "why", config, "layers.2.**", folder=tmp_path, check=USAGE)
    assert "did you mean body.layers.2.**?" in result.err


def test_whatif_shows_what_would_change(host, config, tmp_path):
    before = json.loads(host.command("plan", "schedule", config, folder=tmp_path, check=OK).out)
    after = json.loads(host.command("plan", "schedule", config, "--pin", "body.layers.0=w2", folder=tmp_path, check=OK).out)
    answer = json.loads(host.command("plan", "whatif", config, "--pin", "body.layers.0=w2", "--json", folder=tmp_path, check=OK).out)
    for side, plan in (("now", before), ("then", after)):
        predicted = plan["schedule"]["methods"]["forward"]["predicted"]
        shown = answer["methods"]["forward"][side]
        assert {key: shown[key] for key in ("makespan_ns", "wire_bytes", "peak_bytes")} == {key: predicted[key] for key in ("makespan_ns", "wire_bytes", "peak_bytes")}
    was, now = devices(before), devices(after)
    assert sum(moved["nodes"] for moved in answer["moved"]) == sum(was[node] != now[node] for node in was) > 0
    text = host.command("plan", "whatif", config, "--pin", "body.layers.0=w2", folder=tmp_path, check=OK).out
    assert "time of a call" in text and "moves" in text and "→ w2" in text


def test_whatif_of_what_cannot_be_says_why(host, config, tmp_path):
    result = host.command("plan", "whatif", config, "--pin", "**=w0", folder=tmp_path, check=NOT_SCHEDULED)
    assert "GE0553" in result.err and "w0 needs" in result.err


def test_commands_that_place_want_a_run_config(host, config, model, tmp_path):
    for arguments in (["schedule", model], ["whatif", model, "--pin", "**=w0"]):
        assert "GE0021" in host.command("plan", *arguments, folder=tmp_path, check=USAGE).err
    assert "nothing to compare" in host.command("plan", "whatif", config, folder=tmp_path, check=USAGE).err


@pytest.mark.parametrize("nodes", [[], ["--nodes"]])
def test_dot_draws_every_stage_or_node_and_every_transfer(host, config, tmp_path, nodes):
    host.command("plan", "schedule", config, "--output", "plan.json", folder=tmp_path, check=OK)
    plan = json.loads((tmp_path / "plan.json").read_text())
    dot = host.command("plan", "dot", "plan.json", *nodes, folder=tmp_path, check=OK).out
    schedule = plan["schedule"]["methods"]["forward"]
    names = [f"forward/node/{node['id']}" for node in plan["methods"]["forward"]["nodes"]] if nodes else \
            [f"forward/stage/{stage['id']}" for stage in schedule["stages"]]  # fmt: skip
    assert all(f'"{name}" [label=' in dot for name in names)
    assert dot.count("{") == dot.count("}") and dot.startswith("digraph")
    if not nodes:
        assert sum(" -> " in line and "dashed" not in line for line in dot.splitlines()) == len(schedule["transfers"])
    if shutil.which("dot"):
        subprocess.run(["dot", "-Tsvg"], input=dot, text=True, capture_output=True, check=True)


def test_dot_of_a_model_has_names_that_need_quotes(host, model, tmp_path):
    assert "digraph plan {" in host.command("plan", "dot", model, folder=tmp_path, check=OK).out
