"""Values from worker to worker: which data path they take, that it changes no bit, and what is seen when it breaks."""

import json
import signal

import genie.export
import pytest
import torch
from harness import OK, topology
from safetensors.torch import save_file
from test_failures import EXECUTION_FAILED, cpu_seconds, start_run, wait_for_computing
from test_remote_runs import emulated, outputs
from workers import DamagingProxy, wait_until


class Chain(torch.nn.Module):
    """Values of bytes and of megabytes from each part to the next, and back to the first."""

    def __init__(self, width=256):
        super().__init__()
        self.first, self.second, self.third = (torch.nn.Linear(width, width) for _ in range(3))

    def forward(self, x):
        a = self.first(x)
        b = self.second(torch.relu(a))
        c = self.third(torch.relu(b)) + b.sum()
        return self.first(c + a), c.mean()


def chain_config(folder, count, rows=4096, steps=3):
    torch.manual_seed(0)
    x = torch.randn(rows, 256)
    genie.export.save(genie.export.export(Chain().eval(), (x,)), folder / "chain.pt2")
    save_file({"x": x}, folder / "in.safetensors")
    places = zip(("first", "second", "third"), ("w0", "w1", f"w{count - 1}"))
    return {"source": {"uri": "chain.pt2"}, "kernels": [{"plugin": "org.genie.kernels-aten", "options": {"threads": 1}}],
            "run": {"steps": [{"inputs": {"x": {"file": "in.safetensors"}}} for _ in range(steps)]},
            "hints": [{"kind": "pin", "select": part, "device": device, "strength": "hard"} for part, device in places],
            "report": {"json": "report.json"}}


def counters(folder):
    return json.loads((folder / "report.json").read_text())["counters"]


def sent_by_path(folder):
    found = counters(folder)
    names = {name.removeprefix("values_sent_on_") for name, value in found.items() if name.startswith("values_sent_on_") and value}
    assert found["values_sent_directly"] == sum(found[f"values_sent_on_{name}"] for name in names)
    assert found.get("values_sent_through_client", 0) == 0
    return names


@pytest.mark.parametrize("count", [2, 3])
@pytest.mark.parametrize("options, path", [({}, "arena"), ({"provider": "net"}, "net"), ({"provider": "tcp"}, "tcp;ofi_rxm"),
                                           ({"provider": "shm"}, "shm"), ({"payload": "tls"}, "control")])
def test_values_between_workers_take_the_path_that_the_client_asks_for_and_keep_their_bits(host, cluster, tmp_path, options, path, count):
    config = chain_config(tmp_path, count)
    topology(tmp_path, [1 << 30] * count)
    host.run(emulated(config, count), tmp_path, check=OK)
    expected = outputs(tmp_path)
    cluster.start(*(f"w{i}" for i in range(count)))
    host.run({**config, "backend": cluster.backend(**options), "outputs": {"file": "outputs.safetensors"}}, tmp_path, check=OK)
    assert outputs(tmp_path) == expected
    assert sent_by_path(tmp_path) == {path}
    # Kernels cannot write into the arena; on the other paths bytes are taken from where they made them.
    assert counters(tmp_path)["staging_copies"] == (counters(tmp_path)["values_sent_on_arena"] if path == "arena" else 0)
    # The inputs, the values and the outputs had room that was made before the first step.
    found = counters(tmp_path)
    assert found["arenas_grown"] == 0 and (found["arenas_planned"] > 0) == (path != "control")


def test_a_worker_that_keeps_to_its_control_channel_is_sent_values_there(host, cluster, tmp_path):
    config = chain_config(tmp_path, 3, rows=64)
    cluster.start("w0", "w1")
    cluster.start("w2", options={"payload": "tls"})
    host.run({**config, "backend": cluster.backend()}, tmp_path, check=OK)
    assert sent_by_path(tmp_path) == {"arena", "control"}
    run = host.run({**config, "backend": cluster.backend(provider="net")}, tmp_path)
    assert run.code != OK
    assert "GE0850" in run.err and "payload" in run.err, run.err


