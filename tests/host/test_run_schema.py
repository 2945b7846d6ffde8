"""The decoder and the published JSON Schema accept and refuse the same run configs."""

import copy
import json
import random
import subprocess

import jsonschema_rs
import pytest

#: Refused for what values say about each other (a step that has not run yet), which a schema cannot express.
MEANING = "GE0017"

FULL = {
    "schema": "genie.run", "version": {"major": 0, "minor": 1},
    "plugins": {"paths": ["../plugins"], "allow": [{"id": "org.genie.policy-default", "sha256": "0" * 64}]},
    "source": {"plugin": "org.genie.frontend-pytorch", "uri": "minilm.pt2", "options": {"share_states": False}},
    "policy": {"plugin": "org.genie.policy-default", "options": {"objective": "latency"}},
    "kernels": [{"plugin": "org.genie.kernels-aten", "options": {"threads": 1}}],
    "backend": {"plugin": "org.genie.backend-emulation", "options": {"topology": "cluster.json"}},
    "hints": [
        {"kind": "pin", "select": "encoder.layer.0.*", "device": "w0", "strength": "hard"},
        {"kind": "budget", "select": "**", "device": "w0", "bytes": 10, "strength": "soft", "weight": 0.5},
        {"kind": "recompute", "select": "op:aten.gelu.*", "value": "never"},
        {"id": "mine", "kind": "role", "select": "lm_head", "value": "lm_head"},
        {"kind": "colocate", "select": "a.*"},
    ],
    "run": {
        "method": "forward", "repeat": 1, "warmup": 0, "on_worker_loss": "fail", "deadline_ms": 1000, "seed": 0,
        "add": [{"output": "next", "argmax": "logits", "dim": -1}, {"output": "top", "topk": "logits", "k": 3}],
        "inputs": {
            "input_ids": {"file": "inputs.safetensors", "tensor": "input_ids"}, "attention_mask": {"file": "mask.npy"},
            "noise": {"random": {"seed": 7, "shape": [1, 16], "dtype": "f32", "low": -1, "high": 1.5}},
            "scale": {"value": 0.5, "dtype": "f64"}, "many": {"value": [[1, True], ["NaN", -0.5]]},
        },
    },
    "outputs": {"file": "outputs.safetensors", "only": ["last_hidden_state"]},
    "expect": {"file": "expected.safetensors", "rtol": 1e-5, "atol": 0},
    "report": {"json": "report.json", "trace": "trace.json", "plan": "plan.json"},
}
STEPS = {
    "source": {"plan": "plan.json"},
    "run": {"seed": 9007199254740991, "steps": [
        {"method": "prefill", "inputs": "prompt.safetensors"},
        {"inputs": {"token": {"output": "0/next"}, "last": {"output": "-1/past.0.key"}}, "repeat": 4}]},
}
EDGES = [
    {}, FULL, STEPS, {"source": {"uri": "a"}, "run": {"inputs": "b.safetensors"}}, {"run": {"steps": []}}, {"run": {"steps": [{}]}},
    {"run": {"steps": [{}], "method": "x"}}, {"run": {"steps": [{}], "repeat": 2}}, {"source": {}}, {"source": {"uri": "a", "plan": "b"}},
    {"run": {"inputs": {"x": {}}}}, {"run": {"inputs": {"x": {"value": None}}}}, {"run": {"inputs": {"x": {"value": []}}}},
    {"run": {"inputs": {"x": {"value": 1, "tensor": "t"}}}}, {"run": {"inputs": {"x": {"file": "a.npy", "dtype": "f32"}}}},
    {"run": {"inputs": {"x": {"random": {}}}}}, {"run": {"inputs": {"": {"value": 1}}}},
    {"run": {"repeat": 1000000}}, {"run": {"repeat": 1000001}}, {"run": {"repeat": 0}}, {"run": {"warmup": -1}},
    {"run": {"deadline_ms": 366 * 86400000}}, {"run": {"deadline_ms": 366 * 86400000 + 1}}, {"run": {"seed": -1}},
    {"run": {"add": [{"output": "a"}]}}, {"run": {"add": [{"output": "a", "argmax": "b", "topk": "c"}]}},
    {"run": {"add": [{"output": "a", "argmax": "b", "k": 1}]}}, {"run": {"add": [{"output": "a", "argmax": "b", "dim": 64}]}},
    *({"run": {"steps": [{}, {"inputs": {"x": {"output": text}}}]}} for text in (
        "0/a", "-1/a", "00/a", "-0/a", "+0/a", "0", "/a", "0/", "x/a", "1.5/a", "0/a/b", "0/\n", "999999/a", "1000000/a", "-999999/a",
        "-1000000/a", " 0/a", "99999999999999999999/a", "")),
    *({"hints": [{"kind": kind, "select": "*"}]} for kind in (
        "pin", "forbid", "colocate", "separate", "replicate", "phase", "role", "modality", "priority", "budget", "recompute", "x")),
    *({"hints": [{"kind": kind, "select": "*", "device": "d", "bytes": 1, "value": "allow"}]} for kind in ("pin", "budget", "recompute")),
    {"hints": [{"kind": "recompute", "select": "*", "value": "maybe"}]}, {"hints": [{"kind": "colocate", "select": "*", "weight": 1}]},
    {"hints": [{"kind": "colocate", "select": "*", "weight": 0, "strength": "soft"}]},
    {"plugins": {"allow": [{"id": "a", "sha256": "A" * 64}]}}, {"plugins": {"allow": [{"id": "a", "sha256": "a" * 63}]}},
    {"version": {"major": 0}}, {"version": {"major": 0, "minor": 2}}, {"version": {"major": 0, "minor": 1, "patch": 0}},
    {"schema": "genie.plan"}, {"expect": {}}, {"expect": {"file": "a", "rtol": -1e-9}}, [], 3, None, "text",
]
#: Values of other kinds and of odd sizes. No 1.0: JSON Schema takes it for an integer, Genie's level V0 does not.
VALUES = [None, True, False, 0, -1, 2, 1.5, "", "text", "forward", "f32", "NaN", [], {}, [1], ["a"], [[1]], {"a": 1}, {"file": "a.npy"}, {"value": 1}]
KEYS = ["file", "tensor", "value", "dtype", "random", "output", "steps", "method", "inputs", "uri", "plan", "plugin", "options", "kind",
        "select", "device", "bytes", "strength", "weight", "argmax", "topk", "k", "dim", "major", "id", "surprise"]


