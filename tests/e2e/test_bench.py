"""The benchmarks' commands run on small sizes and print what they say they print. What they measure is not judged."""

import importlib.util
import itertools
import json
import random
import subprocess
import sys

import pytest

SMALL = {
    "plan_speed": ["--nodes", "40", "90", "--rounds", "1"],
    "capture": ["--only", "tiny", "--rounds", "1"],
    "host_start": ["--runs", "1", "--calls", "1000"],
    "placement": ["--random", "40"],
    "tight": ["--shares", "0.75", "0.3"],
    "scale": ["--nodes", "200", "--devices", "3", "100", "--steps", "2"],
    "forward": ["--models", "tiny", "--sequences", "4", "--threads", "1", "--rounds", "1", "--repeat", "2", "--no-onnx"],
    "fabric": ["--turns", "1", "--largest", "4096", "--paths", "arena", "net"],
    "remote": ["--paths", "arena", "control", "tls", "--turns", "1", "--local-ms", "0.1", "--sizes", "4096", "--weights", "1", "--idle", "0.1"],
    "peers": ["--paths", "control", "--peers", "rpc-tcp", "grpc", "gloo", "--turns", "1", "--sizes", "8192", "--steps", "4", "--idle", "0.1"],
    "kernels_aten": ["--sequences", "4", "--rounds", "1", "--repeat", "2"],
    "accuracy": ["--models", "wide", "pyramid", "--placements", "two halves", "--rates", "400", "--steps", "2", "--rounds", "1"],
}
COLUMNS = {
    "plan_speed": {"nodes", "annotated", "plan_bytes", "onnx_bytes", "plan_ns", "decode_ns", "validate_ns", "encode_ns", "hash_ns", "plan_wall_ns",
                   "onnx_ns", "onnx_full_ns", "onnx_wall_ns", "plan_peak_bytes_per_node", "onnx_peak_bytes_per_node", "ratio", "ratio_full"},
    "capture": {"archive", "bytes", "cold_ns", "cold_wall_ns", "warm_ns", "warm_wall_ns", "torch_ns", "torch_wall_ns", "sha256_ns", "sha256_wall_ns",
                "warm_peak_kib"},
    "host_start": {"command", "min_ns", "median_ns", "cpu_ns", "ratio", "peak_kib"},
    "placement": {"family", "problems", "proved", "unplaced", "mean", "worst", "worse_than_heft", "worse_than_round_robin", "worse_than_all_on_one",
                  "mean_heft", "mean_round_robin", "mean_all_on_one"},
    "tight": {"model", "nodes", "alone_bytes", "share", "device_bytes", "placed", "peak_bytes", "proof"},
    "scale": {"nodes", "devices", "stages", "transfers", "read_ns", "validate_ns", "schedule_ns", "prepare_ns", "step_ns", "wall_ns", "cpu_ns",
              "peak_bytes", "peak_bytes_per_node", "virtual_ns"},
    "forward": {"model", "sequence", "threads", "stages", "equal_bits", "close_difference",
                *(f"{side}_{kind}" for side in ("eager", "products", "genie", "close", "emulated", "onnx") for kind in ("ns", "cpu_ns")),
                *(ratio + kind for ratio in ("genie_to_eager", "emulated_to_genie", "genie_to_onnx", "products_to_eager", "close_to_eager", "close_to_onnx")
                  for kind in ("", "_cpu"))},
    "fabric": {"path", "what", "size", "ours_s", "limit_s", "ratio", "spin_s", "sleep_s"},
    "accuracy": {"model", "placement", "link", "held_out", "measured_ns", "emulated_ns", "model_ns"},
    "remote": {"what", "path", "here_ns", "remote_ns", "ratio", "wire_bytes_per_step", "wire_messages_per_step"},
    "peers": {"what", "side", "median_ns", "least_ns", "cpu_ns", "tcp_bytes", "to_genie", "least_to_genie", "right"},
    "kernels_aten": {"sequence", "threads", "genie_ns", "eager_ns", "exported_ns", "to_eager", "to_exported", "best_to_best_eager", "equal_bits"},
}


