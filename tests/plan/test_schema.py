"""The published JSON Schemas and the decoders accept and refuse the same documents.

Documents are made from good ones by random, seeded edits that know nothing of the schemas. Those that fail V0 (bytes,
numbers, duplicate keys) are outside what a JSON Schema can say and are not compared.
"""

import copy
import json
import os
import random
import subprocess
from pathlib import Path

import jsonschema_rs
import pytest

HERE = Path(__file__).resolve().parent
SCHEMAS = HERE.parent.parent / "sdk" / "schema"
ROUNDS = int(os.environ.get("GENIE_SCHEMA_ROUNDS", "4000"))

WORDS = [
    "", "x", "n0", "s0", "captured", "scheduled", "hard", "soft", "pin", "budget", "recompute", "priority", "bulk", "allow",
    "zeros", "session", "pure", "rng", "f32", "bool", "int", "float", "NaN", "-0", "Infinity", "user", "model", "local", "*",
    "add", "floordiv", "eq", "parameter", "9007199254740993", "-9223372036854775808", "12", "1a", "com.example.x", "ключ",
    "sha256:" + "a" * 64, "sha256:" + "A" * 64, "sha256:" + "a" * 63, "genie.plan", "state", "graphs", "channels_last",
]
NUMBERS = [0, 1, -1, 2, 64, 1.5, 0.5, -0.5, 1e300, 2**53 - 1, -(2**53 - 1), 1_000_001]
KEYS = [
    "id", "op", "args", "kwargs", "results", "effects", "mutates", "after", "scope", "source", "semantics", "cost", "by", "is",
    "confidence", "value", "weight", "state", "int", "float", "bool", "complex", "str", "dtype", "layout", "memory_format",
    "device", "dim", "graph", "list", "name", "scalar", "shape", "strides", "alias_of", "residency", "writes", "graphs",
    "in_place", "min", "max", "from", "input", "node", "size_bytes", "kind", "blob", "offset_bytes", "requires_grad", "init", "role", "bytes",
    "strength", "origin", "select", "uri", "stages", "transfers", "predicted", "class", "slack_ns", "profile", "topology",
    "assumes", "residence", "decisions", "alternatives", "honours", "schedule", "locations", "extensions", "requires",
    "host", "links", "ends", "shared", "speed", "kernels", "compute", "client", "ops", "kinds", "dtypes", "com.example.x", "zz",
    "s0", "sha256:" + "b" * 64, "",
]

EXPRESSIONS = ["s0", 4, ["add", 1, "s0"], ["mul", 4, "s0"], ["add", "s0", 1], ["mod", "s0", 0], ["min", "s0"], ["pow", 1, 2]]
ARGUMENTS = [
    None, {"value": "v0"}, {"weight": "w"}, {"state": "k"}, {"int": 1}, {"int": "9223372036854775807"}, {"int": 1.5},
    {"float": 0.1}, {"float": "-0"}, {"float": "nan"}, {"bool": True}, {"complex": [1, "NaN"]}, {"complex": [1]}, {"str": ""},
    {"dtype": "bf16"}, {"dtype": "float"}, {"layout": "strided"}, {"memory_format": "preserve"}, {"device": "local"},
    {"dim": ["add", 1, "s0"]}, {"graph": "g"}, {"list": [{"int": 1}, None]}, {"int": 1, "float": 1}, {"what": 1}, {},
]
GRAPH = {"inputs": [{"name": "a", "value": "a"}], "outputs": [{"name": "o", "value": {"dim": "s0"}}],
         "values": {"a": {"scalar": "int", "residency": "x"}}, "nodes": []}
CONSTRAINTS = [
    {"id": "a", "kind": "pin", "select": "**", "device": "w0"}, {"kind": "budget", "device": "w0", "bytes": 5},
    {"kind": "recompute", "select": "a", "value": "never"}, {"kind": "priority", "select": "a", "value": "bulk", "strength": "soft",
     "weight": 0.5}, {"kind": "role", "select": "a", "value": "anything"}, {"kind": "separate", "select": "a", "origin": ""},
]
TRANSPLANTS = EXPRESSIONS + ARGUMENTS + CONSTRAINTS + [GRAPH, [], {}, None, True, False, ["x"], [1, 2], {"node": "n0"},
                                                       {"input": "x", "dim": 1}, {"weight": "w"}]


