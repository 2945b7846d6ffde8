"""The committed operator table is what the installed torch and the rules give."""

import importlib.util
import json
import pathlib

import pytest

torch = pytest.importorskip("torch")

TOOLS = pathlib.Path(__file__).resolve().parents[2] / "sdk" / "schema" / "tools"


def load(name):
    spec = importlib.util.spec_from_file_location(name, TOOLS / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_table_is_torchs_own():
    make_opset = load("make_opset")
    committed = make_opset.TABLE.read_text()
    written_with = json.loads(committed)["torch"]
    if torch.__version__.split("+")[0] != written_with:
        pytest.skip(f"the table was written with torch {written_with}")
    assert make_opset.build() == committed, "run sdk/schema/tools/make_opset.py"


def test_every_core_operator_has_a_rule_or_says_why_not():
    table = json.loads(load("make_opset").TABLE.read_text())
    without = [
        op["name"]
        for op in table["ops"]
        if op.get("core") and "shape_rule" not in op and not op.get("data_dependent") and "backward" not in op["name"]
    ]
    assert without == []
