#!/usr/bin/env python3
"""The default policy beside the optimum, HEFT, round robin and everything on one device, on many small problems.

Each problem has 8 to 12 nodes on 2 to 4 devices of unequal speed with tight memory: drawn at random in several shapes, or real
plans with their nodes gathered (PLAN arguments: models, captured by the host). All schedules are judged by the same event simulator.
The optimum is the least time over all placements and orders when links carry every message alone and values need no memory: no real
schedule is faster, and where links are contended none may be as fast. HEFT, round robin and one device count where they fit into memory.

--check-heft compares our HEFT with the one of anrg-saga (PyPI), by HEFT's own model; it needs that package installed.
"""

import argparse
import json
import pathlib
import subprocess
import sys
import tempfile

import figures

OTHERS = {"heft": "HEFT", "round_robin": "round robin", "all_on_one": "the best single device"}


def problems(build, random, models):
    """Rows of placement-quality."""
    with tempfile.TemporaryDirectory() as folder:
        plans = []
        for number, model in enumerate(models):
            plans.append(pathlib.Path(folder) / f"{number}.json")
            subprocess.run([build / "genie-host" / "genie-host", "plan", "convert", model, "--to", "0.1", "--output", plans[-1]], check=True)
        done = subprocess.run([build / "bench" / "placement-quality", "--random", str(random), *plans], check=True, capture_output=True, text=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


def summary(rows):
    """One row for each family, and one for all."""
    result = []
    for family in [*sorted({row["family"] for row in rows}), "all"]:
        mine = [row for row in rows if family in ("all", row["family"])]
        proved = [row for row in mine if row["proved"] and row["policy"]]
        ratios = [row["policy"] / row["optimum"] for row in proved]
        fits = [row for row in mine if any(row[other] for other in OTHERS)]
        result.append({
            "family": family, "problems": len(mine), "proved": len(proved),
            "unplaced": sum(row["policy"] is None for row in fits),
            "mean": sum(ratios) / len(ratios) if ratios else None, "worst": max(ratios, default=None),
            **{f"worse_than_{other}": sum(row["policy"] > row[other] for row in mine if row["policy"] and row[other]) for other in OTHERS},
            **{f"mean_{other}": mean_of(proved, other) for other in OTHERS},
        })  # fmt: skip
    return result


def mean_of(rows, other):
    ratios = [row[other] / row["optimum"] for row in rows if row[other]]
    return sum(ratios) / len(ratios) if ratios else None


def check_heft(rows):
    """How many problems of equal makespan, and the mean ratio of ours to anrg-saga's."""
    import saga
    from saga.schedulers.heft import HeftScheduler

    equal, ratios = 0, []
    for row in rows:
        devices = range(row["devices"])
        # The package divides a task's size by its node's speed and a message's by its link's: such machines are related ones.
        slow = [sum(node["cost_ns"][d] for node in row["problem"]) for d in devices]
        tasks = [(str(i), float(node["cost_ns"][0])) for i, node in enumerate(row["problem"])]
        edges = [(str(a), str(i), float(ns)) for i, node in enumerate(row["problem"]) for a, ns in node["reads"]]
        network = saga.Network.create(nodes=[(f"d{d}", slow[0] / slow[d]) for d in devices],
                                      edges=[(f"d{a}", f"d{b}", 1.0 if a != b else float("inf")) for a in devices for b in devices])  # fmt: skip
        theirs = HeftScheduler().schedule(network, saga.TaskGraph.create(tasks=tasks, dependencies=edges)).makespan
        ratio = row["heft_model_ns"] / theirs
        equal += abs(ratio - 1) < 1e-3
        ratios.append(ratio)
    return equal, sum(ratios) / len(ratios)


def shown(ratio):
    return "" if ratio is None else f"{ratio:.4f}"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="*", metavar="MODEL", type=pathlib.Path, help="a model or a plan")
    parser.add_argument("--build", type=pathlib.Path, default=figures.ROOT / "build")
    parser.add_argument("--random", type=int, default=500, help="how many random problems")
    parser.add_argument("--check-heft", action="store_true")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--write", action="store_true", help="put the table into docs/performance.md")
    options = parser.parse_args()
    rows = problems(options.build.resolve(), options.random, options.models)
    result = summary(rows)
    if options.json:
        print(json.dumps({"bench": "placement", "rows": result}))
        return
    text = figures.table(
        ["problems", "number", "proved", "mean ÷ optimum", "worst", "worse than HEFT", "than round robin", "than one device",
         "HEFT ÷ optimum", "round robin", "one device", "not placed"],
        [[row["family"], row["problems"], row["proved"], shown(row["mean"]), shown(row["worst"]), row["worse_than_heft"],
          row["worse_than_round_robin"], row["worse_than_all_on_one"], shown(row["mean_heft"]), shown(row["mean_round_robin"]),
          shown(row["mean_all_on_one"]), row["unplaced"]] for row in result])  # fmt: skip
    if options.check_heft:
        equal, mean = check_heft(rows)
        text += f"\n\nOur HEFT and anrg-saga's by HEFT's own model: {equal} of {len(rows)} makespans are equal, the mean ratio is {mean:.4f}."
    print(text)
    if options.write:
        figures.write_section("placement", text)


if __name__ == "__main__":
    sys.exit(main())
