"""The command line without any plug-in: help, explanations, plans, exit codes."""

import json
import os
import subprocess

import pytest

OK, USAGE, INVALID_PLAN, PLUGIN = 0, 2, 3, 6


@pytest.fixture(scope="module")
def golden(root):
    return root / "tests/plan/golden/0.1"


@pytest.fixture
def host(build, tmp_path):
    """Runs genie-host in an empty folder with no plug-ins and no colours; returns the finished process."""
    def run(*arguments, **environment):
        return subprocess.run([build / "genie-host/genie-host", *map(str, arguments)], cwd=tmp_path, capture_output=True, text=True,
                              stdin=subprocess.DEVNULL, env={**os.environ, "NO_COLOR": "1", **environment})

    return run


def test_without_arguments_the_help_is_shown_and_nothing_succeeds(host):
    run = host()
    assert run.returncode == USAGE and "Examples:" in run.stdout


@pytest.mark.parametrize("command", [[], ["run"], ["plan"], ["plan", "show"], ["plan", "validate"], ["plan", "diff"], ["plan", "convert"],
                                     ["plugins"], ["plugins", "list"], ["plugins", "check"], ["explain"], ["serve"], ["keys"], ["keys", "issue"],
                                     ["measure"]])
def test_every_help_has_examples_and_fits_the_screen(host, command):
    run = host(*command, "--help")
    assert run.returncode == OK
    assert "Examples:" in run.stdout or "--help` shows examples" in run.stdout
    assert max(map(len, run.stdout.splitlines())) <= 120
    assert run.stdout.endswith("\n") and "\n\n\n" not in run.stdout


@pytest.mark.parametrize("arguments, near", [
    (["--confgi", "x"], "--config"), (["plam"], "plan"), (["plan", "sow", "x"], "show"), (["plan", "show", "x", "--scop", "y"], "--scope"),
    (["plugins", "--rescna"], "--rescan"),
])
def test_a_mistyped_argument_suggests_the_nearest(host, arguments, near):
    run = host(*arguments)
    assert run.returncode == USAGE
    assert "GE0001" in run.stderr and f"did you mean `{near}`?" in run.stderr, run.stderr


@pytest.mark.parametrize("arguments", [["run"], ["--json"], ["--config", "run.json", "--set", "run/x=1"], ["plan", "show"], ["plan", "convert", "p.json"],
                                       ["--config", "run.json", "--log-level", "loud"]])
def test_what_is_missing_or_malformed_is_a_usage_error(host, tmp_path, arguments):
    (tmp_path / "run.json").write_text("{}")
    run = host(*arguments)
    assert run.returncode == USAGE and "error[GE00" in run.stderr


def test_errors_are_json_when_json_was_asked_for(host):
    run = host("plan", "show", "nowhere.json", "--json")
    assert run.returncode == USAGE
    [diagnostic] = json.loads(run.stdout)["diagnostics"]
    assert diagnostic["code"] == "GE0002" and diagnostic["file"] == "nowhere.json"


def test_diagnostics_have_place_reason_and_remedy(host, tmp_path):
    (tmp_path / "run.json").write_text('{"source": {"uri": "m.pt2"}, "run": {"repaet": 2}}')
    run = host("--config", "run.json")
    assert run.returncode == USAGE
    assert run.stderr == ("error[GE0010]: unknown key `repaet`\n  --> run.json at /run/repaet\n   = help: did you mean `repeat`?\n"
                          "\nFor the whole story: genie-host explain GE0010\n")


def test_the_page_of_diagnostics_is_current(host, root):
    page = host("explain", "--all").stdout
    assert (root / "docs/diagnostics.md").read_text() == page, "write it anew: genie-host explain --all > docs/diagnostics.md"


def test_explain_takes_a_code_in_any_case_and_suggests_near_ones(host):
    assert host("explain", "ge0010").stdout.startswith("GE0010: Unknown key\n")
    run = host("explain", "GE001")
    assert run.returncode == USAGE and "did you mean" in run.stderr
    listing = host("explain").stdout.splitlines()
    assert listing == sorted(listing) and any(line.startswith("GE0720") for line in listing)
    assert {entry["code"] for entry in json.loads(host("explain", "--json").stdout)} == {line[:6] for line in listing}


def test_validate_says_how_far_a_plan_is_valid(host, golden):
    run = host("plan", "validate", golden / "captured.plan.json")
    assert run.returncode == OK and "valid up to level V3" in run.stdout
    document = json.loads(host("plan", "validate", golden / "captured.plan.json", "--json").stdout)
    assert document["valid"] is True and document["level"] == "V3" and document["diagnostics"] == []