def run(root, build, name, *more):
    done = subprocess.run([sys.executable, root / "bench" / f"{name}.py", "--build", build, *SMALL[name], *more], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def rows_of(root, build, name):
    result = json.loads(run(root, build, name, "--json"))
    assert result["bench"] == name and result["rows"]
    assert all(set(row) == COLUMNS[name] for row in result["rows"])
    return result["rows"]


@pytest.mark.slow
def test_plan_speed(root, build):
    rows = rows_of(root, build, "plan_speed")
    assert [(row["nodes"], row["annotated"]) for row in rows] == [(40, False), (90, False), (40, True), (90, True)]
    assert all(row["plan_ns"] > 0 and row["onnx_ns"] > 0 for row in rows)


@pytest.mark.slow
def test_both_graphs_of_plan_speed_have_the_same_nodes(root, tmp_path):
    import onnx

    sys.path.insert(0, str(root / "bench"))
    import big_graphs

    for annotated in (False, True):
        big_graphs.write_plan(tmp_path / "plan.json", 70, annotated)
        big_graphs.write_onnx(tmp_path / "model.onnx", 70, annotated)
        nodes = json.loads((tmp_path / "plan.json").read_text())["methods"]["forward"]["nodes"]
        peers = onnx.load(tmp_path / "model.onnx").graph.node
        assert len(nodes) == len(peers) == 70
        assert [node["results"] for node in nodes] == [list(peer.output) for peer in peers]
        assert all(("scope" in node) == annotated == bool(peer.metadata_props) for node, peer in zip(nodes, peers))


@pytest.mark.slow
def test_capture(root, build):
    (row,) = rows_of(root, build, "capture")
    assert row["cold_ns"] > 0 and row["torch_ns"] > 0 and row["sha256_ns"] > 0


def test_host_start(root, build):
    rows = rows_of(root, build, "host_start")
    assert rows[0]["command"] == "/bin/true" and len(rows) > 3
    # The host's own memory: more than the smallest program's, far from that of a process with torch.
    assert all(rows[0]["peak_kib"] < row["peak_kib"] < 64 * 1024 for row in rows[1:-1])
    # Computing nothing needs no kernels, and so no torch.
    assert rows[-2]["peak_kib"] < rows[-1]["peak_kib"] / 2
    table = run(root, build, "host_start").splitlines()
    assert table[0].startswith("| command |") and len(table) >= 2 + len(rows)


@pytest.mark.slow
def test_kernels_aten(root, build):
    (row,) = rows_of(root, build, "kernels_aten")
    assert row["equal_bits"]


def test_scale(root, build):
    rows = rows_of(root, build, "scale")
    assert [row["devices"] for row in rows] == [3, 100] and all(row["virtual_ns"] > 0 for row in rows)
    # Devices have room for little more than their share: the plan is spread.
    assert all(row["stages"] > 1 for row in rows)


@pytest.mark.slow
def test_forward(root, build):
    (row,) = rows_of(root, build, "forward")
    assert row["equal_bits"] and row["stages"] >= 2


@pytest.mark.slow
def test_placement_is_near_the_optimum_and_no_worse_than_others(root, build, corpus, tmp_path):
    """Counts, not times: the same on every machine."""
    models = [str(corpus.folder / corpus.archives[name]["archive"]) for name in ("gpt2-static.plain", "bert-dynamic.recommended")]
    done = subprocess.run([sys.executable, root / "bench/placement.py", "--build", build, *models, *SMALL["placement"], "--json"],
                          capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    rows = {row["family"]: row for row in json.loads(done.stdout)["rows"]}
    assert all(set(row) == COLUMNS["placement"] for row in rows.values()) and rows["model"]["problems"] == 8
    every = rows["all"]
    assert every["proved"] >= 40 and every["unplaced"] == 0 and every["mean"] <= 1.05
    assert [every[key] for key in ("worse_than_heft", "worse_than_round_robin", "worse_than_all_on_one")] == [0, 0, 0]


@pytest.mark.slow
def test_tight(root, build, corpus):
    """Counts, not times: the same on every machine."""
    models = [str(corpus.folder / corpus.archives[name]["archive"]) for name in ("gpt2-static.plain", "bert-dynamic.recommended")]
    done = subprocess.run([sys.executable, root / "bench/tight.py", "--build", build, *models, *SMALL["tight"], "--json"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    rows = json.loads(done.stdout)["rows"]
    assert len(rows) == 4 and all(set(row) == COLUMNS["tight"] for row in rows)
    assert all(row["placed"] and row["peak_bytes"] <= row["device_bytes"] < row["alone_bytes"] for row in rows[::2])
    # Three times 0.3 of what one needs is too little for the weights and one operator.
    assert all(not row["placed"] and row["proof"] for row in rows[1::2])


def test_tight_proves_just_what_is_so(root, monkeypatch):
    """On small problems, where every way of giving operators to devices can be tried."""
    monkeypatch.syspath_prepend(root / "bench")
    import tight

    draw = random.Random(5)
    seen = set()
    for _ in range(300):
        blobs, states, devices = [draw.randint(1, 40) for _ in range(4)], [draw.randint(1, 20)], draw.randint(1, 3)
        nodes = [{"blobs": draw.sample(range(4), draw.randint(0, 2)), "states": [0] * (draw.random() < 0.2), "passing_bytes": draw.randint(0, 30)}
                 for _ in range(draw.randint(1, 6))]
        needs, memory = {"blobs": blobs, "states": states, "nodes": nodes}, draw.randint(30, 120)

        def fits(mine):
            return not mine or memory >= (sum(blobs[b] for b in {b for node in mine for b in node["blobs"]})
                                          + states[0] * any(node["states"] for node in mine) + max(node["passing_bytes"] for node in mine))

        possible = any(all(fits([node for node, at in zip(nodes, places) if at == device]) for device in range(devices))
                       for places in itertools.product(range(devices), repeat=len(nodes)))
        assert tight.Parts(needs, memory, devices).possible() == possible
        used = {b for node in nodes for b in node["blobs"]}
        if len(used) == 4 and any(node["states"] for node in nodes):
            why = tight.proof(needs, memory, devices)
            assert (why is None) == possible
            seen.add(why)
    assert seen == {None, "one operator", "together", "parts"}


@pytest.mark.slow
def test_fabric(root, build):
    if not (build / "bench" / "our_path").exists():
        pytest.skip("backend-libfabric was not built")
    rows = rows_of(root, build, "fabric")
    assert {(row["path"], row["what"], row["size"]) for row in rows} == {(path, what, size) for path in ("arena", "net") for what in ("write", "read") for size in (64, 4096)}
    assert all(row["ours_s"] > 0 and row["limit_s"] > 0 for row in rows)


@pytest.mark.slow
def test_remote(root, build):
    if not (build / "bench" / "raw_fabric").exists():
        pytest.skip("backend-libfabric was not built")
    result = json.loads(run(root, build, "remote", "--json"))
    paths = ["arena", "control", "tls"]
    assert result["bench"] == "remote" and result["missing"] == {}
    assert all(set(row) == COLUMNS["remote"] and row["remote_ns"] > 0 and row["here_ns"] > 0 for row in result["rows"])
    assert [row["path"] for row in result["rows"]] == paths * (len(result["rows"]) // len(paths)) and len(result["rows"]) == 4 * len(paths)
    # One request and one answer, heartbeats aside, whatever the number of operators; input and output cross once.
    assert all(2 <= row["wire_messages_per_step"] < 4 for row in result["rows"])
    assert all(2 * 4096 < row["wire_bytes_per_step"] < 3 * 4096 for row in result["rows"] if row["what"] == "4 KiB there and back")
    assert [row["path"] for row in result["weights"]] == paths
    assert all(row["cold_bytes_sent"] >= 1 << 20 and row["warm_bytes_sent"] == 0 for row in result["weights"])
    assert [row["path"] for row in result["failures"]] == paths and all(row["median_ns"] > 0 for row in result["failures"])
    assert [row["path"] for row in result["idle"]] == paths


@pytest.mark.slow
def test_peers(root, build):
    if not (build / "bench" / "raw_fabric").exists():
        pytest.skip("backend-libfabric was not built")
    result = json.loads(run(root, build, "peers", "--json"))
    # gRPC is no package of the tests: without it the benchmark says what to install.
    peers = ["rpc-tcp", *(["grpc"] if importlib.util.find_spec("grpc") else []), "gloo"]
    assert result["bench"] == "peers" and all("grpcio" in why for why in result["missing"].values())
    assert set(result["missing"]) == {"rpc-tcp", "grpc", "gloo"} - set(peers)
    sides = ["torch here", "genie here", "control", *peers]
    rows = result["rows"]
    assert [(row["what"], row["side"]) for row in rows] == [(what, side) for what in ("8 KiB", "decoding step") for side in sides]
    assert all(set(row) == COLUMNS["peers"] and row["right"] and 0 < row["least_ns"] <= row["median_ns"] and row["cpu_ns"] > 0 for row in rows)
    assert all(row["to_genie"].keys() == row["least_to_genie"].keys() == {"control"} for row in rows)
    # Over TCP a tensor crosses once in each direction; nothing leaves this process when all is done here.
    there_and_back = {row["side"]: row["tcp_bytes"] for row in rows if row["what"] == "8 KiB"}
    assert all(2 * 8192 <= there_and_back[side] < 3 * 8192 for side in ("control", *peers))
    assert all(row["tcp_bytes"] == 0 for row in rows if row["side"].endswith("here"))
    assert [row["side"] for row in result["idle"]] == sides


def test_peers_that_are_not_there_are_left_out_with_what_they_need(root, monkeypatch):
    monkeypatch.syspath_prepend(root / "bench")
    import peers

    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert "pip install grpcio" in peers.lacking("grpc")


@pytest.mark.slow
def test_accuracy(root, build):
    rows = rows_of(root, build, "accuracy")
    # With links of limited rate where network namespaces are permitted.
    assert [(row["model"], row["held_out"]) for row in rows[:2]] == [("wide", False), ("pyramid", True)] and len(rows) in (2, 4)
    assert all(row[side] > 0 for row in rows for side in ("measured_ns", "emulated_ns", "model_ns"))


def test_accuracy_tells_order_and_errors(root, monkeypatch):
    monkeypatch.syspath_prepend(root / "bench")
    import accuracy

    assert accuracy.correlation([1, 2, 3, 4], [10, 20, 30, 400]) == pytest.approx(1)
    assert accuracy.correlation([1, 2, 3, 4], [4, 3, 2, 1]) == pytest.approx(-1)
    assert accuracy.correlation([1, 1, 2, 3], [5, 5, 6, 7]) == pytest.approx(1)
    rows = [{"measured_ns": 100, "emulated_ns": 110, "model_ns": 50}, {"measured_ns": 200, "emulated_ns": 180, "model_ns": 300}]
    found = accuracy.summary(rows)
    assert found["emulated_ns"] == {"mean_error": pytest.approx(0.1), "worst": pytest.approx(0.1), "rank_correlation": pytest.approx(1)}
    assert found["model_ns"]["mean_error"] == pytest.approx(0.5)
