"""Every operator of the table against torch itself: what prove.py prints must be without a mismatch."""

import sys

import pytest

torch = pytest.importorskip("torch")


@pytest.mark.slow
def test_rules_kernels_and_costs_are_torchs_over_every_sampled_operator(root, build, tmp_path):
    sys.path[:0] = [str(root / "sdk/schema/tools"), str(root / "tests/ops")]
    import json

    import make_opset

    written_with = json.loads(make_opset.TABLE.read_text())["torch"]
    if torch.__version__.split("+")[0] != written_with:
        pytest.skip(f"the table was written with torch {written_with}")
    from prove import Proof

    proof = Proof(build, tmp_path, True)
    print("\n".join(proof.lines()))
    assert list(proof.problems()) == []
    committed = (root / "tests/plan/op_types.jsonl").read_text()
    assert proof.corpus_text == committed, "run sdk/schema/tools/record_types.py tests/plan/op_types.jsonl"
    # A proof over nothing proves nothing.
    assert len(proof.kernels.samples) > 1100 and len(proof.sampled) > 1100
    assert proof.kernels.excluded.total() < 20