def test_validate_without_a_topology_still_checks_the_schedule(host, golden, tmp_path):
    plan = json.loads((golden / "scheduled.plan.json").read_text())
    plan["schedule"]["methods"]["forward"]["transfers"] = []
    (tmp_path / "plan.json").write_text(json.dumps(plan))
    run = host("plan", "validate", "plan.json")
    assert run.returncode == INVALID_PLAN and "GE0508" in run.stderr


def test_a_broken_plan_is_refused_with_every_error_of_its_level(host, golden, tmp_path):
    plan = json.loads((golden / "captured.plan.json").read_text())
    nodes = plan["methods"]["forward"]["nodes"]
    nodes[0]["args"][0] = {"value": "nowhere"}
    nodes[-1]["args"][0] = {"value": "neither"}
    (tmp_path / "plan.json").write_text(json.dumps(plan))
    run = host("plan", "validate", "plan.json")
    assert run.returncode == INVALID_PLAN
    assert "nowhere" in run.stderr and "neither" in run.stderr and "plan.json at /methods/forward/nodes/0" in run.stderr


def test_diff_is_silent_about_nothing(host, golden):
    same = host("plan", "diff", "--exit-code", golden / "captured.plan.json", golden / "captured.plan.json")
    assert same.returncode == OK and same.stdout.startswith("equal: both are sha256:")
    other = host("plan", "diff", "--exit-code", golden / "captured.plan.json", golden / "scheduled.plan.json")
    assert other.returncode == 1 and "scheduled" in other.stdout
    changes = json.loads(host("plan", "diff", golden / "captured.plan.json", golden / "scheduled.plan.json", "--json").stdout)["changes"]
    assert len(changes) == len(other.stdout.splitlines()) - 1


def test_convert_is_a_fixed_point_and_keeps_locations_in_sight(host, golden, tmp_path):
    first = host("plan", "convert", golden / "captured.plan.json", "--to", "0.1")
    assert first.returncode == OK
    (tmp_path / "plan.json").write_text(first.stdout)
    assert host("plan", "convert", "plan.json", "--to", "0.1").stdout == first.stdout
    plan = json.loads(first.stdout)
    plan["locations"] = {digest: {"uri": "weights/a.bin", "offset_bytes": 0} for digest in plan["blobs"]}
    (tmp_path / "plan.json").write_text(json.dumps(plan))
    assert host("plan", "convert", "plan.json", "--to", "0.1", "--output", "sub/plan.json").returncode == OK
    moved = json.loads((tmp_path / "sub/plan.json").read_text())["locations"]
    assert {location["uri"] for location in moved.values()} == {"../weights/a.bin"}
    assert host("plan", "convert", "plan.json", "--to", "9.9").returncode == USAGE


def test_show_as_json_has_inputs_outputs_and_stages(host, golden):
    shown = json.loads(host("plan", "show", golden / "scheduled.plan.json", "--json").stdout)
    forward = shown["methods"]["forward"]
    assert forward["inputs"] == [{"name": "x", "type": "f32[batch, 8]"}]
    assert [stage["device"] for stage in forward["stages"]] == ["w0", "w1"]


def test_a_run_config_is_no_topology_and_says_so(host, golden, tmp_path):
    (tmp_path / "plan.json").write_text((golden / "captured.plan.json").read_text())
    run = host("--config", "plan.json")
    assert run.returncode == USAGE and "GE0015" in run.stderr and "genie.plan" in run.stderr


def test_checking_a_plugin_that_is_none_fails(host, tmp_path):
    (tmp_path / "empty").mkdir()
    assert host("plugins", "check", "empty").returncode == PLUGIN


def test_nothing_is_coloured_unless_stdout_is_a_terminal(host, golden):
    run = host("plan", "show", golden / "scheduled.plan.json", NO_COLOR="")
    assert "\x1b" not in run.stdout


def test_colours_on_a_terminal_respect_no_color(build, golden):
    import pty

    def on_terminal(environment):
        parent, child = pty.openpty()
        try:
            subprocess.run([build / "genie-host/genie-host", "plan", "show", golden / "scheduled.plan.json"], stdout=child, stdin=subprocess.DEVNULL,
                           env={**{k: v for k, v in os.environ.items() if k != "NO_COLOR"}, "TERM": "xterm", **environment}, check=True)
            return os.read(parent, 1 << 16).decode()
        finally:
            os.close(parent)
            os.close(child)

    assert "\x1b[1m" in on_terminal({})
    assert "\x1b" not in on_terminal({"NO_COLOR": "1"})
    assert "\x1b" not in on_terminal({"TERM": "dumb"})
