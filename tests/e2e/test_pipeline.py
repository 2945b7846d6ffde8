"""Several steps in one call: the objective throughput, what it gains, and what it may not change."""

import json

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn

import genie.export
from genie import tensors
from harness import EMULATION, KERNELS, OK, topology

MIB = 1 << 20


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.inner = nn.Sequential(nn.Linear(256, 1024), nn.GELU(), nn.Linear(1024, 256))

    def forward(self, x):
        return x + self.inner(x)


class Blocks(nn.Module):
    def __init__(self, block=Block, count=6):
        super().__init__()
        self.blocks = nn.Sequential(*[block() for _ in range(count)])

    def forward(self, x):
        return self.blocks(x)


class Noisy(nn.Module):
    def forward(self, x):
        return x + torch.rand_like(x)


class Counts(nn.Module):
    def __init__(self):
        super().__init__()
        self.register_buffer("seen", torch.zeros(()))

    def forward(self, x):
        self.seen.add_(1)
        return x + self.seen


def run(host, folder, archive, calls, options, expected=None, changes=(), check=OK):
    folder.mkdir()
    topology(folder, [64 * MIB] * 3)
    for index, inputs in enumerate(calls):
        save_file(inputs, folder / f"{index}.safetensors")
    config = {
        "source": {"uri": str(archive)}, "kernels": [{"plugin": KERNELS, "options": {"threads": 1}}],
        "policy": {"plugin": "org.genie.policy-default", "options": options},
        "backend": {"plugin": EMULATION, "options": {"topology": "cluster.json"}},
        "run": {"seed": 5, "steps": [{"method": "forward", "inputs": f"{index}.safetensors"} for index in range(len(calls))]},
        "outputs": {"file": "outputs.safetensors"}, "report": {"json": "report.json", "plan": "plan.json"},
    }
    if expected is not None:
        save_file(expected, folder / "expected.safetensors")
        config["expect"] = {"file": "expected.safetensors", "rtol": 0, "atol": 0}
    for pointer, value in changes:
        config[pointer] = value
    return host.run(config, folder, check=check)


def calls_of(result):
    return [(step["index"], step.get("micro_batches", 1)) for step in result.report["time"]["steps"]]


def elapsed(result):
    return sum(step["virtual_ns"] for step in result.report["time"]["steps"])


@pytest.fixture(scope="module")
def blocks(tmp_path_factory):
    """An archive of six blocks, ten inputs, and what PyTorch answers."""
    torch.manual_seed(1)
    inputs = [(torch.randn(64, 256),) for _ in range(10)]
    program = genie.export.export(Blocks().eval(), inputs[0])
    archive = genie.export.save(program, tmp_path_factory.mktemp("blocks") / "blocks.pt2")
    return archive, [tensors.input_tensors(program, one) for one in inputs], tensors.run_steps(program, [(one, {}) for one in inputs])


def test_throughput_overlaps_steps_and_changes_no_bit(host, tmp_path, blocks):
    archive, calls, expected = blocks
    latency = run(host, tmp_path / "latency", archive, calls, {"objective": "latency"}, expected)
    assert calls_of(latency) == [(index, 1) for index in range(10)]
    pipeline = run(host, tmp_path / "pipeline", archive, calls, {"objective": "throughput", "micro_batches": 4}, expected)
    assert calls_of(pipeline) == [(0, 4), (4, 4), (8, 2)]
    forward = pipeline.plan["schedule"]["methods"]["forward"]
    assert forward["micro_batches"] == 4
    assert {stage["device"] for stage in forward["stages"]} == {"w0", "w1", "w2"}
    # A call of four takes what was predicted; ten steps take much less than one after the other.
    steps = pipeline.report["time"]["steps"]
    assert [step["virtual_ns"] for step in steps[:2]] == [forward["predicted"]["makespan_ns"]] * 2
    assert steps[2]["virtual_ns"] < steps[0]["virtual_ns"]
    assert elapsed(pipeline) < 0.75 * elapsed(latency)
    assert "pipeline" in pipeline.text and "micro-batches a call" in pipeline.text


def test_the_decision_tells_of_micro_batches_and_one_is_as_before(host, tmp_path, blocks):
    archive, calls, expected = blocks
    one = run(host, tmp_path / "one", archive, calls[:3], {"objective": "throughput", "micro_batches": 1})
    assert calls_of(one) == [(0, 1), (1, 1), (2, 1)] and "micro_batches" not in one.plan["schedule"]["methods"]["forward"]
    eight = run(host, tmp_path / "eight", archive, calls[:3], {"objective": "throughput"})
    assert calls_of(eight) == [(0, 3)]
    (decision,) = [one for one in eight.plan["schedule"]["decisions"] if one["subject"] == "forward"]
    assert decision["chose"] == "8 micro-batches" and decision["because"] == "throughput"


