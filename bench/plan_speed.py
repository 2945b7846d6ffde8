#!/usr/bin/env python3
"""Reading and checking a plan, beside reading and checking an ONNX model with the same nodes.

Both sides get transformer blocks (big_graphs.py) of the same size, bare and annotated, and take turns, each run in a process of
its own. The plan is read, decoded and validated up to V3, which infers every type anew; ONNX's model is loaded and checked, also with
`full_check`, which infers types.
"""

import argparse
import json
import pathlib
import statistics
import subprocess
import sys
import tempfile

import big_graphs
import figures

#: One run of the other side. Memory counts from after the import.
ONNX = """
import json, sys, time
import onnx
def peak_kib():
    return int(next(line for line in open("/proc/self/status") if line.startswith("VmHWM")).split()[1])
open("/proc/self/clear_refs", "w").write("5")
before = peak_kib()
result, start = {}, (time.thread_time_ns(), time.perf_counter_ns())
def step(name):
    global start
    now = (time.thread_time_ns(), time.perf_counter_ns())
    result[name] = {"cpu_ns": now[0] - start[0], "wall_ns": now[1] - start[1]}
    start = (time.thread_time_ns(), time.perf_counter_ns())
model = onnx.load(sys.argv[1])
step("load")
onnx.checker.check_model(model)
step("check")
result["peak_kib"] = peak_kib() - before
start = (time.thread_time_ns(), time.perf_counter_ns())
onnx.checker.check_model(model, full_check=True)
step("full_check")
print(json.dumps(result))
"""


def run(command):
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{command[0]} failed:\n{done.stderr}")
    return json.loads(done.stdout)


def cpu(runs, *steps):
    return statistics.median(sum(run[step]["cpu_ns"] for step in steps) for run in runs)


def measure(options, folder, nodes, annotated):
    plan, model = folder / "plan.json", folder / "model.onnx"
    big_graphs.write_plan(plan, nodes, annotated)
    big_graphs.write_onnx(model, nodes, annotated)
    ours, theirs = [], []
    for _ in range(options.rounds + 1):
        ours.append(run([options.build / "bench/plan-speed", plan]))
        theirs.append(run([sys.executable, "-c", ONNX, model]))
    ours, theirs = ours[1:], theirs[1:]  # the first turn fills the page cache
    row = {
        "nodes": nodes, "annotated": annotated, "plan_bytes": plan.stat().st_size, "onnx_bytes": model.stat().st_size,
        "plan_ns": cpu(ours, "read", "decode", "validate"), "decode_ns": cpu(ours, "decode"), "validate_ns": cpu(ours, "validate"),
        "encode_ns": cpu(ours, "encode"), "hash_ns": cpu(ours, "hash"),
        "plan_wall_ns": min(sum(one[step]["wall_ns"] for step in ("read", "decode", "validate")) for one in ours),
        "onnx_ns": cpu(theirs, "load", "check"), "onnx_full_ns": cpu(theirs, "load", "full_check"),
        "onnx_wall_ns": min(sum(one[step]["wall_ns"] for step in ("load", "check")) for one in theirs),
        "plan_peak_bytes_per_node": max(one["peak_kib"] for one in ours) * 1024 / nodes,
        "onnx_peak_bytes_per_node": max(one["peak_kib"] for one in theirs) * 1024 / nodes,
    }
    row["ratio"] = row["plan_ns"] / row["onnx_ns"]
    row["ratio_full"] = row["plan_ns"] / row["onnx_full_ns"]
    return row


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=pathlib.Path, default=figures.ROOT / "build", help="build tree with bench/plan-speed")
    parser.add_argument("--nodes", type=int, nargs="+", default=[1000, 10_000, 100_000])
    parser.add_argument("--rounds", type=int, default=7, help="turns that each side takes (default: 7)")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    parser.add_argument("--write", action="store_true", help="also put the table into docs/performance.md")
    options = parser.parse_args()
    import onnx

    busy = figures.is_busy()
    with tempfile.TemporaryDirectory() as folder:
        rows = [measure(options, pathlib.Path(folder), nodes, annotated) for annotated in (False, True) for nodes in options.nodes]
    ms = figures.milliseconds
    text = figures.table(
        ["nodes", "plan: read, decode, V0–V3", "onnx: load, check", "ratio", "onnx: load, full check", "ratio", "encode", "hash", "plan, µs a node",
         "plan: peak bytes a node", "onnx: peak bytes a node", "plan", "onnx"],
        [[f"{row['nodes']:,} {'annotated' if row['annotated'] else 'bare'}", ms(row["plan_ns"]), ms(row["onnx_ns"]), f"{row['ratio']:.2f}", ms(row["onnx_full_ns"]),
          f"{row['ratio_full']:.2f}", ms(row["encode_ns"]), ms(row["hash_ns"]), f"{row['plan_ns'] / row['nodes'] / 1e3:.2f}",
          f"{row['plan_peak_bytes_per_node']:,.0f}", f"{row['onnx_peak_bytes_per_node']:,.0f}",
          f"{row['plan_bytes'] / 1e6:.1f} MB", f"{row['onnx_bytes'] / 1e6:.1f} MB"] for row in rows])
    text += f"\n\nMedian CPU times of {options.rounds} turns; {figures.machine()}, onnx {onnx.__version__}."
    if busy:
        text += " " + figures.LOAD
    if options.write:
        figures.write_section("plan_speed", text)
    if options.json:
        json.dump({"bench": "plan_speed", "machine": figures.machine(), "onnx": onnx.__version__, "rounds": options.rounds, "busy": busy, "rows": rows},
                  sys.stdout, indent=2)
        print()
    else:
        print(text)


if __name__ == "__main__":
    main()
