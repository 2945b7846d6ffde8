"""Canonical bytes and ids, beside an independent implementation of RFC 8785.

A document's bytes are RFC 8785's of it without keys that equal their default; its id is their SHA-256. Keys that nobody knows come through in every object.
"""

import copy
import hashlib
import json
import os
import random
import subprocess

import pytest
import rfc8785

import documents
from blind import Blind
from places import at, walk

#: Sorted by UTF-16 units, the last comes before the one before it.
UNKNOWN_KEYS = ["zz", "A", "x y", "a.b/c~d", "\"\\\n", "é", "ключ", "\ue000", "\U0001f600"]
UNKNOWN_VALUES = [None, True, 0, -7, 2**53 - 1, 0.1, 5e-324, 1e21, 1e20, -2.5e-7, "", "\u0001\u007f \"\\/", "\U0001f600é", [], {}, [1, [2.5, {}]],
                  {"b": 1, "a": [{"d": None, "c": False}], "\U0001f600": 1, "\ue000": 2}]


def number(text):
    """RFC 8785 writes doubles up to 1e21 without an exponent."""
    return int(text) if abs(int(text)) < 2**53 else float(text)


def loads(text):
    return json.loads(text, parse_int=number)


def sha256(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


def identified(kind, document):
    """What an id is the digest of: where bytes lie, and what kernels say of themselves, name no other document."""
    left_out = {"plan": "locations", "topology": "kernels"}[kind]
    return rfc8785.dumps({key: value for key, value in document.items() if key != left_out})


@pytest.fixture(scope="session")
def canonical(build):
    """(id, bytes) of each of many documents by the plan library; None where it refuses."""
    binary = build / "tests/schema/schema-canonical"
    if not binary.exists():
        pytest.fail(f"{binary} is not built; run scripts/test, or set GENIE_BUILD to a build folder")

    def answers(kind, texts):
        done = subprocess.run([binary, kind], input="\n".join(texts) + "\n", capture_output=True, check=True, encoding="utf-8")
        lines = done.stdout.split("\n")[:-1]
        assert len(lines) == len(texts)
        return [None if line == "refused" else tuple(line.split(" ", 1)) for line in lines]

    return answers


def expected(kind, document):
    return sha256(identified(kind, document)), rfc8785.dumps(document).decode()


@pytest.mark.parametrize("kind", ["plan", "topology"])
def test_unknown_keys_survive_in_every_object(kind, canonical, real_documents):
    good = documents.golden(kind) + (real_documents[kind] if kind == "plan" else [])
    rng = random.Random(f"unknown {kind}")
    keys = UNKNOWN_KEYS if kind == "plan" else [key + ".example" for key in UNKNOWN_KEYS]  # vendors' own
    changed = []
    for document in good:
        objects = [path for path in walk(document) if isinstance(at(document, path), dict)]
        for path in objects:
            other = copy.deepcopy(document)
            at(other, path).update({key: copy.deepcopy(rng.choice(UNKNOWN_VALUES)) for key in rng.sample(keys, 3)})
            changed.append((path, other))
    got = canonical(kind, [json.dumps(document) for _, document in changed])
    kept = 0
    for (path, document), answer in zip(changed, got):
        if answer is not None:
            kept += 1
            assert answer == expected(kind, document), path
    # Refused: tagged arguments, versions, and tables whose entries are no free text.
    assert kept > (200 if kind == "plan" else 8)


def test_ids_of_captured_plans_are_those_of_rfc_8785(build, corpus, canonical, tmp_path):
    names, plans = [], []
    for name, archive in corpus.archives.items():
        run = subprocess.run([build / "tests/frontend-pytorch/pt2-to-plan", corpus.folder / archive["archive"]], capture_output=True,
                             text=True, env={**os.environ, "XDG_CACHE_HOME": str(tmp_path)})
        if run.returncode == 0:
            names.append(name)
            plans.append(loads(run.stdout))
    assert len(plans) > 50
    for name, plan, answer in zip(names, plans, canonical("plan", [json.dumps(plan) for plan in plans]), strict=True):
        assert answer == expected("plan", plan), name


def test_the_id_that_the_host_reports_is_that_of_rfc_8785(host, corpus, tmp_path):
    import harness

    harness.topology(tmp_path, [1 << 26, 1 << 26])
    host.run(corpus.config(corpus.archives["tied-weights.recommended"], tmp_path), tmp_path, check=harness.OK)
    plan = loads((tmp_path / "plan.json").read_text())
    wanted = sha256(identified("plan", plan))
    assert json.loads((tmp_path / "report.json").read_text())["plan"]["id"] == wanted
    assert json.loads(host.command("plan", "validate", "plan.json", "--json", folder=tmp_path).out)["plan"] == wanted


@pytest.mark.parametrize("kind", ["plan", "topology"])
def test_canonical_bytes_of_random_documents_are_a_fixed_point_and_those_of_rfc_8785(kind, canonical, real_documents):
    good = documents.golden(kind) + real_documents[kind]
    blind = Blind(good, random.Random(f"canonical {kind}"))
    drawn = [blind.document() for _ in range(3000)]
    first = [answer for answer in canonical(kind, [json.dumps(document) for document in drawn]) if answer]
    assert len(first) > 500
    for name, text in first:
        assert (name, text) == expected(kind, loads(text))
    assert canonical(kind, [text for _, text in first]) == first


def test_canonical_bytes_of_any_json_are_those_of_rfc_8785(canonical):
    rng = random.Random("any")

    def value(depth):
        choice = rng.randrange(6 if depth else 4)
        if choice == 0:
            return rng.choice(UNKNOWN_VALUES)
        if choice == 1:
            return rng.choice([-1, 1]) * rng.randrange(2 ** rng.randrange(1, 53))
        if choice == 2:
            return rng.choice([-1, 1]) * rng.random() * 10.0 ** rng.randrange(-320, 308)
        if choice == 3:
            return text()
        if choice == 4:
            return [value(depth - 1) for _ in range(rng.randrange(5))]
        return {rng.choice([text(), rng.choice(UNKNOWN_KEYS)]): value(depth - 1) for _ in range(rng.randrange(6))}

    def text():
        blocks = ((1, 0x80), (0xa0, 0xd800), (0xe000, 0x11000))
        return "".join(chr(rng.randrange(*rng.choice(blocks))) for _ in range(rng.randrange(12)))

    drawn = [json.loads(json.dumps(value(4))) for _ in range(5000)]
    for document, answer in zip(drawn, canonical("json", [json.dumps(document) for document in drawn]), strict=True):
        bytes_ = rfc8785.dumps(document)
        assert answer == (sha256(bytes_), bytes_.decode())
