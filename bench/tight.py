#!/usr/bin/env python3
"""The default policy where memory is tight: does it place what can be placed?

Each plan is placed on equal devices (three, unless told) that have a share of the memory that one device alone would need at its
peak: 0.75 of it, then less and less. Where the policy finds no placement, the command tries to prove that there is none, by what every
placement must hold, in whatever order, with anything computed twice or not:

- one operator: an operator's weights, states, inputs and results together are more than a device has;
- together: all weights and states, and what one operator reads and makes beside them, are more than all devices have;
- parts: no way of giving the operators to the devices leaves each with room for the weights and states of its operators and for what
  the largest of them reads and makes. This is searched through to its end, or given up.

The first two are what the third comes to in simple cases. None of them counts values that wait for a later operator, so a
refusal that is not proved may still be right.
"""

import argparse
import itertools
import json
import pathlib
import subprocess
import sys
import tempfile

import figures

KERNELS = "org.genie.kernels-aten"
SHARES = [0.75, 0.6, 0.5, 0.42, 0.37]
STEPS = 300_000  # of the search for parts, before it is given up


def write_topology(path, memories):
    """Devices on hosts of their own, all linked."""
    hosts = [f"h{i}" for i in range(len(memories))]
    ends = [*hosts, "client"]
    path.write_text(json.dumps({
        "schema": "genie.topology", "version": {"major": 0, "minor": 1}, "client": {"host": "client"},
        "devices": [{"id": f"w{i}", "kind": "cpu", "memory_bytes": memory, "host": hosts[i], "kernels": [KERNELS],
                     "compute": {"flops_per_s": 5e10, "memory_bytes_per_s": 1.2e10, "op_overhead_ns": 2000}} for i, memory in enumerate(memories)],
        "links": [{"id": f"{x}-{y}", "ends": [x, y], "bandwidth_bytes_per_s": 1.25e9, "latency_ns": 20000}
                  for i, x in enumerate(ends) for y in ends[i + 1:]]}))


def placed(build, folder, plan, memories):
    """The plan, scheduled on devices with so much memory; None if the policy found no room."""
    write_topology(folder / "cluster.json", memories)
    (folder / "run.json").write_text(json.dumps({
        "schema": "genie.run", "version": {"major": 0, "minor": 1}, "plugins": {"paths": [str(build / "plugins")]}, "source": {"plan": str(plan)},
        "backend": {"plugin": "org.genie.backend-emulation", "options": {"topology": "cluster.json", "compute": "none"}}}))
    done = subprocess.run([build / "genie-host/genie-host", "plan", "schedule", folder / "run.json", "--output", folder / "placed.json"],
                          capture_output=True, text=True)
    if done.returncode == 0:
        return json.loads((folder / "placed.json").read_text())
    if "GE0553" not in done.stderr:
        raise SystemExit(f"genie-host failed:\n{done.stderr}")
    return None


def peak_of(plan):
    """The most that a device of a placed plan holds."""
    return max(bytes_ for method in plan["schedule"]["methods"].values() for bytes_ in method["predicted"]["peak_bytes"].values())


