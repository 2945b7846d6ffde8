"""What is seen when a worker dies, stops, drains or comes back: one typed error in time, or the right result without it."""

import json
import signal
import subprocess
import time

import genie.export
import pytest
import torch
from harness import EMULATION, OK, topology
from safetensors.torch import save_file
from test_remote_runs import decoder_config, emulated, outputs
from workers import Cutter, Peer, wait_until

EXECUTION_FAILED = 5


class Slow(torch.nn.Module):
    """Takes long enough to be interrupted: products on two devices, one after the other."""

    def __init__(self, size=1536, rounds=8):
        super().__init__()
        self.first = torch.nn.Sequential(*(torch.nn.Linear(size, size) for _ in range(4)))
        self.second = torch.nn.Sequential(*(torch.nn.Linear(size, size) for _ in range(4)))
        self.rounds = rounds

    def forward(self, x):
        for _ in range(self.rounds):
            x = torch.tanh(self.second(self.first(x)))
        return x


@pytest.fixture
def slow(tmp_path):
    torch.manual_seed(0)
    x = torch.randn(256, 1536)
    genie.export.save(genie.export.export(Slow().eval(), (x,)), tmp_path / "slow.pt2")
    save_file({"x": x}, tmp_path / "inputs.safetensors")
    return {"source": {"uri": "slow.pt2"}, "run": {"inputs": "inputs.safetensors", "repeat": 1000},
            "kernels": [{"plugin": "org.genie.kernels-aten", "options": {"threads": 1}}],
            "hints": [{"kind": "pin", "select": name, "device": device, "strength": "hard"}
                      for name, device in (("first.**", "w0"), ("second.**", "w1"))]}


def start_run(host, config, folder, name="run.json"):
    path = host.write(config, folder, name)
    return subprocess.Popen([str(host.binary), "--config", str(path)], cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                            text=True, env=host.environment, stdin=subprocess.DEVNULL)


def cpu_seconds(worker):
    fields = open(f"/proc/{worker.process.pid}/stat").read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / 100


def wait_for_computing(run, *workers, seconds=0.5):
    before = [cpu_seconds(worker) for worker in workers]

    def computing():
        assert run.poll() is None, run.communicate()
        return all(cpu_seconds(worker) > start + seconds for worker, start in zip(workers, before))

    wait_until(computing, "the workers compute")


def test_a_killed_worker_is_one_error_within_a_second(host, cluster, slow, tmp_path, record_property):
    first, second = cluster.start("w0", "w1")
    run = start_run(host, {**slow, "backend": cluster.backend()}, tmp_path)
    wait_for_computing(run, first, second)
    second.kill()
    began = time.monotonic()
    out, err = run.communicate(timeout=60)
    took = time.monotonic() - began
    assert run.returncode == EXECUTION_FAILED, out + err
    assert err.count("error[") == 1 and "GE0810" in err and second.address in err, err
    # With the stage that the other worker is in the middle of, the report and the end of the process.
    assert took < 5, f"{took:.2f} s"
    record_property("summary", f"SIGKILL of a worker to the end of the client: {took * 1000:.0f} ms")
    assert first.process.poll() is None, "a worker outlives its peers"


def test_a_stopped_worker_is_an_error_at_its_lease(host, cluster, slow, tmp_path):
    first, second = cluster.start("w0", "w1", options={"lease_ms": 1000})
    run = start_run(host, {**slow, "backend": cluster.backend()}, tmp_path)
    wait_for_computing(run, first, second)
    second.kill(signal.SIGSTOP)
    began = time.monotonic()
    out, err = run.communicate(timeout=60)
    took = time.monotonic() - began
    assert run.returncode == EXECUTION_FAILED and "lease" in err and second.address in err, out + err
    assert 0.5 < took < 10, f"{took:.2f} s"


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP])
def test_replan_goes_on_without_a_lost_worker_and_gives_the_same_bits(host, cluster, tmp_path, number):
    """One session of many steps; its cache is rebuilt on the worker that is left by replaying what the session recorded."""
    steps = 1500
    config = decoder_config(tmp_path, steps=2)
    config["hints"] = [{**hint, "strength": "soft"} for hint in config["hints"]]
    config["run"]["steps"][1]["inputs"]["token"] = {"output": "-1/next"}
    config["run"]["steps"][1]["repeat"] = steps
    config["outputs"] = {"file": "outputs.safetensors", "only": [f"{steps}/output"]}
    topology(tmp_path, [1 << 30] * 2)
    host.run({**config, "backend": {"plugin": EMULATION, "options": {"topology": "cluster.json"}}}, tmp_path, check=OK)
    expected = outputs(tmp_path)
    workers = cluster.start("w0", "w1", options={"lease_ms": 1000})
    config["backend"] = cluster.backend()
    config["run"]["on_worker_loss"] = "replan"
    run = start_run(host, config, tmp_path)
    wait_for_computing(run, *workers, seconds=0.1)
    workers[1].kill(number)
    out, err = run.communicate(timeout=120)
    assert run.returncode == OK, out + err
    assert outputs(tmp_path) == expected
    (recovery,) = json.loads((tmp_path / "report.json").read_text())["recoveries"]
    assert recovery["left"] == ["w0"]


