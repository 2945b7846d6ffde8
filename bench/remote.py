#!/usr/bin/env python3
"""Remote workers beside this process and beside the limit, in one run: what the way to a worker on this machine costs.

The same programs through libgenie, in this process and on one worker over each path (`control` is TCP, `tls` the same with keys), in
turns. *steps*: chains of products that take about 0.1, 1, 5 and 50 ms; a step that computes next to nothing, beside a round trip of libfabric
alone with waits that sleep; a thousand small operators in one plan. *bytes*: inputs of megabytes that go there and come back. *weights*: a
gibibyte on a worker that never saw it, and again by a client that comes back. *failure*: from SIGKILL of the worker to the error that a
waiting step ends in. *idle*: processor time of both ends while a session is open and nothing happens.
"""

import argparse
import contextlib
import json
import pathlib
import statistics
import sys
import tempfile
import threading
import time

import fabric
import figures
import libgenie
import real_workers

sys.path.insert(0, str(figures.ROOT / "python"))

WIDTH, ROWS = 256, 32
MIB = 1 << 20


# --- what runs ---

def chain(layers):
    import torch

    class Chain(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.layers = torch.nn.Sequential(*(torch.nn.Linear(WIDTH, WIDTH) for _ in range(layers)))

        def forward(self, x):
            return self.layers(x)

    return Chain().eval(), torch.randn(ROWS, WIDTH)


def additions(count):
    import torch

    class Additions(torch.nn.Module):
        def forward(self, x):
            for _ in range(count):
                x = x + 1
            return x

    return Additions(), torch.zeros(16)


def negative(size):
    import torch

    class Negative(torch.nn.Module):
        def forward(self, x):
            return torch.neg(x)

    return Negative(), torch.ones(max(1, size // 4))


def heavy(size):
    """So many bytes of weights, of which a step reads next to nothing."""
    import torch

    layer = min(size, 64 * MIB)

    class Heavy(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.layers = torch.nn.ParameterList(torch.nn.Parameter(torch.full((layer // 4096, 1024), float(i))) for i in range(size // layer))

        def forward(self, x):
            for weight in self.layers:
                x = x + weight[0, :4]
            return x

    return Heavy(), torch.zeros(4)


# --- measuring ---

def timed(run):
    began = time.perf_counter_ns()
    run()
    return time.perf_counter_ns() - began


def counters(program):
    return json.loads(program.text("report"))["counters"]


class Bench:
    def __init__(self, options, folder):
        self.options, self.folder, self.missing, self.models = options, folder, {}, 0
        self.trust = {path: folder / ("keys" if path == "tls" else "token") for path in real_workers.PATHS}
        for each in set(self.trust.values()):
            each.mkdir()

    def save(self, made):
        from genie import export

        module, x = made
        self.models += 1
        path = self.folder / f"model{self.models}.pt2"
        export.save(export.export(module, (x,)), path)
        return path, x

    def program(self, saved, backend=None):
        archive, x = saved
        return libgenie.Program(self.options.build, real_workers.run_config(archive, backend), self.folder, {"x": x})

    def serving(self, path, **more):
        return real_workers.serving(self.options.build, self.trust[path], tls=path == "tls", **more)

    def paths(self):
        return [path for path in self.options.paths if path not in self.missing]

    @contextlib.contextmanager
    def programs(self, saved):
        """The same program in this process and over each path there is, with one step behind it."""
        with contextlib.ExitStack() as stack:
            made = {"here": self.program(saved)}
            stack.callback(made["here"].close)
            backends = {}
            for tls in {path == "tls" for path in self.paths()}:
                _, backends[tls] = stack.enter_context(self.serving("tls" if tls else "control"))
            for path in self.paths():
                try:
                    made[path] = self.program(saved, backends[path == "tls"](**real_workers.PATHS[path]))
                except SystemExit as why:  # this machine has no such path
                    self.missing[path] = str(why)
                    continue
                stack.callback(made[path].close)
            for program in made.values():
                program()
            yield made

    def steps(self, what, saved, repeat):
        """Median times of a step, and what one sends, per path."""
        with self.programs(saved) as programs:
            times, before = {path: [] for path in programs}, {path: counters(program) for path, program in programs.items()}
            for _ in range(self.options.turns):
                for path, program in programs.items():
                    times[path] += [timed(program) for _ in range(repeat)]
            median = {path: statistics.median(some) for path, some in times.items()}
            for path, program in programs.items():
                if path == "here":
                    continue
                after = counters(program)
                each = {f"{name}_per_step": (after.get(name, 0) - before[path].get(name, 0)) / len(times[path]) for name in ("wire_bytes", "wire_messages")}
                yield {"what": what, "path": path, "here_ns": median["here"], "remote_ns": median[path], "ratio": median[path] / median["here"], **each}

    def weights(self, size):
        """Preparing so many bytes of weights: by a first client, and by one that comes back."""
        saved = self.save(heavy(size))
        for path in self.paths():
            with self.serving(path, memory_bytes=2 * size + 64 * MIB) as (_, backend):
                row = {"path": path, "bytes": size}
                for name in ("cold", "warm"):
                    program = self.program(saved, backend(**real_workers.PATHS[path]))
                    report = json.loads(program.text("report"))
                    program.close()
                    row |= {f"{name}_ns": report["time"]["wall"]["prepare_ns"], f"{name}_bytes_sent": report["counters"]["weight_bytes_sent"]}
                yield row | {"ratio": row["warm_ns"] / row["cold_ns"]}

    def failures(self):
        """From the signal to the error, with a client that takes one step after the other."""
        saved = self.save(chain(20))
        for path in self.paths():
            times = []
            for turn in range(self.options.turns):
                with self.serving(path) as ((worker,), backend):
                    program = self.program(saved, backend(**real_workers.PATHS[path]))
                    program()
                    killed = []

                    def kill():
                        killed.append(time.perf_counter_ns())
                        worker.kill()

                    timer = threading.Timer(0.05 + 0.01 * turn, kill)
                    timer.start()
                    try:
                        while True:
                            program()
                    except SystemExit:
                        times.append(time.perf_counter_ns())
                    timer.join()
                    times[-1] -= killed[0]
                    program.close()
            yield {"path": path, "median_ns": statistics.median(times), "worst_ns": max(times), "turns": len(times)}

    def idle(self, seconds):
        """Processor time of both ends while a session is open and nothing happens, as a part of a core."""
        saved = self.save(chain(1))
        for path in self.paths():
            with self.serving(path) as ((worker,), backend):
                program = self.program(saved, backend(**real_workers.PATHS[path]))
                program()
                time.sleep(min(0.5, seconds))  # what ends after a step
                began, here, there = time.perf_counter_ns(), time.process_time_ns(), real_workers.cpu_ns(worker.process.pid)
                time.sleep(seconds)
                wall = time.perf_counter_ns() - began
                yield {"path": path, "here": (time.process_time_ns() - here) / wall, "there": (real_workers.cpu_ns(worker.process.pid) - there) / wall}
                program.close()

    def raw(self):
        """A round trip of libfabric alone over `net`, with waits that sleep; None where it is not to be had."""
        got, _ = fabric.run([self.options.build / "bench/raw_fabric", "net", "127.0.0.1", "sleep", "64"], timeout=120)
        return got and got["round trip", 64] * 1e9

    def collect(self):
        here = self.save(chain(20))
        program = self.program(here)
        program()
        layer = statistics.median(timed(program) for _ in range(20)) / 20
        program.close()
        rows = list(self.steps("next to nothing", self.save(negative(64)), 200))
        for local in self.options.local_ms:
            layers = max(1, round(local * 1e6 / layer))
            rows += self.steps(f"{layers:,} products", self.save(chain(layers)), max(3, round(60 / max(local, 1))))
        rows += self.steps("1,000 additions", self.save(additions(1000)), 10)
        for size in self.options.sizes:
            rows += self.steps(f"{fabric.size_text(size)} there and back", self.save(negative(size)), 5)
        return {"rows": rows, "raw_ns": self.raw(), "weights": list(self.weights(self.options.weights << 20)), "failures": list(self.failures()),
                "idle": list(self.idle(self.options.idle))}


# --- showing ---

def text_of(result):
    raw = result["raw_ns"]
    text = figures.table(["step", "path", "in this process", "on a worker", "ratio", "bytes on the way", "messages"],
                         [[row["what"], row["path"], figures.milliseconds(row["here_ns"]), figures.milliseconds(row["remote_ns"]), f"{row['ratio']:.2f}",
                           f"{row['wire_bytes_per_step']:,.0f}", f"{row['wire_messages_per_step']:.1f}"] for row in result["rows"]])
    if raw:
        text += f"\n\nA round trip of libfabric alone over `net`, with waits that sleep: {raw / 1e3:.1f} µs. A step of next to nothing takes of it "
        text += ", ".join(f"{(row['remote_ns'] - row['here_ns']) / raw:.1f} ({row['path']})" for row in result["rows"] if row["what"] == "next to nothing")
        text += " beyond what it takes in this process."
    size = fabric.size_text(result["weights"][0]["bytes"]) if result["weights"] else ""
    text += "\n\n" + figures.table(["path", f"{size} of weights, cold", "again", "ratio", "weight bytes sent again"],
                                   [[row["path"], figures.milliseconds(row["cold_ns"]), figures.milliseconds(row["warm_ns"]), f"{row['ratio']:.3f}",
                                     f"{row['warm_bytes_sent']:,}"] for row in result["weights"]])
    idle = {row["path"]: row for row in result["idle"]}
    text += "\n\n" + figures.table(["path", "SIGKILL to error, median", "worst", "idle client: % of a core", "idle worker"],
                                   [[row["path"], figures.milliseconds(row["median_ns"]), figures.milliseconds(row["worst_ns"]),
                                     f"{idle[row['path']]['here'] * 100:.2f}", f"{idle[row['path']]['there'] * 100:.2f}"] for row in result["failures"]])
    for path, why in result["missing"].items():
        text += f"\n\nNot measured: {path} ({why.splitlines()[0]})."
    return text + f"\n\nMedians of {result['turns']} turns; {result['machine']}." + (" " + figures.LOAD if result["busy"] else "")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=pathlib.Path, default=figures.ROOT / "build", help="build tree with libgenie and bench/raw_fabric")
    parser.add_argument("--paths", nargs="+", choices=real_workers.PATHS, default=list(real_workers.PATHS), help="ways to the worker (default: all)")
    parser.add_argument("--turns", type=int, default=5, help="turns that each side takes (default: 5)")
    parser.add_argument("--local-ms", type=float, nargs="*", default=[0.1, 1, 5, 50], help="about what steps take in this process (default: 0.1 1 5 50)")
    parser.add_argument("--sizes", type=int, nargs="*", default=[MIB, 16 * MIB, 64 * MIB], help="bytes that go there and come back")
    parser.add_argument("--weights", type=int, default=1024, metavar="MIB", help="weights to send (default: 1024 MiB)")
    parser.add_argument("--idle", type=float, default=3, metavar="SECONDS", help="how long nothing happens (default: 3)")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    parser.add_argument("--write", action="store_true", help="also put the tables into docs/performance.md")
    options = parser.parse_args()
    options.build = options.build.resolve()
    busy = figures.is_busy()

    import torch

    torch.set_num_threads(1)
    torch.manual_seed(0)
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(options, pathlib.Path(folder))
        result = {"bench": "remote", "machine": figures.machine(), "turns": options.turns, "busy": busy, **bench.collect(), "missing": bench.missing}
    text = text_of(result)
    if options.write:
        figures.write_section("remote", text)
    if options.json:
        json.dump(result, sys.stdout, indent=2)
        print()
    else:
        print(text)


if __name__ == "__main__":
    main()
