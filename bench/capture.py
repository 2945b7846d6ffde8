#!/usr/bin/env python3
"""From an archive to a captured plan, beside `torch.export.load` and beside SHA-256 of the same bytes.

GPT-2 (124M parameters, random weights) and an archive of 1 GiB, exported for this run. A capture names every weight by the SHA-256
of its bytes: "cold" hashes them, "warm" finds the digests of the run before in the cache. Ours is a whole process, which also
decodes, validates and prints the plan; torch's is `torch.export.load` alone, after the import. Sides take turns.
"""

import argparse
import json
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile
import traceback

import figures

sys.path.insert(0, str(figures.ROOT / "python"))

LOAD = """
import json, sys, time
import torch
import transformers.modeling_outputs  # GPT-2's result is one of its classes
start = (time.process_time_ns(), time.perf_counter_ns())
torch.export.load(sys.argv[1])
print(json.dumps({"cpu_ns": time.process_time_ns() - start[0], "wall_ns": time.perf_counter_ns() - start[1]}))
"""


def gpt2():
    import torch
    import transformers

    model = transformers.GPT2LMHeadModel(transformers.GPT2Config(use_cache=False)).eval()
    ids = torch.randint(0, 50257, (1, 64))
    return model, {"input_ids": ids}


def one_gibibyte():
    import torch

    # 16 layers of 64 MiB each.
    layers = [torch.nn.Linear(4096, 4096, bias=False) for _ in range(16)]
    return torch.nn.Sequential(*layers).eval(), (torch.zeros(1, 4096),)


def tiny():
    import torch

    return torch.nn.Linear(4, 4).eval(), (torch.zeros(1, 4),)


def export(name, make, folder):
    """Write an archive in a process of its own, whose memory is given back."""
    path = folder / f"{name}.pt2"
    pid = os.fork()
    if pid == 0:
        import torch
        from genie import export as exporting

        torch.manual_seed(0)
        module, inputs = make()
        given = ((), inputs) if isinstance(inputs, dict) else (inputs, {})
        try:
            exporting.save(exporting.export(module, *given), path)
            status = 0
        except BaseException:
            traceback.print_exc()
            status = 1
        os._exit(status)
    if os.waitpid(pid, 0)[1]:
        raise SystemExit(f"{name} could not be exported")
    return path


def capture(options, archive, cache):
    """Times of one capture, and its peak resident memory."""
    done = subprocess.run([options.build / "bench/launch", options.build / "tests/frontend-pytorch/pt2-to-plan", archive],
                          check=True, capture_output=True, text=True, env={**os.environ, "XDG_CACHE_HOME": str(cache)})
    wall, cpu, peak = map(int, done.stdout.split())
    return {"wall_ns": wall, "cpu_ns": cpu, "peak_kib": peak}


def openssl(options, archive):
    done = subprocess.run([options.build / "bench/launch", "openssl", "dgst", "-sha256", archive], check=True, capture_output=True, text=True)
    wall, cpu, _ = map(int, done.stdout.split())
    return {"wall_ns": wall, "cpu_ns": cpu}


def load(archive):
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", LOAD, archive], check=True, capture_output=True, text=True)
    return json.loads(done.stdout.splitlines()[-1])


def measure(options, name, archive, folder):
    runs = {"cold": [], "warm": [], "torch": [], "sha256": []}
    for turn in range(options.rounds + 1):
        cache = folder / "cache"
        shutil.rmtree(cache, ignore_errors=True)
        one = {"cold": capture(options, archive, cache), "warm": capture(options, archive, cache), "torch": load(archive), "sha256": openssl(options, archive)}
        if turn:  # the first fills the page cache
            for side, result in one.items():
                runs[side].append(result)
    row = {"archive": name, "bytes": archive.stat().st_size}
    for side, results in runs.items():
        row[f"{side}_ns"] = statistics.median(result["cpu_ns"] for result in results)
        row[f"{side}_wall_ns"] = statistics.median(result["wall_ns"] for result in results)
    row["warm_peak_kib"] = max(result["peak_kib"] for result in runs["warm"])
    return row


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=pathlib.Path, default=figures.ROOT / "build", help="build tree with bench/launch and pt2-to-plan")
    parser.add_argument("--rounds", type=int, default=5, help="turns that each side takes (default: 5)")
    parser.add_argument("--only", choices=["gpt2", "one-gib", "tiny"], help="only this archive; tiny is there to try the command")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    parser.add_argument("--write", action="store_true", help="also put the table into docs/performance.md")
    options = parser.parse_args()

    busy = figures.is_busy()
    rows = []
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        for case, title, make in (("gpt2", "GPT-2, 124M", gpt2), ("one-gib", "16 layers, 1 GiB", one_gibibyte), ("tiny", "one layer", tiny)):
            if options.only == case or (options.only is None and case != "tiny"):
                rows.append(measure(options, title, export(case, make, folder), folder))
    import torch

    ms = figures.milliseconds
    text = figures.table(
        ["archive", "size", "capture, cold", "capture, warm", "torch.export.load", "SHA-256 (openssl)", "cold / SHA-256", "warm / torch", "memory, warm"],
        [[row["archive"], f"{row['bytes'] / 2**20:,.0f} MiB", ms(row["cold_ns"]), ms(row["warm_ns"]), ms(row["torch_ns"]), ms(row["sha256_ns"]),
          f"{row['cold_ns'] / row['sha256_ns']:.2f}", f"{row['warm_ns'] / row['torch_ns']:.2f}", f"{row['warm_peak_kib'] / 1024:,.0f} MiB"] for row in rows])
    text += f"\n\nMedian CPU times of {options.rounds} turns; {figures.machine()}, torch {torch.__version__}."
    if busy:
        text += " " + figures.LOAD
    if options.write:
        figures.write_section("capture", text)
    if options.json:
        json.dump({"bench": "capture", "machine": figures.machine(), "torch": torch.__version__, "rounds": options.rounds, "busy": busy, "rows": rows},
                  sys.stdout, indent=2)
        print()
    else:
        print(text)


if __name__ == "__main__":
    main()
