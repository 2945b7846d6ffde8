#!/usr/bin/env python3
"""Large plans on large emulated clusters with `compute: none`: time and memory of a whole run of genie-host.

Transformer blocks (big_graphs.py), each with weights of its own, on devices that have room for little more than their share, eight to
a host, hosts in a star. A run reads and checks the plan, schedules it, prepares it and takes one step. The last row is a plan of 50
layers that takes many steps: virtual time beside wall time.
"""

import argparse
import json
import pathlib
import subprocess
import sys
import tempfile

import big_graphs
import figures

KERNELS = "org.genie.kernels-aten"
PER_HOST = 8
BATCH = 2


def write_topology(path, count, memory_bytes):
    devices = [{"id": f"d{i}", "kind": "cpu", "memory_bytes": memory_bytes, "host": f"h{i // PER_HOST}", "kernels": [KERNELS],
                "compute": {"flops_per_s": 5e10, "memory_bytes_per_s": 1.2e10, "op_overhead_ns": 2000}} for i in range(count)]
    hosts = sorted({device["host"] for device in devices}, key=lambda host: int(host[1:]))
    links = [{"id": f"l{host}", "ends": ["switch", host], "bandwidth_bytes_per_s": 1.25e10, "latency_ns": 5000} for host in [*hosts, "client"]]
    path.write_text(json.dumps({"schema": "genie.topology", "version": {"major": 0, "minor": 1}, "devices": devices, "links": links,
                                "client": {"host": "client"}}))


def run(options, folder, count, repeat=1):
    """Runs the plan in a folder on so many devices; the report, and what the process took."""
    config = {
        "schema": "genie.run", "version": {"major": 0, "minor": 1}, "plugins": {"paths": [str(options.build / "plugins")]},
        "source": {"plan": "plan.json"},
        "backend": {"plugin": "org.genie.backend-emulation", "options": {"topology": f"cluster-{count}.json", "costs": "model", "compute": "none"}},
        "run": {"inputs": {"x": {"random": {"seed": 0, "shape": [BATCH, big_graphs.SEQUENCE, big_graphs.WIDTH], "dtype": "f32"}}}, "repeat": repeat},
        "report": {"json": "report.json"}}
    (folder / "run.json").write_text(json.dumps(config))
    done = subprocess.run([options.build / "bench/launch", str(options.build / "genie-host/genie-host"), "--config", str(folder / "run.json")],
                          capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"genie-host failed:\n{done.stderr}")
    wall, cpu, kib = map(int, done.stdout.split())
    return json.loads((folder / "report.json").read_text()), wall, cpu, kib


def measure(options, folder, nodes, count):
    nodes, blocks, weights = big_graphs.write_deep_plan(folder / "plan.json", nodes)
    share = -(-blocks // count)
    activations = 64 * BATCH * big_graphs.SEQUENCE * big_graphs.INNER
    write_topology(folder / f"cluster-{count}.json", count, (share + 1) * weights + activations)
    report, wall, cpu, kib = run(options, folder, count)
    phases = report["time"]["wall"]
    method = report["plan"]["methods"]["forward"]
    return {"nodes": nodes, "devices": count, "stages": method["stages"], "transfers": method["transfers"],
            "read_ns": phases["capture_ns"], "validate_ns": phases["validate_ns"], "schedule_ns": phases["schedule_ns"],
            "prepare_ns": phases["prepare_ns"], "step_ns": report["time"]["steps"][0]["wall_ns"], "wall_ns": wall, "cpu_ns": cpu,
            "peak_bytes": kib * 1024, "peak_bytes_per_node": kib * 1024 / nodes, "virtual_ns": report["time"]["steps"][0]["virtual_ns"]}


def steps_of_50_layers(options, folder, repeat):
    nodes, blocks, weights = big_graphs.write_deep_plan(folder / "plan.json", 50 * big_graphs.BLOCK)
    write_topology(folder / "cluster-8.json", 8, 8 * weights + (1 << 20))
    report, _, _, _ = run(options, folder, 8, repeat)
    steps = report["time"]["steps"]
    wall, virtual = sum(step["wall_ns"] for step in steps), sum(step["virtual_ns"] for step in steps)
    return {"layers": blocks, "nodes": nodes, "steps": len(steps), "wall_ns": wall / len(steps), "virtual_ns": virtual / len(steps), "ratio": virtual / wall}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=pathlib.Path, default=figures.ROOT / "build", help="build tree with bench/launch")
    parser.add_argument("--nodes", type=int, nargs="+", default=[10_000, 100_000])
    parser.add_argument("--devices", type=int, nargs="+", default=[10, 100, 1000])
    parser.add_argument("--steps", type=int, default=200, help="steps of the plan of 50 layers (default: 200)")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    parser.add_argument("--write", action="store_true", help="also put the table into docs/performance.md")
    options = parser.parse_args()

    busy = figures.is_busy()
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        rows = [measure(options, folder, nodes, count) for nodes in options.nodes for count in options.devices]
        layers = steps_of_50_layers(options, folder, options.steps)
    ms = figures.milliseconds
    text = figures.table(
        ["nodes", "devices", "stages", "read", "check", "schedule", "prepare", "step", "whole run", "CPU", "peak memory", "bytes a node"],
        [[f"{row['nodes']:,}", f"{row['devices']:,}", f"{row['stages']:,}", ms(row["read_ns"]), ms(row["validate_ns"]), ms(row["schedule_ns"]),
          ms(row["prepare_ns"]), ms(row["step_ns"]), ms(row["wall_ns"]), ms(row["cpu_ns"]), f"{row['peak_bytes'] / 2**20:,.0f} MiB",
          f"{row['peak_bytes_per_node']:,.0f}"] for row in rows])
    text += (f"\n\nA plan of {layers['layers']} layers ({layers['nodes']:,} nodes) on 8 devices: a step of {ms(layers['virtual_ns'])} of virtual time takes "
             f"{ms(layers['wall_ns'])} of wall time, {layers['ratio']:.1f} virtual seconds a second.\n\n{figures.machine()}.")
    if busy:
        text += " " + figures.LOAD
    if options.write:
        figures.write_section("scale", text)
    if options.json:
        json.dump({"bench": "scale", "machine": figures.machine(), "busy": busy, "rows": rows, "layers": layers}, sys.stdout, indent=2)
        print()
    else:
        print(text)


if __name__ == "__main__":
    main()
