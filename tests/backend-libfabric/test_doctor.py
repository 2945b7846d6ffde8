"""`genie-host doctor`: what a machine, a run and a worker have and lack, in words and as JSON, before anything runs."""

import json
import os
import pathlib
import socket

import pytest
from harness import EMULATION, EXECUTION_FAILED, KERNELS, OK, PLUGIN_FAILED, USAGE, topology
from workers import BACKEND, VERSION

RDMA = pathlib.Path("/sys/class/infiniband")


class Report:
    def __init__(self, result):
        self.code, self.document = result.code, json.loads(result.out)
        self.findings = self.document["findings"]

    def of(self, about):
        return {each["subject"]: each for each in self.findings if each["about"] == about}

    def faults(self):
        return [each for each in self.findings if each["state"] == "fault"]


def examine(host, folder, config=None, *arguments):
    chosen = [] if config is None else ["--config", config]
    return Report(host.command("doctor", "--json", "--plugin", host.plugins, *chosen, *arguments, folder=folder))


def run_config(host, folder, backend):
    (folder / "model.pt2").write_bytes(b"doctor looks whether the file is there, not into it")
    return host.write({"source": {"uri": "model.pt2"}, "backend": backend}, folder)


def worker_config(host, folder, name="w0", **options):
    path = folder / f"{name}.json"
    path.write_text(json.dumps({
        "schema": "genie.worker", "version": VERSION, "plugins": {"paths": [str(host.plugins)]},
        "service": {"plugin": BACKEND, "options": {"token_file": "new.token", **options}},
        "kernels": [{"plugin": KERNELS, "options": {"threads": 1}}], "devices": [{"id": name, "memory_bytes": 1 << 20}]}))
    return path


def unused_address():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return f"127.0.0.1:{listener.getsockname()[1]}"


def test_a_machine_is_described_without_a_config(host, tmp_path):
    report = examine(host, tmp_path)
    assert report.code == OK and report.document["ok"] and not report.faults()
    plugins = report.of("plug-ins")
    assert plugins[BACKEND]["state"] == "ok" and "ABI 0.1" in plugins[BACKEND]["detail"]
    assert "torch" in report.of("kernels")[KERNELS]["detail"]
    assert report.of("this machine")["shared memory"]["state"] == "ok"
    paths = report.of("data paths of this machine")
    assert paths["arena"]["state"] == "ok" and paths["tcp"]["state"] == "ok"
    assert all(each["detail"] for each in report.findings)


def test_every_finding_has_the_members_that_programs_read(host, tmp_path):
    report = examine(host, tmp_path)
    for each in report.findings:
        assert {"about", "subject", "state", "detail"} <= set(each) <= {"about", "subject", "state", "detail", "help", "code"}
        assert each["state"] in ("ok", "absent", "warning", "fault")


def test_each_worker_is_told_with_its_devices_and_paths(host, cluster, tmp_path):
    workers = cluster.start("w0", "w1")
    report = examine(host, tmp_path, run_config(host, tmp_path, cluster.backend()))
    assert report.code == OK, report.faults()
    for worker in workers:
        found = report.of(f"worker {worker.address}")
        assert "protocol 1" in found["connection"]["detail"]
        assert KERNELS in found[f"device {worker.name}"]["detail"] and "1024 MiB" in found[f"device {worker.name}"]["detail"]
        assert "torch" in found["versions"]["detail"]
        assert found["arena"]["detail"].startswith("taken: ")
        assert "after arena" in found["tcp"]["detail"]
        assert found["shm"]["state"] == "absent" and "forced" in found["shm"]["detail"]
    # They serve on.
    assert examine(host, tmp_path, tmp_path / "run.json").code == OK


def test_a_forced_path_is_told_with_why_not_the_others(host, cluster, tmp_path):
    worker, = cluster.start("w0")
    report = examine(host, tmp_path, run_config(host, tmp_path, cluster.backend(provider="tcp")))
    assert report.code == OK, report.faults()
    found = report.of(f"worker {worker.address}")
    assert found["tcp"]["detail"].startswith("taken: ")
    assert found["arena"]["state"] == "absent" and '"tcp" is forced' in found["arena"]["detail"]


