"""Weights on a worker: who may use them, what survives a restart, what a damaged or hostile byte does."""

import json
import os
import pty
import re
import select
import signal
import socket
import ssl
import stat
import struct
import subprocess

import genie.export
import pytest
import torch
from harness import OK, topology
from safetensors.torch import save_file
from test_remote_runs import decoder_config, emulated, outputs
from test_failures import start_run
from test_trust import refusal
from workers import BACKEND, PATIENCE, Cutter, Peer, hello, text, texts, wait_until


def counters(folder):
    return json.loads((folder / "report.json").read_text())["counters"]


def cache_options(folder, size=1 << 30):
    return {"cache": {"folder": str(folder), "bytes": size}}


def blobs_in(folder):
    """The files of a cache that hold weights."""
    return sorted(path for path in folder.iterdir() if len(path.name) == 64)


def marks_of(path):
    return path.with_name(path.name + ".seen").read_text().split()


@pytest.fixture
def decoder(host, tmp_path):
    """A run config, and what it gives."""
    config = {**decoder_config(tmp_path), "hints": [], "outputs": {"file": "outputs.safetensors"}}
    topology(tmp_path, [1 << 30])
    host.run(emulated(config, 1), tmp_path, check=OK)
    return config, outputs(tmp_path)


def run(host, cluster, config, folder, expected, workers=None):
    host.run({**config, "backend": cluster.backend(workers)}, folder, check=OK)
    assert outputs(folder) == expected
    return counters(folder)


def restarted(cluster, options):
    """The worker w0 is stopped and started again."""
    assert cluster.workers[-1].terminate() == 0
    return cluster.start("w0", options=options)


def test_a_worker_that_was_started_again_needs_no_weights(host, cluster, decoder, tmp_path):
    config, expected = decoder
    folder = tmp_path / "cache"
    workers = cluster.start("w0", options=cache_options(folder))
    first = run(host, cluster, config, tmp_path, expected, workers)
    assert first["weight_bytes_sent"] > 0
    workers = restarted(cluster, cache_options(folder))
    second = run(host, cluster, config, tmp_path, expected, workers)
    assert second["weight_bytes_sent"] == 0
    assert second["weight_bytes_from_cache"] == first["weight_bytes_sent"]


def test_the_cache_is_the_owners_alone_and_holds_declared_constants_by_digest(host, cluster, decoder, tmp_path):
    import hashlib

    config, expected = decoder
    folder = tmp_path / "cache"
    workers = cluster.start("w0", options=cache_options(folder))
    sent = run(host, cluster, config, tmp_path, expected, workers)["weight_bytes_sent"]
    assert workers[0].terminate() == 0
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    files = blobs_in(folder)
    assert {path.name for path in folder.iterdir()} == {p.name for p in files} | {p.name + ".seen" for p in files} | {".lock"}
    assert all(hashlib.sha256(path.read_bytes()).hexdigest() == path.name for path in files)
    # Everything that is there was sent as a weight: no input, no state, no output.
    assert sum(path.stat().st_size for path in files) == sent
    assert all(stat.S_IMODE(path.stat().st_mode) == 0o600 for path in folder.iterdir())


