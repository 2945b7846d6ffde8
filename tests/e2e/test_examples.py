"""Plug-ins that outsiders could have written: built against an installed SDK, chosen by configuration alone."""

import json
import os
import pathlib
import re
import shutil
import subprocess

import pytest

from harness import NOT_SCHEDULED, OK, VERIFICATION_FAILED, topology
from registry import all_cases
from test_corpus import assert_verified

MIB = 1 << 20
ROUND_ROBIN = "com.example.policy-round-robin"
ALL_ON_ONE = "com.example.policy-all-on-one"
NULL_KERNELS = "com.example.kernels-null"


@pytest.fixture(scope="session")
def example(sdk, root, tmp_path_factory):
    """Builds an example in a copy outside the tree; returns the folder with the library and its manifest."""
    built = {}

    def make(name):
        if name not in built:
            folder = tmp_path_factory.mktemp("examples") / name
            shutil.copytree(root / "examples" / name, folder, ignore=shutil.ignore_patterns("*.so", "*.genie.json"))
            run = subprocess.run(["make"], cwd=folder, env=sdk, capture_output=True, text=True)
            assert run.returncode == 0, run.stdout + run.stderr
            assert "warning" not in run.stderr, run.stderr
            built[name] = folder
        return built[name]

    return make


def test_the_policy_in_cpp_fits_one_screen(root):
    lines = (root / "examples/policy-round-robin-cpp/policy.cpp").read_text().splitlines()
    assert len(lines) <= 60


@pytest.mark.parametrize("form", ["plain", "recommended"])
@pytest.mark.parametrize("name", [case.name for case in all_cases() if "large" not in case.tags])
def test_round_robin_gives_equal_bits_on_three_devices(host, corpus, example, tmp_path, name, form):
    archive = corpus.archives.get(f"{name}.{form}")
    if archive is None:
        pytest.skip(f"{name} has no {form} form")
    policy = {"plugin": ROUND_ROBIN, "options": {"nodes_per_stage": 2}}
    for index, runs in enumerate(corpus.sessions(archive)):
        folder = tmp_path / str(index)
        folder.mkdir()
        topology(folder, [1024 * MIB] * 3)
        config = {**corpus.config(archive, folder, runs), "policy": policy}
        config["plugins"] = {"paths": [str(host.plugins), str(example("policy-round-robin-cpp"))]}
        result = host.run(config, folder)
        assert_verified(result)
        assert result.plan["schedule"]["policy"]["plugin"] == ROUND_ROBIN


def run(host, corpus, folder, plugins, memory_bytes, **changes):
    topology(folder, memory_bytes)
    config = corpus.config(corpus.archives["bert-static.recommended"], folder)
    config["plugins"] = {"paths": [str(host.plugins), *map(str, plugins)]}
    config.update(changes)
    return host.run(config, folder)


def test_round_robin_uses_all_devices(host, corpus, example, tmp_path):
    result = run(host, corpus, tmp_path, [example("policy-round-robin-cpp")], [256 * MIB] * 3, policy={"plugin": ROUND_ROBIN})
    assert_verified(result)
    stages = result.plan["schedule"]["methods"]["forward"]["stages"]
    assert [stage["device"] for stage in stages[:4]] == ["w0", "w1", "w2", "w0"]


def test_all_on_one_takes_the_largest_device_or_the_one_it_is_told(host, corpus, example, tmp_path):
    for options, wanted in (({}, "w1"), ({"device": "w2"}, "w2")):
        result = run(host, corpus, tmp_path, [example("policy-all-on-one-c")], [128 * MIB, 256 * MIB, 128 * MIB],
                     policy={"plugin": ALL_ON_ONE, "options": options})
        assert_verified(result)
        assert {stage["device"] for stage in result.plan["schedule"]["methods"]["forward"]["stages"]} == {wanted}


def test_a_schedule_that_does_not_fit_is_refused_whoever_made_it(host, corpus, example, tmp_path):
    result = run(host, corpus, tmp_path, [example("policy-all-on-one-c")], [MIB // 4] * 3, policy={"plugin": ALL_ON_ONE})
    result.expect(NOT_SCHEDULED)
    assert "w0" in result.text and re.search(r"GE05\d\d", result.text)


@pytest.mark.parametrize("plugin, option", [(ROUND_ROBIN, "nodes_per_stag"), (ALL_ON_ONE, "devise")])
def test_a_wrong_option_of_an_outsider_is_reported(host, corpus, example, tmp_path, plugin, option):
    folders = [example("policy-round-robin-cpp"), example("policy-all-on-one-c")]
    result = run(host, corpus, tmp_path, folders, [256 * MIB], policy={"plugin": plugin, "options": {option: 1}})
    assert result.code != OK and ("nodes_per_stage" in result.text or "device" in result.text)


def test_null_kernels_run_everything_but_compute_nothing(host, corpus, example, tmp_path):
    topology(tmp_path, [256 * MIB] * 2)
    cluster = (tmp_path / "cluster.json")
    cluster.write_text(cluster.read_text().replace("org.genie.kernels-aten", NULL_KERNELS))
    config = corpus.config(corpus.archives["bert-dynamic.recommended"], tmp_path)
    config["plugins"] = {"paths": [str(host.plugins), str(example("kernels-null-cpp"))]}
    config["kernels"] = [{"plugin": NULL_KERNELS}]
    result = host.run(config, tmp_path, check=VERIFICATION_FAILED)
    from safetensors.torch import load_file

    outputs, expected = (load_file(tmp_path / f"{name}.safetensors") for name in ("outputs", "expected"))
    assert outputs.keys() == expected.keys()
    assert all(outputs[n].shape == expected[n].shape and not outputs[n].any() for n in outputs)
    assert result.report["counters"]["weight_bytes_copied"] == 0


@pytest.mark.slow
@pytest.mark.parametrize("plugin", ["policy-default", "frontend-pytorch", "backend-emulation"])
def test_a_plugin_of_the_tree_builds_alone_against_an_installed_sdk(host, corpus, sdk, root, tmp_path, plugin):
    copy = tmp_path / plugin
    shutil.copytree(root / "plugins" / plugin, copy)
    for command in (["meson", "setup", "built", "--werror"], ["ninja", "-C", "built"]):
        done = subprocess.run(command, cwd=copy, env=sdk, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout[-4000:] + done.stderr
    result = run(host, corpus, tmp_path, [copy / "built"], [256 * MIB])
    assert_verified(result)
    listed = host.command("plugins", "--plugin", copy / "built", "--json", folder=tmp_path, check=OK)
    mine = [one for one in json.loads(listed.out)["plugins"] if one["id"] == f"org.genie.{plugin}"]
    assert mine[0]["library"] == str(copy / "built" / f"{plugin}.so") and mine[0]["state"] == "usable"
