#!/usr/bin/env python3
"""The fault campaign: short runs on two workers, each with one fault at one moment, over one data path.

Every run ends in time, with the right result or with exactly one typed error and no result; afterwards the worker holds no
memory, files or threads of it, unless it was killed. Each run follows from the seed and its cell.

    campaign.py --build build                     each cell once
    campaign.py --build build --runs 2200 --seed 7
    campaign.py --build build --only cut:step:net --runs 50
"""

import argparse
import collections
import contextlib
import os
import pathlib
import random
import re
import signal
import sys
import tempfile
import time

import scene  # first: it knows where the helpers for workers lie
import faults
import workers as real
from gate import Gate
from link import GREETING, Link

LEASE_MS = 600
CONNECT_MS = 1500
DEVICE_BYTES = 64 << 20
#: Seconds for a run; and for what it leaves to go.
DEADLINE_S, PATIENCE_S = 15, 20
STEPS = 3


class Seat:
    """A worker with its gate and its wire; a new one sits there when it was killed."""

    def __init__(self, place, folder, name):
        self.place, self.folder, self.name = place, folder, name
        self.gate = Gate(folder / f"{name}.gate")
        self.link, self.worker = None, None
        self.fill()

    def fill(self):
        self.clear()
        self.worker = self.place.worker(self.folder, self.name, gate=self.gate.path, memory_bytes=DEVICE_BYTES,
                                        options={"lease_ms": LEASE_MS})
        self.link, self.levels = Link(self.worker), {}

    def clear(self):
        if self.worker is not None:
            with contextlib.suppress(ProcessLookupError):
                self.worker.kill(signal.SIGCONT)
            self.worker.end()
            self.link.close()

    @property
    def alive(self):
        return self.worker.process.poll() is None

    def used_bytes(self):
        """By the worker's own account; None when it does not answer."""
        with contextlib.suppress(OSError):
            peer = real.Peer(self.worker)
            peer.socket.settimeout(2)
            with contextlib.closing(peer.socket):
                if peer.greet()[0] == "welcome":
                    peer.send("stats", identity=1)
                    return scene.json.loads(peer.answer(1)[2])["devices"][self.name]["used_bytes"]
        return None

    def left_over(self, cell):
        """What a run in that phase over that path has left here; empty when nothing."""
        held = level(self.worker.process.pid)
        allowed = self.levels.get(cell)
        if allowed is not None and any(now > then for now, then in zip(held, allowed)):
            return f"{self.name} holds {held[0]} files and {held[1]} threads, {allowed[0]} and {allowed[1]} before"
        if used := self.used_bytes():
            return f"{self.name} holds {used} bytes"
        settle(self.levels, cell, held)
        return ""


def level(process):
    return len(os.listdir(f"/proc/{process}/fd")), len(os.listdir(f"/proc/{process}/task"))


def settle(levels, cell, held):
    """What a process may hold from now on. The first run that gets so far over a path may bring threads and files for good, whatever
    runs next."""
    if cell not in levels:
        levels[cell] = held
        for other in levels:
            levels[other] = tuple(map(max, levels[other], held))


