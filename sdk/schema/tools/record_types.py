#!/usr/bin/env python3
"""Records what torch itself makes of operators' arguments: a corpus that the plan library's shape rules are tested against.

    python sdk/schema/tools/record_types.py tests/plan/op_types.jsonl         # the committed corpus
    python sdk/schema/tools/record_types.py all.jsonl --per-op 60 --samples 200  # a thorough one
    python sdk/schema/tools/record_types.py add.jsonl --only aten.add         # one family

Where the samples come from says op_samples.py. Each line is a graph of an ExecutionPlan with one node; the declared result
types are torch's, and where torch's flop counter counts any part of the call, so is the node's cost.
"""

import argparse
import gc
import json
import sys
import warnings

import torch

from make_opset import TABLE
from op_corpus import Corpus, counted_flops
from op_samples import every_call, with_fixed_hashes

# Of the committed corpus.
PER_OP, SAMPLES, TRACED = 3, 16, 3


def read_table():
    return {op["name"]: op for op in json.loads(TABLE.read_text())["ops"]}


def record(known, per_op=PER_OP, only="", limit=SAMPLES, traced=TRACED):
    """Calls of the operators `known`, each run once."""
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    gc.disable()  # a sample generator that is collected while torch traces would be traced
    corpus = Corpus(known, per_op, only)
    every_call(corpus, corpus.donated, limit, traced)
    gc.enable()
    return corpus


def recorded_lines(corpus, table):
    """The cases of operators with a shape rule, as the committed file has them."""
    for name in sorted(name for name in corpus.kept if "shape_rule" in table[name]):
        # An operator that returns what it wrote has little to get wrong.
        few = len(corpus.kept[name]) if table[name]["shape_rule"] != "in_place" else 2
        for _, line, op, args, kwargs in corpus.kept[name][:few]:
            case = json.loads(line)
            node = case["nodes"][0]
            for result in table[name].get("device_dependent", []):
                case["values"].pop(node["results"][result], None)
                node["results"][result] = ""  # another device would give another type
            flops = counted_flops(op, args, kwargs)
            if flops is not None:
                node["cost"] = {"flops": flops, "read_bytes": 0, "written_bytes": 0, "by": "measured"}
            yield json.dumps(case, separators=(",", ":"))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file")
    parser.add_argument("--per-op", type=int, default=PER_OP, help="cases kept of each operator")
    parser.add_argument("--samples", type=int, default=SAMPLES, help="samples run of each database entry")
    parser.add_argument("--traced", type=int, default=TRACED, help="of these, traced before dispatch, for composites")
    parser.add_argument("--only", default="", help="operators whose name begins so")
    arguments = parser.parse_args()
    with_fixed_hashes()
    table = read_table()
    corpus = record(table, arguments.per_op, arguments.only, limit=arguments.samples, traced=arguments.traced)
    lines = list(recorded_lines(corpus, table))
    with open(arguments.file, "w") as file:
        file.write("\n".join(lines) + "\n")
    print(f"{corpus.calls} calls of {len(corpus.kept)} operators; {len(lines)} cases, {sum(map(len, lines))} bytes", file=sys.stderr)


if __name__ == "__main__":
    main()
