"""Workers and clients in all their threads, without a framework. In a tree of the thread sanitizer a race fails a test."""

import json
import signal

import pytest
import scene
from gate import Gate
from workers import BACKEND, Peer, wait_until

EXECUTION_FAILED = 5


def backend(tmp_path, workers, **options):
    return {"plugin": BACKEND, "options": {"workers": [w.address for w in workers], "token_file": str(tmp_path / "workers.token"), **options}}


def make(tmp_path, name, seed=1, rows=4, columns=16, steps=6):
    folder = tmp_path / name
    folder.mkdir()
    return scene.Scene(folder, seed, rows, columns, steps)


def used_bytes(worker):
    peer = Peer(worker)
    assert peer.greet()[0] == "welcome"
    peer.send("stats", identity=1)
    kind, _, message, _ = peer.answer(1)
    peer.close()
    assert kind == "done"
    return json.loads(message)["devices"][worker.name]["used_bytes"]


def ends_well(tmp_path, workers, client):
    for worker in workers:
        wait_until(lambda: used_bytes(worker) == 0, "nobody's memory is left")
        assert worker.terminate() == 0, worker.said()
    assert client.close() == 0, client.said()


@pytest.mark.parametrize("path", scene.PATHS)
def test_a_client_that_comes_back_gets_the_same_bits(place, started, tmp_path, path):
    workers = [started.worker(name) for name in ("w0", "w1")]
    client = started.client()
    for name, rows, columns in (("small", 4, 16), ("large", 512, 64), ("again", 4, 16)):
        one = make(tmp_path, name, rows=rows, columns=columns)
        config = one.config("run", scene.parts_of(place.build), backend(tmp_path, workers, checksums="all", **scene.PATHS[path]))
        assert client.run([config]) == [(0, [])], client.said()
        assert one.right("run")
        if (path, name) == ("arena", "large"):
            # These kernels write where they are told to: one worker's into memory that the other reads.
            counted = json.loads((one.folder / "run.report.json").read_text())["counters"]
            assert (counted["values_sent_on_arena"], counted["staging_copies"]) == (2 * one.steps, 0)
    ends_well(tmp_path, workers, client)


def test_clients_at_once_on_every_path_get_their_own_results(place, started, tmp_path):
    """Two of them share a program; in two processes, a thread each."""
    workers = [started.worker(name) for name in ("w0", "w1")]
    parts = scene.parts_of(place.build)
    here, there = started.client(), started.client("other")
    scenes = {path: make(tmp_path, path, seed, rows=64) for seed, path in enumerate(scene.PATHS)}
    configs = [one.config("run", parts, backend(tmp_path, workers, **scene.PATHS[path])) for path, one in scenes.items()]
    shared = [scenes["arena"].config(name, parts, backend(tmp_path, workers, **scene.PATHS[path]))
              for name, path in (("first", "control"), ("second", "arena"), ("third", "net"))]
    there.say("\t".join(["-", *map(str, shared)]))
    assert here.run(configs) == [(0, [])] * len(configs), here.said()
    ends = []
    for line in there.process.stdout:
        if line == "done\n":
            break
        ends.append(line.split("\t")[2])
    assert ends == ["0"] * 3, there.said()
    assert all(one.right("run") for one in scenes.values())
    assert all(scenes["arena"].right(name) for name in ("first", "second", "third"))
    assert there.close() == 0, there.said()
    ends_well(tmp_path, workers, here)


@pytest.mark.parametrize("path", ["control", "arena", "net"])
def test_a_killed_worker_is_an_error_or_made_good_and_its_successor_is_found(place, started, tmp_path, path):
    first = started.worker("w0")
    client = started.client()
    one = make(tmp_path, "model", rows=64)
    for loss in ("fail", "replan"):
        gate = Gate(tmp_path / "gate")
        second = started.worker("w1", gate=gate.path)
        ran = []

        def on_third(word):
            ran.append(word)
            return sum(word == "run n2" for word in ran) == 3

        gate.once(on_third, second.kill)
        config = one.config(loss, scene.parts_of(place.build), backend(tmp_path, [first, second], **scene.PATHS[path]), loss, "soft")
        ((code, diagnostics),) = client.run([config])
        assert gate.passed, ran
        if loss == "fail":
            assert code == EXECUTION_FAILED and [d["code"] for d in diagnostics] == ["GE0810"], diagnostics
        else:
            assert code == 0 and one.right(loss), (diagnostics, client.said())
        gate.close()
        second.end()
    second = started.worker("w1")
    config = one.config("after", scene.parts_of(place.build), backend(tmp_path, [first, second], **scene.PATHS[path]))
    assert client.run([config]) == [(0, [])] and one.right("after"), client.said()
    ends_well(tmp_path, [first, second], client)


@pytest.mark.parametrize("path", ["control", "arena", "tcp"])
def test_a_killed_clients_worker_serves_the_next(place, started, tmp_path, path):
    gate = Gate(tmp_path / "gate")
    workers = [started.worker("w0", gate=gate.path), started.worker("w1")]
    lost, client = started.client("lost"), started.client()
    one = make(tmp_path, "model", rows=64)
    config = one.config("run", scene.parts_of(place.build), backend(tmp_path, workers, **scene.PATHS[path]))
    gate.once(lambda word: word == "run n6", lambda: lost.process.send_signal(signal.SIGKILL))
    assert lost.run([config]) is None and gate.passed
    assert client.run([config]) == [(0, [])] and one.right("run"), client.said()
    ends_well(tmp_path, workers, client)
    gate.close()