class Campaign:
    def __init__(self, place, folder, seed):
        self.place, self.folder, self.seed = place, folder, seed
        self.namespace = faults.in_namespace()
        self.seats = [Seat(place, folder, name) for name in ("w0", "w1")]
        self.client, self.client_levels = None, {}
        self.outcomes, self.wrong, self.times, self.number, self.late = collections.Counter(), [], [], 0, collections.Counter()
        self.orphans, self.starved = 0, 0

    def left_files(self):
        """Names in places where files of living processes could be forgotten."""
        pids = {str(seat.worker.process.pid) for seat in self.seats} | {str(self.client.process.pid) if self.client else ""}
        found = {path.name for path in pathlib.Path("/dev/shm").iterdir() if path.name.split(":")[0] in pids}
        gates = {seat.gate.path.name for seat in self.seats}
        return found | {path.name for path in self.folder.iterdir() if path.is_socket()} - gates

    def new_client(self):
        if self.client is not None:
            self.client.kill()
        self.client, self.client_levels = scene.Client(self.place, self.folder / "client.err"), {}

    def run(self, fault, phase, path, number):
        """One run; what is wrong with it, or None."""
        dice = random.Random(f"{self.seed}/{fault}/{phase}/{path}/{number}")
        for seat in self.seats:
            if not seat.alive:
                seat.fill()
        if self.client is None or self.client.process.poll() is not None:
            self.new_client()
        self.number += 1
        folder = self.folder / f"run{self.number}"
        folder.mkdir()
        # Weights of megabytes where they are what is sent; else values that no queue swallows.
        rows, columns = (2, 1024) if phase == "upload" else dice.choice([(4, 16), (512, 64)])
        model = scene.Scene(folder, dice.randrange(1 << 32), rows, columns, STEPS)
        at = dice.randrange(2)
        happening = faults.Fault(fault, self.seats[at].worker, self.seats[at].link, path, dice, self.namespace)
        loss = dice.choice(["fail", "replan"])
        backend = {"plugin": real.BACKEND, "options": {
            "workers": [seat.link.address for seat in self.seats], "token_file": str(self.folder / "workers.token"),
            "connect_ms": CONNECT_MS, "checksums": "all" if fault in ("corrupt", "peer") else "weights", **scene.PATHS[path]}}
        config = model.config("run", scene.parts_of(self.place.build), backend, loss, "soft" if loss == "replan" else "hard")
        stops = self.arm(happening, phase, path, at, dice)
        hung = []

        def give_up():
            hung.append(True)
            happening.undo()
            self.client.process.kill()

        began = time.monotonic()
        with scene.deadline(DEADLINE_S, give_up):
            ends = self.client.run([config], stops)
        took = time.monotonic() - began
        for seat in self.seats:
            seat.gate.once(lambda word: False, None)
        if not hung:
            happening.undo()
        self.times.append(took)
        if not happening.done:
            self.late[f"{fault}:{phase}:{path}"] += 1
        wrong = f"no end after {DEADLINE_S} s" if hung else self.judge(ends, model) or self.look(happening, (phase, path))
        for left in folder.iterdir():
            left.unlink()
        folder.rmdir()
        return wrong

    def arm(self, fault, phase, path, at, dice):
        """Lets the fault happen in its phase. What the client is to stop for."""
        seat, other = self.seats[at], self.seats[1 - at]
        mine, theirs = (["run n0", "run n1", "run n5", "run n6"], "run n4") if at == 0 else (["run n2", "run n3", "run n4"], "run n1")
        if phase == "connect":
            fault.in_greeting = True
            frames = ["hello", "auth"] if path == "control" else list(GREETING)
            seat.link.once(GREETING[dice.choice(frames)], fault.happen)
        elif phase == "prepare":
            if path == "control" and dice.random() < 0.5:
                seat.link.once(real.TYPES[dice.choice(["prepare", "compile", "open_session"])], fault.happen)
            else:
                seat.gate.once(lambda word: word == "compile", fault.happen)
        elif phase in ("step", "between"):
            node, time_ = dice.choice(mine) if phase == "step" else theirs, dice.randrange(1, STEPS + 1)
            heard = collections.Counter()

            def when(word):
                heard[word] += 1
                return word == node and heard[word] == time_

            (seat if phase == "step" else other).gate.once(when, fault.happen)
        elif phase == "close" and path == "control" and dice.random() < 0.5:
            seat.link.once(real.TYPES[dice.choice(["close_session", "release_program", "goodbye"])], fault.happen)
        else:
            return {phase: fault.happen}
        return {}

    def judge(self, ends, model):
        """What is wrong with how the client ended."""
        if ends is None:
            return f"the client is gone ({self.client.process.wait()}): {self.client.said()[-2000:]}"
        (code, diagnostics), made = ends[0], (model.folder / "run.safetensors").exists()
        if code == 0:
            self.outcomes["right"] += 1
            return None if made and model.right("run") else "a wrong result"
        errors = [d["code"] for d in diagnostics if d["severity"] == "error"]
        self.outcomes[" ".join(errors)] += 1
        if len(errors) != 1 or not re.fullmatch(r"GE\d{4}", errors[0]):
            return f"not one typed error: {diagnostics}"
        return f"an error and a result: {diagnostics}" if made else None

    def look(self, fault, cell):
        """What the run has left behind."""
        end, wrong = time.monotonic() + PATIENCE_S, "not looked"
        while wrong and time.monotonic() < end:
            wrong = self.left(fault, cell)
            if wrong:
                time.sleep(0.01)
        return wrong or None

    def left(self, fault, cell):
        for seat in self.seats:
            if fault.killed and seat.worker is fault.target:
                seat.worker.process.wait()
                # What libfabric's shm makes there is no longer its owner's to remove.
                for file in pathlib.Path("/dev/shm").glob(f"{seat.worker.process.pid}:*"):
                    file.unlink()
                    self.orphans += 1
            elif not seat.alive and fault.name == "full" and seat.worker is fault.target:
                # glibc and libfabric end a process that lacks memory at some places. The client must not mind.
                fault.killed = True
                self.starved += 1
                return "not looked"
            elif not seat.alive:
                return f"{seat.name} is gone ({seat.worker.process.returncode}): {seat.worker.said()[-2000:]}"
            elif wrong := seat.left_over(cell):
                return wrong
        held, allowed = level(self.client.process.pid), self.client_levels.get(cell)
        if allowed is not None and any(now > then for now, then in zip(held, allowed)):
            return f"the client holds {held[0]} files and {held[1]} threads, {allowed[0]} and {allowed[1]} before"
        settle(self.client_levels, cell, held)
        if files := self.left_files():
            return f"files are left: {sorted(files)}"
        return ""

    def close(self):
        """What is wrong with how workers and client end."""
        wrong = []
        if self.client is not None and self.client.process.poll() is None and self.client.close() != 0:
            wrong.append(f"the client: {self.client.said()[-2000:]}")
        for seat in self.seats:
            if seat.alive and seat.worker.terminate() != 0:
                wrong.append(f"{seat.name}: {seat.worker.said()[-2000:]}")
            seat.clear()
            seat.gate.close()
        return wrong


