"""`genie-host debug` and `run --dump`: a run that pauses, answers, compares and gives its values away."""

import json
import os
import pty
import re
import signal
import subprocess
import time

import pytest
import torch
from safetensors.torch import load_file, save_file

import genie.export
import genie.values
from harness import EMULATION, INTERRUPTED, OK, USAGE, VERIFICATION_FAILED, topology

KIB = 1 << 10


class Model(torch.nn.Module):
    """Two layers, a scale and a counter: values, a state, and a NaN for negative input."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(3)
        self.first = torch.nn.Linear(128, 128)
        self.second = torch.nn.Linear(128, 128)
        self.register_buffer("calls", torch.zeros(()))

    def forward(self, x):
        self.calls += 1
        hidden = torch.relu(self.first(x)) * 2.0
        return {"y": self.second(hidden) + self.calls, "root": torch.sqrt(x)}


INPUTS = {"x": torch.rand(2, 128, generator=torch.Generator().manual_seed(5)) + 0.5}


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    path = tmp_path_factory.mktemp("debug") / "model.pt2"
    genie.export.save(genie.export.export(Model().eval(), (INPUTS["x"],)), path)
    return path


@pytest.fixture
def config(host, model, tmp_path):
    """Two devices that hold one layer each."""
    topology(tmp_path, (100 * KIB, 100 * KIB))
    save_file(INPUTS, tmp_path / "x.safetensors")
    return host.write({"source": {"uri": str(model)}, "backend": {"plugin": EMULATION, "options": {"topology": "cluster.json"}},
                       "run": {"inputs": "x.safetensors"}}, tmp_path)  # fmt: skip


def debug(host, config, folder, *commands, arguments=(), check=OK):
    said = [part for command in commands for part in ("-x", command)]
    return host.command("debug", "--config", config, *said, *arguments, folder=folder, check=check).out


def node(text, op):
    """The id of the first node of an operator in a transcript of `list`."""
    return re.search(rf"(\S+)  {re.escape(op)}", text).group(1)


def test_it_pauses_before_the_first_node_and_the_run_then_ends_as_any_other(host, config, tmp_path):
    out = debug(host, config, tmp_path, "where", "continue")
    assert out.startswith("step 0 at ") and ": before " in out.splitlines()[0]
    root = torch.sqrt(INPUTS["x"])[0, 0].item()
    assert "y = f32[2, 128]  " in out and f"root = f32[2, 128]  {root:.4}"[:-1] in out


def test_stepping_shows_what_each_node_gave(host, config, tmp_path):
    out = debug(host, config, tmp_path, "step 2", "step", "continue")
    assert len(re.findall(r"^step 0", out, re.M)) == 3
    assert len(re.findall(r"^  \S+ = f32", out, re.M)) == 3


def test_breakpoints_by_node_module_and_operator(host, config, tmp_path):
    for where, op in (("second", "aten.linear.default"), ("op:aten.relu.default", "aten.relu.default"), ("relu", "aten.relu.default")):
        out = debug(host, config, tmp_path, f"break {where}", "continue", "breaks", "delete 1", "continue")
        assert re.search(rf"before \S+  {re.escape(op)}.*\[breakpoint 1\]", out), out
        assert "hit 1 times" in out and "breakpoint 1 deleted" in out


def test_a_breakpoint_on_transfers_shows_the_value_that_came(host, config, tmp_path):
    out = debug(host, config, tmp_path, "break transfer w1", "continue", "print", "continue")
    arrived = re.search(r"step 0 at [^:]*: (\S+) arrived on w1 from (\S+|the client) \(([^)]*)\)", out)
    assert arrived, out
    assert f"  {arrived.group(1)} = f32[2, 128]" in out


def test_a_value_condition_and_nan_stop_after_the_node_that_gave_it(host, config, tmp_path):
    out = debug(host, config, tmp_path, "break when max > 1.9 in op:aten.mul.**", "continue", "print", "delete 1", "continue")
    expected = (torch.relu(Model().first(INPUTS["x"])) * 2.0).max().item()
    assert expected > 1.9, "the model must meet the condition"
    assert re.search(r"after \S+  aten\.mul.*\[breakpoint 1: when max > 1\.9", out) and f"max {expected:.6g}" in out
    save_file({"x": -INPUTS["x"]}, tmp_path / "x.safetensors")
    out = debug(host, config, tmp_path, "break nan", "continue", "where", "delete 1", "continue")
    assert re.search(r"after \S+  aten\.sqrt\.default.*\[breakpoint 1: nan\]", out)
    assert "256 NaN, 0 infinite of 256" in out


def test_print_shows_inputs_results_slices_and_states(host, config, tmp_path):
    out = debug(host, config, tmp_path, "break op:aten.sqrt.default", "continue", "print", "print x 0,:3", "finish", "print sqrt 1,-2:", "print state:calls",
                "print x 0,0,0", "print nonsense", "continue")  # fmt: skip
    x = INPUTS["x"]
    numbers = lambda tensor: "[" + ", ".join(re.escape(f"{v:.4}"[:5]) + r"\d*" for v in tensor.tolist()) + "]"  # noqa: E731
    assert re.search(numbers(x[0, :3]).replace("[", r"\[", 1), out), out
    assert re.search(numbers(torch.sqrt(x[1, -2:])).replace("[", r"\[", 1), out), out
    assert re.search(r"state:calls = f32\[\]  min [01],", out)
    assert "error[GE0665]" in out and "3 parts for 2 dimensions" in out and "no value, node or state `nonsense`" in out


def test_memory_clock_queues_and_list_say_where_the_run_stands(host, config, tmp_path):
    out = debug(host, config, tmp_path, "break second", "continue", "memory", "memory w0", "clock", "queues", "list 1", "continue")
    used = re.findall(r"(w\d)  ([\d.]+ KiB) of 100 KiB used", out)
    assert {device for device, _ in used} == {"w0", "w1"}
    assert "weight first.weight" in out and "weight second.weight" in out
    assert "since it began" in out and re.search(r"w\d (runs \w+|has been idle since \d|has not begun)", out)
    assert re.search(r"w\d: \d+ to run: ", out) and re.search(r"^-> \S+  aten.linear.default", out, re.M)


def test_the_clock_runs_as_predicted_for_one_node_stages(host, config, tmp_path):
    out = debug(host, config, tmp_path, "step 100", "continue")
    assert debug(host, config, tmp_path, "step 100", "continue") == out, "the same run answers the same"


def test_commands_come_from_a_file_and_end_with_the_run(host, config, tmp_path):
    (tmp_path / "session.txt").write_text("# stop at the second layer\nbreak second\n\ncontinue\nfinish\n")
    out = debug(host, config, tmp_path, arguments=("--commands", "session.txt"))
    assert "(genie) break second" in out and re.search(r"after \S+  aten.linear.default  second", out) and "y = f32[2, 128]" in out


def test_what_is_not_understood_is_answered_with_what_is(host, config, tmp_path):
    out = debug(host, config, tmp_path, "setp", "break", "break when median > 3", "break when max ~ 3", "break when max > x", "break no.such.module", "step zero",
                "help break", "help", "delete 9", "continue")  # fmt: skip
    for part in ("did you mean `step`?", "`break` does not say where", "`median` is no statistic", "`~` is no operator", "`x` is no number",
                 "matches nothing in the plan", "`step` cannot take `zero`", "break when max > 100 [in SELECTOR]", "quit", "no such breakpoint"):  # fmt: skip
        assert part in out, part
    assert "--json" in host.command("debug", "--config", config, "--json", folder=tmp_path, check=USAGE).err


def test_quit_ends_the_run(host, config, tmp_path):
    assert "y = " not in debug(host, config, tmp_path, "quit", check=INTERRUPTED)


def test_comparison_with_one_device_finds_every_result_equal(host, config, tmp_path):
    out = debug(host, config, tmp_path, arguments=("--compare",))
    results = int(re.search(r"(\d+) results equal the reference's", out).group(1))
    assert results >= 6


@pytest.mark.parametrize("name", ["in-place-on-views.plain", "bert-static.recommended"])
def test_comparison_holds_for_work_in_place_and_over_many_transfers(host, corpus, tmp_path, name):
    """Views, writes in place and memory that is not written yet, with every node a stage and the stages on three devices."""
    archive = corpus.archives[name]
    topology(tmp_path, (1 << 30,) * 3)
    written = host.write(corpus.config(archive, tmp_path, corpus.sessions(archive)[0]), tmp_path)
    ops = "op:aten.add*" if "bert" in name else "op:aten.clone*"
    document = json.loads(written.read_text()) | {"hints": [{"kind": "pin", "select": ops, "device": "w1", "strength": "soft"}]}
    written.write_text(json.dumps(document))
    assert "results equal the reference's" in debug(host, written, tmp_path, arguments=("--compare",))


def test_comparison_names_the_first_node_that_differs(host, config, tmp_path):
    """A plan whose scale somebody changed, beside the plan as it was."""
    host.command("plan", "schedule", config, "--output", "plan.json", folder=tmp_path, check=OK)
    plan = json.loads((tmp_path / "plan.json").read_text())
    changed = next(n for n in plan["methods"]["forward"]["nodes"] if n["op"].startswith("aten.mul."))
    changed["args"] = json.loads(json.dumps(changed["args"]).replace("2.0", "2.5").replace(": 2}", ": 2.5}"))
    assert "2.5" in json.dumps(changed["args"])
    (tmp_path / "changed.json").write_text(json.dumps(plan))
    other = host.write({**json.loads(config.read_text()), "source": {"plan": "changed.json"}}, tmp_path, "changed-run.json")
    ran = host.command("debug", "--config", other, "--reference", config, folder=tmp_path, check=VERIFICATION_FAILED)
    assert "error[GE0666]" in ran.err and re.search(rf"first in step 0 at {changed['id']}  aten\.mul", ran.err), ran.err
    out = debug(host, other, tmp_path, "continue", "where", "delete 1", "continue", arguments=("--reference", config), check=VERIFICATION_FAILED)
    assert re.search(rf"after {changed['id']} .*\[breakpoint 1: a result that differs", out)
    assert debug(host, other, tmp_path, arguments=("--reference", config, "--atol", "1e3")).count("equal the reference's") == 1


def test_values_of_pytorch_itself_are_a_reference(host, config, model, tmp_path):
    genie.values.main([str(model), str(tmp_path / "x.safetensors"), "-o", str(tmp_path / "values.safetensors")])
    out = debug(host, config, tmp_path, arguments=("--reference", "values.safetensors"))
    assert "results equal the reference's" in out
    values = load_file(tmp_path / "values.safetensors")
    values["relu"] += 0.25
    save_file(values, tmp_path / "values.safetensors")
    ran = host.command("debug", "--config", config, "--reference", "values.safetensors", folder=tmp_path, check=VERIFICATION_FAILED)
    assert re.search(r"1 of \d+ results differ from the reference, first in step 0 at relu  aten.relu.default", ran.err)
    assert "the largest difference is 0.25" in ran.err


def test_dump_writes_the_selected_values_and_the_run_is_as_without_it(host, config, tmp_path):
    host.command("--config", config, "--set", "/outputs/file=plain.safetensors", folder=tmp_path, check=OK)
    host.command("run", "--config", config, "--set", "/outputs/file=dumped.safetensors", "--dump", "first", "--dump", "op:aten.relu.default",
                 "--dump-file", "values.safetensors", folder=tmp_path, check=OK)  # fmt: skip
    assert (tmp_path / "dumped.safetensors").read_bytes() == (tmp_path / "plain.safetensors").read_bytes()
    values = load_file(tmp_path / "values.safetensors")
    first = Model().first(INPUTS["x"])
    assert torch.equal(values["linear"], first) and torch.equal(values["relu"], torch.relu(first)) and len(values) == 2


def test_dump_names_the_step_where_there_are_several(host, config, tmp_path):
    document = json.loads(config.read_text())
    document["run"] = {"steps": [{"inputs": "x.safetensors", "repeat": 2}]}
    several = host.write(document, tmp_path, "several.json")
    host.command("run", "--config", several, "--dump", "relu", folder=tmp_path, check=OK)
    values = load_file(tmp_path / "dump.safetensors")
    assert set(values) == {"0/relu", "1/relu"} and torch.equal(values["0/relu"], values["1/relu"])


def test_dump_of_what_is_not_there_is_refused(host, config, tmp_path):
    assert "error[GE0537]" in host.command("run", "--config", config, "--dump", "no.such", folder=tmp_path, check=USAGE).err
    assert not (tmp_path / "dump.safetensors").exists()


def test_a_terminal_has_a_prompt_and_ctrl_c_ends_it(host, config, tmp_path):
    main, side = pty.openpty()
    run = subprocess.Popen([host.binary, "debug", "--config", config], cwd=tmp_path, stdin=side, stdout=side, stderr=subprocess.PIPE, env=host.environment)
    os.close(side)
    said = b""
    try:
        deadline = time.monotonic() + 60
        while b"(genie) " not in said and time.monotonic() < deadline:
            said += os.read(main, 4096)
        os.write(main, b"where\n")
        while said.count(b"(genie) ") < 2 and time.monotonic() < deadline:
            said += os.read(main, 4096)
        assert b"takes " in said
        run.send_signal(signal.SIGINT)
        assert run.wait(timeout=60) == INTERRUPTED
    finally:
        run.kill()
        run.wait()
        run.stderr.close()
        os.close(main)


def virtual(report):
    """The times of a report's steps on the backend's clock."""
    return [step["virtual_ns"] for step in report["time"]["steps"]]


@pytest.mark.parametrize("costs", ["model", "measured"])
def test_a_recorded_run_replays_exactly(host, config, tmp_path, costs):
    document = json.loads(config.read_text())
    document["backend"]["options"]["costs"] = costs
    document["run"] = {"steps": [{"inputs": {"x": {"random": {"seed": 3, "low": 0.5, "high": 1.0}}}}, {"inputs": "x.safetensors", "repeat": 2}], "seed": 5}
    several = host.write(document, tmp_path, "several.json")
    ran = host.command("run", "--config", several, "--json", "--record", "recorded", folder=tmp_path, check=OK)
    save_file({"x": INPUTS["x"] + 1}, tmp_path / "x.safetensors")
    (tmp_path / "cluster.json").unlink()  # a recording has its own inputs and devices
    times = virtual(json.loads(ran.out))
    assert len(times) == 3 and all(times)
    for attempt in range(2):
        report = json.loads(host.command("--config", "recorded/run.json", "--json", folder=tmp_path, check=OK).out)
        assert report["verify"]["passed"] and virtual(report) == times
        trace = (tmp_path / "recorded" / "replayed-trace.json").read_bytes()
        assert attempt == 0 or trace == previous
        previous = trace


def test_a_recording_runs_in_the_debugger_and_refuses_steps_that_it_has_not(host, config, tmp_path):
    document = json.loads(config.read_text())
    document["backend"]["options"]["costs"] = "measured"
    measured = host.write(document, tmp_path, "measured.json")
    host.command("run", "--config", measured, "--record", "recorded", folder=tmp_path, check=OK)
    recorded = tmp_path / "recorded" / "run.json"
    assert "as expected" in debug(host, recorded, tmp_path, "break second", "continue", "finish", "continue")
    again = host.command("--config", recorded, "--set", "/backend/options/durations=[]", folder=tmp_path, check=5)
    assert "error[GE0600]" in again.err and "step 0 was not recorded" in again.err