def places(document, path=()):
    """All places of a document, the whole of it first."""
    yield path
    if isinstance(document, (dict, list)):
        for key, value in document.items() if isinstance(document, dict) else enumerate(document):
            yield from places(value, (*path, key))


def mutated(document, rng):
    """A copy with one value replaced, removed or added."""
    document = copy.deepcopy(document)
    path = rng.choice([path for path in places(document) if path])
    parent = document
    for key in path[:-1]:
        parent = parent[key]
    choice = rng.random()
    if choice < 0.5:
        parent[path[-1]] = copy.deepcopy(rng.choice(VALUES))
    elif choice < 0.75:
        del parent[path[-1]]
    elif isinstance(parent, dict):
        parent[rng.choice(KEYS)] = copy.deepcopy(rng.choice(VALUES))
    else:
        parent.append(copy.deepcopy(rng.choice(VALUES)))
    return document


@pytest.fixture(scope="module")
def schema(root):
    return json.loads((root / "sdk/schema/run-config-0.1.schema.json").read_text())


@pytest.fixture(scope="module")
def validator(schema):
    jsonschema_rs.meta.validate(schema)
    return jsonschema_rs.validator_for(schema)


@pytest.fixture(scope="module")
def decode(build):
    def decode_all(documents):
        lines = "".join(json.dumps(document) + "\n" for document in documents)
        run = subprocess.run([build / "tests/host/decode-run"], input=lines, capture_output=True, text=True, check=True)
        return [json.loads(line) for line in run.stdout.splitlines()]

    return decode_all


def disagreements(documents, decode, validator):
    found = []
    for document, diagnostics in zip(documents, decode(documents), strict=True):
        refused = any(diagnostic["code"] != MEANING for diagnostic in diagnostics)
        if validator.is_valid(document) == refused:
            found.append((document, diagnostics, [str(error.message) for error in validator.iter_errors(document)]))
    return found


def test_full_configs_are_accepted_by_both(decode, validator):
    assert decode([FULL, STEPS]) == [[], []]
    assert validator.is_valid(FULL) and validator.is_valid(STEPS)


def test_edge_cases_are_judged_alike(decode, validator):
    assert not disagreements(EDGES, decode, validator)


def test_mutated_configs_are_judged_alike(decode, validator):
    rng = random.Random(1)
    documents = []
    for _ in range(1500):
        document = mutated(rng.choice([FULL, STEPS]), rng)
        documents.append(mutated(document, rng) if rng.random() < 0.3 else document)
    verdicts = {validator.is_valid(document) for document in documents}
    assert verdicts == {True, False}, "the mutations test one verdict only"
    assert not disagreements(documents, decode, validator)


def test_every_configuration_of_the_examples_is_valid(root, decode, validator):
    configs = [path for path in (root / "examples").rglob("*.json") if '"genie.run"' in path.read_text()]
    assert configs
    for path in configs:
        document = json.loads(without_comments(path.read_text()))
        assert validator.is_valid(document), path
        assert decode([document]) == [[]], path


def without_comments(text):
    """The text without // comments and trailing commas, which Genie accepts and Python's json does not."""
    lines = []
    for line in text.splitlines():
        quoted = False
        for index, character in enumerate(line):
            if character == '"' and line[index - 1] != "\\":
                quoted = not quoted
            elif line[index:].startswith("//") and not quoted:
                line = line[:index]
                break
        lines.append(line)
    text = "\n".join(lines)
    for bracket in "}]":
        pieces = text.split(bracket)
        text = bracket.join([piece.rstrip().removesuffix(",") for piece in pieces[:-1]] + pieces[-1:])
    return text
