"""Every operator of the table against torch itself: what prove.py finds must be without a mismatch, and as committed."""

import json
import re
import subprocess
import sys

import pytest

torch = pytest.importorskip("torch")


@pytest.mark.slow
def test_rules_kernels_and_costs_are_torchs_over_every_sampled_operator(root, build):
    written_with = json.loads((root / "sdk/schema/opset-aten-1.json").read_text())["torch"]
    if torch.__version__.split("+")[0] != written_with:
        pytest.skip(f"the table was written with torch {written_with}")
    ran = subprocess.run([sys.executable, root / "tests/ops/prove.py", "--check", "--build", build], capture_output=True, text=True)
    assert ran.returncode == 0, f"{ran.stdout[-4000:]}\n{ran.stderr[-2000:]}\nif the change is meant: tests/ops/prove.py --write"
    # A proof over nothing proves nothing.
    for what, least in [("shapes", 1200), ("kernels", 1200), ("flops", 40)]:
        assert int(re.search(rf"{what}: (\d+) operators", ran.stdout)[1]) >= least
