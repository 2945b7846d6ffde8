"""Every operator of the table against torch itself: what prove.py prints must be without a mismatch."""

import json
import sys

import pytest

torch = pytest.importorskip("torch")


@pytest.mark.slow
def test_rules_kernels_and_costs_are_torchs_over_every_sampled_operator(root, build, tmp_path):
    sys.path[:0] = [str(root / "sdk/schema/tools"), str(root / "tests/ops")]
    import make_opset

    written_with = json.loads(make_opset.TABLE.read_text())["torch"]
    if torch.__version__.split("+")[0] != written_with:
        pytest.skip(f"the table was written with torch {written_with}")
    from prove import CORPUS, FIGURES, PAGE, Proof

    proof = Proof(build, tmp_path, make_opset.build() == make_opset.TABLE.read_text())
    assert list(proof.problems()) == []
    # A proof over nothing proves nothing.
    assert len(proof.kernels.samples) > 1200 and len(proof.sampled) > 1200
    assert proof.kernels.excluded.total() < 20
    assert proof.corpus_text == CORPUS.read_text(), "run tests/ops/prove.py --write"
    assert FIGURES.search(PAGE.read_text()).group() == proof.figures(), "run tests/ops/prove.py --write"
