"""What is seen of steps on workers: the timeline of the report and the trace, dumps, the debugger."""

import json

from harness import OK
from test_remote_runs import decoder_config


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
