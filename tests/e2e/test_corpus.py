"""Every program of the corpus gives the same bits as in PyTorch, on one device and on three."""

import subprocess
import sys

import pytest

from harness import OK, topology

from registry import all_cases

MIB = 1 << 20


def archives(select=lambda case: True, families=False):
    """One parameter for each archive, named before the corpus exists."""
    return [pytest.param(f"{case.name}.{form}", marks=[pytest.mark.slow] if families or "large" in case.tags else [])
            for case in all_cases(families) if select(case) for form in case.forms]


def assert_verified(result):
    report = result.expect(OK).report
    assert report["outcome"] == "ok"
    assert report["verify"]["passed"] is True and report["verify"]["max_abs"] == 0
    return report


def run_sessions(host, corpus, archive, folder, memory_bytes):
    """Run all sessions of an archive on devices of these sizes; return the results, each verified to the bit."""
    results = []
    for index, runs in enumerate(corpus.sessions(archive)):
        session = folder / f"session-{index}"
        session.mkdir(parents=True)
        topology(session, memory_bytes)
        results.append(host.run(corpus.config(archive, session, runs), session))
        assert_verified(results[-1])
    return results


@pytest.mark.parametrize("name", archives())
def test_equal_bits_on_one_device(host, corpus, tmp_path, name):
    for result in run_sessions(host, corpus, corpus.archives[name], tmp_path, [1024 * MIB]):
        assert result.report["counters"]["weight_bytes_copied"] == 0


@pytest.mark.parametrize("name", archives(lambda case: "model" in case.tags))
def test_equal_bits_on_three_devices_that_cannot_hold_the_model_alone(host, corpus, tmp_path, name):
    archive = corpus.archives[name]
    (alone,) = run_sessions(host, corpus, archive, tmp_path / "alone", [1024 * MIB])
    (device,) = alone.report["devices"].values()
    memory_bytes = 0.7 * device["peak_bytes"]
    (result,) = run_sessions(host, corpus, archive, tmp_path / "split", [memory_bytes] * 3)
    stages = result.plan["schedule"]["methods"]["forward"]["stages"]
    assert len({stage["device"] for stage in stages}) >= 2


@pytest.mark.parametrize("name", archives(lambda case: not case.torch_refuses, families=True))
def test_equal_bits_of_the_model_families(host, families, tmp_path, name):
    run_sessions(host, families, families.archives[name], tmp_path, [1024 * MIB])


@pytest.mark.slow
def test_the_table_of_models_is_in_step_with_what_is_captured(corpus, families, build, root):
    check = subprocess.run([sys.executable, root / "tests/corpus/table.py", build, "--check"], capture_output=True, text=True)
    assert check.returncode == 0, check.stdout + check.stderr
