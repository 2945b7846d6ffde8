"""Results that are close to PyTorch's, not equal: within 1e-5 of each output's largest element, and within the devices' memory."""

import pytest
from safetensors.torch import load_file

from harness import OK, topology
from test_corpus import MIB, archives

TOLERANCE = 1e-5


def run_close(host, corpus, archive, runs, folder, memory_bytes):
    folder.mkdir(parents=True)
    topology(folder, memory_bytes)
    config = corpus.config(archive, folder, runs)
    config["kernels"][0]["options"]["results"] = "close"
    config["expect"] |= {"rtol": 1, "atol": 1e30}  # judged here, by the scale of each output
    result = host.run(config, folder, "--details").expect(OK)
    assert_near(load_file(folder / "outputs.safetensors"), load_file(folder / "expected.safetensors"))
    return result


def assert_near(got, wanted):
    """Numbers within TOLERANCE of the output's largest; what is no finite number, and what is no float, is the same."""
    for name, expected in wanted.items():
        actual = got[name]
        assert actual.shape == expected.shape and actual.dtype == expected.dtype, name
        if not (expected.is_floating_point() or expected.is_complex()):
            assert actual.equal(expected), name
            continue
        finite = expected.isfinite()
        assert actual.isfinite().equal(finite), name
        assert actual[~finite].nan_to_num(nan=7).equal(expected[~finite].nan_to_num(nan=7)), name
        if finite.any():
            worst = (actual - expected)[finite].abs().max() / expected[finite].abs().max().clamp_min(1e-30)
            assert worst <= TOLERANCE, f"{name}: {worst}"


@pytest.mark.parametrize("name", archives(lambda case: not case.torch_refuses))
def test_close_to_torch_on_one_device(host, corpus, tmp_path, name):
    archive = corpus.archives[name]
    for index, runs in enumerate(corpus.sessions(archive)):
        run_close(host, corpus, archive, runs, tmp_path / f"{index}", [1024 * MIB])


@pytest.mark.parametrize("name", archives(lambda case: not case.torch_refuses, families=True))
def test_close_to_torch_in_the_model_families(host, families, tmp_path, name):
    archive = families.archives[name]
    for index, runs in enumerate(families.sessions(archive)):
        run_close(host, families, archive, runs, tmp_path / f"{index}", [1024 * MIB])


def test_packed_weights_keep_to_the_memory_that_the_plan_leaves(host, corpus, tmp_path):
    archive = corpus.archives["minilm-static.recommended"]
    (runs,) = corpus.sessions(archive)
    result = run_close(host, corpus, archive, runs, tmp_path / "roomy", [1024 * MIB])
    roomy = result.report
    packed = roomy["counters"]["packed_bytes"]
    peak = roomy["predicted"]["forward"]["peak_bytes"]["w0"]
    assert roomy["counters"]["packed_weights"] > 30 and roomy["counters"]["fused_nodes"] > 0
    assert roomy["versions"]["results"] == "close"
    assert f"close results: {roomy['counters']['fused_nodes']} nodes fused, {roomy['counters']['packed_weights']} weights packed" in result.out
    assert roomy["devices"]["w0"]["peak_bytes"] == peak + packed
    for share in (0, 0.5):
        memory = peak + int(share * packed)
        report = run_close(host, corpus, archive, runs, tmp_path / f"{share}", [memory]).report
        assert report["counters"].get("packed_bytes", 0) <= share * packed
        assert report["devices"]["w0"]["peak_bytes"] <= memory
        assert (report["counters"].get("packed_weights", 0) > 0) == (share > 0)


def test_three_devices_pack_what_their_own_stages_use(host, corpus, tmp_path):
    archive = corpus.archives["gpt2-static.recommended"]
    (runs,) = corpus.sessions(archive)
    alone = run_close(host, corpus, archive, runs, tmp_path / "alone", [1024 * MIB]).report
    memory = 0.8 * alone["predicted"]["forward"]["peak_bytes"]["w0"]
    split = run_close(host, corpus, archive, runs, tmp_path / "split", [memory] * 3).report
    assert all(use["peak_bytes"] <= memory for use in split["devices"].values())
    assert 0 < split["counters"]["packed_bytes"]
