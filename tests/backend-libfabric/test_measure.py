"""`genie-host measure`: from workers to a topology that the emulated cluster loads as it is."""

import json

import genie.export
import jsonschema_rs
import pytest
import torch
from harness import EMULATION, EXECUTION_FAILED, KERNELS, OK, USAGE
from safetensors.torch import save_file

THREADS = [{"plugin": KERNELS, "options": {"threads": 1}}]


def measure(host, folder, backend, *arguments, check=OK):
    """Few repetitions: nothing here is judged by its exactness but what an emulated clock makes exact."""
    config = host.write({"kernels": THREADS, "backend": backend}, folder, "measure.json")
    return host.command("measure", "--config", config, "-o", "topology.json", "--repeat", "2", *arguments, folder=folder, check=check)


def topology_of(folder):
    return json.loads((folder / "topology.json").read_text())


def cluster_of(devices, links, client="client"):
    return {"schema": "genie.topology", "version": {"major": 0, "minor": 1}, "client": {"host": client}, "links": links,
            "devices": [{"kind": "cpu", "memory_bytes": 1 << 30, "host": device["id"], "kernels": [KERNELS], **device} for device in devices]}


def emulated(document):
    return {"plugin": EMULATION, "options": {"topology": document}}


def test_two_workers_are_measured_and_the_emulator_runs_what_was_written(host, root, cluster, tmp_path):
    cluster.start("w0", "w1")
    said = measure(host, tmp_path, cluster.backend()).out
    document = topology_of(tmp_path)
    schema = json.loads((root / "sdk/schema/topology-0.1.schema.json").read_text())
    jsonschema_rs.validator_for(schema).validate(document)
    assert [device["id"] for device in document["devices"]] == ["w0", "w1"]
    assert [set(link["ends"]) for link in document["links"]] == [{"client", "w0"}, {"client", "w1"}, {"w0", "w1"}]
    for device in document["devices"]:
        # A worker on this machine is about as fast as this machine.
        assert 0.2 < device["speed"] < 5
        assert 1e8 < device["compute"]["flops_per_s"] < 1e13 and 1e8 < device["compute"]["memory_bytes_per_s"] < 1e13
        assert device["id"] in said
    for link in document["links"]:
        assert 0 < link["latency_ns"] < 1e8 and link["bandwidth_bytes_per_s"] > 1e7
        # Measured, not what the backend's options declare.
        assert (link["latency_ns"], link["bandwidth_bytes_per_s"]) != (50_000, 1e9)

    model = torch.nn.Sequential(torch.nn.Linear(8, 8), torch.nn.Linear(8, 8)).eval()
    x = torch.randn(2, 8)
    genie.export.save(genie.export.export(model, (x,)), tmp_path / "model.pt2")
    save_file({"input": x}, tmp_path / "in.safetensors")
    save_file({"output": model(x).detach()}, tmp_path / "expected.safetensors")
    report = host.run({"source": {"uri": "model.pt2"}, "kernels": THREADS, "run": {"inputs": "in.safetensors"},
                       "backend": {"plugin": EMULATION, "options": {"topology": "topology.json"}},
                       "hints": [{"kind": "pin", "select": str(layer), "device": f"w{layer}"} for layer in (0, 1)],
                       "expect": {"file": "expected.safetensors"}, "report": {"json": "report.json"}}, tmp_path, check=OK).report
    latency = {frozenset(link["ends"]): link["latency_ns"] for link in document["links"]}
    assert report["time"]["steps"][0]["virtual_ns"] >= sum(latency.values())
    assert report["links"].keys() == {link["id"] for link in document["links"]}


