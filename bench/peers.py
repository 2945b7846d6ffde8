#!/usr/bin/env python3
"""Remote workers beside other ways to another process of this machine, in one run: torch's RPC, gRPC, Gloo.

The same float32 tensors go to the other process, get one added there and come back: genie over its paths, torch's RPC over TCP and over
shared memory, gRPC unary calls with raw bytes, Gloo's send and receive. And a step of a small decoder (4 layers of width 256) whose weights,
keys and values stay at the other end: a token goes there, the next one comes back. Each side has two fresh processes in each turn and the
machine to itself, since some poll even when nothing happens; all compute with one thread, and all values are compared.

A peer that this machine lacks is left out with a word on why; nothing else of the project needs any of them.
"""

import argparse
import contextlib
import importlib.util
import json
import os
import pathlib
import signal
import statistics
import subprocess
import sys
import tempfile

import fabric
import figures
import real_workers

sys.path.insert(0, str(figures.ROOT / "python"))

PATHS = [path for path in real_workers.PATHS if path != "tls"]
PEERS = {"rpc-tcp": "torch RPC, TCP", "rpc-multi": "torch RPC, several TCP", "rpc-shm": "torch RPC, shared memory", "grpc": "gRPC", "gloo": "Gloo"}
HERE = {"torch here": "torch, in this process", "genie here": "genie, in this process"}
STEP = "decoding step"
MIB = 1 << 20
#: Seconds that all trips of a side may take in one turn.
LIMIT = 600


def lacking(peer):
    """What a peer needs and this Python does not have, or nothing."""
    if peer == "grpc":
        return "" if importlib.util.find_spec("grpc") else "needs the package grpcio: pip install grpcio"
    from torch import distributed

    if peer == "gloo":
        return "" if distributed.is_available() and distributed.is_gloo_available() else "needs a torch that was built with Gloo"
    with contextlib.suppress(ImportError):
        from torch.distributed import rpc

        if rpc.is_available():
            return ""
    return "needs a torch that has torch.distributed.rpc"


class Failed(Exception):
    """A side that cannot do its trips on this machine."""