class Parts:
    """Gives the operators to equal devices, judged by what each must hold whatever else there is.

    The most that an operator of each device reads and makes is decided first: the devices' *limits*, of which the first is that of
    all operators. What is left of a device beside its limit is for weights and states.
    """

    def __init__(self, needs, memory, devices):
        self.memory, self.devices = memory, devices
        self.sizes = needs["blobs"] + needs["states"]
        first_state = len(needs["blobs"])
        wants = {}
        for node in needs["nodes"]:
            held = sum(1 << number for number in {*node["blobs"], *(first_state + state for state in node["states"])})
            wants[held] = max(wants.get(held, 0), node["passing_bytes"])
        # An operator that wants no more than another goes with that other.
        self.operators = [(held, passing) for held, passing in wants.items()
                          if not any(held | other == other and passing <= more and (held, passing) != (other, more) for other, more in wants.items())]
        self.operators.sort(key=lambda one: (one[1], self.bytes_of(one[0]), one[0]), reverse=True)
        self.steps = 0

    def bytes_of(self, held):
        return sum(size for number, size in enumerate(self.sizes) if held >> number & 1)

    def possible(self):
        """Whether there is a way; None if that was not found out."""
        limits = sorted({passing for _, passing in self.operators} | {0}, reverse=True)
        unknown = False
        for others in itertools.combinations_with_replacement(limits, self.devices - 1):
            chosen = [limits[0], *others]
            if not self.divisible(chosen):
                continue
            found = self.give(0, chosen, [(0, 0)] * self.devices)
            if found:
                return True
            unknown = unknown or found is None
        return None if unknown else False

    def divisible(self, limits):
        """Whether there is room enough if weights could be cut into pieces."""
        for count in range(1, self.devices + 1):
            only_there = 0  # what the first devices alone may have
            for held, passing in self.operators:
                if count == self.devices or passing > limits[count]:
                    only_there |= held
            if self.bytes_of(only_there) > sum(max(0, self.memory - limit) for limit in limits[:count]):
                return False
        return True

    def give(self, number, limits, devices):
        """From the operator of that number on; `devices`: what each has, and its bytes."""
        if number == len(self.operators):
            return True
        self.steps += 1
        if self.steps > STEPS:
            return None
        held, passing = self.operators[number]
        tried = set()
        for at, (has, size) in enumerate(devices):
            now = (has | held, size + self.bytes_of(held & ~has))
            if (limits[at], has) in tried or passing > limits[at] or now[1] + limits[at] > self.memory:
                continue
            tried.add((limits[at], has))
            found = self.give(number + 1, limits, [*devices[:at], now, *devices[at + 1:]])
            if found is not False:
                return found
        return False


def proof(needs, memory, devices):
    """Why nothing fits, in a word; None if that is not proved."""
    fixed = sum(needs["blobs"]) + sum(needs["states"])
    for node in needs["nodes"]:
        held = sum(needs["blobs"][blob] for blob in node["blobs"]) + sum(needs["states"][state] for state in node["states"])
        if held + node["passing_bytes"] > memory:
            return "one operator"
    if fixed + max(node["passing_bytes"] for node in needs["nodes"]) > memory * devices:
        return "together"
    return "parts" if Parts(needs, memory, devices).possible() is False else None


def measure(options, folder, model):
    """A row for each share of the memory that one device needs."""
    build = options.build.resolve()
    plan = folder / "plan.json"
    subprocess.run([build / "genie-host/genie-host", "plan", "convert", model, "--to", "0.1", "--output", plan], check=True, capture_output=True)
    needs = json.loads(subprocess.run([build / "bench/placement-needs", plan], check=True, capture_output=True, text=True).stdout)
    peak = peak_of(placed(build, folder, plan, [1 << 40]))
    rows = []
    for share in options.shares:
        memories = [int(peak * share)] * options.devices
        found = placed(build, folder, plan, memories)
        rows.append({"model": model.stem, "nodes": len(needs["nodes"]), "alone_bytes": peak, "share": share, "device_bytes": memories[0],
                     "placed": found is not None, "peak_bytes": peak_of(found) if found else None, "proof": None if found else proof(needs, memories[0], len(memories))})
    return rows


def word(row):
    return "placed" if row["placed"] else f"impossible: {row['proof']}" if row["proof"] else "refused, not proved"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="+", metavar="MODEL", type=pathlib.Path, help="a model or a plan")
    parser.add_argument("--build", type=pathlib.Path, default=figures.ROOT / "build")
    parser.add_argument("--devices", type=int, default=3, help="how many equal devices (default: 3)")
    parser.add_argument("--shares", type=float, nargs="+", default=SHARES, help="of the memory that one device alone needs")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    parser.add_argument("--write", action="store_true", help="also put the table into docs/performance.md")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        rows = [row for model in options.models for row in measure(options, pathlib.Path(folder), model)]
    if options.json:
        print(json.dumps({"bench": "tight", "devices": options.devices, "rows": rows}))
        return
    by_model = {}
    for row in rows:
        by_model.setdefault(row["model"], []).append(row)
    text = figures.table(["model", "one device needs", *(f"{share:g} of it each" for share in options.shares)],
                         [[name, f"{mine[0]['alone_bytes'] / 1024:,.0f} KiB", *map(word, mine)] for name, mine in by_model.items()])
    refused = [row for row in rows if not row["placed"]]
    proved = sum(row["proof"] is not None for row in refused)
    text += (f"\n\n{len(rows)} problems on {options.devices} devices: {len(rows) - len(refused)} placed, {proved} proved impossible, "
             f"{len(refused) - proved} refused without a proof.")
    print(text)
    if options.write:
        figures.write_section("tight", text)


if __name__ == "__main__":
    sys.exit(main())