def test_an_emulated_cluster_measures_as_what_it_was_told_to_be(host, tmp_path):
    """Its clock is exact, so this shows the whole way from plans over times to parameters."""
    told = cluster_of([{"id": "a", "speed": 1.0, "compute": {"flops_per_s": 5e10, "memory_bytes_per_s": 1.2e10, "op_overhead_ns": 2000}},
                       {"id": "b", "speed": 2.0, "compute": {"flops_per_s": 2e10, "memory_bytes_per_s": 2e10, "op_overhead_ns": 700}}],
                      [{"id": "a", "ends": ["client", "a"], "bandwidth_bytes_per_s": 1.25e9, "latency_ns": 20000, "shared": "card"},
                       {"id": "b", "ends": ["client", "b"], "bandwidth_bytes_per_s": 1.25e9, "latency_ns": 15000, "shared": "card"},
                       {"id": "c", "ends": ["a", "b"], "bandwidth_bytes_per_s": 5e8, "latency_ns": 50000}])
    measure(host, tmp_path, emulated(told))
    found = topology_of(tmp_path)
    for is_, was in zip(found["devices"], told["devices"]):
        assert is_["memory_bytes"] == was["memory_bytes"] and is_["kernels"] == was["kernels"]
        for rate in ("flops_per_s", "memory_bytes_per_s"):
            assert is_["compute"][rate] * is_["speed"] == pytest.approx(was["compute"][rate] * was["speed"], rel=0.01), rate
        assert is_["compute"]["op_overhead_ns"] == pytest.approx(was["compute"]["op_overhead_ns"], abs=5)
    for is_, was in zip(found["links"], told["links"]):
        assert set(is_["ends"]) == set(was["ends"])
        assert is_["latency_ns"] == pytest.approx(was["latency_ns"], abs=20)
        assert is_["bandwidth_bytes_per_s"] == pytest.approx(was["bandwidth_bytes_per_s"], rel=0.01)
    client_links = found["links"][:2]
    assert client_links[0]["shared"] == client_links[1]["shared"] and "shared" not in found["links"][2]


def test_links_that_do_not_slow_each_other_down_are_not_said_to_share(host, tmp_path):
    compute = {"flops_per_s": 5e10, "memory_bytes_per_s": 1.2e10}
    told = cluster_of([{"id": "a", "compute": compute}, {"id": "b", "compute": compute}],
                      [{"id": ends[1] + ends[0], "ends": ends, "bandwidth_bytes_per_s": 1e9, "latency_ns": 1000}
                       for ends in (["client", "a"], ["client", "b"], ["a", "b"])])
    measure(host, tmp_path, emulated(told))
    assert all("shared" not in link for link in topology_of(tmp_path)["links"])


def test_json_prints_the_document_that_is_written(host, tmp_path):
    told = cluster_of([{"id": "a", "compute": {"flops_per_s": 5e10, "memory_bytes_per_s": 1.2e10}}], [])
    result = measure(host, tmp_path, emulated(told), "--json")
    assert json.loads(result.out) == topology_of(tmp_path)
    # A client on no host of its own reaches devices at no cost: there is no link to write.
    assert not json.loads(result.out).get("links")


def test_a_worker_that_cannot_be_reached_is_named_and_nothing_is_written(host, tmp_path):
    (tmp_path / "workers.token").write_text("0" * 64)
    (tmp_path / "workers.token").chmod(0o600)
    backend = {"plugin": "org.genie.backend-libfabric", "options": {"workers": ["127.0.0.1:1"], "token_file": "workers.token"}}
    result = measure(host, tmp_path, backend, check=EXECUTION_FAILED)
    assert "127.0.0.1:1" in result.err
    assert not (tmp_path / "topology.json").exists()


def test_an_output_that_cannot_be_written_is_said_before_anything_is_measured(host, tmp_path):
    (tmp_path / "file").write_text("")
    config = host.write({"backend": {"plugin": EMULATION}}, tmp_path)
    result = host.command("measure", "--config", config, "-o", "file/topology.json", folder=tmp_path, check=USAGE)
    assert "GE0003" in result.err


def test_devices_too_small_to_be_measured_are_named(host, tmp_path):
    told = cluster_of([{"id": "tiny", "memory_bytes": 4096, "compute": {"flops_per_s": 5e10, "memory_bytes_per_s": 1.2e10}}], [])
    result = measure(host, tmp_path, emulated(told), check=EXECUTION_FAILED)
    assert "GE0678" in result.err and "tiny" in result.err
    assert not (tmp_path / "topology.json").exists()


def test_a_device_whose_kernels_cannot_run_the_plan_cannot_be_measured(host, tmp_path):
    """No backend can make kernels compute for another kind of device."""
    told = cluster_of([{"id": "a", "kind": "abacus", "compute": {"flops_per_s": 5e10, "memory_bytes_per_s": 1.2e10}}], [])
    result = measure(host, tmp_path, emulated(told), check=4)
    assert "GE0678" in result.err and "abacus" in result.err
