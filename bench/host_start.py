#!/usr/bin/env python3
"""Time and memory of starting genie-host, beside the smallest program there is; and the cost of a call into a plug-in.

Runs each command in turn, again and again, and reports minimum and median wall time, median CPU time and the peak resident
memory. The last two take a plan of one node to its end: with `compute: none`, and computed by kernels-aten, which loads torch.
Calls are of a stage that does nothing, through the plug-in's C table and on the same class directly.
"""

import argparse
import json
import pathlib
import statistics
import subprocess
import sys
import tempfile

import figures


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=pathlib.Path, default=figures.ROOT / "build", help="build tree with bench/launch")
    parser.add_argument("--host", type=pathlib.Path, help="the genie-host to start (default: the build tree's)")
    parser.add_argument("--runs", type=int, default=30, help="runs of each command (default: 30)")
    parser.add_argument("--calls", type=int, default=2_000_000, help="calls of one turn into a plug-in (default: 2,000,000)")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    parser.add_argument("--write", action="store_true", help="also put the table into docs/performance.md")
    options = parser.parse_args()
    host = str(options.host or options.build / "genie-host" / "genie-host")

    def run_once(command):
        """Wall and CPU time in ns, and the peak resident memory in KiB."""
        done = subprocess.run([options.build / "bench/launch", *command], check=True, capture_output=True, text=True)
        return tuple(map(int, done.stdout.split()))

    scratch = tempfile.TemporaryDirectory()
    folder = pathlib.Path(scratch.name)
    plan = {"schema": "genie.plan", "version": {"major": 0, "minor": 1}, "stage": "captured", "producer": {"plugin": "com.example.bench", "version": "1"},
            "opsets": {"aten": 1}, "methods": {"forward": {
                "inputs": [{"name": "x", "value": "x"}], "outputs": [{"name": "y", "value": "y"}],
                "values": {name: {"dtype": "f32", "shape": [4]} for name in "xy"},
                "nodes": [{"id": "n0", "op": "aten.relu.default", "args": [{"value": "x"}], "results": ["y"]}]}}}
    (folder / "plan.json").write_text(json.dumps(plan))
    for compute in ("none", "real"):
        (folder / f"{compute}.json").write_text(json.dumps({
            "schema": "genie.run", "version": {"major": 0, "minor": 1}, "plugins": {"paths": [str(options.build.resolve() / "plugins")]},
            "source": {"plan": "plan.json"}, "run": {"inputs": {"x": {"value": [1, -2, 3, -4]}}},
            "backend": {"plugin": "org.genie.backend-emulation", "options": {"compute": compute}}}))
    commands = {
        "/bin/true": ["/bin/true"],
        "genie-host --help": [host, "--help"],
        "genie-host explain": [host, "explain", "GE0312"],
        "genie-host plugins": [host, "plugins"],
        "genie-host --version": [host, "--version"],
        "one node, computing nothing": [host, "--config", str(folder / "none.json")],
        "one node, computed": [host, "--config", str(folder / "real.json")],
    }
    busy = figures.is_busy()
    runs = {name: [] for name in commands}
    for command in commands.values():
        run_once(command)  # files into the page cache, plug-ins into the probe cache
    for _ in range(options.runs):
        for name, command in commands.items():
            runs[name].append(run_once(command))

    base = statistics.median(wall for wall, _, _ in runs["/bin/true"])
    rows = [{"command": name, "min_ns": min(wall for wall, _, _ in one), "median_ns": statistics.median(wall for wall, _, _ in one),
             "cpu_ns": statistics.median(cpu for _, cpu, _ in one), "ratio": statistics.median(wall for wall, _, _ in one) / base,
             "peak_kib": max(kib for _, _, kib in one)} for name, one in runs.items()]
    ms = figures.milliseconds
    text = figures.table(["command", "fastest", "median", "× /bin/true", "CPU, median", "peak memory"],
                         [[f"`{row['command']}`", ms(row["min_ns"]), ms(row["median_ns"]), f"{row['ratio']:.1f}", ms(row["cpu_ns"]),
                           f"{row['peak_kib'] / 1024:.1f} MiB"] for row in rows])
    scratch.cleanup()
    done = subprocess.run([options.build / "bench/plugin-call", (options.build / "bench/idle-kernels.so").resolve(), str(options.calls)],
                          check=True, capture_output=True, text=True)
    calls = json.loads(done.stdout)
    text += (f"\n\nA call through a plug-in's table takes {calls['plugin_ns']:.1f} ns, a direct one {calls['direct_ns']:.1f} ns."
             f"\n\n{options.runs} turns; {figures.machine()}." + (" " + figures.LOAD if busy else ""))
    if options.write:
        figures.write_section("host_start", text)
    if options.json:
        json.dump({"bench": "host_start", "machine": figures.machine(), "runs": options.runs, "busy": busy, "calls": calls, "rows": rows}, sys.stdout, indent=2)
        print()
    else:
        print(text)


if __name__ == "__main__":
    main()
