"""Writes into a folder what remote-job.sh runs: exported models with their inputs, keys, and the configs of each run in two places."""

import json
import pathlib
import sys

TESTS = pathlib.Path(__file__).resolve().parent.parent
sys.path[:0] = [str(TESTS / "e2e"), str(TESTS / "backend-libfabric"), str(TESTS.parent / "python")]

from harness import OK, Host, topology  # noqa: E402
from test_remote_runs import decoder_config, emulated, wide_config  # noqa: E402
from workers import BACKEND, KERNELS, VERSION  # noqa: E402

#: The ports of the workers, on the guests' RDMA devices (init.sh).
PORTS = {"w0": 7000, "w1": 7001}
MEMORY = 64 << 20
# Limits are wide: the clock of an emulated machine may run fast.


def keys(name, folder="keys"):
    return {"ca": f"{folder}/ca.pem", "cert": f"{folder}/{name}.pem", "key": f"{folder}/{name}.key"}


def main(build, folder, guests):
    host = Host(pathlib.Path(build))
    addresses = {name: f"10.99.0.{min(number, guests)}:{port}" for number, (name, port) in enumerate(PORTS.items(), start=1)}
    host.command("keys", "init", folder=folder, check=OK)
    for issued in (["w0"], ["w1"], ["client", "--client"]):
        host.command("keys", "issue", *issued, folder=folder, check=OK)
    for name, address in addresses.items():
        (folder / f"{name}.json").write_text(json.dumps({
            "schema": "genie.worker", "version": VERSION, "plugins": {"paths": [str(host.plugins)]},
            "service": {"plugin": BACKEND, "options": {"listen": address, "keys": keys(name), "lease_ms": 240000}},
            "kernels": [{"plugin": KERNELS, "options": {"threads": 1}}], "devices": [{"id": name, "memory_bytes": MEMORY}]}))
    remote = {"plugin": BACKEND, "options": {"workers": list(addresses.values()), "provider": "verbs", "keys": keys("client", "../keys"),
                                             "connect_ms": 240000}}
    # Values of a few bytes, which go within messages, and of half a megabyte, which are written into the other's memory.
    for model, config in (("decoder", lambda place: decoder_config(place, steps=3)), ("wide", lambda place: wide_config(place, rows=512, steps=3))):
        place = folder / model
        place.mkdir()
        run = config(place)
        topology(place, [MEMORY] * len(PORTS))
        host.write({**emulated(run, len(PORTS)), "report": {"json": "in-process-report.json"}}, place, "in-process.json")
        host.write({**run, "expect": {"file": "outputs.safetensors", "rtol": 0, "atol": 0}, "backend": remote}, place, "remote.json")


if __name__ == "__main__":
    main(sys.argv[1], pathlib.Path(sys.argv[2]), int(sys.argv[3]))
