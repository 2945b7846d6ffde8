#!/usr/bin/env python3
"""Time and memory of starting genie-host, beside the smallest program there is.

Runs each command in turn, again and again, and reports minimum and median wall time and the peak resident memory.
"""

import argparse
import json
import os
import pathlib
import statistics
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent


def run_once(command):
    """Wall time in ns and peak resident memory in KiB of one run; output is thrown away."""
    start = time.perf_counter_ns()
    process = os.posix_spawn(command[0], command, os.environ,
                             file_actions=[(os.POSIX_SPAWN_OPEN, 1, "/dev/null", os.O_WRONLY, 0)])
    _, status, usage = os.wait4(process, 0)
    elapsed = time.perf_counter_ns() - start
    if status:
        raise SystemExit(f"{' '.join(command)} ended with status {os.waitstatus_to_exitcode(status)}")
    return elapsed, usage.ru_maxrss


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--host", default=str(ROOT / "build" / "genie-host" / "genie-host"), help="the genie-host to start")
    parser.add_argument("--runs", type=int, default=30, help="runs of each command (default: 30)")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    options = parser.parse_args()

    commands = {
        "/bin/true": ["/bin/true"],
        "genie-host --help": [options.host, "--help"],
        "genie-host explain": [options.host, "explain", "GE0312"],
        "genie-host plugins": [options.host, "plugins"],
        "genie-host --version": [options.host, "--version"],
    }
    figures = {name: [] for name in commands}
    for command in commands.values():
        run_once(command)  # files into the page cache, plug-ins into the probe cache
    for _ in range(options.runs):
        for name, command in commands.items():
            figures[name].append(run_once(command))

    base = statistics.median(ns for ns, _ in figures["/bin/true"])
    rows = [{"command": name, "min_ns": min(ns for ns, _ in runs), "median_ns": statistics.median(ns for ns, _ in runs),
             "ratio": statistics.median(ns for ns, _ in runs) / base, "peak_kib": max(kib for _, kib in runs)}
            for name, runs in figures.items()]
    if options.json:
        json.dump({"bench": "host_start", "runs": options.runs, "rows": rows}, sys.stdout, indent=2)
        print()
        return
    print(f"{'command':24} {'min':>9} {'median':>9} {'ratio':>7} {'peak memory':>12}")
    for row in rows:
        print(f"{row['command']:24} {row['min_ns'] / 1e6:6.1f} ms {row['median_ns'] / 1e6:6.1f} ms {row['ratio']:7.1f} "
              f"{row['peak_kib'] / 1024:8.1f} MiB")


if __name__ == "__main__":
    main()