def cells(only):
    wanted = [set(part.split(",")) if part not in ("", "*") else None for part in (only.split(":") + ["", "", ""])[:3]]
    for fault in faults.NAMES:
        for phase in faults.PHASES:
            for path in scene.PATHS:
                if all(some is None or one in some for one, some in zip((fault, phase, path), wanted)):
                    yield fault, phase, path


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=pathlib.Path, default=pathlib.Path("build"), help="the build tree to test")
    parser.add_argument("--runs", type=int, help="how many; cells take turns, and each has at least one")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", default="", metavar="FAULT:PHASE:PATH", help="these cells; * or nothing for all, commas for several")
    parser.add_argument("--stop", action="store_true", help="end at the first that is wrong")
    parser.add_argument("--verbose", action="store_true")
    options = parser.parse_args()
    if not faults.in_namespace():
        os.environ["GENIE_CAMPAIGN_NETWORK"] = "no"
        if prefix := faults.namespace_prefix():
            os.environ["GENIE_CAMPAIGN_NETWORK"] = "own"
            os.execvp(prefix[0], [*prefix, "sh", "-c", 'ip link set lo up && exec "$@"', "sh", sys.executable, *sys.argv])
        print("skipped: links of net and tcp that are slow or down, because network namespaces are not permitted here")
    meaningful = [cell for cell in cells(options.only) if not faults.without_meaning(*cell)]
    rounds = -(-max(options.runs or 0, len(meaningful)) // len(meaningful))
    total = options.runs or len(meaningful)
    place = scene.Place(options.build.resolve(), dict(os.environ))
    began = time.monotonic()
    done = 0
    with tempfile.TemporaryDirectory(prefix="genie-campaign-", dir="/dev/shm" if os.path.isdir("/dev/shm") else None) as folder:
        campaign = Campaign(place, pathlib.Path(folder), options.seed)
        try:
            # Fault after fault, so that workers live long between those that kill them.
            for fault in faults.NAMES:
                for number in range(rounds):
                    for cell in (cell for cell in meaningful if cell[0] == fault):
                        wrong = campaign.run(*cell, number)
                        done += 1
                        if options.verbose or wrong:
                            print(f"{':'.join(cell)} {number}: {wrong or 'fine'} ({campaign.times[-1] * 1e3:.0f} ms)", flush=True)
                        if wrong:
                            campaign.wrong.append((cell, number, wrong))
                            for seat in campaign.seats:
                                seat.fill()
                            campaign.new_client()
                            if options.stop:
                                return 1
        finally:
            at_end = campaign.close()
    for what in at_end:
        print(f"at the end: {what}")
    times = sorted(campaign.times)
    wrong = len(campaign.wrong) + len(at_end)
    print(f"{done} runs of {total} asked for, {len(meaningful)} cells with {rounds} each, in {time.monotonic() - began:.0f} s; "
          f"a run took {times[len(times) // 2] * 1e3:.0f} ms (median), {times[-1] * 1e3:.0f} ms at most")
    print("ends: " + ", ".join(f"{count} {name}" for name, count in campaign.outcomes.most_common()))
    if campaign.starved:
        print(f"workers that a lack of memory ended: {campaign.starved}")
    if campaign.orphans:
        print(f"files that libfabric's shm left of killed workers: {campaign.orphans}")
    if campaign.late:
        print("over before their fault came: " + ", ".join(f"{name} {count}" for name, count in sorted(campaign.late.items())))
    print(f"{done - len(campaign.wrong)} passed, {wrong} failed, 0 skipped")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
