"""The published JSON Schemas and the decoders accept and refuse the same documents.

The judge of the schemas is an independent validator. Documents come from good ones (golden files, written by hand, and of a
run of the host) in two ways: blind edits (blind.py) that know no schema, and edits that break or just keep each statement of
the schema (keywords.py), so that every statement is violated at least once. Documents that fail V0 (bytes, numbers, duplicate
keys) are outside what a JSON Schema can say and are not compared. `GENIE_SCHEMA_DOCUMENTS=10 pytest tests/schema` makes ten
times as many.
"""

import json
import os
import random

import jsonschema_rs
import pytest

import documents
from blind import Blind
from keywords import Directed, is_limit_of_numbers, violated

#: Documents of each kind that are compared: 26,000 in all.
COMPARED = {"plan": 11_000, "topology": 3_000, "faults": 3_000, "run": 6_000, "worker": 3_000}
FACTOR = float(os.environ.get("GENIE_SCHEMA_DOCUMENTS", "1"))


def load_schema(root, kind):
    return json.loads((root / f"sdk/schema/{documents.SCHEMAS[kind]}.schema.json").read_text())


class Tally:
    """What both sides said of the documents so far."""

    def __init__(self, kind, validator, judge):
        self.kind, self.validator, self.judge = kind, validator, judge
        self.compared = self.accepted = 0
        self.disagreements = []
        self.violated = set()

    def add(self, batch):
        batch = list(batch)
        texts = [json.dumps(document) for document in batch]
        for document, text, answer in zip(batch, texts, self.judge(self.kind, texts)):
            broken = violated(self.validator, document)
            if answer.startswith("V0"):
                continue
            self.compared += 1
            self.accepted += not broken
            self.violated |= broken
            if answer.startswith("ok") == bool(broken):
                self.disagreements.append(f"decoder {answer}; schema {sorted(broken)[:3] or 'accepts'}\n{text[:2000]}")


@pytest.mark.parametrize("kind", documents.SCHEMAS)
def test_the_schema_is_the_decoder(kind, root, judge, real_documents, record_property):
    schema = load_schema(root, kind)
    validator = jsonschema_rs.validator_for(schema)
    rng = random.Random(f"genie {kind}")
    good = documents.good(kind) + real_documents.get(kind, [])
    tally = Tally(kind, validator, judge)
    tally.add(good)
    assert (tally.accepted, tally.disagreements) == (len(good), [])

    directed = Directed(schema, validator, documents.good(kind), rng)
    tally.add(documents.edge_cases(kind))
    tally.add(directed.documents())
    blind = Blind(good, rng)
    while tally.compared < FACTOR * COMPARED[kind]:
        tally.add(blind.document() for _ in range(1000))

    statements = {name for name, owner, keyword in directed.statements if not is_limit_of_numbers(owner, keyword)}
    never = sorted(statements - tally.violated)
    record_property("summary", f"{kind}: {tally.compared:,} documents compared, {tally.accepted:,} accepted by both, "
                               f"{len(tally.disagreements)} disagreements; {len(statements - set(never))} of {len(statements)} "
                               "statements of the schema violated")
    assert not tally.disagreements, f"{len(tally.disagreements)} disagreements\n" + "\n\n".join(tally.disagreements[:5])
    assert not never, "no document violates " + ", ".join(never)
    assert tally.compared / 3 < tally.accepted < tally.compared


@pytest.mark.parametrize("kind", documents.SCHEMAS)
def test_numbers_beyond_what_readers_keep_are_refused_by_both(kind, root, judge):
    """The bounds of 2^53 are the schema's word for what the decoder refuses at V0."""
    schema = load_schema(root, kind)
    validator = jsonschema_rs.validator_for(schema)
    directed = Directed(schema, validator, documents.good(kind), random.Random(1))
    limits = [one for one in directed.statements if is_limit_of_numbers(one[1], one[2])]
    assert limits
    directed.statements = limits
    broken = [(document, violated(validator, document)) for document in directed.documents()]
    broken = [(document, names) for document, names in broken if names]
    answers = judge(kind, [json.dumps(document) for document, _ in broken])
    assert [answer for answer in answers if answer.startswith("ok")] == []
    assert {name for name, _, _ in limits} <= set().union(*(names for _, names in broken))
