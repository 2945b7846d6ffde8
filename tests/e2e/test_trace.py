"""A run's trace keeps the rules of the Trace Event Format that viewers rely on.

Perfetto's own reader is a binary that no package brings; what it does with each kind of event is checked here instead: rows that are
named, spans that nest, arrows that begin and end inside spans, counters of numbers, times in microseconds.
"""

import collections
import json

import pytest

from harness import OK, topology

PHASES = {"X": {"dur"}, "i": {"s"}, "s": {"id", "cat"}, "f": {"id", "cat", "bp"}, "C": set(), "M": set()}


def ns(microseconds):
    """Times are whole nanoseconds, written in microseconds."""
    exact = microseconds * 1000
    assert abs(exact - round(exact)) < 1e-3, microseconds
    return round(exact)


def check(trace):
    """Every rule; returns the spans by row, the arrows by id, the counters by process, the processes and the rows."""
    assert set(trace) <= {"traceEvents", "displayTimeUnit"} and trace["displayTimeUnit"] in ("ms", "ns")
    events = trace["traceEvents"]
    names = collections.defaultdict(dict)
    spans, arrows, counters = collections.defaultdict(list), collections.defaultdict(list), collections.defaultdict(list)
    for event in events:
        phase = event["ph"]
        assert {"name", "pid", "tid", "args"} | PHASES[phase] <= set(event), event
        assert isinstance(event["name"], str) and event["name"] and type(event["pid"]) is int and type(event["tid"]) is int
        if phase == "M":
            assert event["name"] in ("process_name", "thread_name", "process_sort_index", "thread_sort_index")
            key = (event["name"], event["pid"], event["tid"] if event["name"].startswith("thread") else 0)
            assert key not in names[event["name"]], "named twice"
            (names[event["name"]][key],) = event["args"].values()
            continue
        assert event["ts"] >= 0
        row = (event["pid"], event["tid"])
        if phase == "X":
            assert event["dur"] >= 0
            spans[row].append((ns(event["ts"]), ns(event["ts"]) + ns(event["dur"]), event["name"]))
        elif phase in "sf":
            assert event["cat"] == "transfer" and (phase == "s" or event["bp"] == "e")
            arrows[event["id"]].append((phase, row, ns(event["ts"]), event["name"]))
        elif phase == "C":
            assert event["args"] and all(type(value) in (int, float) for value in event["args"].values())
            counters[event["pid"]].append((ns(event["ts"]), event["args"]["bytes"]))
    for row in {(event["pid"], event["tid"]) for event in events if event["ph"] != "M"}:
        assert ("process_name", row[0], 0) in names["process_name"] and ("thread_name", *row) in names["thread_name"], row
    assert len(set(names["process_name"].values())) == len(names["process_name"]), "two processes of one name"
    assert len({(key[1], name) for key, name in names["thread_name"].items()}) == len(names["thread_name"]), "two rows of one name"
    for row, all_of_row in spans.items():
        around = []
        for start, end, name in sorted(all_of_row, key=lambda span: (span[0], -span[1])):
            while around and around[-1] <= start:
                around.pop()
            assert not around or end <= around[-1], f"{name} overlaps another span of row {row} without lying inside it"
            around.append(end)
    for number, ends in arrows.items():
        assert sorted(phase for phase, *_ in ends) == ["f", "s"], f"arrow {number} has no two ends"
        times = {}
        for phase, row, at, name in ends:
            times[phase] = at
            assert any(start <= at < end for start, end, _ in spans[row]), f"arrow {number}, {name}: its {phase} lies in no span"
        assert times["s"] <= times["f"], f"arrow {number} goes back in time"
    processes = {key[1]: name for key, name in names["process_name"].items()}
    rows = set(names["thread_name"].values())
    return spans, arrows, {processes[pid]: points for pid, points in counters.items()}, processes, rows


def run(host, config, folder):
    config["report"] = {**config.get("report", {}), "trace": "trace.json", "plan": "plan.json", "json": "report.json"}
    result = host.run(config, folder, check=OK)
    return check(json.loads((folder / "trace.json").read_text())), result


def test_a_trace_of_a_split_model_keeps_the_rules(host, corpus, tmp_path):
    archive = corpus.archives["bert-static.recommended"]
    topology(tmp_path, [0.8 * archive["weight_bytes"]] * 2)
    (spans, arrows, counters, processes, _), result = run(host, corpus.config(archive, tmp_path), tmp_path)
    scheduled = result.plan["schedule"]["methods"]["forward"]
    seen = {name for all_of_row in spans.values() for _, _, name in all_of_row}
    assert {stage["id"] for stage in scheduled["stages"]} <= seen
    between = [transfer for transfer in scheduled["transfers"] if ":" not in transfer["from"] + transfer["to"]]
    assert len(arrows) == len(between) > 0
    # In microseconds: the last thing that happens is the end of the step.
    (step,) = result.report["time"]["steps"]
    assert max(end for all_of_row in spans.values() for _, end, _ in all_of_row) == step["virtual_ns"]
    for device, use in result.report["devices"].items():
        assert max(most for _, most in counters[device]) == use["peak_bytes"]
    # Devices before links, as a reader looks for them.
    order = [processes[pid] for pid in sorted(processes)]
    assert order[:2] == ["w0", "w1"] and all("-" in name for name in order[2:])


def test_a_trace_of_several_steps_keeps_the_rules(host, corpus, tmp_path):
    topology(tmp_path, [1 << 24] * 2)
    (spans, *_), result = run(host, corpus.config(corpus.archives["cache.recommended"], tmp_path), tmp_path)
    total = sum(step["virtual_ns"] for step in result.report["time"]["steps"])
    assert len(result.report["time"]["steps"]) > 1
    assert max(end for all_of_row in spans.values() for _, end, _ in all_of_row) == total


@pytest.mark.parametrize("name", ["nested-outputs.recommended", "multiple-results.recommended", "bert-static.recommended"])
def test_messages_that_share_a_link_have_rows_of_their_own(host, corpus, tmp_path, name):
    """Several inputs or outputs cross one link at once: their spans overlap, and no row holds two that do."""
    archive = corpus.archives[name]
    topology(tmp_path, [0.7 * archive["weight_bytes"] + (1 << 16)] * 2)
    (*_, rows), _ = run(host, corpus.config(archive, tmp_path), tmp_path)
    assert "transfer (2)" in rows
