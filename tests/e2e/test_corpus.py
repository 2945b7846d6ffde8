"""Every program of the corpus gives the same bits as in PyTorch, on one device and on three."""

import pathlib
import sys

import pytest

from harness import OK, topology

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "corpus"))

from registry import all_cases

MIB = 1 << 20
SLOW = {"large", "family"}


def archives(select=lambda case: True):
    """One parameter for each archive, named before the corpus exists."""
    return [pytest.param(f"{case.name}.{form}", marks=[pytest.mark.slow] if SLOW & set(case.tags) else [])
            for case in all_cases() if select(case) for form in case.forms]


def assert_verified(result):
    report = result.expect(OK).report
    assert report["outcome"] == "ok"
    assert report["verify"]["passed"] is True and report["verify"]["max_abs"] == 0
    return report


@pytest.mark.parametrize("name", archives())
def test_equal_bits_on_one_device(host, corpus, tmp_path, name):
    config = corpus.config(corpus.archives[name], tmp_path)
    topology(tmp_path, [1024 * MIB])
    report = assert_verified(host.run(config, tmp_path))
    assert report["counters"]["weight_bytes_copied"] == 0


@pytest.mark.parametrize("name", archives(lambda case: "model" in case.tags))
def test_equal_bits_on_three_devices_that_cannot_hold_the_model_alone(host, corpus, tmp_path, name):
    archive = corpus.archives[name]
    config = corpus.config(archive, tmp_path)
    (tmp_path / "one").mkdir()
    topology(tmp_path / "one", [1024 * MIB])
    alone = assert_verified(host.run(corpus.config(archive, tmp_path / "one"), tmp_path / "one"))
    peak = alone["devices"]["w0"]["peak_bytes"] if isinstance(alone["devices"], dict) else alone["devices"][0]["peak_bytes"]
    topology(tmp_path, [0.7 * peak] * 3)
    result = host.run(config, tmp_path)
    assert_verified(result)
    stages = result.plan["schedule"]["methods"]["forward"]["stages"]
    assert len({stage["device"] for stage in stages}) >= 2
