"""The scripts' own helpers: counting what ran must never hide a failure."""

import json
import subprocess
import sys

import pytest

SUMMARY = "[doctest] test cases: {0} | {1} passed | {2} failed | {3} skipped\n[doctest] assertions: 9 | 9 passed | 0 failed |\n"


def entry(result, stdout="", name="t"):
    return json.dumps({"name": name, "result": result, "stdout": stdout})


def count(root, *arguments):
    run = subprocess.run([sys.executable, str(root / "scripts/lib/count_tests.py"), *map(str, arguments)],
                         capture_output=True, text=True)
    return run.stdout.strip(), run.returncode


@pytest.mark.parametrize("entries, line, code", [
    ([entry("OK", SUMMARY.format(5, 5, 0, 0))], "5 passed, 0 failed, 0 skipped", 0),
    ([entry("OK", SUMMARY.format(" 5", " 5", "0", "2")), entry("OK", "no summary")], "6 passed, 0 failed, 2 skipped", 0),
    ([entry("FAIL", SUMMARY.format(5, 3, 2, 0))], "3 passed, 2 failed, 0 skipped", 1),
    ([entry("FAIL", SUMMARY.format(5, 5, 0, 0))], "5 passed, 1 failed, 0 skipped", 1),
    ([entry("FAIL", "Segmentation fault")], "0 passed, 1 failed, 0 skipped", 1),
    ([entry("TIMEOUT")], "0 passed, 1 failed, 0 skipped", 1),
    ([entry("OK"), entry("SKIP")], "1 passed, 0 failed, 1 skipped", 0),
    ([entry("OK", "\x1b[1m" + SUMMARY.format(1, 1, 0, 0).replace("|", "|\x1b[0m", 1))], "1 passed, 0 failed, 0 skipped", 0),
    ([], "0 passed, 0 failed, 0 skipped", 1),
])
def test_doctest_cases_are_counted_and_crashes_are_failures(root, tmp_path, entries, line, code):
    log = tmp_path / "testlog.json"
    log.write_text("\n".join(entries) + "\n")
    assert count(root, "--meson", log) == (line, code)


def test_junit_counts_are_added(root, tmp_path):
    xml = tmp_path / "pytest.xml"
    xml.write_text('<testsuites><testsuite tests="7" failures="1" errors="1" skipped="2"/></testsuites>')
    log = tmp_path / "testlog.json"
    log.write_text(entry("OK", SUMMARY.format(4, 4, 0, 0)))
    assert count(root, "--meson", log, "--junit", xml) == ("7 passed, 2 failed, 2 skipped", 1)


@pytest.mark.parametrize("content", [None, "", "not xml"])
def test_a_missing_or_broken_result_file_is_a_failure(root, tmp_path, content):
    xml = tmp_path / "pytest.xml"
    if content is not None:
        xml.write_text(content)
    assert count(root, "--junit", xml) == ("0 passed, 1 failed, 0 skipped", 1)


@pytest.mark.parametrize("script", ["scripts/quickstart", "scripts/test", "scripts/fuzz"])
def test_help_installs_nothing_and_teaches(root, script):
    run = subprocess.run([str(root / script), "--help"], capture_output=True, text=True, timeout=20)
    assert run.returncode == 0 and run.stdout.startswith("Usage:") and "Environment:" in run.stdout


def test_unknown_arguments_are_refused(root):
    run = subprocess.run([str(root / "scripts/test"), "--fast"], capture_output=True, text=True, timeout=20)
    assert run.returncode != 0 and "unknown argument: --fast" in run.stderr


def test_a_failing_step_names_itself_and_its_log(root, tmp_path):
    run = subprocess.run(["bash", "-c", f"GENIE_BUILD={tmp_path}/b; source {root}/scripts/lib/common.sh; "
                          "step 'try the impossible' bash -c 'echo why it broke; exit 3'"], capture_output=True, text=True)
    assert run.returncode == 3
    assert "failed: try the impossible (exit code 3)" in run.stderr and "why it broke" in run.stderr
    log = run.stderr.split("The whole log: ")[1].strip()
    assert open(log).read() == "why it broke\n"
