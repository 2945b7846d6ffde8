#!/usr/bin/env python3
"""Does the emulator foretell what real workers take?

Two workers run on this machine, one thread each. `genie-host measure` measures them once, and the links once for each kind of link: the
shared arena, and, where network namespaces are permitted, links of limited rate. Then plans (models × placements × links) run twice: on the
workers, and on the emulated cluster that `measure` wrote, with `costs: measured` (kernels run here, at the speed that was measured) and
with `costs: model` (nothing runs). Which plans there are is fixed. Half of the models are held out: they were added when `measure` and
the rest of this bench were finished, and nothing was changed because of their figures.
"""

import argparse
import contextlib
import json
import os
import pathlib
import select
import subprocess
import sys
import tempfile

import figures

sys.path.insert(0, str(figures.ROOT / "python"))

PAGE = figures.ROOT / "docs" / "accuracy.md"
VERSION = {"major": 0, "minor": 1}
KERNELS = [{"plugin": "org.genie.kernels-aten", "options": {"threads": 1}}]
REMOTE, EMULATION = "org.genie.backend-libfabric", "org.genie.backend-emulation"
WORKERS = ("w0", "w1")
CLIENT = "10.98.7.1"
ADDRESSES = {"w0": "10.98.7.2", "w1": "10.98.7.3"}
#: Seconds that any one command may take.
PATIENCE = 300


# --- what runs ---

def models():
    """Name → (module of `layers`, example input). Each is cut between its layers."""
    import torch

    class Chain(torch.nn.Module):
        def __init__(self, *layers):
            super().__init__()
            self.layers = torch.nn.ModuleList(layers)

        def forward(self, x):
            for layer in self.layers:
                x = layer(x)
            return x

    class Block(torch.nn.Module):
        """A transformer's: attention of four heads, then two linear layers."""

        def __init__(self, width):
            super().__init__()
            self.before, self.after = torch.nn.LayerNorm(width), torch.nn.LayerNorm(width)
            self.qkv, self.out = torch.nn.Linear(width, 3 * width), torch.nn.Linear(width, width)
            self.up, self.down = torch.nn.Linear(width, 4 * width), torch.nn.Linear(4 * width, width)

        def forward(self, x):
            batch, length, width = x.shape
            q, k, v = (t.view(batch, length, 4, -1).transpose(1, 2) for t in self.qkv(self.before(x)).chunk(3, -1))
            mixed = torch.nn.functional.scaled_dot_product_attention(q, k, v)
            x = x + self.out(mixed.transpose(1, 2).reshape(batch, length, width))
            return x + self.down(torch.nn.functional.gelu(self.up(self.after(x))))

    class Scale(torch.nn.Module):
        """Little work on a large tensor: what counts is the way."""

        def forward(self, x):
            return torch.relu(x * 1.5)

    class Gated(torch.nn.Module):
        """A decoder's: causal attention, then a gated pair of linear layers, both after a norm without means."""

        def __init__(self, width):
            super().__init__()
            self.before, self.after = torch.nn.RMSNorm(width), torch.nn.RMSNorm(width)
            self.q, self.k, self.v, self.out = (torch.nn.Linear(width, width, bias=False) for _ in range(4))
            self.gate, self.up, self.down = torch.nn.Linear(width, 3 * width), torch.nn.Linear(width, 3 * width), torch.nn.Linear(3 * width, width)

        def forward(self, x):
            y = self.before(x)
            q, k, v = (part(y).unflatten(-1, (6, -1)).transpose(1, 2) for part in (self.q, self.k, self.v))
            x = x + self.out(torch.nn.functional.scaled_dot_product_attention(q, k, v, is_causal=True).transpose(1, 2).flatten(2))
            y = self.after(x)
            return x + self.down(torch.nn.functional.silu(self.gate(y)) * self.up(y))

    class Mixer(torch.nn.Module):
        """Linear layers over places, then over channels."""

        def __init__(self, places, channels):
            super().__init__()
            self.norm = torch.nn.LayerNorm(channels)
            self.over_places, self.over_channels = torch.nn.Linear(places, places), torch.nn.Linear(channels, channels)

        def forward(self, x):
            x = x + torch.tanh(self.over_places(self.norm(x).transpose(1, 2))).transpose(1, 2)
            return x + torch.nn.functional.gelu(self.over_channels(x))

    def narrow(width, between):
        return torch.nn.Sequential(torch.nn.Linear(width, between), torch.nn.Tanh(), torch.nn.Linear(between, width))

    def shrink(channels):
        return torch.nn.Sequential(torch.nn.Conv2d(channels, 2 * channels, 3, stride=2, padding=1), torch.nn.BatchNorm2d(2 * channels), torch.nn.SiLU())

    def linear(width):
        return torch.nn.Sequential(torch.nn.Linear(width, width), torch.nn.ReLU())

    def convolution(channels):
        return torch.nn.Sequential(torch.nn.Conv2d(channels, channels, 3, padding=1), torch.nn.ReLU())

    torch.manual_seed(0)
    return {
        "mlp": (Chain(*(linear(1024) for _ in range(8))), torch.randn(32, 1024)),
        "encoder": (Chain(*(Block(256) for _ in range(4))), torch.randn(1, 96, 256)),
        "convolutions": (Chain(*(convolution(32) for _ in range(4))), torch.randn(1, 32, 48, 48)),
        "wide": (Chain(*(Scale() for _ in range(4))), torch.randn(512, 512)),
        "decoder": (Chain(*(Gated(384) for _ in range(4))), torch.randn(1, 48, 384)),
        "mixer": (Chain(*(Mixer(100, 300) for _ in range(6))), torch.randn(2, 100, 300)),
        "bottlenecks": (Chain(*(narrow(1500, 200) for _ in range(6))), torch.randn(80, 1500)),
        "pyramid": (Chain(*(shrink(8 << i) for i in range(4))), torch.randn(1, 8, 96, 96)),
    }


