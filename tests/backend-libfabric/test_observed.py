"""What is seen of steps on workers: the timeline of the report and the trace, dumps, the debugger."""

import json
import subprocess

import torch
from harness import EXECUTION_FAILED, INTERRUPTED, OK, topology
from safetensors.torch import load_file
from test_remote_runs import decoder_config, emulated, outputs
from workers import PATIENCE


def observed_run(host, cluster, folder):
    """The decoder on two workers: what it prints, its report, and the spans of its trace by step and name."""
    run = {**decoder_config(folder), "backend": cluster.backend(),
           "report": {"json": "report.json", "trace": "trace.json", "plan": "plan.json"}}
    printed = host.run(run, folder, "--details", check=OK).text
    events = json.loads((folder / "trace.json").read_text())["traceEvents"]
    processes = {event["pid"]: event["args"]["name"] for event in events if event.get("name") == "process_name"}
    spans = {(event["args"]["step"], event["name"]): {**event, "process": processes[event["pid"]]}
             for event in events if event["ph"] == "X" and "step" in event.get("args", {})}
    return printed, json.loads((folder / "report.json").read_text()), spans, events


def test_a_transfer_ends_before_the_stage_that_takes_it_and_crosses_the_link_of_its_ends(host, cluster, tmp_path):
    cluster.start("w0", "w1")
    _, report, spans, _ = observed_run(host, cluster, tmp_path)
    scheduled = json.loads((tmp_path / "plan.json").read_text())["schedule"]["methods"]["forward"]
    stages = {stage["id"]: stage for stage in scheduled["stages"]}
    places = {stage: entry["device"] for stage, entry in stages.items()}
    assert len(set(places.values())) == 2
    between = 0
    for step in range(4):
        for stage, device in places.items():
            assert spans[step, stage]["process"] == device
        for transfer in scheduled["transfers"]:
            ends = [places.get(transfer[end], "client") for end in ("from", "to")]
            if (step, transfer["id"]) not in spans:
                continue  # an input that is a value kept on its device; an output that stays where it is
            span = spans[step, transfer["id"]]
            assert span["process"] == "--".join(sorted(ends)) and span["args"]["bytes"] > 0
            between += "client" not in ends
            if transfer["to"] in places and transfer["from"] in places and places[transfer["from"]] != places[transfer["to"]]:
                # Both ends of the first, and the taker of the second, are told by one clock each.
                assert span["ts"] >= spans[step, transfer["from"]]["ts"] + spans[step, transfer["from"]]["dur"]
                assert span["ts"] + span["dur"] <= spans[step, transfer["to"]]["ts"] + 1e6  # clocks differ
    assert between >= 4
    for link in ("client--w0", "client--w1", "w0--w1"):
        use = report["links"][link]
        assert use["bytes"] > 0 and use["busy_ns"] > 0
        assert use["messages"] == sum(span["process"] == link for span in spans.values())
        assert use["bytes"] == sum(span["args"]["bytes"] for span in spans.values() if span["process"] == link)


def test_the_report_says_what_devices_waited_for_and_what_they_held(host, cluster, tmp_path):
    cluster.start("w0", "w1")
    printed, report, _, events = observed_run(host, cluster, tmp_path)
    assert "waits " in printed and "path " in printed and " w0--w1 " in printed, printed
    for device, use in report["devices"].items():
        held = [event["args"] for event in events if event["ph"] == "C" and event["name"] == "memory"]
        assert held and use["busy_ns"] > 0
        assert max(max(each.values()) for each in held) <= use["peak_bytes"] * 2


def both(host, cluster, folder):
    """The decoder's configurations for the emulated cluster and for workers of the same names."""
    config = decoder_config(folder, steps=2)
    topology(folder, [1 << 30] * 2)
    cluster.start("w0", "w1")
    return emulated(config, 2), {**config, "backend": cluster.backend(), "outputs": {"file": "outputs.safetensors"}}


def test_a_dump_from_workers_has_the_emulators_bits(host, cluster, tmp_path):
    here, there = both(host, cluster, tmp_path)
    dumps = []
    for name, config in (("here", here), ("there", there)):
        host.run(config, tmp_path, "--dump", "**", "--dump-file", f"{name}.safetensors", check=OK)
        dumps.append((outputs(tmp_path), load_file(tmp_path / f"{name}.safetensors")))
    (expected_outputs, expected), (actual_outputs, actual) = dumps
    assert actual_outputs == expected_outputs
    assert sorted(actual) == sorted(expected) and len(expected) > 100
    for name, tensor in expected.items():
        assert torch.equal(actual[name], tensor), name


def test_a_dump_leaves_a_run_on_workers_as_it_is_without_it(host, cluster, tmp_path):
    _, there = both(host, cluster, tmp_path)
    host.run(there, tmp_path, check=OK)
    plain = outputs(tmp_path)
    host.run(there, tmp_path, "--dump", "layers.1", check=OK)
    assert outputs(tmp_path) == plain


def test_every_result_on_workers_equals_the_reference_of_one_device(host, cluster, tmp_path):
    _, there = both(host, cluster, tmp_path)
    out = host.command("debug", "--config", host.write(there, tmp_path), "--compare", folder=tmp_path, check=OK).out
    assert "results equal the reference's" in out


def test_the_debugger_pauses_on_workers_and_shows_values_states_and_memory(host, cluster, tmp_path):
    _, there = both(host, cluster, tmp_path)
    commands = ["break transfer w1", "continue", "delete 1", "break layers.1.up", "continue", "print", "finish", "print state:layers.1.k", "memory",
                "clock", "queues", "delete 2", "continue"]  # fmt: skip
    said = [part for command in commands for part in ("-x", command)]
    out = host.command("debug", "--config", host.write(there, tmp_path), *said, folder=tmp_path, check=OK).out
    assert "on w1  [breakpoint 2]" in out, out
    assert "state:layers.1.k = f32[1, 4, 16, 8]" in out, out
    assert "w0" in out.split("(genie) memory")[1] and "w1" in out.split("(genie) memory")[1]
    assert "0/output = f32[1, 1, 50]" in out


def test_a_person_who_quits_ends_the_step_on_all_workers(host, cluster, tmp_path):
    _, there = both(host, cluster, tmp_path)
    run = host.command("debug", "--config", host.write(there, tmp_path), "-x", "step 3", "-x", "quit", folder=tmp_path)
    assert run.code == INTERRUPTED and "output =" not in run.out
    host.run(there, tmp_path, check=OK)  # the workers are free for the next


def test_a_worker_that_is_lost_while_somebody_looks_ends_the_run(host, cluster, tmp_path):
    _, there = both(host, cluster, tmp_path)
    path = host.write(there, tmp_path)
    run = subprocess.Popen([host.binary, "debug", "--config", path], cwd=tmp_path, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                           stderr=subprocess.PIPE, env=host.environment, text=True)  # fmt: skip
    assert "before" in run.stdout.readline()
    cluster.workers[1].kill()
    out, err = run.communicate("continue\n", timeout=PATIENCE)
    assert run.returncode == EXECUTION_FAILED and "was lost" in err, out + err


def test_a_run_on_workers_that_was_recorded_runs_again_to_the_same_bits(host, cluster, tmp_path):
    _, there = both(host, cluster, tmp_path)
    host.run(there, tmp_path, "--record", "recorded", check=OK)
    assert "as expected" in host.command("--config", "recorded/run.json", folder=tmp_path, check=OK).out
    assert "outputs are as expected" in host.command("debug", "--config", "recorded/run.json", "-x", "continue", folder=tmp_path, check=OK).out
