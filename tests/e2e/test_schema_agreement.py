"""`plan validate` and the published JSON Schema of plans accept and refuse the same documents.

The judge is an independent validator. A scheduled plan that the host wrote is changed in one place in every way that
mutations.py knows; host and schema must agree on the results. (Run configs: tests/host/test_run_schema.py.)
"""

import concurrent.futures
import json
import os
import re

import jsonschema_rs
import pytest

from harness import OK, topology
from mutations import mutations

#: What the levels V0 (bytes, limits) and V1 (schema) say. A schema cannot judge what later levels judge.
SCHEMA_LEVEL = re.compile(r"GE03[0-3]\d")
MAXIMUM_DOCUMENTS = 1500


@pytest.mark.parametrize("name", ["tied-weights.recommended", "cache.recommended", "shape-arithmetic.plain"])
def test_plans(host, root, corpus, tmp_path, name):
    schema = json.loads((root / "sdk/schema/execution-plan-0.1.schema.json").read_text())
    validator = jsonschema_rs.validator_for(schema)
    topology(tmp_path, [1 << 26, 1 << 26])
    plan = host.run(corpus.config(corpus.archives[name], tmp_path), tmp_path, check=OK).plan

    def refused_by_host(index, document):
        path = tmp_path / f"{index}.json"
        path.write_text(json.dumps(document))
        result = host.command("plan", "validate", path, folder=tmp_path)
        return result.text.strip() if result.code != OK and SCHEMA_LEVEL.search(result.text) else ""

    cases = [("nothing", plan), *mutations(plan)]
    cases = cases[:: len(cases) // MAXIMUM_DOCUMENTS + 1]
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        verdicts = list(pool.map(lambda case: refused_by_host(case[0], case[1][1]), enumerate(cases)))
    found = []
    for (change, document), verdict in zip(cases, verdicts):
        by_schema = [f"{error.instance_path} {error.message}" for error in validator.iter_errors(document)]
        if bool(by_schema) != bool(verdict):
            found.append(f"{change}: host {verdict or 'accepts'}; schema {by_schema[:1] or 'accepts'}")
    assert not found, f"{len(found)} of {len(cases)}\n" + "\n".join(found[:20])
