"""Who may use a worker, and what it makes of bytes that no honest client sends."""

import json
import random
import stat
import struct

import pytest
from harness import OK, topology
from test_remote_runs import decoder_config, emulated, outputs
from workers import BACKEND, VERSION, Peer, header, hello, text, texts

USAGE = 2


@pytest.fixture
def worker(cluster):
    return cluster.start("w0")[0]


def refusal(frame):
    """The text of a refusal or failure."""
    assert frame is not None and frame[0] in ("refused", "failed"), frame
    return frame[2].decode(errors="replace")


def still_serves(worker):
    peer = Peer(worker)
    welcome = peer.greet()
    peer.close()
    return welcome is not None and welcome[0] == "welcome"


def test_the_token_file_is_made_for_its_owner_alone(worker):
    mode = stat.S_IMODE(worker.token.stat().st_mode)
    assert mode == 0o600 and len(worker.token.read_text().strip()) == 64


def test_a_wrong_token_is_refused_by_name(host, cluster, worker, tmp_path):
    assert "GE0805" in refusal(Peer(worker).greet(token="0" * 64))
    config = decoder_config(tmp_path, steps=1)
    other = tmp_path / "other.token"
    other.write_text("f" * 64)
    other.chmod(0o600)
    run = host.run({**config, "hints": [], "backend": cluster.backend(token_file=str(other))}, tmp_path)
    assert run.code != OK and "GE0805" in run.err, run.err


def test_a_token_that_others_may_read_is_refused(host, cluster, worker, tmp_path):
    worker.token.chmod(0o644)
    run = host.run({**decoder_config(tmp_path, steps=1), "hints": [], "backend": cluster.backend()}, tmp_path)
    assert run.code != OK and "GE0803" in run.err and "chmod 600" in run.err, run.err


def test_nothing_is_answered_before_the_greeting(worker):
    peer = Peer(worker)
    peer.send("stats", identity=1)
    assert "GE0811" in refusal(peer.receive())
    assert peer.gone()


def test_a_proof_cannot_be_said_again(worker):
    """The worker's nonce is new each time."""
    import hashlib
    import hmac

    token = worker.token.read_text().strip().encode()
    first = Peer(worker)
    mine = hello()
    first.send("hello", mine)
    theirs = first.receive()[2]
    proof = hmac.new(token, text("genie client") + text(mine) + text(theirs), hashlib.sha256).digest()
    second = Peer(worker)
    second.send("hello", mine)
    second.receive()
    second.send("auth", text(proof))
    assert "GE0805" in refusal(second.receive())


@pytest.mark.parametrize("said, versions", [({"protocol": (7, 9)}, ("7 to 9", "1")), ({"plan": (3, 2, 4)}, ("3.2 to 4", "0.1"))])
def test_another_version_is_refused_with_both_and_the_remedy(worker, said, versions):
    answer = refusal(Peer(worker).greet(**said))
    assert "GE0806" in answer and all(version in answer for version in versions) and "install" in answer


def test_a_later_hello_may_be_longer(worker):
    peer = Peer(worker)
    peer.send("hello", hello(protocol=(1, 9)) + b"of a later version")
    assert peer.receive()[0] == "hello"


def test_a_worker_refuses_to_listen_in_public_without_keys(host, tmp_path):
    config = tmp_path / "worker.json"
    config.write_text(json.dumps({
        "schema": "genie.worker", "version": VERSION, "plugins": {"paths": [str(host.plugins)]},
        "service": {"plugin": BACKEND, "options": {"listen": "0.0.0.0:0", "token_file": "t"}},
        "devices": [{"id": "w0", "memory_bytes": 1 << 20}]}))
    served = host.command("serve", "--config", config, folder=tmp_path)
    assert served.code == USAGE and "GE0802" in served.err and "keys" in served.err, served.err


FIRST = [b"GET / HTTP/1.1\r\nHost: x\r\n\r\n" + b"x" * 64, b"\0" * 64, b"\xff" * 64, header("hello", message=1 << 31), header(99),
         header("hello", flags=1), header("auth", message=4, payload=1 << 40), header("hello", message=4) + b"\xff\xff\xff\xff",
         header("hello", message=len(hello(nonce=b"short"))) + hello(nonce=b"short")]


@pytest.mark.parametrize("number", range(len(FIRST)))
def test_strangers_with_hostile_bytes_are_shown_the_door(worker, number):
    peer = Peer(worker)
    peer.socket.sendall(FIRST[number])
    assert peer.gone()
    assert still_serves(worker)


def hostile_messages():
    huge = struct.pack("<I", 0xFFFFFFFF)
    yield "prepare", b""
    yield "prepare", struct.pack("<Q", 1) + huge
    yield "prepare", struct.pack("<Q", 1) + text("{}") + text("{}") + b"more"
    yield "blob", text("sha256:" + "0" * 64) + struct.pack("<QQ", 1, 2)
    yield "compile", struct.pack("<Q", 1) + text("auto") + huge
    yield "open_session", struct.pack("<QQ", 1, 1)
    yield "step", struct.pack("<QQ", 1, 1) + huge
    yield "step", b"\xff" * 100
    yield "value", b"\xff" * 100
    yield "read_state", huge
    yield "write_state", struct.pack("<Q", 1) + text("k") + b"\0"
    yield "release_program", b"\1"
    yield "welcome", b""
    yield "hello", hello()