@contextlib.contextmanager
def end(role, side, folder):
    """One end of a side: a process that does not outlive the `with`, and what it wrote on its stderr if it fails."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "PASSIVE", "GLOO_SOCKET_IFNAME": "lo", "TP_SOCKET_IFNAME": "lo"}
    with (folder / f"{role}.err").open("w") as errors:
        process = subprocess.Popen([sys.executable, pathlib.Path(__file__).with_name("peer_ends.py"), role], text=True, env=environment,
                                   stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def tell(process, task):
    with contextlib.suppress(BrokenPipeError):  # it ended: its stderr says why
        process.stdin.write(json.dumps(task) + "\n")
        process.stdin.flush()


def hear(process, folder, role, seconds):
    line = real_workers.next_line(process, seconds)
    if line:
        return json.loads(line)
    try:
        process.wait(1)
    except subprocess.TimeoutExpired:
        raise Failed(f"no answer within {seconds} s") from None
    said = (folder / f"{role}.err").read_text().strip().splitlines()
    raise Failed(said[-1] if said else f"ended with {process.returncode}")


class Bench:
    def __init__(self, options, folder):
        self.options, self.folder, self.missing = options, folder, {}
        self.tensors = [(size, max(3, min(200, 32 * MIB // size))) for size in options.sizes]

    def save(self):
        """The programs as genie takes them."""
        import torch

        import peer_ends
        from genie import export

        for size in self.options.sizes:
            export.save(export.export(peer_ends.Plus().eval(), (torch.zeros(size // 4),)), self.folder / f"plus{size // 4}.pt2")
        export.save(export.export(peer_ends.decoder(), (torch.ones(1, dtype=torch.int64),)), self.folder / "decoder.pt2")

    def ask(self, side):
        """All trips of a side, by two processes that are there for this alone."""
        task = {"side": side, "folder": str(self.folder), "build": str(self.options.build), "tensors": self.tensors, "steps": self.options.steps,
                "idle": self.options.idle, "backend": None, "address": None, "server_pid": None}
        with contextlib.ExitStack() as stack:
            stack.callback((self.folder / "meeting").unlink, missing_ok=True)
            client = stack.enter_context(end("ask", side, self.folder))
            if side in PATHS:
                (worker,), backend = stack.enter_context(real_workers.serving(self.options.build, self.folder))
                task |= {"backend": backend(**real_workers.PATHS[side]), "server_pid": worker.process.pid}
            elif side in PEERS:
                server = stack.enter_context(end("serve", side, self.folder))
                tell(server, task)
                task |= {"address": hear(server, self.folder, "serve", real_workers.PATIENCE), "server_pid": server.pid}
            tell(client, task)
            return hear(client, self.folder, "ask", LIMIT)

    def collect(self):
        self.missing = {peer: why for peer in self.options.peers if (why := lacking(peer))}
        self.save()
        sides = [*HERE, *self.options.paths, *(peer for peer in self.options.peers if peer not in self.missing)]
        answers = {side: [] for side in sides}
        for _ in range(self.options.turns):
            for side in sides:
                if side in self.missing:
                    continue
                try:
                    answers[side].append(self.ask(side))
                except Failed as why:
                    self.missing[side] = str(why)
        answers = {side: some for side, some in answers.items() if side not in self.missing}
        return {"rows": list(self.rows(answers)), "idle": [
            {"side": side, **{which: statistics.median(answer["idle"][which] for answer in some) for which in ("here", "there")}}
            for side, some in answers.items()]}

    def rows(self, answers):
        expected = answers["torch here"][0]["step"]["tokens"] if "torch here" in answers else None
        whats = [(fabric.size_text(size), lambda answer, i=i: answer["tensors"][i]) for i, size in enumerate(self.options.sizes)]
        for what, of in [*whats, (STEP, lambda answer: {**answer["step"], "right": answer["step"]["tokens"] == expected})]:
            took = {side: statistics.median(time for answer in some for time in of(answer)["times_ns"]) for side, some in answers.items()}
            least = {side: min(time for answer in some for time in of(answer)["times_ns"]) for side, some in answers.items()}
            for side, some in answers.items():
                yield {"what": what, "side": side, "median_ns": took[side], "least_ns": least[side],
                       **{name: statistics.median(of(answer)[name] for answer in some) for name in ("cpu_ns", "tcp_bytes")},
                       "to_genie": {path: took[side] / took[path] for path in PATHS if path in took},
                       "least_to_genie": {path: least[side] / least[path] for path in PATHS if path in least}, "right": all(of(answer)["right"] for answer in some)}


# --- showing ---

def time_text(ns):
    return f"{ns / 1e3:,.0f} µs" if ns < 1e6 else figures.milliseconds(ns)


def text_of(result):
    names = HERE | PEERS | {path: f"genie, {path}" for path in PATHS}
    rows, idle = result["rows"], {row["side"]: row for row in result["idle"]}
    by = {(row["what"], row["side"]): row for row in rows}
    paths = [path for path in PATHS if path in idle]
    text = figures.table(["what, where", "it takes", "at best", *(f"genie, {path} (it ÷ genie, at best)" for path in paths)], [
        [f"{row['what']}, {names[row['side']]}", time_text(row["median_ns"]), time_text(row["least_ns"]),
         *(f"{time_text(by[row['what'], path]['median_ns'])} ({ratio:.2f}, {row['least_to_genie'][path]:.2f})" for path, ratio in row["to_genie"].items())]
        for row in rows if row["side"] not in PATHS])
    first = rows[0]["what"]
    text += "\n\n" + figures.table(
        ["side", f"{first}: CPU of both ends", f"{STEP}: CPU of both ends", "its bytes over TCP", "idle client: % of a core", "idle other end"],
        [[names[side], time_text(by[first, side]["cpu_ns"]), time_text(by[STEP, side]["cpu_ns"]), f"{by[STEP, side]['tcp_bytes']:,.0f}",
          f"{each['here'] * 100:.1f}", f"{each['there'] * 100:.1f}" if side not in HERE else "–"] for side, each in idle.items()])
    for side, why in result["missing"].items():
        text += f"\n\nNot measured: {names[side]} ({why})."
    return text + f"\n\nMedians of {result['turns']} turns; {result['machine']}, {result['versions']}." + (" " + figures.LOAD if result["busy"] else "")


def versions():
    import importlib.metadata

    found = ["torch " + importlib.metadata.version("torch")]
    with contextlib.suppress(importlib.metadata.PackageNotFoundError):
        found.append("grpcio " + importlib.metadata.version("grpcio"))
    return ", ".join(found)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=pathlib.Path, default=figures.ROOT / "build", help="build tree with libgenie and genie-host")
    parser.add_argument("--paths", nargs="+", choices=PATHS, default=PATHS, help="genie's ways to its worker (default: all)")
    parser.add_argument("--peers", nargs="*", choices=PEERS, default=list(PEERS), help="the other sides (default: all)")
    parser.add_argument("--turns", type=int, default=5, help="turns that each side takes (default: 5)")
    parser.add_argument("--sizes", type=int, nargs="+", default=[64, 64 << 10, MIB, 16 * MIB, 64 * MIB], help="bytes of the tensors (default: 64 B to 64 MiB)")
    parser.add_argument("--steps", type=int, default=100, help="decoding steps of a turn (default: 100)")
    parser.add_argument("--idle", type=float, default=1, metavar="SECONDS", help="how long nothing happens (default: 1)")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    parser.add_argument("--write", action="store_true", help="also put the tables into docs/performance.md")
    options = parser.parse_args()
    options.build = options.build.resolve()
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))  # no end of a side stays behind
    busy = figures.is_busy()
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(options, pathlib.Path(folder))
        result = {"bench": "peers", "machine": figures.machine(), "versions": versions(), "turns": options.turns, "busy": busy, **bench.collect(),
                  "missing": bench.missing}
    text = text_of(result)
    if options.write:
        figures.write_section("peers", text)
    if options.json:
        json.dump(result, sys.stdout, indent=2)
        print()
    else:
        print(text)
    wrong = [f"{row['what']} ({row['side']})" for row in result["rows"] if not row["right"]]
    if wrong:
        raise SystemExit("values that came back are not those that torch computes in this process: " + ", ".join(wrong))


if __name__ == "__main__":
    main()
