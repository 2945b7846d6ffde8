"""A run on a worker at the other end of a wire: namespaces of their own, a link of limited rate, keys. Its bytes are the network card's."""

import json
import select
import subprocess
import time

import genie.export
import pytest
import torch
from harness import EMULATION, KERNELS, OK, topology
from safetensors.torch import save_file
from test_datapath_link import ADDRESSES, RATE_MBIT, link, sent_bytes  # noqa: F401: link is a fixture

REMOTE = "org.genie.backend-libfabric"
WIDTH, ROWS, STEPS = 1024, 256, 3
WEIGHT_BYTES, VALUE_BYTES = 4 * WIDTH * (WIDTH + 1), 4 * ROWS * WIDTH


def first_line(process, seconds=60):
    ready, _, _ = select.select([process.stdout], [], [], seconds)
    return process.stdout.readline() if ready else ""


@pytest.fixture
def model(tmp_path):
    """A linear layer: weights, inputs and outputs of megabytes."""
    torch.manual_seed(0)
    x = torch.randn(ROWS, WIDTH)
    genie.export.save(genie.export.export(torch.nn.Linear(WIDTH, WIDTH).eval(), (x,)), tmp_path / "linear.pt2")
    save_file({"input": x}, tmp_path / "in.safetensors")
    return {"source": {"uri": "linear.pt2"}, "kernels": [{"plugin": KERNELS, "options": {"threads": 1}}],
            "run": {"steps": [{"inputs": "in.safetensors"} for _ in range(STEPS)]}, "outputs": {"file": "outputs.safetensors"},
            "report": {"json": "report.json"}}


@pytest.mark.parametrize("options, path", [({}, "control"), ({"provider": "net"}, "net"), ({"provider": "tcp"}, "tcp;ofi_rxm")])
def test_a_run_over_a_wire_gives_the_emulators_bits_and_sends_little_else(host, link, model, tmp_path, options, path):  # noqa: F811
    topology(tmp_path, [1 << 30])
    host.run({**model, "backend": {"plugin": EMULATION, "options": {"topology": "cluster.json"}}}, tmp_path, check=OK)
    expected = (tmp_path / "outputs.safetensors").read_bytes()
    (tmp_path / "outputs.safetensors").unlink()
    host.command("keys", "init", "--folder", "keys", folder=tmp_path, check=OK)
    host.command("keys", "issue", "w0", "--folder", "keys", folder=tmp_path, check=OK)
    host.command("keys", "issue", "laptop", "--client", "--folder", "keys", folder=tmp_path, check=OK)

    def keys(name):
        return {"ca": "keys/ca.pem", "cert": f"keys/{name}.pem", "key": f"keys/{name}.key"}

    (tmp_path / "w0.json").write_text(json.dumps({
        "schema": "genie.worker", "version": {"major": 0, "minor": 1}, "plugins": {"paths": [str(host.plugins)]},
        "service": {"plugin": REMOTE, "options": {"listen": f"{ADDRESSES['b']}:0", "keys": keys("w0")}},
        "kernels": model["kernels"], "devices": [{"id": "w0", "memory_bytes": 1 << 30}]}))
    worker = subprocess.Popen(["ip", "netns", "exec", link["b"], str(host.binary), "serve", "--config", "w0.json"], cwd=tmp_path,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=host.environment)
    try:
        ready = first_line(worker)
        assert ready, "the worker did not start"
        address = f"{ADDRESSES['b']}:{json.loads(ready)['port']}"
        config = host.write({**model, "backend": {"plugin": REMOTE, "options": {"workers": [address], "keys": keys("laptop"), **options}}}, tmp_path)
        before, began = {end: sent_bytes(name) for end, name in link.items()}, time.monotonic()
        run = subprocess.run(["ip", "netns", "exec", link["a"], str(host.binary), "--config", str(config)], cwd=tmp_path, capture_output=True,
                             text=True, env=host.environment, timeout=120)
        seconds = time.monotonic() - began
        moved = {end: sent_bytes(name) - before[end] for end, name in link.items()}
    finally:
        worker.terminate()
        _, errors = worker.communicate(timeout=60)
    assert run.returncode == OK, run.stderr + errors
    assert (tmp_path / "outputs.safetensors").read_bytes() == expected
    counters = json.loads((tmp_path / "report.json").read_text())["counters"]
    assert counters[f"workers_on_{path}"] == 1
    assert counters["weight_bytes_sent"] >= WEIGHT_BYTES
    # There: weights and inputs; back: outputs. A tenth for headers, acknowledgements and what was sent again.
    for end, bytes in (("a", counters["weight_bytes_sent"] + STEPS * VALUE_BYTES), ("b", STEPS * VALUE_BYTES)):
        assert bytes <= moved[end] <= bytes * 1.1 + 200_000, (end, bytes, moved)
    assert seconds >= (moved["a"] - (64 << 10)) * 8 / (RATE_MBIT * 1e6) * 0.9, "faster than the link"