@pytest.mark.parametrize("kind, message", list(hostile_messages()))
def test_malformed_messages_end_the_connection_and_nothing_else(worker, kind, message):
    peer = Peer(worker)
    assert peer.greet()[0] == "welcome"
    peer.send(kind, message, identity=1)
    assert peer.gone()
    assert still_serves(worker)


def test_unknown_numbers_are_errors_and_the_connection_goes_on(worker):
    peer = Peer(worker)
    assert peer.greet()[0] == "welcome"
    digest = "sha256:" + "0" * 64
    sent = [("compile", struct.pack("<Q", 7) + text("auto") + struct.pack("<I", 0), b""), ("open_session", struct.pack("<QQQ", 1, 7, 0), b""),
            ("read_state", struct.pack("<Q", 7) + text("k") + b"\0", b""),
            ("step", struct.pack("<QQ", 7, 0) + text("forward") + struct.pack("<QIII", 0, 0, 0, 0), b""),
            ("blob", text(digest) + struct.pack("<QQ", 4, 0), b"abcd"), ("prepare", struct.pack("<Q", 3) + text("{}") + text("{}"), b"")]
    for number, (kind, message, payload) in enumerate(sent, 1):
        peer.send(kind, message, payload, identity=number)
        assert peer.answer(number)[0] == "failed", kind
    peer.send("stats", identity=99)
    assert peer.answer(99)[0] == "done"


def test_random_bytes_after_the_greeting_never_harm_the_worker(worker):
    rng = random.Random(7)
    kinds = ["prepare", "blob", "compile", "release_program", "open_session", "close_session", "step", "cancel", "value",
             "release_value", "read_state", "write_state", "stats", "goodbye", "done", "failed", "welcome"]
    for _ in range(150):
        peer = Peer(worker)
        assert peer.greet()[0] == "welcome"
        try:
            for _ in range(8):
                peer.send(rng.choice(kinds), rng.randbytes(rng.randrange(80)), rng.randbytes(rng.randrange(40)), identity=rng.randrange(4))
        except ConnectionError:
            pass
        peer.close()
    assert still_serves(worker) and worker.process.poll() is None


def test_a_flood_of_strangers_leaves_room_for_a_client(worker):
    strangers = [Peer(worker) for _ in range(100)]
    for peer in strangers[:50]:
        peer.close()
    for peer in strangers[50:]:
        peer.close()
    from workers import wait_until
    wait_until(lambda: still_serves(worker), "a client is let in")


# --- keys ---

def test_keys_are_readable_by_their_owner_alone_and_never_overwritten(host, keys, tmp_path):
    for name in ("ca", "w0", "laptop"):
        assert stat.S_IMODE((tmp_path / "keys" / f"{name}.key").stat().st_mode) == 0o600
    again = host.command("keys", "init", "--folder", tmp_path / "keys", folder=tmp_path)
    assert again.code == USAGE and "GE0820" in again.err
    again = host.command("keys", "issue", "w0", "--folder", tmp_path / "keys", folder=tmp_path)
    assert again.code == USAGE and "GE0821" in again.err


def test_with_keys_everything_goes_through_tls_and_the_bits_are_the_same(host, cluster, keys, tmp_path):
    config = decoder_config(tmp_path)
    topology(tmp_path, [1 << 30] * 2)
    host.run(emulated(config, 2), tmp_path, check=OK)
    expected = outputs(tmp_path)
    # On every address of this machine: what needs keys.
    for name in ("w0", "w1"):
        cluster.start(name, options={"keys": keys(name), "token_file": ""}, listen="0.0.0.0:0")
    backend = {"plugin": BACKEND, "options": {"workers": [f"127.0.0.1:{w.ready['port']}" for w in cluster.workers],
                                              "keys": keys("laptop")}}
    host.run({**config, "backend": backend, "outputs": {"file": "outputs.safetensors"}}, tmp_path, check=OK)
    assert outputs(tmp_path) == expected


def test_certificates_of_another_authority_and_of_clients_are_no_workers(host, cluster, keys, tmp_path):
    config = {**decoder_config(tmp_path, steps=1), "hints": []}
    (worker,) = cluster.start("w0", options={"keys": keys("laptop"), "token_file": ""})
    backend = {"plugin": BACKEND, "options": {"workers": [worker.address], "keys": keys("w1")}}
    run = host.run({**config, "backend": backend}, tmp_path)
    assert run.code != OK and "GE0805" in run.err, run.err
    (worker,) = cluster.start("w1", options={"keys": keys("w0"), "token_file": ""})
    strange = tmp_path / "strange"
    host.command("keys", "init", "--folder", strange, folder=tmp_path, check=OK)
    host.command("keys", "issue", "laptop", "--folder", strange, folder=tmp_path, check=OK)
    theirs = {"ca": str(strange / "ca.pem"), "cert": str(strange / "laptop.pem"), "key": str(strange / "laptop.key")}
    run = host.run({**config, "backend": {"plugin": BACKEND, "options": {"workers": [worker.address], "keys": theirs}}}, tmp_path)
    assert run.code != OK and "GE0805" in run.err, run.err
