"""What the documentation tells a reader to type works."""

import re
import subprocess
import sys

import pytest

FENCE = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)


def blocks(text, language):
    return [body for found, body in FENCE.findall(text) if found == language]


def section(text, heading):
    """The text of one second-level section."""
    (body,) = re.findall(rf"^## {re.escape(heading)}\n(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)
    return body


@pytest.fixture
def checkout(root, build, tmp_path):
    """A folder that looks like the repository after the quickstart, for commands that write beside it."""
    for name in ("python", "examples", "scripts"):
        (tmp_path / name).symlink_to(root / name)
    (tmp_path / "build").symlink_to(build)
    (tmp_path / ".venv").symlink_to(sys.prefix)
    return tmp_path


def test_readme_runs_a_model_of_ones_own(root, host, checkout):
    text = section((root / "README.md").read_text(), "Your own model")
    (source,), (commands,) = blocks(text, "python"), blocks(text, "sh")
    file_name = re.match(r"# (\w+\.py)\n", source).group(1)
    (checkout / file_name).write_text(source)
    run = subprocess.run(["bash", "-euc", commands], cwd=checkout, capture_output=True, text=True, env=host.environment)
    assert run.returncode == 0, run.stdout + run.stderr
    assert (checkout / "mine" / "outputs.safetensors").exists()


def test_every_json_example_is_json(root):
    import json

    checked = 0
    for path in [root / "README.md", *sorted((root / "docs").glob("*.md"))]:
        for block in blocks(path.read_text(), "json"):
            if "…" in block:
                continue
            text = re.sub(r"^\s*//.*$", "", block, flags=re.MULTILINE)
            try:
                # An excerpt shows members of an object without its braces.
                json.loads(f"{{{text}}}" if text.lstrip().startswith('"') else text)
            except ValueError as error:
                pytest.fail(f"{path.name}: {error}\n{block}")
            checked += 1
    assert checked


@pytest.mark.slow
def test_quickstart_runs_again_and_writes_what_it_promises(root, host, build):
    """The script itself, in the tree that it prepared; elsewhere there is nothing it could run."""
    if build != root / "build" or not (root / ".venv/genie-stamp").exists():
        pytest.skip("needs the tree's own build/ and .venv, which scripts/test makes")
    run = subprocess.run([str(root / "scripts/quickstart")], capture_output=True, text=True, timeout=600, stdin=subprocess.DEVNULL)
    assert run.returncode == 0, run.stdout + run.stderr
    # The README shows what is printed, but for the times of this machine and the digest of what this torch exported.
    (shown,) = re.findall(r"^\$ build/genie-host/genie-host --config examples/quickstart/run.json --details\n(.*?)^```", (root / "README.md").read_text(),
                          re.MULTILINE | re.DOTALL)
    here = re.compile(r"^  wall clock .*$|plan [0-9a-f]{12}$", re.MULTILINE)
    printed = run.stdout[run.stdout.index("minilm.pt2"):]
    assert here.sub("…", printed) == here.sub("…", shown)
    for name in ("outputs.safetensors", "report.json", "trace.json", "plan.json"):
        assert (root / "examples/quickstart/out" / name).exists()
