"""What `plan show` and `plan diff` print, to the letter, about plans that do not change: tests/plan/golden.

`pytest tests/e2e/test_plan_text.py --rewrite-golden` writes the expected texts anew; read their diff before you commit it.
"""

import copy
import json
import pathlib

import pytest

from harness import OK

EXPECTED = pathlib.Path(__file__).resolve().parent / "golden-plan-text"
PLANS = pathlib.Path(__file__).resolve().parent.parent / "plan" / "golden" / "0.1"
LINES, COLUMNS = 50, 100


def plan(name):
    return json.loads((PLANS / f"{name}.plan.json").read_text())


@pytest.mark.parametrize("name, arguments", [
    ("show-everything", ["everything"]),
    ("show-scheduled", ["scheduled"]),
    ("show-method", ["everything", "--method", "prefill"]),
    ("show-scope", ["scheduled", "--scope", "lin"]),
    ("show-stage", ["scheduled", "--stage", "s1"]),
    ("show-limit", ["everything", "--limit", "2"]),
    ("show-decisions", ["scheduled", "--decisions"]),
])
def test_plan_show(host, tmp_path, check_golden, name, arguments):
    result = host.command("plan", "show", PLANS / f"{arguments[0]}.plan.json", *arguments[1:], folder=tmp_path, check=OK)
    check_golden(f"{name}.txt", result.out)
    assert all(len(line) <= COLUMNS for line in result.out.splitlines())
    assert not [line for line in result.out.splitlines() if line != line.rstrip()], "spaces at the ends of lines"
    as_json = json.loads(host.command("plan", "show", PLANS / f"{arguments[0]}.plan.json", *arguments[1:], "--json", folder=tmp_path, check=OK).out)
    assert as_json["plan"].startswith("sha256:")


@pytest.mark.parametrize("option, value", [("--method", "prefil"), ("--stage", "s9"), ("--scope", "lim")])
def test_plan_show_of_what_is_not_there_says_so(host, tmp_path, option, value):
    result = host.command("plan", "show", PLANS / "scheduled.plan.json", option, value, folder=tmp_path)
    assert result.code != OK and value in result.text and "GE0" in result.text


@pytest.mark.parametrize("name", ["gpt2-static.recommended", "bert-dynamic.plain", "cache.recommended"])
def test_plan_show_of_a_model_fits_a_screen(host, corpus, tmp_path, name):
    archive = corpus.folder / corpus.archives[name]["archive"]
    out = host.command("plan", "show", archive, folder=tmp_path, check=OK).out
    assert len(out.splitlines()) <= LINES and all(len(line) <= COLUMNS for line in out.splitlines()), out


def test_plan_show_of_a_plan_with_much_of_everything_fits_a_screen(host, tmp_path):
    """Many ports, states, stages, weights and decisions, with long names."""
    big = plan("scheduled")
    forward, schedule = big["methods"]["forward"], big["schedule"]
    scheduled = schedule["methods"]["forward"]
    weight = next(iter(big["weights"].values()))
    for i in range(60):
        name = f"a.module.path.that.is.rather.long.layer.{i}.attention.self.query.projection"
        forward["inputs"].append({"name": f"{name}.in", "value": f"x{i}"})
        forward["outputs"].append({"name": f"{name}.out", "value": f"x{i}"})
        forward["values"][f"x{i}"] = {"dtype": "f32", "shape": [1, 2, 3, 4, 5, 6, 7, 8]}
        big["weights"][name] = copy.deepcopy(weight)
        big["states"][name] = {"dtype": "f32", "shape": [8], "role": f"role{i}"}
        big["symbols"][f"u{i}"] = {"min": 1}
        scheduled["stages"].append({"id": f"z{i}", "device": f"w{i}", "kernels": "org.genie.kernels-aten", "nodes": []})
        scheduled["predicted"]["peak_bytes"][f"w{i}"] = 1 << i % 40
        schedule["decisions"].append({"subject": f"z{i}", "chose": f"w{i}", "because": "memory", "detail": "a long story " * 20})
    (tmp_path / "big.json").write_text(json.dumps(big))
    out = host.command("plan", "show", "big.json", folder=tmp_path, check=OK).out
    assert all(len(line) <= COLUMNS for line in out.splitlines()), out
    assert len(out.splitlines()) <= LINES, f"{len(out.splitlines())} lines\n{out}"


def add_an_op(other):
    """Another operator at the end, another argument, and a larger transfer."""
    forward, scheduled = other["methods"]["forward"], other["schedule"]["methods"]["forward"]
    forward["nodes"][1]["kwargs"]["alpha"]["int"] = 2
    forward["nodes"].append({"id": "n3", "op": "aten.neg.default", "args": [{"value": "v2"}], "results": ["v4"], "scope": "lin"})
    forward["values"]["v4"] = forward["values"]["v2"]
    forward["outputs"][0]["value"] = "v4"
    next(stage for stage in scheduled["stages"] if "n1" in stage["nodes"])["nodes"].append("n3")
    scheduled["transfers"][0]["size_bytes"] *= 2


def move_a_stage(other):
    """One device for all: nothing is transferred."""
    scheduled = other["schedule"]["methods"]["forward"]
    for stage in scheduled["stages"]:
        stage["device"] = "w1"
    scheduled["transfers"].clear()
    scheduled["predicted"].update(wire_bytes=0, makespan_ns=9000)


@pytest.mark.parametrize("name, edit", [("diff-program", add_an_op), ("diff-placement", move_a_stage)])
def test_plan_diff(host, tmp_path, check_golden, name, edit):
    other = plan("scheduled")
    edit(other)
    (tmp_path / "after.json").write_text(json.dumps(other))
    before = PLANS / "scheduled.plan.json"
    check_golden(f"{name}.txt", host.command("plan", "diff", before, "after.json", folder=tmp_path, check=OK).out)
    check_golden(f"{name}.json", host.command("plan", "diff", before, "after.json", "--json", folder=tmp_path, check=OK).out)
    assert host.command("plan", "diff", "--exit-code", before, "after.json", folder=tmp_path).code == 1


def test_plan_diff_of_a_plan_with_itself_is_empty(host, tmp_path):
    for name in ("captured", "scheduled", "everything"):
        path = PLANS / f"{name}.plan.json"
        assert host.command("plan", "diff", "--exit-code", path, path, folder=tmp_path, check=OK).out.startswith("equal: both are sha256:")
        assert json.loads(host.command("plan", "diff", "--json", path, path, folder=tmp_path, check=OK).out)["changes"] == []