def test_a_payload_left_on_the_control_channel_is_told(host, cluster, tmp_path):
    worker, = cluster.start("w0")
    report = examine(host, tmp_path, run_config(host, tmp_path, cluster.backend(payload="tls")))
    assert report.code == OK and "payload" in report.of(f"worker {worker.address}")["data path"]["detail"]


def test_a_worker_that_does_not_listen_is_a_fault_with_a_remedy(host, cluster, tmp_path):
    worker, = cluster.start("w0")
    nobody = unused_address()
    backend = cluster.backend()
    backend["options"]["workers"].append(nobody)
    report = examine(host, tmp_path, run_config(host, tmp_path, backend))
    assert report.code == EXECUTION_FAILED and not report.document["ok"]
    fault, = report.faults()
    assert (fault["about"], fault["code"]) == (f"worker {nobody}", "GE0810") and "genie-host serve" in fault["help"]
    assert report.of(f"worker {worker.address}")["connection"]["state"] == "ok"


def test_a_wrong_token_is_a_fault_of_each_worker(host, cluster, tmp_path):
    worker, = cluster.start("w0")
    other = tmp_path / "other.token"
    other.write_text("f" * 64)
    other.chmod(0o600)
    report = examine(host, tmp_path, run_config(host, tmp_path, cluster.backend(token_file=str(other))))
    assert report.code == EXECUTION_FAILED
    fault, = report.faults()
    assert (fault["about"], fault["code"]) == (f"worker {worker.address}", "GE0805")
    assert report.of("trust")["token file"]["state"] == "ok"


def test_a_token_that_others_may_read_is_a_fault_before_anybody_is_asked(host, cluster, tmp_path):
    cluster.start("w0")
    (tmp_path / "workers.token").chmod(0o644)
    report = examine(host, tmp_path, run_config(host, tmp_path, cluster.backend()))
    assert report.code == EXECUTION_FAILED
    assert report.of("trust")["token file"]["code"] == "GE0803" and "chmod 600" in report.of("trust")["token file"]["help"]


@pytest.mark.skipif(RDMA.is_dir() and any(RDMA.iterdir()), reason="this machine has RDMA devices")
def test_a_forced_provider_that_is_absent_is_a_fault_here_and_at_the_worker(host, cluster, tmp_path):
    worker, = cluster.start("w0")
    report = examine(host, tmp_path, run_config(host, tmp_path, cluster.backend(provider="verbs")))
    assert report.code == EXECUTION_FAILED
    here = report.of("data paths of this machine")["verbs;ofi_rxm"]
    there = report.of(f"worker {worker.address}")["connection"]
    assert (here["state"], here["code"]) == ("fault", "GE0850") and "RDMA" in here["detail"]
    assert (there["state"], there["code"]) == ("fault", "GE0850") and "RDMA" in there["detail"]
    assert report.of("this machine")["RDMA devices"]["state"] == "absent"


def test_two_workers_with_one_device_id_are_a_fault(host, cluster, tmp_path):
    cluster.start("w0")
    other = tmp_path / "other"
    other.mkdir()
    cluster.folder = other
    cluster.start("w0", options={"token_file": str(tmp_path / "workers.token")})
    cluster.folder = tmp_path
    report = examine(host, tmp_path, run_config(host, tmp_path, cluster.backend()))
    assert report.code == EXECUTION_FAILED and [each["code"] for each in report.faults()] == ["GE0807"]


def test_a_worker_config_is_examined(host, tmp_path):
    report = examine(host, tmp_path, worker_config(host, tmp_path))
    assert report.code == OK, report.faults()
    assert "made when the worker starts" in report.of("trust")["token file"]["detail"]
    assert not (tmp_path / "new.token").exists()  # nothing is changed
    assert "any free port" in report.of("this worker")["address"]["detail"]


def test_an_address_in_use_is_a_fault_of_a_worker(host, cluster, tmp_path):
    worker, = cluster.start("w1")
    report = examine(host, tmp_path, worker_config(host, tmp_path, listen=worker.address))
    assert report.code == EXECUTION_FAILED
    assert report.of("this worker")["address"]["code"] == "GE0801"


def test_certificates_are_told_with_their_end_and_what_they_are_not_good_for(host, keys, tmp_path):
    good = examine(host, tmp_path, worker_config(host, tmp_path, keys=keys("w0")))
    assert good.code == OK, good.faults()
    assert "valid until 20" in good.of("trust")["certificate"]["detail"]
    # A client's certificate cannot be a worker's.
    bad = examine(host, tmp_path, worker_config(host, tmp_path, keys=keys("laptop")))
    assert bad.code == EXECUTION_FAILED and bad.of("trust")["certificate"]["code"] == "GE0804"
    assert "keys issue" in bad.of("trust")["certificate"]["help"]