def test_steps_of_other_sizes_or_on_each_others_results_do_not_share_a_call(host, tmp_path):
    rows = torch.export.Dim("rows", min=1, max=64)
    program = genie.export.export(Blocks(count=2).eval(), (torch.randn(8, 256),), dynamic_shapes={"x": {0: rows}})
    archive = genie.export.save(program, tmp_path / "dynamic.pt2")
    calls = [{"x": torch.randn(count, 256)} for count in (8, 8, 16, 8)]
    options = {"objective": "throughput", "micro_batches": 4}
    assert calls_of(run(host, tmp_path / "sizes", archive, calls, options)) == [(0, 2), (2, 1), (3, 1)]
    chained = [{"method": "forward", "inputs": "0.safetensors"},
               {"method": "forward", "inputs": {"x": {"output": "-1/output"}}, "repeat": 3}]
    result = run(host, tmp_path / "chained", archive, calls[:1], options, changes=[("run", {"steps": chained})])
    assert calls_of(result) == [(index, 1) for index in range(4)]


@pytest.mark.parametrize("costs", ["model", "measured"])
def test_random_numbers_are_those_of_single_steps(host, tmp_path, costs):
    program = genie.export.export(Blocks(Noisy, 3).eval(), (torch.zeros(4, 256),))
    archive = genie.export.save(program, tmp_path / "noisy.pt2")
    calls = [{"x": torch.zeros(4, 256)}] * 5
    backend = {"plugin": EMULATION, "options": {"topology": "cluster.json", "costs": costs}}
    single = run(host, tmp_path / "single", archive, calls, {}, changes=[("backend", backend)])
    shared = run(host, tmp_path / "shared", archive, calls, {"objective": "throughput", "micro_batches": 5},
                 changes=[("backend", backend)])
    assert calls_of(shared) == [(0, 5)]
    one, other = (load_file(tmp_path / name / "outputs.safetensors") for name in ("single", "shared"))
    assert single.code == 0 and one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def test_a_method_with_states_takes_one_step_at_a_time(host, tmp_path):
    program = genie.export.export(Blocks(Counts, 2).eval(), (torch.zeros(4),))
    archive = genie.export.save(program, tmp_path / "counts.pt2")
    inputs = [(torch.full((4,), float(index)),) for index in range(3)]
    expected = tensors.run_steps(program, [(one, {}) for one in inputs])
    result = run(host, tmp_path / "run", archive, [tensors.input_tensors(program, one) for one in inputs],
                 {"objective": "throughput"}, expected)
    assert calls_of(result) == [(0, 1), (1, 1), (2, 1)]
    plan = json.loads((tmp_path / "run" / "plan.json").read_text())
    plan["schedule"]["methods"]["forward"]["micro_batches"] = 2
    (tmp_path / "run" / "edited.json").write_text(json.dumps(plan))
    refused = host.command("--config", "run.json", "--set", "/source={\"plan\": \"edited.json\"}", folder=tmp_path / "run", check=3)
    assert "error[GE0522]" in refused.err


def test_faults_are_scripted_by_step_and_meet_micro_batches_one_by_one(host, tmp_path, blocks):
    archive, calls, expected = blocks
    faults = {"schema": "genie.faults", "version": {"major": 0, "minor": 1},
              "faults": [{"kind": "slow", "device": "w0", "factor": 3, "step": 1}]}
    backend = {"plugin": EMULATION, "options": {"topology": "cluster.json", "faults": faults}}
    result = run(host, tmp_path / "run", archive, calls, {"objective": "throughput", "micro_batches": 5}, expected,
                 changes=[("backend", backend)])
    assert calls_of(result) == [(0, 5), (5, 5)]


def test_what_was_recorded_of_a_pipeline_runs_again(host, tmp_path, blocks):
    archive, calls, _ = blocks
    first = run(host, tmp_path / "run", archive, calls[:6], {"objective": "throughput", "micro_batches": 3})
    folder = tmp_path / "run"
    host.command("run", "--config", "run.json", "--record", "recorded", folder=folder, check=OK)
    host.command("run", "--config", folder / "recorded" / "run.json", "--set", "/report={\"json\": \"again.json\"}", folder=folder,
                 check=OK)
    again = json.loads((folder / "recorded" / "again.json").read_text())
    strip = lambda steps: [{key: value for key, value in step.items() if key != "wall_ns"} for step in steps]
    assert strip(again["time"]["steps"]) == strip(first.report["time"]["steps"])