#: Models that nothing was changed for.
HELD_OUT = ("decoder", "mixer", "bottlenecks", "pyramid")


def placements(layers):
    """Name → the device of each layer."""
    return {
        "one device": ["w0"] * layers,
        "two halves": ["w0"] * (layers // 2) + ["w1"] * (layers - layers // 2),
        "in turns": [WORKERS[i % 2] for i in range(layers)],
    }


# --- links ---

class Loopback:
    """The arena: memory that client and workers share."""

    name = "shared arena"
    options = {}

    def listen(self, worker):
        return "127.0.0.1:0"

    def prefix(self, end):
        return []


class Namespaces:
    """Client and workers in network namespaces of their own, joined by a bridge; each worker's way to it has a limited rate."""

    options = {"payload": "tls"}

    def __init__(self, megabits):
        self.megabits, self.name = megabits, f"{megabits} Mbit/s, TLS"
        self.spaces = {end: f"genie-{end}-{megabits}-{os.getpid()}" for end in ("client", *WORKERS)}

    def __enter__(self):
        try:
            for space in self.spaces.values():
                ip("netns", "add", space)
                ip("-n", space, "link", "set", "lo", "up")
            client = self.spaces["client"]
            ip("-n", client, "link", "add", "name", "bridge0", "type", "bridge")
            ip("-n", client, "address", "add", CLIENT + "/24", "dev", "bridge0")
            ip("-n", client, "link", "set", "bridge0", "up")
            for worker in WORKERS:
                space = self.spaces[worker]
                ip("link", "add", "name", worker, "netns", client, "type", "veth", "peer", "name", "veth0", "netns", space)
                ip("-n", client, "link", "set", worker, "master", "bridge0")
                ip("-n", space, "address", "add", ADDRESSES[worker] + "/24", "dev", "veth0")
                for owner, device in ((client, worker), (space, "veth0")):
                    ip("-n", owner, "link", "set", device, "up")
                    # A small bucket: what fits into it passes at once, which no wire does.
                    tool("tc", "-n", owner, "qdisc", "add", "dev", device, "root", "tbf", "rate", f"{self.megabits}mbit", "burst", "2kb",
                         "latency", "400ms")
        except (FileNotFoundError, subprocess.CalledProcessError):
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        for space in self.spaces.values():
            subprocess.run(["ip", "netns", "delete", space], capture_output=True)

    def listen(self, worker):
        return ADDRESSES[worker] + ":7000"

    def prefix(self, end):
        return ["ip", "netns", "exec", self.spaces[end]]


def tool(*words):
    subprocess.run(words, check=True, capture_output=True, text=True)


def ip(*words):
    tool("ip", *words)


# --- running ---

class Bench:
    def __init__(self, build, folder, steps):
        self.host, self.plugins, self.folder, self.steps = build / "genie-host/genie-host", build / "plugins", folder, steps
        self.environment = {**os.environ, "OMP_WAIT_POLICY": "PASSIVE"}

    def command(self, *words, prefix=()):
        done = subprocess.run([*prefix, self.host, *map(str, words)], cwd=self.folder, capture_output=True, text=True, timeout=PATIENCE,
                              env=self.environment, stdin=subprocess.DEVNULL)
        if done.returncode != 0:
            raise SystemExit(f"genie-host {' '.join(map(str, words))}\n{done.stderr}")
        return done.stdout

    def keys(self):
        self.command("keys", "init", "--folder", "keys")
        for name in (*WORKERS, "client"):
            self.command("keys", "issue", name, "--folder", "keys", *(["--client"] if name == "client" else []))

    def trust(self, link, end):
        if isinstance(link, Loopback):
            return {"token_file": "workers.token"}
        return {"keys": {"ca": "keys/ca.pem", "cert": f"keys/{end}.pem", "key": f"keys/{end}.key"}}

    @contextlib.contextmanager
    def workers(self, link):
        """The backend section of a run config, while workers run."""
        processes, addresses = [], []
        try:
            for worker in WORKERS:
                config = self.folder / f"{worker}.json"
                config.write_text(json.dumps({
                    "schema": "genie.worker", "version": VERSION, "plugins": {"paths": [str(self.plugins)]}, "kernels": KERNELS,
                    "service": {"plugin": REMOTE, "options": {"listen": link.listen(worker), **self.trust(link, worker)}},
                    "devices": [{"id": worker, "memory_bytes": 1 << 30}]}))
                process = subprocess.Popen([*link.prefix(worker), self.host, "serve", "--config", config], cwd=self.folder, text=True,
                                           stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, env=self.environment)
                processes.append(process)
                readable, _, _ = select.select([process.stdout], [], [], PATIENCE)
                line = process.stdout.readline() if readable else ""
                if not line:
                    process.kill()
                    raise SystemExit(f"worker {worker} did not start: {process.stderr.read()}")
                ready = json.loads(line)
                addresses.append(f"{ready['address']}:{ready['port']}")
            yield {"plugin": REMOTE, "options": {"workers": addresses, **self.trust(link, "client"), **link.options}}
        finally:
            for process in processes:
                process.terminate()
            for process in processes:
                process.communicate()

    def write(self, backend, **more):
        path = self.folder / "run.json"
        path.write_text(json.dumps({"schema": "genie.run", "version": VERSION, "plugins": {"paths": [str(self.plugins)]}, "kernels": KERNELS,
                                    "backend": backend, **more}))
        return path

    def measure(self, link, backend):
        self.command("measure", "--config", self.write(backend), "-o", "topology.json", prefix=link.prefix("client"))
        return json.loads((self.folder / "topology.json").read_text())

    def run(self, model, devices, backend, prefix=()):
        """The report of one run, and its steps without the first few, in the order of time."""
        hints = [{"kind": "pin", "select": f"layers.{layer}.**", "device": device} for layer, device in enumerate(devices)]
        warm = 3
        config = self.write(backend, source={"uri": f"{model}.pt2"}, hints=hints,
                            run={"steps": [{"inputs": f"{model}.safetensors", "repeat": self.steps + warm}]})
        report = json.loads(self.command("--config", config, "--json", prefix=prefix))
        return report, report["time"]["steps"][warm:]


def lower_quartile(values):
    """As `measure` takes it: what else runs on a machine only ever adds time."""
    return sorted(values)[(len(values) - 1) // 4]


def ranks(values):
    """Places in the order; equal values share the mean of theirs."""
    order = sorted(values)
    return [order.index(v) + (order.count(v) - 1) / 2 for v in values]


def correlation(a, b):
    """Spearman's: of ranks."""
    a, b = ranks(a), ranks(b)
    mean = (len(a) - 1) / 2
    over = sum((x - mean) * (y - mean) for x, y in zip(a, b))
    return over / (sum((x - mean) ** 2 for x in a) * sum((y - mean) ** 2 for y in b)) ** 0.5


def error(row, by):
    return (row[by] - row["measured_ns"]) / row["measured_ns"]


def summary(rows):
    """Of both kinds of costs: mean relative error, the largest, and how well the order was foretold."""
    return {by: {"mean_error": sum(abs(error(row, by)) for row in rows) / len(rows), "worst": max(abs(error(row, by)) for row in rows),
                 "rank_correlation": correlation([row[by] for row in rows], [row["measured_ns"] for row in rows])}
            for by in ("emulated_ns", "model_ns")}


def collect(options, folder):
    import genie.export
    from safetensors.torch import save_file

    bench = Bench(options.build.resolve(), folder, options.steps)
    chosen = {name: made for name, made in models().items() if options.models is None or name in options.models}
    for name, (module, x) in chosen.items():
        genie.export.save(genie.export.export(module.eval(), (x,)), folder / f"{name}.pt2")
        save_file({"x": x}, folder / f"{name}.safetensors")
    links, skipped = [Loopback()], None
    with contextlib.ExitStack() as stack:
        try:
            links += [stack.enter_context(Namespaces(rate)) for rate in options.rates]
        except (FileNotFoundError, subprocess.CalledProcessError) as why:
            skipped = (getattr(why, "stderr", "") or str(why)).strip()
        if len(links) > 1:
            bench.keys()
        devices, rows, topologies = None, [], {}
        for link in links:
            with bench.workers(link) as backend:
                topology = bench.measure(link, backend)
                devices = devices or topology["devices"]
                topology["devices"] = devices  # measured once
                topologies[link.name] = topology
                plans = [(model, placement, places) for model, (module, _) in chosen.items()
                         for placement, places in placements(len(module.layers)).items() if placement in options.placements]
                emulated = {"plugin": EMULATION, "options": {"topology": topology, "costs": "measured"}}
                # In rounds: what disturbs this machine for a while then disturbs a part of each plan's times.
                times = {plan[:2]: ([], [], []) for plan in plans}
                for _ in range(options.rounds):
                    for model, placement, places in plans:
                        real, foretold, predicted = times[model, placement]
                        real += [step["wall_ns"] for step in bench.run(model, places, backend, link.prefix("client"))[1]]
                        report, steps = bench.run(model, places, emulated)
                        foretold += [step["virtual_ns"] for step in steps]
                        predicted.append(report["predicted"]["forward"]["makespan_ns"])
                for (model, placement), (real, foretold, predicted) in times.items():
                    rows.append({"model": model, "placement": placement, "link": link.name, "held_out": model in HELD_OUT,
                                 "measured_ns": lower_quartile(real), "emulated_ns": lower_quartile(foretold), "model_ns": predicted[0]})
                    if options.verbose:
                        print({**rows[-1], "error": round(error(rows[-1], "emulated_ns"), 3)}, file=sys.stderr, flush=True)
    return rows, topologies, skipped


def text_of(rows, topologies, skipped, options, busy):
    def percent(value, sign="+"):
        return f"{value * 100:{sign}.0f} %"

    def line(name, part):
        found = summary(part)
        return [name, len(part), *(cell for by in ("emulated_ns", "model_ns") for cell in (
            f"{found[by]['mean_error'] * 100:.1f} %", percent(found[by]["worst"], ""), f"{found[by]['rank_correlation']:.2f}"))]

    parts = [("all", rows), ("held out", [row for row in rows if row["held_out"]]), ("looked at while tuning", [row for row in rows if not row["held_out"]])]
    text = figures.table(["plans", "number", "`measured`: mean error", "largest", "rank correlation", "`model`: mean error", "largest", "rank correlation"],
                         [*(line(name, part) for name, part in parts if part)])
    text += "\n\n" + figures.table(["model, placement, link", "workers", "emulated, `measured`", "error", "emulated, `model`", "error"],
                                   [[f"{row['model']}, {row['placement']}, {row['link']}" + (" *" if row["held_out"] else ""),
                                     figures.milliseconds(row["measured_ns"]), figures.milliseconds(row["emulated_ns"]), percent(error(row, "emulated_ns")),
                                     figures.milliseconds(row["model_ns"]), percent(error(row, "model_ns"))] for row in rows])
    text += "\n\n\\* held out.\n\nWhat `genie-host measure` found:\n\n"
    first = next(iter(topologies.values()))
    text += figures.table(["device", "speed", "GFLOP/s", "memory, GB/s", "an operator, ns"],
                          [[device["id"], f"{device.get('speed', 1):.2f}", f"{device['compute']['flops_per_s'] * device.get('speed', 1) / 1e9:.1f}",
                            f"{device['compute']['memory_bytes_per_s'] * device.get('speed', 1) / 1e9:.1f}", device["compute"]["op_overhead_ns"]]
                           for device in first["devices"]])
    text += "\n\n" + figures.table(["link", "GB/s", "latency, µs", "shares with others"],
                                   [[f"{link['id']}, {name}", f"{link['bandwidth_bytes_per_s'] / 1e9:.3f}", f"{link['latency_ns'] / 1e3:.0f}", link.get("shared", "–")]
                                    for name, topology in topologies.items() for link in topology["links"]])
    if skipped is not None:
        text += f"\n\nLinks of limited rate were not measured: no network namespaces here ({skipped})."
    return text + (f"\n\nLower quartiles of {options.steps * options.rounds} steps; two workers on one machine, one thread each, at most two computing at once; "
                   f"{figures.machine()}.") + (" Other programs were running, which errors include." if busy else "")


def write(text):
    begin, end = "<!-- accuracy: begin -->\n", "<!-- accuracy: end -->"
    page = PAGE.read_text()
    head, _, rest = page.partition(begin)
    PAGE.write_text(head + begin + text.strip() + "\n" + end + rest.partition(end)[2])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=pathlib.Path, default=figures.ROOT / "build", help="build tree")
    parser.add_argument("--steps", type=int, default=10, help="steps of each run (default: 10)")
    parser.add_argument("--rounds", type=int, default=2, help="runs of each plan (default: 2)")
    parser.add_argument("--rates", type=int, nargs="*", default=[1000, 200], help="Mbit/s of links (default: 1000 200)")
    parser.add_argument("--models", nargs="*", help="which models (default: all)")
    parser.add_argument("--placements", nargs="*", default=list(placements(1)), help="which placements (default: all)")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    parser.add_argument("--write", action="store_true", help="also put the tables into docs/accuracy.md")
    parser.add_argument("--verbose", action="store_true", help="say each plan's figures as they come, on stderr")
    options = parser.parse_args()
    busy = figures.is_busy()
    with tempfile.TemporaryDirectory() as folder:
        rows, topologies, skipped = collect(options, pathlib.Path(folder))
    text = text_of(rows, topologies, skipped, options, busy)
    if options.write:
        write(text)
    if options.json:
        json.dump({"bench": "accuracy", "machine": figures.machine(), "busy": busy, "steps": options.steps, "skipped": skipped,
                   "rows": rows, "summary": summary(rows), "topologies": topologies}, sys.stdout, indent=2)
        print()
    else:
        print(text)


if __name__ == "__main__":
    main()
