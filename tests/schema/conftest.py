"""The decoders' verdicts, and documents that the host read and wrote in real runs."""

import json
import subprocess

import pytest


@pytest.fixture(scope="session")
def judge(build):
    """The decoders' verdict on each of many documents: "ok", "V0 GE0303", "V1 GE0310"."""
    binary = build / "tests/schema/schema-judge"
    if not binary.exists():
        pytest.fail(f"{binary} is not built; run scripts/test, or set GENIE_BUILD to a build folder")

    def verdicts(kind, texts):
        done = subprocess.run([binary, kind], input="\n".join(texts) + "\n", capture_output=True, text=True, check=True)
        answers = done.stdout.splitlines()
        assert len(answers) == len(texts)
        return answers

    return verdicts


@pytest.fixture(scope="session")
def real_documents(host, corpus, tmp_path_factory):
    import harness

    found = {"plan": [], "topology": [], "faults": [], "run": []}
    for name in ("tied-weights.recommended", "cache.recommended", "shape-arithmetic.plain"):
        folder = tmp_path_factory.mktemp("run")
        harness.topology(folder, [1 << 26, 1 << 26])
        host.run(corpus.config(corpus.archives[name], folder), folder, check=harness.OK)
        for kind, file in (("plan", "plan.json"), ("topology", "cluster.json"), ("run", "run.json")):
            found[kind].append(json.loads((folder / file).read_text()))
    return found