def places(document):
    """Every (container, key) of a document."""
    found = []
    stack = [document]
    while stack:
        here = stack.pop()
        items = here.items() if isinstance(here, dict) else enumerate(here)
        for key, value in items:
            found.append((here, key))
            if isinstance(value, (dict, list)):
                stack.append(value)
    return found


def mutate(document, rng):
    for _ in range(rng.choice([1, 1, 1, 2, 3])):
        here, key = rng.choice(places(document))
        action = rng.randrange(9)
        value = here[key]
        if action == 0:
            del here[key]
        elif action == 1:
            here[key] = rng.choice(WORDS)
        elif action == 2:
            here[key] = rng.choice(NUMBERS)
        elif action == 3:
            here[key] = copy.deepcopy(rng.choice(TRANSPLANTS))
        elif action == 4:
            source, at = rng.choice(places(document))
            here[key] = copy.deepcopy(source[at])
        elif isinstance(here, dict) and action in (5, 6):
            here[rng.choice(KEYS)] = copy.deepcopy(rng.choice([rng.choice(WORDS), rng.choice(NUMBERS), rng.choice(TRANSPLANTS)]))
        elif isinstance(here, list):
            here.insert(rng.randrange(len(here) + 1), copy.deepcopy(rng.choice([value, rng.choice(ARGUMENTS), rng.choice(WORDS)])))
        elif action == 7:
            name = rng.choice([k for k in here])
            here[rng.choice(KEYS + WORDS)] = here.pop(name)
        else:
            here["zz"] = value
        if not places(document):
            return document
    return document


def goldens(kind):
    documents = [json.loads(path.read_text()) for path in sorted((HERE / "golden" / "0.1").glob(f"*.{kind}.json"))]
    assert documents
    return documents


def verdicts(plan_check, kind, documents):
    lines = "\n".join(json.dumps(document) for document in documents)
    done = subprocess.run([plan_check, kind], input=lines, capture_output=True, text=True, check=True)
    answers = done.stdout.splitlines()
    assert len(answers) == len(documents)
    return answers


@pytest.fixture(scope="session")
def plan_check():
    """Built by Meson; GENIE_BUILD names the build folder (default: build/)."""
    build = Path(os.environ.get("GENIE_BUILD", HERE.parent.parent / "build"))
    path = build / "tests" / "plan" / "plan-check"
    if not path.exists():
        pytest.fail(f"{path} is not built; run scripts/test, or set GENIE_BUILD to a build folder")
    return path


@pytest.mark.parametrize("kind, schema", [("plan", "execution-plan-0.1"), ("topology", "topology-0.1")])
def test_the_schema_is_the_decoder(plan_check, kind, schema):
    validator = jsonschema_rs.validator_for(json.loads((SCHEMAS / f"{schema}.schema.json").read_text()))
    rng = random.Random(f"genie {kind}")
    originals = goldens(kind)
    documents = list(originals) + [mutate(copy.deepcopy(rng.choice(originals)), rng) for _ in range(ROUNDS)]
    compared = accepted = 0
    disagreements = []
    for document, answer in zip(documents, verdicts(plan_check, kind, documents)):
        if answer.startswith("V0"):
            continue
        compared += 1
        ours = answer.startswith("ok")
        accepted += ours
        if ours != validator.is_valid(document):
            reasons = [f"{error.instance_path}: {error.message}" for error in validator.iter_errors(document)]
            disagreements.append(f"{answer} / {reasons[:3]}\n{json.dumps(document)[:2000]}")
    print(f"{kind}: {compared} compared, {accepted} accepted, {len(disagreements)} disagreements")
    assert not disagreements, "\n\n".join(disagreements[:5])
    assert compared > 0.9 * len(documents)
    assert compared // 12 < accepted < compared


def test_good_documents_are_good(plan_check):
    for kind, schema in (("plan", "execution-plan-0.1"), ("topology", "topology-0.1")):
        validator = jsonschema_rs.validator_for(json.loads((SCHEMAS / f"{schema}.schema.json").read_text()))
        for document, answer in zip(goldens(kind), verdicts(plan_check, kind, goldens(kind))):
            assert answer == "ok"
            validator.validate(document)