def test_with_keys_no_worker_gives_up_the_encryption_that_the_client_wants(host, cluster, keys, tmp_path):
    """A worker insists on a path that does not encrypt. The client that names none stays on the control channel, also between workers."""
    config = chain_config(tmp_path, 2, rows=64)
    for name in ("w0", "w1"):
        cluster.start(name, options={"keys": keys(name), "provider": "net"})
    host.run({**config, "backend": cluster.backend(keys=keys("laptop"))}, tmp_path, check=OK)
    assert sent_by_path(tmp_path) == {"control"}
    assert counters(tmp_path)["workers_on_control"] == 2
    host.run({**config, "backend": cluster.backend(keys=keys("laptop"), provider="net")}, tmp_path, check=OK)
    assert sent_by_path(tmp_path) == {"net"}


def run_until_a_transfer_hangs(host, cluster, folder, lease_ms, **options):
    """The receiving worker stands still, and the sending one has nothing left to do but to send."""
    first, second = cluster.start("w0", "w1", options={"lease_ms": lease_ms})
    config = chain_config(folder, 2, rows=32768)
    config["run"]["repeat"] = 1000
    run = start_run(host, {**config, "backend": cluster.backend(**options)}, folder)
    wait_for_computing(run, first, second)
    second.kill(signal.SIGSTOP)

    used = []

    def idle():
        """No processor time in thirty looks, one after the other."""
        used.append(cpu_seconds(first))
        return len(used) > 30 and used[-1] == used[-30]
    return run, first, second, idle


@pytest.mark.parametrize("provider", ["arena", "net"])
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP])
def test_a_worker_that_ends_in_a_transfer_is_one_error_that_names_it(host, cluster, tmp_path, provider, number):
    lease_ms = 30_000 if number == signal.SIGKILL else 1000
    run, first, second, idle = run_until_a_transfer_hangs(host, cluster, tmp_path, lease_ms, provider=provider)
    if number == signal.SIGKILL:
        wait_until(idle, "the sender waits")
        second.kill()
    out, err = run.communicate(timeout=60)
    assert run.returncode == EXECUTION_FAILED, out + err
    code = "GE0810" if number == signal.SIGKILL else "GE0813"
    assert err.count("error[") == 1 and code in err and second.address in err, err
    assert first.process.poll() is None, "a worker outlives its peers"
    # It still serves others, and nothing of the broken way is left over.
    second.end()
    rest = chain_config(tmp_path, 1, rows=8)
    rest["hints"] = []
    host.run({**rest, "backend": cluster.backend(workers=[first])}, tmp_path, check=OK)


@pytest.mark.parametrize("options, path", [({}, "arena"), ({"provider": "net"}, "net"), ({"provider": "tcp"}, "tcp;ofi_rxm"), ({"payload": "tls"}, "control")])
def test_checked_values_keep_their_bits_over_every_data_path(host, cluster, tmp_path, options, path):
    config = chain_config(tmp_path, 3, rows=1024)
    topology(tmp_path, [1 << 30] * 3)
    host.run(emulated(config, 3), tmp_path, check=OK)
    expected = outputs(tmp_path)
    cluster.start("w0", "w1", "w2")
    backend = cluster.backend(checksums="all", **options)
    host.run({**config, "backend": backend, "outputs": {"file": "outputs.safetensors"}}, tmp_path, check=OK)
    assert outputs(tmp_path) == expected
    assert sent_by_path(tmp_path) == {path}


@pytest.mark.parametrize("kind", ["step", "value", "done"])
def test_a_value_that_is_damaged_on_its_way_is_an_error_where_values_are_checked(host, cluster, tmp_path, kind):
    """To a worker, between workers, and to the client: a byte of the payload is changed between the two ends."""
    config = chain_config(tmp_path, 2, rows=64, steps=1)
    config["outputs"] = {"file": "outputs.safetensors"}
    first, second = cluster.start("w0", "w1")
    host.run({**config, "backend": cluster.backend(payload="tls")}, tmp_path, check=OK)
    expected = outputs(tmp_path)
    (tmp_path / "outputs.safetensors").unlink()
    proxies = [DamagingProxy(worker, kind) for worker in (first, second)]
    backend = cluster.backend(workers=proxies, payload="tls")
    # Nobody looks: what was changed is what comes of it.
    host.run({**config, "backend": backend}, tmp_path, check=OK)
    assert outputs(tmp_path) != expected and sum(proxy.damaged for proxy in proxies) > 0
    backend["options"]["checksums"] = "all"
    run = host.run({**config, "backend": backend}, tmp_path)
    assert run.code == EXECUTION_FAILED and "GE0613" in run.err and "damaged" in run.err, run.err
    for proxy in proxies:
        proxy.end()