@pytest.mark.parametrize("damage", ["a byte", "cut", "empty", "a link"])
def test_a_damaged_file_is_removed_and_pulled_again(host, cluster, decoder, tmp_path, damage):
    config, expected = decoder
    folder = tmp_path / "cache"
    workers = cluster.start("w0", options=cache_options(folder))
    run(host, cluster, config, tmp_path, expected, workers)
    assert workers[0].terminate() == 0
    victim = max(blobs_in(folder), key=lambda path: path.stat().st_size)
    data = bytearray(victim.read_bytes())
    if damage == "a byte":
        data[len(data) // 2] ^= 1
    else:
        del data[len(data) // 2 if damage == "cut" else 0:]
    victim.write_bytes(data)
    if damage == "a link":
        other = tmp_path / "elsewhere"
        victim.rename(other)
        victim.symlink_to(other)
    workers = cluster.start("w0", options=cache_options(folder))
    after = run(host, cluster, config, tmp_path, expected, workers)
    if damage != "a link":  # which is no blob at all, and not even looked into
        assert after["cached_blobs_damaged"] == 1
        assert "damaged" in workers[0].said()
    assert 0 < after["weight_bytes_sent"] < after["weight_bytes_sent"] + after["weight_bytes_from_cache"]
    # And it is whole again.
    workers = restarted(cluster, cache_options(folder))
    assert run(host, cluster, config, tmp_path, expected, workers)["weight_bytes_sent"] == 0


def test_what_was_cut_short_while_it_was_written_is_cleared_away(host, cluster, decoder, tmp_path):
    config, expected = decoder
    folder = tmp_path / "cache"
    folder.mkdir(mode=0o700)
    (folder / ("a" * 64 + ".unfinished")).write_bytes(b"half")
    (folder / ("b" * 64)).write_bytes(b"nobody may use it")
    (folder / ("c" * 64 + ".seen")).write_text("d" * 64 + "\n")
    (folder / "note.txt").write_text("not of the cache")
    cluster.start("w0", options=cache_options(folder))
    assert {path.name for path in folder.iterdir()} == {".lock", "note.txt"}


def test_the_cache_keeps_to_its_quota_and_what_was_used_last(host, cluster, tmp_path):
    folder = tmp_path / "cache"
    configs = []
    for number in range(3):
        torch.manual_seed(number)
        x = torch.randn(2, 512)
        home = tmp_path / str(number)
        home.mkdir()
        genie.export.save(genie.export.export(torch.nn.Linear(512, 512, bias=False).eval(), (x,)), home / "m.pt2")
        save_file({"input": x}, home / "in.safetensors")
        configs.append((home, {"source": {"uri": "m.pt2"}, "kernels": [{"plugin": "org.genie.kernels-aten", "options": {"threads": 1}}],
                               "run": {"inputs": "in.safetensors"}, "report": {"json": "report.json"}}))
    options = cache_options(folder, size=5 << 19)  # two and a half of a MiB each

    def sent(number):
        home, config = configs[number]
        host.run({**config, "backend": cluster.backend(cluster.workers[-1:])}, home, check=OK)
        return counters(home)["weight_bytes_sent"]

    cluster.start("w0", options=options)
    assert [sent(0), sent(1)] == [1 << 20] * 2
    restarted(cluster, options)
    assert sent(0) == 0  # used later than the other
    assert sent(2) == 1 << 20
    assert cluster.workers[-1].terminate() == 0
    assert sum(path.stat().st_size for path in blobs_in(folder)) == 2 << 20
    cluster.start("w0", options=options)
    assert [sent(0), sent(2), sent(1)] == [0, 0, 1 << 20]


@pytest.mark.parametrize("wrong", ["open", "taken", "a file"])
def test_a_folder_that_is_not_the_workers_alone_is_refused(host, cluster, tmp_path, wrong):
    folder = tmp_path / "cache"
    if wrong == "taken":
        cluster.start("w0", options=cache_options(folder))
    elif wrong == "a file":
        folder.write_text("")
    else:
        folder.mkdir()
        folder.chmod(0o755)
    with pytest.raises(RuntimeError, match="GE0808"):
        cluster.start("w1", options=cache_options(folder))


@pytest.mark.parametrize("options, says", [({"cache": {}}, "folder"), ({"cache": {"folder": "c", "byte": 1}}, "bytes"), ({"cache": "c"}, "object"),
                                           ({"cache": {"folder": "c", "bytes": 0}}, "out of range"), ({"share_blobs": ["a"]}, "keys")])
def test_wrong_options_are_refused_by_name(cluster, options, says):
    with pytest.raises(RuntimeError, match=f"GE0800(.|\n)*{says}"):
        cluster.start("w0", options=options)


def test_a_long_upload_tells_how_far_it_is_and_how_fast(host, cluster, decoder, tmp_path):
    """On a terminal. The worker stands still until that was seen."""
    config, expected = decoder
    (worker,) = cluster.start("w0", options={"lease_ms": 60000})
    way = Cutter(worker, "blob", instead=lambda: worker.kill(signal.SIGSTOP))
    config["backend"] = cluster.backend(payload="tls")
    config["backend"]["options"]["workers"] = [way.address]
    ours, theirs = pty.openpty()
    run = subprocess.Popen([str(host.binary), "--config", str(host.write(config, tmp_path))], cwd=tmp_path, stdout=subprocess.PIPE,
                           stderr=theirs, env={**host.environment, "TERM": "xterm", "COLUMNS": "120"}, stdin=subprocess.DEVNULL)
    os.close(theirs)
    seen = b""
    while not re.search(rb"sending weights, 0 bytes of [0-9.]+ KiB, 0 bytes/s", seen):
        ready, _, _ = select.select([ours], [], [], PATIENCE)
        assert ready, seen
        seen += os.read(ours, 4096)
    worker.kill(signal.SIGCONT)
    run.communicate(timeout=PATIENCE)
    os.close(ours)
    assert run.returncode == OK and outputs(tmp_path) == expected
    report = counters(tmp_path)
    assert report["blobs_sent"] > 1 and report["weight_send_ns"] > 400_000_000, "as long as the line took to appear"


# --- who may use what ---

class TlsPeer(Peer):
    """The same, with a certificate."""

    def __init__(self, worker, files):
        self.worker = worker
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.load_verify_locations(files["ca"])
        context.load_cert_chain(files["cert"], files["key"])
        plain = socket.create_connection((worker.ready["address"], worker.ready["port"]), timeout=PATIENCE)
        self.socket = context.wrap_socket(plain)

    def greet(self):
        self.send("hello", hello())
        assert self.receive()[0] == "hello"
        self.send("auth", text(b""))
        return self.receive()


@pytest.fixture
def identities(host, keys, tmp_path):  # noqa: F811
    for name in ("ann", "bob"):
        host.command("keys", "issue", name, "--client", "--folder", tmp_path / "keys", folder=tmp_path, check=OK)
    return keys


@pytest.fixture
def scheduled(host, decoder, tmp_path):
    """A plan with its schedule, and the topology that it was made for, as a client sends them."""
    config, _ = decoder
    host.write(emulated(config, 1), tmp_path, "plan.json")
    host.command("plan", "schedule", "plan.json", "--output", "scheduled.json", folder=tmp_path, check=OK)
    return (tmp_path / "scheduled.json").read_text(), (tmp_path / "cluster.json").read_text()


def prepare(peer, number, plan, topology_text):
    """The digests that the worker asks for."""
    peer.send("prepare", struct.pack("<Q", number) + text(plan) + text(topology_text), identity=number)
    kind, _, message, _ = peer.answer(number)
    assert kind == "done", message
    (count,) = struct.unpack_from("<I", message)
    return {digest.decode() for digest in texts(message, 4)[:count]}


def stats(peer):
    peer.send("stats", identity=1 << 40)
    return json.loads(peer.answer(1 << 40)[2])


def as_client(name, keys, workers):  # noqa: F811
    return {"plugin": BACKEND, "options": {"workers": [w.address for w in workers], "keys": keys(name)}}


def start_tls(cluster, keys, **options):  # noqa: F811
    return cluster.start("w0", options={"keys": keys("w0"), "token_file": "", **options})


def sent_by(name, host, cluster, config, folder, keys, workers):  # noqa: F811
    host.run({**config, "backend": as_client(name, keys, workers)}, folder, check=OK)
    return counters(folder)["weight_bytes_sent"]


@pytest.mark.parametrize("cached", [False, True])
def test_another_identity_brings_the_same_weights_itself(host, cluster, decoder, identities, tmp_path, cached):
    config, expected = decoder
    options = cache_options(tmp_path / "cache") if cached else {}
    workers = start_tls(cluster, identities, **options)
    whole = sent_by("ann", host, cluster, config, tmp_path, identities, workers)
    if cached:
        assert workers[0].terminate() == 0
        workers = start_tls(cluster, identities, **options)
    assert sent_by("bob", host, cluster, config, tmp_path, identities, workers) == whole > 0
    assert outputs(tmp_path) == expected
    if cached:
        assert workers[0].terminate() == 0
        assert all(len(marks_of(path)) == 2 for path in blobs_in(tmp_path / "cache"))
        workers = start_tls(cluster, identities, **options)
    assert [sent_by(name, host, cluster, config, tmp_path, identities, workers) for name in ("ann", "bob")] == [0, 0]


@pytest.mark.parametrize("cached", [False, True])
def test_what_share_blobs_names_is_everybodys(host, cluster, decoder, identities, tmp_path, cached):
    config, expected = decoder
    options = {"share_blobs": ["ann"], **(cache_options(tmp_path / "cache") if cached else {})}
    workers = start_tls(cluster, identities, **options)
    assert sent_by("ann", host, cluster, config, tmp_path, identities, workers) > 0
    if cached:
        assert workers[0].terminate() == 0
        workers = start_tls(cluster, identities, **options)
    assert sent_by("bob", host, cluster, config, tmp_path, identities, workers) == 0
    assert outputs(tmp_path) == expected
    if cached:  # what was lent is not given: without the option it is ann's alone
        assert workers[0].terminate() == 0
        workers = start_tls(cluster, identities, **cache_options(tmp_path / "cache"))
        assert sent_by("bob", host, cluster, config, tmp_path, identities, workers) > 0


def test_sharing_is_for_what_the_named_brought_alone(host, cluster, decoder, identities, tmp_path):
    config, _ = decoder
    workers = start_tls(cluster, identities, share_blobs=["laptop"])
    assert sent_by("ann", host, cluster, config, tmp_path, identities, workers) > 0
    assert sent_by("bob", host, cluster, config, tmp_path, identities, workers) > 0


def test_knowing_a_digest_opens_nothing(host, cluster, decoder, scheduled, identities, tmp_path):
    """Not even while the weights are resident for a program of somebody else."""
    config, _ = decoder
    (worker,) = start_tls(cluster, identities)
    running = {**config, "backend": as_client("ann", identities, [worker]), "run": {**config["run"], "repeat": 1000000}}
    running["run"]["steps"] = running["run"]["steps"][:1]
    del running["outputs"]
    ann = start_run(host, running, tmp_path)
    bob = TlsPeer(worker, identities("bob"))
    assert bob.greet()[0] == "welcome"
    wait_until(lambda: stats(bob)["devices"]["w0"]["used_bytes"] > 0, "ann's weights are resident")
    plan = json.loads(scheduled[0])
    used = {plan["weights"][name]["blob"] for name in plan["schedule"]["residence"]["weights"]}
    assert used <= prepare(bob, 1, *scheduled)
    bob.send("compile", struct.pack("<Q", 1) + text("auto") + struct.pack("<I", 0), identity=2)
    assert "GE0671" in refusal(bob.answer(2))
    bob.send("open_session", struct.pack("<QQQ", 1, 1, 0), identity=3)
    assert bob.answer(3)[0] == "failed"
    assert ann.poll() is None
    ann.kill()
    ann.communicate(timeout=60)


def test_a_blob_has_the_size_that_it_has(host, cluster, decoder, scheduled, tmp_path):
    """A plan that says more would have the kernels read behind it."""
    config, expected = decoder
    (worker,) = cluster.start("w0")
    run(host, cluster, config, tmp_path, expected)
    plan = json.loads(scheduled[0])
    peer = Peer(worker)
    assert peer.greet()[0] == "welcome"
    assert prepare(peer, 1, *scheduled) == set()
    for number, blob in enumerate(plan["blobs"].values()):
        blob["size_bytes"] *= 1 + number % 2
    assert prepare(peer, 2, json.dumps(plan), scheduled[1]) == set()
    peer.send("compile", struct.pack("<Q", 2) + text("auto") + struct.pack("<I", 0), identity=3)
    assert "GE0812" in refusal(peer.answer(3))


def upload_piece(peer, digest, size, offset, data, identity):
    peer.send("blob", text(digest) + struct.pack("<QQ", size, offset), data, identity=identity)


@pytest.mark.parametrize("wrong", ["order", "twice", "bytes", "size"])
def test_pieces_that_no_honest_client_sends(cluster, scheduled, wrong):
    (worker,) = cluster.start("w0")
    peer = Peer(worker)
    assert peer.greet()[0] == "welcome"
    missing = prepare(peer, 1, *scheduled)
    sizes = {digest: blob["size_bytes"] for digest, blob in json.loads(scheduled[0])["blobs"].items()}
    digest = max(missing, key=sizes.get)
    size = sizes[digest]
    if wrong == "bytes":
        upload_piece(peer, digest, size, 0, b"x" * size, 2)
        assert "GE0674" in refusal(peer.answer(2))
        assert prepare(peer, 3, *scheduled) == missing
    elif wrong == "size":
        upload_piece(peer, digest, size + 1, 0, b"x", 2)
        assert "GE0812" in refusal(peer.answer(2))
    else:
        upload_piece(peer, digest, size, 0, b"x" * 8, 2)
        assert peer.answer(2)[0] == "done"
        upload_piece(peer, digest, size, 16 if wrong == "order" else 0, b"x" * 8, 3)
        assert "GE0811" in refusal(peer.answer(3))
        assert peer.gone()
    other = Peer(worker)
    assert other.greet()[0] == "welcome"
