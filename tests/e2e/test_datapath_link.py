"""The data path between two network namespaces, over a link of limited rate; its bytes are counted by the network card."""

import json
import os
import subprocess
import time

import pytest

RATE_MBIT = 400
BYTES = 3_000_000
ROUNDS = 4
ADDRESSES = {"a": "10.98.0.1", "b": "10.98.0.2"}


def ip(*words):
    subprocess.run(["ip", *words], check=True, capture_output=True, text=True)


@pytest.fixture(scope="module")
def link():
    """Names of two namespaces that a rate-limited link joins."""
    names = {end: f"genie-{end}-{os.getpid()}" for end in ADDRESSES}
    try:
        for name in names.values():
            ip("netns", "add", name)
        ip("link", "add", "name", "veth0", "netns", names["a"], "type", "veth", "peer", "name", "veth0", "netns", names["b"])
        for end, name in names.items():
            ip("-n", name, "address", "add", ADDRESSES[end] + "/24", "dev", "veth0")
            ip("-n", name, "link", "set", "veth0", "up")
            ip("-n", name, "link", "set", "lo", "up")
            subprocess.run(["tc", "-n", name, "qdisc", "add", "dev", "veth0", "root", "tbf", "rate", f"{RATE_MBIT}mbit", "burst", "64kb", "latency", "50ms"],
                           check=True, capture_output=True, text=True)
    except (FileNotFoundError, subprocess.CalledProcessError) as error:
        for name in names.values():
            subprocess.run(["ip", "netns", "delete", name], capture_output=True)
        pytest.skip(f"no network namespaces here: {getattr(error, 'stderr', '') or error}".strip())
    yield names
    for name in names.values():
        subprocess.run(["ip", "netns", "delete", name], check=True)


def sent_bytes(namespace):
    shown = subprocess.run(["ip", "-n", namespace, "-s", "-j", "link", "show", "veth0"], check=True, capture_output=True, text=True)
    return json.loads(shown.stdout)[0]["stats64"]["tx"]["bytes"]


@pytest.mark.parametrize("provider", ["net", "tcp"])
def test_the_bytes_that_are_moved_are_the_bytes_on_the_link(build, link, provider):
    program = build / "tests" / "datapath" / "datapath-peer"
    if not program.exists():
        pytest.skip("backend-libfabric was not built")
    environment = dict(os.environ, HFI_NO_BACKTRACE="1")
    before = {end: sent_bytes(name) for end, name in link.items()}
    began = time.monotonic()
    peers = {end: subprocess.Popen(["ip", "netns", "exec", link[end], program, provider, ADDRESSES[end], role, str(BYTES), str(ROUNDS)],
                                   stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment)
             for end, role in (("a", "move"), ("b", "hold"))}
    addresses = {}
    for end, peer in peers.items():
        length = peer.stdout.read(4)
        assert len(length) == 4, peer.stderr.read().decode()
        addresses[end] = length + peer.stdout.read(int.from_bytes(length, "little"))
    for end, other in (("a", "b"), ("b", "a")):
        peers[end].stdin.write(addresses[other])
        peers[end].stdin.flush()
    for peer in peers.values():
        _, errors = peer.communicate(timeout=120)
        assert peer.returncode == 0, errors.decode()
    seconds = time.monotonic() - began
    # Written one way, read back the other; a tenth for headers, acknowledgements and what was sent again.
    for end, name in link.items():
        moved = sent_bytes(name) - before[end]
        assert BYTES * ROUNDS <= moved <= BYTES * ROUNDS * 1.1 + 100_000, (end, moved)
    assert seconds >= 2 * BYTES * ROUNDS * 8 / (RATE_MBIT * 1e6) * 0.9, "faster than the link"
