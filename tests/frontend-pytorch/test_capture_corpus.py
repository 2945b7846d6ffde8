"""Every archive of the corpus, captured by the frontend alone: valid up to V3, repeatable, and named as PyTorch's outputs."""

import json
import os
import pathlib
import subprocess
import sys

import pytest


@pytest.fixture(scope="session")
def tool(build):
    binary = build / "tests/frontend-pytorch/pt2-to-plan"
    if not binary.exists():
        pytest.fail(f"{binary} is not built; run scripts/test, or set GENIE_BUILD to a build folder")
    return binary


@pytest.fixture(scope="session")
def corpus(build, root):
    folder = build / "corpus"
    subprocess.run([sys.executable, str(root / "tests/corpus/make.py"), str(folder)], check=True)
    manifest = json.loads((folder / "manifest.json").read_text())
    return folder, manifest["archives"]


@pytest.fixture(scope="session")
def plans(tool, corpus, tmp_path_factory):
    """Each archive's plan by name, and what the tool said of those that failed."""
    cache = tmp_path_factory.mktemp("cache")
    folder, archives = corpus
    captured, failures = {}, {}
    for entry in archives:
        run = capture(tool, folder / entry["archive"], cache)
        if run.returncode == 0:
            captured[entry["name"]] = json.loads(run.stdout)
        else:
            failures[entry["name"]] = run.stderr
    return captured, failures


def capture(tool, archive, cache, options="{}"):
    return subprocess.run([tool, archive, options], capture_output=True, text=True, env={**os.environ, "XDG_CACHE_HOME": str(cache)})


def walk(plan):
    """Every (method, node)."""
    for name, method in plan["methods"].items():
        for node in method["nodes"]:
            yield name, node
        for graph in method.get("graphs", {}).values():
            for node in graph["nodes"]:
                yield name, node


def references(plan, kind):
    """Names that arguments of a kind refer to."""
    def inside(arg):
        if isinstance(arg, dict):
            for key, value in arg.items():
                if key == kind:
                    yield value
                elif key == "list":
                    for item in value:
                        yield from inside(item)

    for _, node in walk(plan):
        for arg in [*node.get("args", []), *node.get("kwargs", {}).values()]:
            yield from inside(arg)


def test_every_archive_of_the_corpus_gives_a_plan_that_is_valid_up_to_v3(plans):
    _, failures = plans
    assert not failures, "\n\n".join(f"{name}:\n{text}" for name, text in failures.items())


def test_outputs_have_the_names_and_inputs_the_placeholders_that_the_corpus_expects(plans, corpus):
    from safetensors import safe_open

    captured, _ = plans
    folder, archives = corpus
    for entry in archives:
        plan = captured[entry["name"]]
        if len(plan["methods"]) != 1:
            continue
        method = plan["methods"]["forward"]
        given = {port["name"] for port in method["inputs"]}
        # Text and None are outputs too, but no tensors.
        made = {port["name"] for port in method["outputs"] if not (isinstance(port["value"], dict) and "str" in port["value"]) and port["value"] is not None}
        for run in entry["runs"]:
            for inputs in run["inputs"]:
                with safe_open(folder / inputs, "np") as file:
                    assert set(file.keys()) == given, entry["name"]
            with safe_open(folder / run["expected"], "np") as file:
                assert {name.rpartition("/")[2] if len(run["inputs"]) > 1 else name for name in file.keys()} == made, entry["name"]


def test_every_node_carries_its_meaning_with_provenance_and_those_of_models_their_source(plans, corpus):
    captured, _ = plans
    _, archives = corpus
    for entry in archives:
        for _, node in walk(captured[entry["name"]]):
            for annotation in node.get("semantics", {}).values():
                assert annotation["by"] == "inferred" and 0 < annotation["confidence"] <= 1
            assert "phase" in node["semantics"], (entry["name"], node["id"])
        if "model" in entry["tags"]:
            nodes = [node for _, node in walk(captured[entry["name"]])]
            with_source = [node for node in nodes if "source" in node]
            assert len(with_source) > 0.9 * len(nodes), entry["name"]
            assert any("role" in node["semantics"] for node in nodes), entry["name"]


def test_nothing_of_this_machine_is_in_a_plan_but_the_place_of_its_bytes(plans):
    captured, _ = plans
    for name, plan in captured.items():
        text = json.dumps({key: value for key, value in plan.items() if key != "locations"})
        assert "/home/" not in text and "/tmp/" not in text and "site-packages" not in text, name


def test_every_weight_and_state_that_nodes_use_is_declared_and_has_bytes(plans):
    captured, _ = plans
    for name, plan in captured.items():
        assert set(references(plan, "weight")) <= set(plan.get("weights", {})), name
        assert set(references(plan, "state")) <= set(plan.get("states", {})), name
        blobs = {weight["blob"] for weight in plan.get("weights", {}).values()}
        assert blobs == set(plan.get("blobs", {})) == set(plan.get("locations", {})), name


def test_locations_name_the_bytes_that_the_digest_names(plans, corpus):
    import hashlib

    captured, _ = plans
    for plan in captured.values():
        for digest, place in plan.get("locations", {}).items():
            size = plan["blobs"][digest]["size_bytes"]
            with open(place["uri"], "rb") as file:
                file.seek(place["offset_bytes"])
                assert "sha256:" + hashlib.sha256(file.read(size)).hexdigest() == digest


def test_a_second_capture_gives_the_same_bytes_whether_digests_were_remembered_or_not(tool, corpus, tmp_path):
    folder, archives = corpus
    entry = max(archives, key=lambda a: a["weight_bytes"])
    archive = pathlib.Path(folder / entry["archive"])
    os.utime(archive, (1, 1))  # the change time is now: young, so nothing is remembered
    first = capture(tool, archive, tmp_path)
    anew = capture(tool, archive, tmp_path, '{"verify_blobs": true}')
    assert first.returncode == 0 and first.stdout == anew.stdout
    assert not list(tmp_path.glob("genie/digests-*.json"))


def test_both_forms_of_one_module_use_the_same_weights(plans, corpus):
    captured, _ = plans
    _, archives = corpus
    by_case = {}
    for entry in archives:
        by_case.setdefault(entry["case"], {})[entry["form"]] = captured[entry["name"]]
    for case, forms in by_case.items():
        if {"plain", "recommended"} <= set(forms):
            states = [set(plan.get("states", {})) for plan in forms.values()]
            assert states[0] == states[1], case
