"""The published JSON Schemas are valid and agree with the documents of the tree."""

import json
import re

import jsonschema_rs
import pytest

import genie.export

SCHEMAS = {"genie.run": "run-config", "genie.topology": "topology", "genie.plan": "execution-plan",
           "genie.worker": "worker-config"}
JUDGES = {"genie.run": "run", "genie.topology": "topology", "genie.plan": "plan", "genie.worker": "worker"}


def load(path):
    """A JSON document in which line comments and trailing commas are allowed, as Genie's readers allow them."""
    text = re.sub(r'("(?:[^"\\]|\\.)*")|//[^\n]*', lambda match: match.group(1) or "", path.read_text())
    return json.loads(re.sub(r'("(?:[^"\\]|\\.)*")|,(\s*[}\]])', lambda match: match.group(1) or match.group(2), text))


def schema_of(root, kind):
    (path,) = (root / "sdk/schema").glob(f"{SCHEMAS[kind]}-0.1.schema.json")
    return load(path)


def validator(schema):
    return jsonschema_rs.validator_for(schema)


def test_every_schema_is_a_valid_one_of_2020_12(root):
    paths = sorted((root / "sdk/schema").glob("*.schema.json"))
    assert paths
    for path in paths:
        schema = load(path)
        assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema", path.name
        jsonschema_rs.meta.validate(schema)


def examples(root):
    return [path for path in sorted((root / "examples").rglob("*.json")) if "out" not in path.parts]


def test_examples_follow_their_schemas(root, judge):
    checked = 0
    for path in examples(root):
        document = load(path)
        if isinstance(document, dict) and document.get("schema") in SCHEMAS:
            errors = [f"{path.name} {error.instance_path}: {error.message}"
                      for error in validator(schema_of(root, document["schema"])).iter_errors(document)]
            assert not errors, "\n".join(errors)
            assert judge(JUDGES[document["schema"]], [json.dumps(document)]) == ["ok"], path.name
            checked += 1
    assert checked >= 2


def test_what_the_export_helper_writes_follows_the_schema(root, tmp_path):
    import torch

    program = genie.export.export(torch.nn.Linear(2, 2).eval(), (torch.ones(1, 2),))
    config = load(genie.export.write_run(program, tmp_path, (torch.ones(1, 2),)))
    validator(schema_of(root, "genie.run")).validate(config)


@pytest.mark.parametrize("change", [
    lambda config: config.update(colour="red"),
    lambda config: config["run"].update(repeat="often"),
    lambda config: config.update(schema="genie.plan"),
    lambda config: config["run"].update(inputs=3),
])
def test_the_run_schema_refuses_what_the_host_refuses(root, change):
    config = load(root / "examples/quickstart/run.json")
    validator(schema_of(root, "genie.run")).validate(config)
    change(config)
    assert not validator(schema_of(root, "genie.run")).is_valid(config)
