"""What a stage needs by the plan's lifetimes, beside what the process's allocator sees while it runs."""

import json
import os
import subprocess

import pytest

#: Descriptions of tensors, argument stacks, a BLAS's small buffers: the plan counts elements.
AROUND_BYTES = 24 << 10


@pytest.mark.parametrize("name", ["minilm-static.plain", "gpt2-dynamic.recommended"])
def test_memory_inside_a_stage_is_what_the_allocator_sees(build, corpus, tmp_path, name):
    tools, archive = build / "tests/kernels-aten", corpus.archives[name]
    if not (tools / "count-allocations.so").exists():
        pytest.skip("kernels-aten is not built")
    plan = tmp_path / "plan.json"
    plan.write_text(subprocess.run([build / "tests/frontend-pytorch/pt2-to-plan", corpus.folder / archive["archive"]], check=True, capture_output=True,
                                   text=True).stdout)
    done = subprocess.run([tools / "run-stage", build / "plugins/kernels-aten/kernels-aten.so", plan, "--threads", "1", "--repeat", "3",
                           corpus.folder / archive["runs"][0]["inputs"][0]], check=True, capture_output=True, text=True,
                          env={**os.environ, "OMP_WAIT_POLICY": "PASSIVE", "LD_PRELOAD": str(tools / "count-allocations.so")})
    result = json.loads(done.stdout)
    if "allocated_bytes" not in result:
        pytest.skip("a sanitizer has an allocator of its own")
    # The first run also allocates what libraries keep.
    for seen in result["allocated_bytes"][1:]:
        assert 0 <= seen - result["needed_bytes"][0] <= AROUND_BYTES