def test_a_certificate_that_ends_soon_is_a_warning(host, keys, tmp_path):
    host.command("keys", "issue", "brief", "--folder", tmp_path / "keys", "--days", 3, folder=tmp_path, check=OK)
    report = examine(host, tmp_path, worker_config(host, tmp_path, keys=keys("brief")))
    assert report.code == OK and report.of("trust")["certificate"]["state"] == "warning"


def test_with_keys_only_the_arena_is_taken_and_the_others_say_why(host, cluster, keys, tmp_path):
    worker, = cluster.start("w0", options={"keys": keys("w0")})
    backend = cluster.backend(keys=keys("laptop"))
    report = examine(host, tmp_path, run_config(host, tmp_path, backend))
    assert report.code == OK, report.faults()
    found = report.of(f"worker {worker.address}")
    assert found["arena"]["detail"].startswith("taken: ")
    assert found["tcp"]["state"] == "absent" and "not encrypted" in found["tcp"]["detail"]


def test_wrong_options_are_a_fault_and_the_machine_is_described_all_the_same(host, tmp_path):
    report = examine(host, tmp_path, run_config(host, tmp_path, {"plugin": BACKEND, "options": {"workers": []}}))
    assert report.code == USAGE
    assert report.of("the config")["backend"]["code"] == "GE0800"
    assert report.of("data paths of this machine")["arena"]["state"] == "ok"


def test_a_plugin_and_a_model_that_are_missing_are_faults(host, tmp_path):
    config = host.write({"source": {"uri": "nothing.pt2"}, "policy": {"plugin": "com.example.nobody"}}, tmp_path)
    report = examine(host, tmp_path, config)
    assert report.of("the config")["source"]["code"] == "GE0201" and report.of("the config")["policy"]["code"] == "GE0101"
    assert report.code == USAGE  # of the first
    (tmp_path / "nothing.pt2").write_bytes(b"")
    assert examine(host, tmp_path, config).code == PLUGIN_FAILED


def test_a_backend_that_has_no_findings_is_told_by_its_devices(host, tmp_path):
    cluster = topology(tmp_path, [1 << 30, 1 << 20])
    report = examine(host, tmp_path, run_config(host, tmp_path, {"plugin": EMULATION, "options": {"topology": cluster}}))
    assert report.code == OK, report.faults()
    assert report.of("devices")["w0"]["detail"] == "cpu, 1.00 GiB" and report.of("devices")["w1"]["detail"] == "cpu, 1.00 MiB"


def test_a_file_that_is_no_config_is_refused_as_a_run_would(host, tmp_path):
    (tmp_path / "broken.json").write_text("{")
    result = host.command("doctor", "--config", "broken.json", folder=tmp_path)
    assert result.code == USAGE and "GE0301" in result.err


def test_people_read_the_same_without_colours_in_a_pipe(host, cluster, tmp_path):
    worker, = cluster.start("w0")
    run_config(host, tmp_path, cluster.backend())
    environment = {key: value for key, value in host.environment.items() if key != "NO_COLOR"}
    host.environment, before = environment, host.environment
    try:
        fine = host.command("doctor", "--config", "run.json", folder=tmp_path, check=OK)
        worker.terminate()
        broken = host.command("doctor", "--config", "run.json", folder=tmp_path, check=EXECUTION_FAILED)
    finally:
        host.environment = before
    assert "\x1b" not in fine.out + broken.out
    assert fine.out.endswith("run.json can run\n")
    assert "run.json cannot run: 1 fault" in broken.out and "help: start it with `genie-host serve`" in " ".join(broken.out.split())
    assert max(len(line) for line in fine.out.splitlines() if os.sep not in line) <= 100


def test_values_of_the_config_can_be_changed(host, cluster, tmp_path):
    cluster.start("w0")
    config = run_config(host, tmp_path, cluster.backend())
    report = examine(host, tmp_path, config, "--set", "/backend/options/provider=net")
    assert any(each["detail"].startswith("taken: ") and each["subject"] == "net" for each in report.findings)
