"""What a run and `plan show --timeline` print, to the letter, about small models whose times the emulated clock counts.

`pytest tests/e2e/test_run_text.py --rewrite-golden` writes the expected texts anew; read their diff before you commit it.
"""

import json
import pathlib
import re

import pytest

from harness import OK, USAGE, topology

EXPECTED = pathlib.Path(__file__).resolve().parent / "golden-run-text"
PLANS = pathlib.Path(__file__).resolve().parent.parent / "plan" / "golden" / "0.1"
LINES, COLUMNS = 24, 100
STATE_BYTES = 16384  # room for the caches of the small models, which lie on one device


def without_wall_clock(text):
    """The text without what this machine decides: wall time, and the digest of a plan that this torch exported."""
    text = re.sub(r"^  wall clock .*\n", "", text, flags=re.MULTILINE)
    return re.sub(r"plan [0-9a-f]{12}$", "plan …", text, flags=re.MULTILINE)


def split_config(corpus, folder, name):
    """A model of the corpus on two devices, neither of which holds it alone."""
    archive = corpus.archives[name]
    topology(folder, [0.8 * archive["weight_bytes"] + STATE_BYTES] * 2)
    return corpus.config(archive, folder)


def fits(text):
    lines = text.splitlines()
    assert len(lines) <= LINES and all(len(line) <= COLUMNS for line in lines), text
    assert not [line for line in lines if line != line.rstrip()], "spaces at the ends of lines"


@pytest.mark.parametrize("name", ["bert-static.recommended", "cache.recommended"])
def test_the_report_of_a_run(host, corpus, tmp_path, check_golden, name):
    out = host.run(split_config(corpus, tmp_path, name), tmp_path, check=OK).out
    fits(out)
    check_golden(f"{name}.txt", without_wall_clock(out))


def test_the_documentation_shows_this_report(root, pytestconfig):
    page, golden = root / "docs/run-report.md", (EXPECTED / "bert-static.recommended.txt").read_text()
    before, shown, after = re.match(r"(.*?^```\n)(.*?)(^```.*)", page.read_text(), re.MULTILINE | re.DOTALL).groups()
    if pytestconfig.getoption("--rewrite-golden"):
        page.write_text(before + golden + after)
        shown = golden
    assert shown == golden, f"{page} shows another report"


def test_all_of_the_report(host, corpus, tmp_path, check_golden):
    config = split_config(corpus, tmp_path, "bert-static.recommended")
    out = host.run(config, tmp_path, "--details", check=OK).out
    check_golden("details.txt", without_wall_clock(out))


def test_a_run_is_drawn_as_it_was_foreseen(host, corpus, tmp_path):
    """The emulated clock is the simulator: both timelines are one."""
    config = split_config(corpus, tmp_path, "bert-static.recommended")
    observed = host.run(config, tmp_path, "--details", check=OK).out
    foreseen = host.command("plan", "show", "run.json", "--timeline", folder=tmp_path, check=OK).out

    def drawn(text):
        lines = text.splitlines()
        begin = next(i for i, line in enumerate(lines) if line.startswith("timeline "))
        return lines[begin:begin + 5]

    assert drawn(observed) == drawn(foreseen)


def test_ascii_where_the_locale_asks_for_it(host, corpus, tmp_path, monkeypatch):
    config = split_config(corpus, tmp_path, "bert-static.recommended")
    unicode = without_wall_clock(host.run(config, tmp_path, check=OK).out)
    monkeypatch.setitem(host.environment, "LC_ALL", "C")
    only_ascii = without_wall_clock(host.run(config, tmp_path, check=OK).out.replace("plan …", "plan ~"))
    assert not unicode.isascii() and only_ascii.replace("…", "").isascii()
    assert [len(line) for line in only_ascii.splitlines()] == [len(line) for line in unicode.splitlines()]


def test_the_timeline_of_a_saved_plan(host, corpus, tmp_path, check_golden):
    host.write(split_config(corpus, tmp_path, "bert-static.recommended"), tmp_path)
    host.command("plan", "schedule", "run.json", "--output", "plan.json", folder=tmp_path, check=OK)
    arguments = ["plan", "show", "plan.json", "--timeline", "--topology", "cluster.json"]
    out = host.command(*arguments, folder=tmp_path, check=OK).out
    check_golden("timeline.txt", out)
    (method,) = json.loads(host.command(*arguments, "--json", folder=tmp_path, check=OK).out)["methods"].values()
    for device in method["devices"].values():
        assert sum(device.values()) == method["duration_ns"]
    assert {event["id"] for event in method["events"]} >= set(method["path"])


def test_a_timeline_needs_a_schedule_and_devices(host, tmp_path):
    captured = host.command("plan", "show", PLANS / "captured.plan.json", "--timeline", folder=tmp_path, check=USAGE)
    assert "GE0019" in captured.err and "run config" in captured.err
    without = host.command("plan", "show", PLANS / "scheduled.plan.json", "--timeline", folder=tmp_path, check=USAGE)
    assert "--topology" in without.err
    other = host.command("plan", "show", PLANS / "scheduled.plan.json", "--timeline", "--topology",
                         PLANS / "one-device.topology.json", folder=tmp_path)
    assert other.code != OK and "GE0581" in other.err
