"""The exact text, JSON and exit code of everything that a user can get wrong in an archive, a config, a topology or a plan.

Cases are in diagnostics/, what the host must say about each in golden-diagnostics/. After a change of wording:
``pytest tests/e2e/test_golden_diagnostics.py --rewrite-golden``, then read the difference.
"""

import dataclasses
import json
import pathlib
import re

import pytest

import diagnostics
from diagnostics.world import World, make_files
from harness import OK, VERIFICATION_FAILED

EXPECTED = pathlib.Path(__file__).parent / "golden-diagnostics"
CASES = dict(diagnostics.all_cases())
#: What differs from run to run and from folder to folder: times, digests, the size of an archive, which holds paths.
VARIABLE = [(re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"), "TIME"), (re.compile(r"\b[0-9a-f]{64}\b"), "SHA256"),
            (re.compile(r"\b(sha256:|plan )[0-9a-f]{12}\b"), r"\1SHORT"), (re.compile(r"(?<=file has )\d+(?= bytes)"), "SIZE"),
            (re.compile(r"  wall clock .*"), "  wall clock TIMES")]


@pytest.fixture(scope="module")
def files(host, tmp_path_factory):
    folder = tmp_path_factory.mktemp("files")
    make_files(host, folder)
    return folder


def constant(text, places):
    """A text without what differs from run to run and from machine to machine."""
    for place, name in places.items():
        text = text.replace(str(place), name)
    for pattern, name in VARIABLE:
        text = pattern.sub(name, text)
    return text


def said(host, case, arguments, folder):
    """What the host says to a person and to a program, as a golden file."""
    def run(*options):
        result = host.command(*options, *arguments, folder=folder)
        result.out, result.err = (constant(text, {folder: "FOLDER", host.plugins: "PLUGINS"}) for text in (result.out, result.err))
        return result

    program = run("--json")
    # What a person reads on stdout, if it is more than nothing; stderr is the same with and without --json.
    person = run() if program.code in (OK, VERIFICATION_FAILED) else dataclasses.replace(program, out="")
    assert (program.code, program.err) == (person.code, person.err)
    document = json.loads(program.out)
    diagnostics_ = document["outcome"] if "outcome" in document else document["diagnostics"]
    parts = [f"{case.__doc__}\n$ genie-host {' '.join(map(str, arguments))}\nexit code {person.code}\n"]
    parts += [f"--- {name}\n{text}" for name, text in (("stdout", person.out), ("stderr", person.err)) if text]
    parts.append(f"--- as JSON\n{json.dumps(diagnostics_, indent=1, ensure_ascii=False)}\n")
    return "\n".join(parts)


@pytest.mark.parametrize("name", CASES)
def test_diagnostic(host, files, tmp_path, check_golden, name):
    world = World(host, files, tmp_path)
    check_golden(f"{name}.txt", said(host, CASES[name], CASES[name](world), tmp_path))


def test_every_golden_text_has_its_case():
    assert {str(path.relative_to(EXPECTED).with_suffix("")) for path in EXPECTED.rglob("*.txt")} == set(CASES)
