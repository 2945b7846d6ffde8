"""Writes into a folder what remote-job.sh runs: an exported decoder with its inputs, and the configs of one run in two places."""

import json
import pathlib
import sys

TESTS = pathlib.Path(__file__).resolve().parent.parent
sys.path[:0] = [str(TESTS / "e2e"), str(TESTS / "backend-libfabric"), str(TESTS.parent / "python")]

from harness import Host, topology  # noqa: E402
from test_remote_runs import decoder_config, emulated  # noqa: E402
from workers import BACKEND, KERNELS, VERSION  # noqa: E402

#: The guest's RDMA device (init.sh), and the ports of its workers.
ADDRESS = "10.99.0.1"
PORTS = {"w0": 7000, "w1": 7001}
MEMORY = 64 << 20


def keys(name):
    """Where remote-job.sh has them issued."""
    return {"ca": "keys/ca.pem", "cert": f"keys/{name}.pem", "key": f"keys/{name}.key"}


def main(build, folder):
    host = Host(pathlib.Path(build))
    config = decoder_config(folder, steps=3)
    topology(folder, [MEMORY] * len(PORTS))
    host.write(emulated(config, len(PORTS)), folder, "in-process.json")
    host.write({**config, "expect": {"file": "outputs.safetensors", "rtol": 0, "atol": 0},
                "backend": {"plugin": BACKEND, "options": {"workers": [f"{ADDRESS}:{port}" for port in PORTS.values()],
                                                           "provider": "verbs", "keys": keys("client"), "connect_ms": 60000}}},
               folder, "remote.json")
    for name, port in PORTS.items():
        (folder / f"{name}.json").write_text(json.dumps({
            "schema": "genie.worker", "version": VERSION, "plugins": {"paths": [str(host.plugins)]},
            "service": {"plugin": BACKEND, "options": {"listen": f"{ADDRESS}:{port}", "keys": keys(name), "lease_ms": 60000}},
            "kernels": [{"plugin": KERNELS, "options": {"threads": 1}}], "devices": [{"id": name, "memory_bytes": MEMORY}]}))


if __name__ == "__main__":
    main(sys.argv[1], pathlib.Path(sys.argv[2]))
