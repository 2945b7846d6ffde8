#!/usr/bin/env python3
"""Our data path beside its limit, in one run: libfabric alone over the same provider, memcpy into the same mapped memory.

Per path: writes and reads of 64 B to 64 MiB between two processes, one at a time and each awaited; the round trip of an empty message
(raw: of 64 bytes) with waits that spin and with waits that sleep; the processor time of a second of idle waiting. Raw libfabric both
spins and sleeps; moves are compared with the faster of the two and with the sleeping one, round trips with the sleeping one. Ours spins for
20 µs, for ten times as long while bytes move, then sleeps.
"""

import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys

import figures

RAW = ["net", "tcp;ofi_rxm", "shm", "verbs;ofi_rxm"]


def run(command, timeout):
    """The figures that a program prints, or None with its last word if the provider is not to be had."""
    environment = dict(os.environ, HFI_NO_BACKTRACE="1")
    try:
        done = subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=timeout, env=environment)
    except subprocess.TimeoutExpired:
        return None, "no end within its time"
    if done.returncode != 0:
        return None, (done.stderr.strip().splitlines() or ["no word"])[-1]
    lines = map(json.loads, done.stdout.splitlines())
    return {(line["what"], line["size"]): line["seconds"] for line in lines}, None


def size_text(size):
    for unit, name in ((1 << 20, "MiB"), (1 << 10, "KiB")):
        if size >= unit:
            return f"{size // unit} {name}"
    return f"{size} B"


def median(turns, key):
    return statistics.median(turn[key] for turn in turns)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=pathlib.Path, default=figures.ROOT / "build", help="build tree with bench/raw_fabric and bench/our_path")
    parser.add_argument("--turns", type=int, default=5, help="turns of each program (default: 5)")
    parser.add_argument("--address", default="127.0.0.1", help="numeric address of the device to use (default: 127.0.0.1)")
    parser.add_argument("--paths", nargs="*", default=["arena", "net", "tcp;ofi_rxm", "verbs;ofi_rxm"],
                        help="paths to measure (default: those that `auto` chooses among)")
    parser.add_argument("--largest", type=int, default=64 << 20, help="bytes of the largest move (default: 64 MiB)")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    parser.add_argument("--write", action="store_true", help="also put the tables into docs/performance.md")
    options = parser.parse_args()
    busy = figures.is_busy()
    raw = options.build / "bench/raw_fabric"
    ours = options.build / "bench/our_path"

    turns, missing = {}, {}
    for _ in range(options.turns):
        for path in options.paths:
            programs = {"ours": [ours, path, options.address, options.largest]}
            if path in RAW:
                programs |= {wait: [raw, path, options.address, wait, options.largest] for wait in ("spin", "sleep")}
            for name, command in programs.items():
                if path in missing:
                    break
                got, why = run(command, timeout=120)
                if got is None:
                    missing[path] = why
                else:
                    turns.setdefault(path, {}).setdefault(name, []).append(got)
    rows, trips = [], []
    for path in options.paths:
        if path in missing:
            continue
        of = turns[path]
        for what, size in sorted((key for key in of["ours"][0] if key[0] in ("write", "read")), key=lambda key: (key[0] == "read", key[1])):
            mine = median(of["ours"], (what, size))
            spin, sleep = (median(of[wait], (what, size)) if path in RAW else None for wait in ("spin", "sleep"))
            limit = min(spin, sleep) if path in RAW else median(of["ours"], ("memcpy", size))
            rows.append({"path": path, "what": what, "size": size, "ours_s": mine, "limit_s": limit, "ratio": limit / mine, "spin_s": spin, "sleep_s": sleep})
        trip = {"path": path, "ours_s": median(of["ours"], ("round trip", 0)),
                "idle": max(median(of["ours"], ("idle here", 0)), median(of["ours"], ("idle there", 0)))}
        if path in RAW:
            trip |= {wait + "_s": median(of[wait], ("round trip", 64)) for wait in ("spin", "sleep")}
        trips.append(trip)

    def rate(size, seconds):
        return f"{size / seconds / 1e9:.2f}" if size >= 65536 else f"{seconds * 1e6:.1f} µs"

    text = figures.table(["path, move", "size", "ours, GB/s", "limit, GB/s", "ours ÷ limit", "raw, sleeping", "ours ÷ it"],
                         [[f"{row['path']}, {row['what']}", size_text(row["size"]), rate(row["size"], row["ours_s"]), rate(row["size"], row["limit_s"]),
                           f"{row['ratio']:.2f}", *([rate(row["size"], row["sleep_s"]), f"{row['sleep_s'] / row['ours_s']:.2f}"] if row["sleep_s"] else ["–"] * 2)]
                          for row in rows])
    text += "\n\nThe limit is libfabric alone, the faster of spinning and sleeping waits; for the arena memcpy into the mapped memory. Below 64 KiB, the time of one move.\n\n"
    text += figures.table(["path", "round trip, ours", "raw, spinning", "raw, sleeping", "ours ÷ raw sleeping", "idle: % of a core"],
                          [[trip["path"], f"{trip['ours_s'] * 1e6:.1f} µs",
                            *([f"{trip['spin_s'] * 1e6:.1f} µs", f"{trip['sleep_s'] * 1e6:.1f} µs", f"{trip['ours_s'] / trip['sleep_s']:.2f}"] if "spin_s" in trip else ["–"] * 3),
                            f"{trip['idle'] * 100:.2f}"] for trip in trips])
    for path, why in missing.items():
        text += f"\n\nNot measured: {path} ({why})."
    text += f"\n\nMedians of {options.turns} turns; {figures.machine()}." + (" " + figures.LOAD if busy else "")
    if options.write:
        figures.write_section("fabric", text)
    if options.json:
        json.dump({"bench": "fabric", "machine": figures.machine(), "turns": options.turns, "busy": busy, "rows": rows, "trips": trips,
                   "missing": missing}, sys.stdout, indent=2)
        print()
    else:
        print(text)


if __name__ == "__main__":
    main()