@pytest.mark.parametrize("what", ["fail", "replan"])
@pytest.mark.parametrize("kind", ["prepare", "blob", "compile", "open_session", "step"])
def test_a_worker_lost_at_any_request_is_one_error_or_made_good(host, cluster, tmp_path, kind, what):
    config = decoder_config(tmp_path)
    config["hints"] = [{**hint, "strength": "soft"} for hint in config["hints"]]
    config["outputs"] = {"file": "outputs.safetensors"}
    topology(tmp_path, [1 << 30] * 2)
    host.run(emulated(config, 2), tmp_path, check=OK)
    expected = outputs(tmp_path)
    first, second = cluster.start("w0", "w1")
    cutter = Cutter(second, kind)
    config["backend"] = cluster.backend(payload="tls")
    config["backend"]["options"]["workers"][1] = cutter.address
    config["run"]["on_worker_loss"] = what
    run = host.run(config, tmp_path)
    assert cutter.cut.is_set(), "the client said it to both"
    if what == "fail":
        assert run.code == EXECUTION_FAILED and run.err.count("error[") == 1, run.out + run.err
        assert "GE0810" in run.err and cutter.address in run.err, run.err
        assert used_bytes(first) == 0 or wait_until(lambda: used_bytes(first) == 0, "the other worker is free") is None
        return
    assert run.code == OK, run.out + run.err
    assert outputs(tmp_path) == expected
    (recovery,) = json.loads((tmp_path / "report.json").read_text())["recoveries"]
    assert recovery["left"] == ["w0"] and recovery["step"] == 0


def test_sigterm_drains_and_ends_with_0(host, cluster, slow, tmp_path):
    (worker,) = cluster.start("w0")
    config = {**slow, "hints": [], "backend": cluster.backend()}
    config["run"] = {**config["run"], "repeat": 1}
    run = start_run(host, config, tmp_path)
    wait_for_computing(run, worker)
    assert worker.terminate() == 0
    run.communicate(timeout=60)
    # The step under way was finished: the client has its result.
    assert run.returncode == OK


def test_a_worker_that_nobody_uses_ends_at_once(cluster):
    (worker,) = cluster.start("w0")
    began = time.monotonic()
    assert worker.terminate() == 0
    assert time.monotonic() - began < 2


def used_bytes(worker):
    """What the worker's device holds, by its own account."""
    peer = Peer(worker)
    assert peer.greet()[0] == "welcome"
    peer.send("stats", identity=1)
    kind, _, message, _ = peer.answer(1)
    peer.close()
    assert kind == "done"
    return json.loads(message)["devices"][worker.name]["used_bytes"]


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP])
def test_a_dead_clients_memory_is_free_again(host, cluster, slow, tmp_path, number):
    """A killed one's at once, a stopped one's when its lease is over."""
    (worker,) = cluster.start("w0", options={"lease_ms": 2000})
    run = start_run(host, {**slow, "hints": [], "backend": cluster.backend()}, tmp_path)
    wait_for_computing(run, worker)
    assert used_bytes(worker) > 0
    run.send_signal(number)
    wait_until(lambda: used_bytes(worker) == 0, "the worker has given the client's memory back")
    run.kill()
    run.communicate(timeout=60)


def test_what_does_not_fit_is_refused_by_name_before_anything_is_sent(host, cluster, slow, tmp_path):
    """Another client, with weights of its own, has filled the worker."""
    (worker,) = cluster.start("w0", memory_bytes=110 << 20)
    config = {**slow, "hints": [], "backend": cluster.backend()}
    run = start_run(host, config, tmp_path)
    wait_for_computing(run, worker)
    second = tmp_path / "second"
    second.mkdir()
    torch.manual_seed(1)
    genie.export.save(genie.export.export(Slow().eval(), (torch.randn(256, 1536),)), second / "slow.pt2")
    (second / "inputs.safetensors").symlink_to(tmp_path / "inputs.safetensors")
    refused = host.run(config, second)
    assert refused.code == EXECUTION_FAILED and "GE0610" in refused.err and "w0" in refused.err, refused.out + refused.err
    assert run.poll() is None, "the first client goes on"
    run.kill()
    run.communicate(timeout=60)


def test_three_clients_at_once_share_programs_and_nothing_else(host, cluster, tmp_path):
    """One program and its weights for all; a session, with a cache as its state, for each; everybody's bits are the emulator's."""
    config = decoder_config(tmp_path)
    config["run"] = {**config["run"], "repeat": 40}
    topology(tmp_path, [1 << 30] * 2)
    host.run(emulated(config, 2), tmp_path, check=OK)
    expected = outputs(tmp_path)
    workers = cluster.start("w0", "w1")

    def client(number):
        home = tmp_path / f"client{number}"
        home.mkdir()
        for path in [*tmp_path.glob("*.pt2"), *tmp_path.glob("in*.safetensors")]:
            (home / path.name).symlink_to(path)
        return home, start_run(host, {**config, "backend": cluster.backend(), "outputs": {"file": "outputs.safetensors"}}, home)

    # A fourth one holds the program from before the others come until they are gone.
    holder = {**config, "backend": cluster.backend(), "run": {**config["run"], "repeat": 1_000_000}}
    holding = start_run(host, holder, tmp_path, "holder.json")
    wait_for_computing(holding, *workers, seconds=0.1)
    held = [used_bytes(worker) for worker in workers]
    assert all(bytes > 0 for bytes in held)
    for home, run in [client(number) for number in range(3)]:
        out, err = run.communicate(timeout=120)
        assert run.returncode == OK, out + err
        assert outputs(home) == expected
        counters = json.loads((home / "report.json").read_text())["counters"]
        assert counters["programs_shared"] == 2, "on both workers"
        assert counters["weight_bytes_sent"] == 0
    assert holding.poll() is None
    holding.kill()
    holding.communicate(timeout=60)
    for worker in workers:
        wait_until(lambda: used_bytes(worker) == 0, "nobody's memory is left")
